//! What an operator sees of deliveries, and changes.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Attempt, DeliveryId, Message, Target};

/// What an operator changes.
#[derive(Clone, Debug)]
pub enum Change {
    /// Takes a delivery that is due or dead out for good.
    Discard(DeliveryId),
    /// Holds a target's deliveries.
    Pause(Target),
    /// Delivers one again, whatever became of it, at attempt 1 and with the same event id.
    Replay(DeliveryId),
    /// Delivers all again that a filter finds, and that are not due or leased.
    ReplayAll(Filter),
    /// Lets a target's deliveries go on.
    Resume(Target),
    /// Nothing: a sample event was accepted for this endpoint, and only the record is still to be made.
    Test(Target, DeliveryId),
}

/// How much was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// How many deliveries or targets.
    pub count: u64,
}

/// A change that was made by hand.
#[derive(Clone, Debug)]
pub struct ChangeRecord {
    /// When.
    pub at: Timestamp,
    /// `discard`, `pause`, `replay`, `resume` or `test`.
    pub what: String,
    /// The delivery, if it was one.
    pub delivery: Option<DeliveryId>,
    /// The target, if it was one.
    pub target: Option<Target>,
    /// How many deliveries or targets were changed.
    pub count: u64,
    /// Why.
    pub reason: String,
}

/// Which deliveries are meant: those that fit everything that is given.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// From this source.
    pub source: Option<String>,
    /// To this endpoint.
    pub endpoint: Option<String>,
    /// To this upstream.
    pub upstream: Option<String>,
    /// Of the event with this id.
    pub event_id: Option<String>,
    /// Accepted at this moment or later.
    pub since: Option<Timestamp>,
    /// Accepted before this moment.
    pub until: Option<Timestamp>,
}

/// What became of a delivery so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Given up.
    Dead,
    /// Arrived.
    Delivered,
    /// Taken out by an operator.
    Discarded,
    /// Waiting for its time.
    Due,
    /// Being attempted.
    Leased,
    /// Waiting for its target.
    Paused,
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What comes after this delivery; `None`: from the beginning.
    pub after: Option<DeliveryId>,
    /// At most so many.
    pub limit: usize,
}

/// A part of a list.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The newest first.
    pub deliveries: Vec<Summary>,
    /// Whether there are more.
    pub has_more: bool,
}

/// A delivery, without its message.
#[derive(Clone, Debug)]
pub struct Summary {
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
    /// What became of it so far.
    pub state: State,
    /// How many attempts were made since it was accepted, replayed or revived.
    pub attempts: u32,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// When the next attempt is due.
    pub due: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
}

/// A delivery with all that is kept of it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What a list shows.
    pub summary: Summary,
    /// What is sent, as far as it is kept.
    pub message: ShownMessage,
    /// The last [`KEPT_ATTEMPTS`](super::KEPT_ATTEMPTS) attempts, the oldest first.
    pub attempts: Vec<Attempt>,
}

/// A message as far as it is kept.
#[derive(Clone, Debug)]
pub enum ShownMessage {
    /// Its body's length and SHA-256.
    Digest {
        /// In bytes.
        length: u64,
        /// SHA-256.
        sha256: [u8; 32],
    },
    /// All of it; what `store.mask` names is masked.
    Full(Arc<Message>),
}

/// How much waits for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The target.
    pub target: Target,
    /// Waiting for their time.
    pub due: u64,
    /// Being attempted.
    pub leased: u64,
    /// Waiting for the target.
    pub paused: u64,
    /// Given up.
    pub dead: u64,
    /// Whether the target is held, and why.
    pub held: Option<Hold>,
}

/// Why a target's deliveries are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The configuration does not have it.
    Gone,
    /// It was paused, at this time and for this reason.
    Paused(Timestamp, String),
}
