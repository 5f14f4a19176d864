//! Whether the parts of a scheme fit together.

use super::{Carrier, Encoding, Format, Locator, Mechanism, Part, Placeholder, Recipe, Scheme, TimestampSource};

/// Why a scheme contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistency {
    /// The signed content holds `{id}`, and the id is not one header, field or parameter.
    #[error("`{{id}}` is signed, so `event_id` must be one header, field or parameter")]
    IdNotSingle,
    /// The format has no `{timestamp}`, where the timestamp is to be read from it.
    #[error("the timestamp is read from the format, which holds no `{{timestamp}}`")]
    NoTimestampInFormat,
    /// The signed content is the same for every message, and so is the signature.
    #[error("the signed content holds nothing of the message")]
    NothingSigned,
    /// What separates the items can also be read in the middle of a signature.
    #[error("a signature can hold what `separator` says stands between the items")]
    SeparatorInSignature,
    /// The header of the signature is to be the header of the timestamp, which is not part of the format.
    #[error("the signature and the timestamp cannot each be the whole of one header")]
    TimestampInCarrier,
    /// The format has `{timestamp}`, and the timestamp is read from elsewhere or not at all.
    #[error("the format holds `{{timestamp}}`, so `timestamp` must say `from: format`")]
    TimestampElsewhere,
    /// The signed content holds `{timestamp}`, and nothing says where it stands.
    #[error("`{{timestamp}}` is signed, so `timestamp` must say where it stands")]
    TimestampNowhere,
}

impl Scheme {
    /// Whether the parts of the scheme fit together. Presets do; a scheme that was put together elsewhere may not, and
    /// then refuses every message.
    ///
    /// # Errors
    ///
    /// The first contradiction.
    pub fn validate(&self) -> Result<(), Inconsistency> {
        match &self.mechanism {
            Mechanism::Hmac(recipe) => self.validate_recipe(recipe),
            Mechanism::PublicKey(recipe) => self.validate_recipe(recipe),
            Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => Ok(()),
        }
    }

    fn validate_recipe<A, K>(&self, recipe: &Recipe<A, K>) -> Result<(), Inconsistency> {
        let single = matches!(*self.event_id, [Locator::Header(_) | Locator::Json(_) | Locator::Query(_)]);
        let from_format = matches!(recipe.timestamp_source(), Some(TimestampSource::Format));
        if recipe.signed.0.contains(&Part::Id) && !single {
            Err(Inconsistency::IdNotSingle)
        } else if recipe.signed.0.iter().all(|part| matches!(part, Part::Literal(_))) {
            Err(Inconsistency::NothingSigned)
        } else if from_format && !recipe.format.holds_timestamp() {
            Err(Inconsistency::NoTimestampInFormat)
        } else if !from_format && recipe.format.holds_timestamp() {
            Err(Inconsistency::TimestampElsewhere)
        } else if recipe.signed.0.contains(&Part::Timestamp) && recipe.timestamp.is_none() {
            Err(Inconsistency::TimestampNowhere)
        } else if recipe.timestamp_source().is_some_and(|source| source.is_in(&recipe.carrier)) {
            Err(Inconsistency::TimestampInCarrier)
        } else if recipe.format.is_ambiguous(recipe.encoding) {
            Err(Inconsistency::SeparatorInSignature)
        } else {
            Ok(())
        }
    }
}

impl TimestampSource {
    fn is_in(&self, carrier: &Carrier) -> bool {
        match (self, carrier) {
            (Self::Header(name), _) => carrier.is_in(name),
            (Self::Json(pointer), Carrier::Json(signature)) => pointer == signature,
            (Self::Json(_) | Self::Format, _) => false,
        }
    }
}

impl Format {
    /// Whether the separator can be found in an item: all of it in the signature, or its beginning in the literal
    /// before the signature and the rest in that. Timestamps are digits, which signatures hold too.
    fn is_ambiguous(&self, encoding: Encoding) -> bool {
        let Some(separator) = self.separator.as_deref() else { return false };
        let splits = (0..separator.len()).filter_map(|at| separator.split_at_checked(at));
        splits
            .filter(|(_, rest)| rest.bytes().all(|byte| encoding.writes(byte)))
            .any(|(literal, _)| self.items.iter().any(|item| item.prefix.ends_with(literal)))
    }

