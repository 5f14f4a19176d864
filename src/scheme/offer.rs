//! The signatures that a message offers.

use super::few::Few;
use super::given::{Given, single};
use super::hmac::Tag;
use super::timestamp::Stamp;
use super::{Carrier, Placeholder, Recipe, Rejection, TimestampSource};

/// As many as a numbered carrier has.
pub(super) const MOST_NUMBERED: usize = 100;

/// What the carrier of a message holds.
pub(super) struct Offer<'a> {
    /// At least one, each as long as the recipe's MACs.
    pub(super) signatures: Few<Tag>,
    /// The time of signing, where it stands beside the signature.
    timestamp: Option<&'a [u8]>,
}

impl<'a> Offer<'a> {
    /// Reads the carrier. One value of it that is not as the recipe says is reason enough to refuse them all.
    pub(super) fn read(recipe: &Recipe, given: &'a Given<'_>) -> Result<Self, Rejection> {
        let mut offer = Self { signatures: Few::new(), timestamp: None };
        match &recipe.carrier {
            Carrier::Headers(names) => {
                for name in names.iter() {
                    if let Some(value) = single(given.head.headers, name)? {
                        offer.add(recipe, value.as_bytes())?;
                    }
                }
            }
            Carrier::Json(pointer) => offer.add(recipe, given.field(pointer)?)?,
            Carrier::Numbered { prefix, suffix } => {
                for name in given.head.headers.keys().filter(|name| is_numbered(name.as_str(), prefix, suffix)) {
                    offer.add(recipe, given.header(name)?)?;
                }
            }
        }
        if offer.signatures.is_empty() { Err(Rejection::Missing) } else { Ok(offer) }
    }

    fn add(&mut self, recipe: &Recipe, value: &'a [u8]) -> Result<(), Rejection> {
        let (size, mut signed, mut timestamp) = (recipe.algorithm.size(), false, None);
        recipe.format.read(value, |placeholder, text| {
            match placeholder {
                Placeholder::Signature => {
                    self.signatures.push(recipe.encoding.decode(text, size).ok_or(Rejection::Malformed)?);
                    signed = true;
                }
                Placeholder::Timestamp if timestamp.is_some() => return Err(Rejection::Repeated),
                Placeholder::Timestamp => timestamp = Some(text),
            }
            Ok(())
        })?;
        let timed = recipe.format.holds_timestamp();
        // Of two headers, each with a time of its own, only one could be the time that was signed.
        let another = self.timestamp.is_some() && self.timestamp != timestamp;
        if !signed || timed != timestamp.is_some() || another {
            return Err(Rejection::Malformed);
        }
        self.timestamp = timestamp;
        Ok(())
    }

    /// The text of the timestamp and the timestamp, where the recipe has one and the signature covers it.
    ///
    /// `None` also where it stands in a field of the body that has not been picked.
    pub(super) fn timestamp<'g>(
        &self,
        recipe: &Recipe,
        given: &'g Given<'_>,
    ) -> Result<Option<(&'g [u8], Stamp)>, Rejection>
    where
        'a: 'g,
    {
        let Some(rule) = &recipe.timestamp else { return Ok(None) };
        let text = match &rule.from {
            TimestampSource::Format => self.timestamp.ok_or(Rejection::Malformed)?,
            // What anybody may change is not even looked at.
            _ if !recipe.covers_timestamp() => return Ok(None),
            TimestampSource::Header(name) => given.header(name)?,
            TimestampSource::Json(pointer) if !given.fields.knows(pointer) => return Ok(None),
            TimestampSource::Json(pointer) => given.field(pointer)?,
        };
        Ok(Some((text, Stamp::parse(text, rule.unit)?)))
    }
}

/// Whether `name` is the prefix, a number from 1 to 100 without leading zero, and the suffix.
fn is_numbered(name: &str, prefix: &str, suffix: &str) -> bool {
    let number = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix)).unwrap_or_default();
    number.bytes().all(|digit| digit.is_ascii_digit())
        && !number.starts_with('0')
        && number.parse().is_ok_and(|number: usize| number <= MOST_NUMBERED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_from_1_to_100() {
        for number in ["1", "9", "10", "100"] {
            assert!(is_numbered(&format!("x-{number}-y"), "x-", "-y"));
        }
        for number in ["", "0", "01", "101", "+1", "1a", "99999999999999999999999"] {
            assert!(!is_numbered(&format!("x-{number}-y"), "x-", "-y"), "{number}");
        }
        assert!(!is_numbered("x-1", "x-", "-y"));
    }
}
