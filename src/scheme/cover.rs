//! What a signature covers, computed from the scheme.

use std::slice;

use super::{Locator, Mechanism, Part, Recipe, Scheme, TimestampSource};

/// Whether a part of a message is covered by the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// The scheme has no such part.
    Absent,
    /// It is covered: who lacks the key cannot change it.
    Signed,
    /// It is not covered: whoever captured a message can change it.
    Unsigned,
}

/// What of a message the signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The body, whole. Never [`Cover::Absent`].
    pub body: Cover,
    /// Every part of the event id; where there is none, the payload's digest, so never [`Cover::Absent`].
    pub id: Cover,
    /// The event type.
    pub kind: Cover,
    /// The time of signing.
    pub timestamp: Cover,
}

impl Cover {
    fn of(signed: bool) -> Self {
        if signed { Self::Signed } else { Self::Unsigned }
    }
}

impl Scheme {
    /// What the signature covers.
    pub fn covers(&self) -> Coverage {
        let timestamp = match &self.mechanism {
            Mechanism::Hmac(recipe) => recipe.timestamp_cover(),
            Mechanism::PublicKey(recipe) => recipe.timestamp_cover(),
            Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => Cover::Absent,
        };
        let kind = self.event_type.as_ref().map_or(Cover::Absent, |locator| Cover::of(self.covers_locator(locator)));
        Coverage {
            body: Cover::of(self.covers_locator(&Locator::DigestBody)),
            id: Cover::of(self.covers_id(&self.event_id)),
            kind,
            timestamp,
        }
    }

    /// Whether the signature covers the value at `locator`.
    pub fn covers_locator(&self, locator: &Locator) -> bool {
        match (&self.mechanism, locator) {
            (_, Locator::Literal(_)) => true,
            (Mechanism::Hmac(recipe), _) => recipe.covers(locator, &self.event_id),
            (Mechanism::PublicKey(recipe), _) => recipe.covers(locator, &self.event_id),
            (Mechanism::DetachedJws(_) | Mechanism::Jws(_), Locator::DigestBody | Locator::Json(_)) => true,
            (Mechanism::DetachedJws(_) | Mechanism::Jws(_), Locator::Header(_) | Locator::Query(_)) => false,
            (Mechanism::Token(_), _) => false,
        }
    }

    /// Whether the signature covers every part of an id; without parts, the payload's digest is the id.
    pub(super) fn covers_id(&self, parts: &[Locator]) -> bool {
        let parts = if parts.is_empty() { &[Locator::DigestBody] } else { parts };
        parts.iter().all(|locator| self.covers_locator(locator))
    }
}

impl<A, K> Recipe<A, K> {
    fn timestamp_cover(&self) -> Cover {
        if self.timestamp.is_none() { Cover::Absent } else { Cover::of(self.covers_timestamp()) }
    }

    fn covers(&self, locator: &Locator, id: &[Locator]) -> bool {
        self.signed.0.iter().any(|part| match (part, locator) {
            (Part::Body, Locator::DigestBody | Locator::Json(_))
            | (Part::Url | Part::UrlDecoded, Locator::Query(_)) => true,
            (Part::Header(signed), Locator::Header(name)) => signed == name,
            (Part::Id, _) => id == slice::from_ref(locator),
            (Part::Json(signed), Locator::Json(pointer)) => signed == pointer,
            (Part::Query(signed), Locator::Query(name)) => signed == name,
            (Part::Timestamp, _) => self.timestamp_locator().as_ref() == Some(locator),
            _ => false,
        })
    }

    /// Whether the signature covers the timestamp: only then does it say anything about freshness.
    pub(super) fn covers_timestamp(&self) -> bool {
        self.signed.0.contains(&Part::Timestamp)
            || self.timestamp_locator().is_some_and(|locator| self.covers(&locator, &[]))
    }

    fn timestamp_locator(&self) -> Option<Locator> {
        match self.timestamp_source()? {
            TimestampSource::Format => None,
            TimestampSource::Header(name) => Some(Locator::Header(name.clone())),
            TimestampSource::Json(pointer) => Some(Locator::Json(pointer.clone())),
        }
    }
}
