//! Sample events: what the four senders send, and for any other scheme an event that has what the scheme looks for.
//!
//! One table for an endpoint's test, for `countersign send` and for the demo.

mod neutral;
mod senders;

use bytes::Bytes;
use uuid::Uuid;

use super::envelope::{self, Plain};
use super::identity;
use crate::clock::Timestamp;
use crate::config::Envelope;
use crate::scheme::Scheme;

/// What one sender sends.
pub(crate) struct Samples {
    /// The scheme that it signs by.
    scheme: &'static str,
    /// What its requests carry beside what signing adds to them; `{trace}` stands for hexadecimal digits of the
    /// request's own.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// The usual one first.
    pub(crate) events: &'static [Sample],
}

/// An event of one type.
pub(crate) struct Sample {
    pub(crate) kind: &'static str,
    /// What it tells; `{object}` stands for hexadecimal digits of what it is about.
    data: &'static str,
    form: Form,
}

/// What is made of an event's data.
enum Form {
    /// What its sender's receivers know.
    Of(Envelope),
    /// An object with the values that the scheme looks for, beside the data's.
    Neutral,
}

/// When a sample becomes an event, and which.
pub(crate) struct Occasion<'a> {
    pub(crate) id: &'a str,
    pub(crate) kind: &'a str,
    /// The name of the subscription that it comes from.
    pub(crate) hook: &'a str,
    pub(crate) at: Timestamp,
    /// What no other event has.
    pub(crate) unique: Uuid,
}

impl Samples {
    /// Of the sender that signs by the scheme of this name.
    pub(crate) fn of(scheme: &str) -> &'static Self {
        senders::ALL.iter().find(|samples| samples.scheme == scheme).unwrap_or(&senders::NEUTRAL)
    }

    pub(crate) fn usual(&self) -> &Sample {
        self.events.first().expect("every sender of the table sends something")
    }

    /// Whether they are what this scheme's own sender sends.
    pub(crate) fn are_its_senders(&self) -> bool {
        !self.scheme.is_empty()
    }
}

impl Sample {
    /// The event as its sender has it before signing; `None`: its envelope cannot hold this type.
    pub(crate) fn event(&self, scheme: &Scheme, occasion: &Occasion<'_>) -> Option<Bytes> {
        let data = self.data(occasion.unique);
        let Form::Of(envelope) = self.form else { return Some(neutral::event(&data, scheme, occasion)) };
        let Occasion { id, kind, hook, at, unique } = *occasion;
        let plain = Plain { body: &data, id, kind: Some(kind), endpoint: hook, at, unique };
        envelope::wrap(envelope, &plain).ok()
    }

    /// What it tells, without its envelope.
    pub(crate) fn data(&self, unique: Uuid) -> Bytes {
        let object = &unique.simple().to_string()[..OBJECT];
        self.data.replace("{object}", object).into()
    }
}

/// As many digits as the ids of LVConnect's database have.
const OBJECT: usize = 24;

/// An id as the sender that signs by this scheme makes them.
pub(crate) fn new_id(scheme: &str) -> String {
    identity::id_like(Envelope::None, scheme)
}
