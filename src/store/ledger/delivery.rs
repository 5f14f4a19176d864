//! A delivery on its way through the store.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

use super::{Attempt, DeliveryId, Next};
use crate::store::answer::KeptAnswer;
use crate::store::claim::Claim;

/// Where deliveries go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// Its name in the configuration.
    pub name: Arc<str>,
}

/// What deliveries go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetKind {
    /// A receiver.
    Endpoint,
    /// An app.
    Upstream,
}

/// What is sent, as far as it is the same at each attempt.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Path and query that follow the upstream's own path; empty for endpoints.
    pub path: String,
    /// Headers that are sent. What is made at each attempt is not among them.
    pub headers: HeaderMap,
    /// The body; for a scheme that wraps it, what will be wrapped.
    pub body: Bytes,
    /// The credentials among the headers that are to be stored: others are not.
    pub credentials: Vec<HeaderName>,
}

/// A delivery that is to be accepted.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id, from [`Ledger::next_id`](super::Ledger::next_id).
    pub id: DeliveryId,
    /// Where it goes.
    pub target: Target,
    /// The source that it came from; `None`: from the app.
    pub source: Option<Arc<str>>,
    /// The event's id: of an inbound one as in `Countersign-Event-Id`, of an outbound one as it is signed.
    pub event_id: String,
    /// The event's type, likewise.
    pub event_type: Option<String>,
    /// What is sent.
    pub message: Arc<Message>,
    /// Where its way begins.
    pub start: Start,
}

/// Where the way of a new delivery begins.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one value a delivery, which is moved once")]
pub enum Start {
    /// At this moment.
    Due(Timestamp),
    /// The first attempt is being made by whoever accepts it, who holds its lease from the beginning
    /// and records what becomes of it.
    Leased,
    /// The first attempt was made.
    Attempted(Attempt, Next),
}

/// Deliveries that are accepted together.
#[derive(Debug)]
pub struct Accept {
    /// Each with the claim on its event, if there is one.
    pub deliveries: Vec<(NewDelivery, Option<Claim>)>,
    /// A claim that is settled with an answer in the same transaction: a request's `Idempotency-Key`.
    pub answered: Option<(Claim, KeptAnswer)>,
}

/// What became of a delivery that was to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Its event was accepted before, as this delivery.
    Duplicate(DeliveryId),
    /// It is on disk.
    New,
}

/// What became of a repeated event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// It is accepted as another delivery: the first was discarded.
    New(DeliveryId),
    /// The delivery was dead and is due again.
    Revived(DeliveryId),
    /// It is the same delivery.
    Same(DeliveryId),
}

/// How much may be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many deliveries.
    pub deliveries: usize,
    /// How many bytes of bodies; one delivery is handed out however large it is.
    pub bytes: usize,
}

/// What was handed out.
#[derive(Debug, Default)]
pub struct Leases {
    /// The deliveries, in the order of their time.
    pub leased: Vec<Leased>,
    /// When the next one is due that was not handed out; `None`: there is none.
    pub next: Option<Timestamp>,
}

/// A delivery that is the holder's to attempt.
#[derive(Clone, Debug)]
pub struct Leased {
    /// Its id.
    pub id: DeliveryId,
    /// Where it goes.
    pub target: Target,
    /// The source that it came from.
    pub source: Option<Arc<str>>,
    /// The event's id.
    pub event_id: String,
    /// The event's type.
    pub event_type: Option<String>,
    /// How many attempts were made since it was accepted, replayed or revived.
    pub attempts: u32,
    /// What is sent.
    pub message: Arc<Message>,
}