    /// Whether a value holds the time of signing beside the signature.
    pub(super) fn holds_timestamp(&self) -> bool {
        self.items.iter().any(|item| item.value == Placeholder::Timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::{PRESETS, Template, TimestampRule, TimestampUnit, preset};

    fn changed(change: impl FnOnce(&mut Scheme, &mut Recipe)) -> Result<(), Inconsistency> {
        let mut scheme = preset("stripe").unwrap().clone();
        let Mechanism::Hmac(mut recipe) = scheme.mechanism.clone() else { panic!("Stripe signs with an HMAC") };
        change(&mut scheme, &mut recipe);
        scheme.mechanism = Mechanism::Hmac(recipe);
        scheme.validate()
    }

    #[test]
    fn every_preset_fits_together() {
        for scheme in PRESETS {
            assert_eq!(scheme.validate(), Ok(()), "{}", scheme.name);
        }
    }

    #[test]
    fn contradictions_are_named() {
        let signed = |text: &str| Template::parse(text).unwrap();
        let plain = || Format::parse("v1={signature}", None).unwrap();
        let rule = TimestampRule {
            from: TimestampSource::Json(crate::scheme::Pointer("/t".into())),
            unit: TimestampUnit::Seconds,
        };

        assert_eq!(
            changed(|scheme, recipe| {
                recipe.signed = signed("{id}.{body}");
                scheme.event_id = vec![Locator::DigestBody].into();
            }),
            Err(Inconsistency::IdNotSingle)
        );
        assert_eq!(changed(|_, recipe| recipe.signed = signed("secret")), Err(Inconsistency::NothingSigned));
        assert_eq!(changed(|_, recipe| recipe.format = plain()), Err(Inconsistency::NoTimestampInFormat));
        assert_eq!(changed(|_, recipe| recipe.timestamp = Some(rule)), Err(Inconsistency::TimestampElsewhere));
        assert_eq!(
            changed(|_, recipe| {
                recipe.format = plain();
                recipe.timestamp = None;
            }),
            Err(Inconsistency::TimestampNowhere)
        );
        assert_eq!(
            changed(|_, recipe| {
                recipe.format = plain();
                let from = TimestampSource::Header(http::HeaderName::from_static("stripe-signature"));
                recipe.timestamp = Some(TimestampRule { from, unit: TimestampUnit::Seconds });
            }),
            Err(Inconsistency::TimestampInCarrier)
        );
    }

    #[test]
    fn a_separator_is_never_found_in_an_item() {
        let separated = |format: &str, separator: &str, encoding: Encoding| {
            let format = Format::parse(format, Some(separator)).unwrap();
            changed(|_, recipe| {
                recipe.timestamp = format
                    .holds_timestamp()
                    .then_some(TimestampRule { from: TimestampSource::Format, unit: TimestampUnit::Seconds });
                recipe.signed = Template::parse("{body}").unwrap();
                (recipe.format, recipe.encoding) = (format, encoding);
            })
        };

        for (format, separator, encoding) in [
            ("v1,{signature}", "0", Encoding::Base64),
            ("v1,{signature}", "/", Encoding::Base64),
            ("v1,{signature}", "==", Encoding::Base64),
            ("t:{timestamp}-v1:{signature}", "-", Encoding::Base64Url),
            ("v1:{signature}", "BEEF", Encoding::HexLower),
            // `v1,ab` begins with the separator's comma, and goes on with its `a`.
            ("v1,{signature}", ",a", Encoding::HexLower),
        ] {
            assert_eq!(
                separated(format, separator, encoding),
                Err(Inconsistency::SeparatorInSignature),
                "{format} {separator}"
            );
        }
        for (format, separator, encoding) in [
            ("v1,{signature}", " ", Encoding::Base64),
            ("v1,{signature}", "-", Encoding::Base64),
            ("v1={signature}", "z", Encoding::HexLower),
            ("t={timestamp}, v1={signature}", ", ", Encoding::HexLower),
            ("v1={signature}", ",a", Encoding::HexLower),
        ] {
            assert_eq!(separated(format, separator, encoding), Ok(()), "{format} {separator}");
        }
    }
}
