//! The time of day as deliveries see it.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::clock::{self, Clock};

/// How fast time goes on while the system's clock is behind, in parts of its usual speed.
const SLOW: f64 = 0.9;

/// By how much the system's clock may be behind; by more, it was wrong before, and is followed at once.
const MOST: SignedDuration = SignedDuration::from_hours(24);

/// A time of day that does not go back when the system's clock is set back: otherwise, all that is due would wait for
/// as long as it was set back. It goes on a little slower until the clock has caught up, so that no delay is shorter.
pub(super) struct Steady {
    clock: Clock,
    last: Cell<Option<(Timestamp, Instant)>>,
}

impl Steady {
    /// `latest` is a time that is known to have been.
    pub(super) fn new(clock: Clock, latest: Option<Timestamp>) -> Steady {
        Steady { clock, last: Cell::new(latest.map(|latest| (latest, clock::instant()))) }
    }

    /// What time it is. `now` is this moment.
    pub(super) fn at(&self, now: Instant) -> Timestamp {
        let clock = (self.clock)();
        let behind = self.last.get().map_or(clock, |(last, at)| {
            let passed = now.saturating_duration_since(at).mul_f64(SLOW);
            last.saturating_add(passed).unwrap_or(last)
        });
        let is_followed = clock >= behind || behind.duration_since(clock) > MOST;
        let time = if is_followed { clock } else { behind };
        self.last.set(Some((time, now)));
        time
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;
    use crate::clock::instant;
    use crate::clock::testing::Following;

    async fn after(steady: &Steady, minutes: u64) -> Timestamp {
        tokio::time::advance(Duration::from_secs(60 * minutes)).await;
        steady.at(instant())
    }

    fn steady() -> (Rc<Following>, Steady, Timestamp) {
        let clock = Following::new();
        let steady = Steady::new(clock.clock(), None);
        let start = steady.at(instant());
        (clock, steady, start)
    }

    #[tokio::test(start_paused = true)]
    async fn it_follows_the_clock_forward_at_once() {
        let (clock, steady, start) = steady();

        clock.set_by(SignedDuration::from_hours(100));

        assert_eq!(after(&steady, 1).await.duration_since(start), SignedDuration::from_mins(6001));
        assert_eq!(after(&steady, 1).await, clock.now());
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_follow_it_back_but_waits_for_it() {
        let (clock, steady, start) = steady();

        clock.set_by(SignedDuration::from_mins(-60));
        let soon = after(&steady, 10).await;
        let late = after(&steady, 590).await;

        assert_eq!(soon.duration_since(start), SignedDuration::from_mins(9));
        assert_eq!(late, clock.now());
        assert_eq!(after(&steady, 1).await, clock.now());
    }

    #[tokio::test(start_paused = true)]
    async fn it_begins_no_earlier_than_what_is_known_to_have_been() {
        let clock = Following::new();
        let latest = clock.now() + SignedDuration::from_mins(60);

        let steady = Steady::new(clock.clock(), Some(latest));

        assert_eq!(after(&steady, 10).await.duration_since(latest), SignedDuration::from_mins(9));
        assert_eq!(after(&steady, 590).await, clock.now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_wrong_by_days_is_followed() {
        let (clock, steady, _) = steady();

        clock.set_by(SignedDuration::from_hours(-25));

        assert_eq!(after(&steady, 1).await, clock.now());
    }
}
