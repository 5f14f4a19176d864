//! Whether the parts of a scheme fit together.

use super::{Format, Locator, Mechanism, Part, Placeholder, Recipe, Scheme, TimestampSource};

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
        } else {
            Ok(())
        }
    }
}

impl Format {
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
    }
}
