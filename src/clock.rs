//! The only place that reads a clock.
//!
//! Everything else takes time as an argument: a [`Timestamp`] where a moment is
//! compared with what others wrote, an [`Instant`] where something is measured
//! or bounded. Instants are tokio's, so that a test's paused time governs them.

use std::rc::Rc;
use std::time::Duration;

pub use jiff::Timestamp;
pub use tokio::time::Instant;

/// What time it is. May jump when the system's clock is set.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Where something that runs by itself has the time from: [`now`]; in a test, what follows tokio's paused time.
pub(crate) type Clock = Rc<dyn Fn() -> Timestamp>;

/// A moment to measure from. Never goes back.
pub fn instant() -> Instant {
    Instant::now()
}

/// How long ago `start` was.
pub fn since(start: Instant) -> Duration {
    instant().saturating_duration_since(start)
}

/// A new id that sorts by time (UUID version 7), of now.
pub fn new_id() -> uuid::Uuid {
    id_of(now())
}

/// A new id that sorts by time (UUID version 7), of a time.
///
/// Its random part tells deliveries apart, and is no secret: a fast generator will do.
pub fn id_of(time: Timestamp) -> uuid::Uuid {
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    let millis = u64::try_from(time.as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
pub(crate) mod testing {
    //! A clock that follows tokio's paused time, and that a test can set.

    use std::cell::Cell;

    use jiff::SignedDuration;

    use super::*;

    /// A clock that stands at 2026-02-02T02:40:00Z when it is made.
    pub(crate) struct Following {
        start: Instant,
        step: Cell<SignedDuration>,
    }

    impl Following {
        pub(crate) fn new() -> Rc<Following> {
            Rc::new(Following { start: instant(), step: Cell::default() })
        }

        pub(crate) fn now(&self) -> Timestamp {
            let passed = SignedDuration::try_from(since(self.start)).unwrap();
            Timestamp::from_second(1_770_000_000).unwrap() + passed + self.step.get()
        }

        /// Sets the clock forward, or back.
        pub(crate) fn set_by(&self, step: SignedDuration) {
            self.step.set(self.step.get() + step);
        }

        pub(crate) fn clock(self: &Rc<Following>) -> Clock {
            let following = Rc::clone(self);
            Rc::new(move || following.now())
        }
    }
}
