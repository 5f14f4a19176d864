//! The only place that reads a clock.
//!
//! Everything else takes time as an argument: a [`Timestamp`] where a moment is
//! compared with what others wrote, an [`Instant`] where something is measured
//! or bounded. Instants are tokio's, so that a test's paused time governs them.

use std::time::Duration;

pub use jiff::Timestamp;
pub use tokio::time::Instant;

/// What time it is. May jump when the system's clock is set.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A moment to measure from. Never goes back.
pub fn instant() -> Instant {
    Instant::now()
}

/// How long ago `start` was.
pub fn since(start: Instant) -> Duration {
    instant().saturating_duration_since(start)
}

/// A new id that sorts by time (UUID version 7).
///
/// Its random part tells deliveries apart, and is no secret: a fast generator will do.
pub fn new_id() -> uuid::Uuid {
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    let millis = u64::try_from(now().as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
