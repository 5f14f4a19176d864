//! Whether an address is asked.
//!
//! ```text
//! used ── 3 failures in a row ─▶ left out ── answered ─▶ used
//!                                 │    ▲
//!        after a pause, one probe └────┘ failed: a longer pause
//! ```

use std::time::Duration;

use tokio::time::Instant;

use crate::http::backoff::Backoff;

/// After how many failures in a row an address is left out.
pub(super) const FAILURES: u32 = 3;

/// How long the first time, less by up to a quarter.
const FIRST: Duration = Duration::from_secs(1);

/// How long at the most.
const LONGEST: Duration = Duration::from_secs(30);

/// What one worker knows of an address.
#[derive(Debug)]
pub(super) struct Health {
    failures: u32,
    /// Whether the probe that is due was begun.
    is_probing: bool,
    /// When it failed last.
    failed_at: Option<Instant>,
    /// Failing: it is left out.
    pause: Backoff,
}

/// Whether an address may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is left out since its last failure, at this moment.
    Out(Instant),
    /// Its pause is over: one request may try it.
    Probed,
    /// As any other.
    Used,
}

/// What changed for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It answers again.
    Back,
    /// It failed too often.
    Out,
}

impl Health {
    pub(super) fn new() -> Self {
        Self { failures: 0, is_probing: false, failed_at: None, pause: Backoff::new(FIRST, LONGEST) }
    }

    pub(super) fn standing(&self, now: Instant) -> Standing {
        match self.failed_at {
            Some(at) if self.pause.is_failing() && (self.is_probing || self.pause.waits(now)) => Standing::Out(at),
            Some(_) if self.pause.is_failing() => Standing::Probed,
            _ => Standing::Used,
        }
    }

    /// Notes that the probe begins: until it is over, there is no other.
    pub(super) fn probe_begins(&mut self) {
        self.is_probing = true;
    }

    /// Notes that nobody waits for the probe any more. Without a failure, the next request may be one.
    pub(super) fn probe_is_over(&mut self) {
        self.is_probing = false;
    }

    /// Notes an answer, of whatever status.
    pub(super) fn answered(&mut self) -> Option<Turn> {
        let was_out = self.pause.is_failing();
        self.failures = 0;
        self.pause.succeeded();
        was_out.then_some(Turn::Back)
    }

    /// Notes that no answer came.
    pub(super) fn failed(&mut self, was_probe: bool, now: Instant) -> Option<Turn> {
        let was_out = self.pause.is_failing();
        self.failed_at = Some(now);
        self.failures = self.failures.saturating_add(1);
        // What was under way when it was left out fails for the same reason, and says nothing new.
        if was_probe || (!was_out && self.failures >= FAILURES) {
            self.pause.failed(now);
        }
        (!was_out && self.pause.is_failing()).then_some(Turn::Out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(now: Instant) -> Health {
        let mut health = Health::new();
        for _ in 1..FAILURES {
            assert_eq!(health.failed(false, now), None);
        }
        assert_eq!(health.failed(false, now), Some(Turn::Out));
        health
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_between_keeps_it_in_use() {
        let (now, mut health) = (Instant::now(), Health::new());

        for round in 0..30 {
            let turn = if round % FAILURES == FAILURES - 1 { health.answered() } else { health.failed(false, now) };
            assert_eq!((turn, health.standing(now)), (None, Standing::Used));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_is_left_out_for_up_to_a_second_and_then_probed_once() {
        let now = Instant::now();
        let mut health = left_out(now);

        assert_eq!(health.standing(now), Standing::Out(now));
        assert_eq!(health.standing(now + Duration::from_millis(749)), Standing::Out(now));
        let later = now + Duration::from_secs(1);
        assert_eq!(health.standing(later), Standing::Probed);
        health.probe_begins();
        assert_eq!(health.standing(later), Standing::Out(now));
        health.probe_is_over();
        assert_eq!(health.answered(), Some(Turn::Back));
        assert_eq!(health.standing(later), Standing::Used);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_doubles_the_pause_up_to_half_a_minute() {
        let mut now = Instant::now();
        let mut health = left_out(now);

        for seconds in [2, 4, 8, 16, 30, 30] {
            now += Duration::from_secs(60);
            health.probe_begins();
            assert_eq!(health.failed(true, now), None);
            health.probe_is_over();
            let pause = Duration::from_secs(seconds);
            assert_eq!(health.standing(now + pause.mul_f64(0.74)), Standing::Out(now), "{seconds}");
            assert_eq!(health.standing(now + pause), Standing::Probed, "{seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_probe_lengthens_the_pause() {
        let now = Instant::now();
        let mut health = left_out(now);

        for _ in 0..100 {
            assert_eq!(health.failed(false, now), None);
        }

        assert_eq!(health.standing(now + Duration::from_secs(1)), Standing::Probed);
    }
}
