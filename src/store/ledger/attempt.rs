//! One try, and what follows from it.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use super::{DeliveryId, Target};
use crate::telemetry::words::AttemptOutcome;

/// One try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The answer, as far as there was one.
    pub answer: Option<AttemptAnswer>,
    /// What went wrong, in words; never a secret, nor bytes from the other side.
    pub error: Option<String>,
}

/// What an attempt was answered.
#[derive(Clone, Debug)]
pub struct AttemptAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most its first 100 KB (102,400 bytes).
    pub body: Bytes,
}

/// How much of an answer is kept with an attempt, in bytes.
pub const KEPT_OF_ANSWER: usize = 100 * 1024;

/// How many attempts of a delivery are kept.
pub const KEPT_ATTEMPTS: u32 = 10;

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the schedule is over.
    Dead,
    /// Nothing: it arrived.
    Delivered,
    /// Another attempt at this moment.
    Due(Timestamp),
}

/// The end of an attempt.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The delivery.
    pub id: DeliveryId,
    /// Its target.
    pub target: Target,
    /// The attempt.
    pub attempt: Attempt,
    /// What follows.
    pub next: Next,
    /// Why the target is to be paused, if it is: an endpoint that answers 410 wants nothing more.
    pub pause: Option<String>,
}
