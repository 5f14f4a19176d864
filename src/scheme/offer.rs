//! The signatures that a message offers.

use super::few::Few;
use super::given::{Given, single};
use super::hmac::Tag;
use super::timestamp::Stamp;
use super::{Carrier, Placeholder, Recipe, Rejection, TimestampSource};

/// As many as a numbered carrier has.
pub(super) const MOST_NUMBERED: usize = 100;

/// What a message offers as its signature.
pub(super) trait Offered {
    /// The signature's bytes.
    type Signature;

    /// The signature that `text` spells; `None` where it spells none, or another than the sender would.
    fn decode(&self, text: &[u8]) -> Option<Self::Signature>;

    /// How many signatures are looked at. A message with more is refused.
    fn most(&self) -> usize;
}

impl Offered for Recipe {
    type Signature = Tag;

    fn decode(&self, text: &[u8]) -> Option<Tag> {
        self.encoding.decode(text, self.algorithm.size())
    }

    /// One message is hashed once, however many signatures it is compared with.
    fn most(&self) -> usize {
        usize::MAX
    }
}

/// What the carrier of a message holds.
pub(super) struct Offer<'a, S> {
    /// At least one.
    pub(super) signatures: Few<S>,
    /// The time of signing, where it stands beside the signature.
    timestamp: Option<&'a [u8]>,
}

impl<'a, S> Offer<'a, S> {
    /// Reads the carrier. One value of it that is not as the recipe says is reason enough to refuse them all.
    pub(super) fn read<A, K>(recipe: &Recipe<A, K>, given: &'a Given<'_>) -> Result<Self, Rejection>
    where
        Recipe<A, K>: Offered<Signature = S>,
    {
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
        match offer.signatures.len() {
            0 => Err(Rejection::Missing),
            count if count > recipe.most() => Err(Rejection::Malformed),
            _ => Ok(offer),
        }
    }

    fn add<A, K>(&mut self, recipe: &Recipe<A, K>, value: &'a [u8]) -> Result<(), Rejection>
    where
        Recipe<A, K>: Offered<Signature = S>,
    {
        let (mut signed, mut timestamp) = (false, None);
        recipe.format.read(value, |placeholder, text| {
            match placeholder {
                Placeholder::Signature => {
                    self.signatures.push(recipe.decode(text).ok_or(Rejection::Malformed)?);
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
    pub(super) fn timestamp<'g, A, K>(
        &self,
        recipe: &Recipe<A, K>,
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
