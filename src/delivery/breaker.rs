//! Spares a target that is down, and the schedules of what waits for it.
//!
//! ```text
//! closed ── 10 failures in a row ─▶ open ── answered ─▶ closed
//!                                   │  ▲
//!                          one probe └──┘ failed: a longer pause
//! ```

use std::time::Duration;

use tokio::time::Instant;

use crate::http::backoff::Backoff;

/// After how many failures in a row a target is taken to be down.
const FAILURES: u32 = 10;

/// Decides how many attempts a target gets at once.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    is_probing: bool,
    /// Failing: the breaker is open.
    probes: Backoff,
}

/// What changed for the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It answers again.
    Closed,
    /// It seems to be down.
    Opened,
}

impl Breaker {
    pub(super) fn new() -> Breaker {
        let probes = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        Breaker { failures: 0, is_probing: false, probes }
    }

    pub(super) fn is_open(&self) -> bool {
        self.probes.is_failing()
    }

    /// How many attempts may be under way, of as many as are wanted.
    pub(super) fn limit(&self, wanted: usize, now: Instant) -> usize {
        match self.is_open() {
            false => wanted,
            true if self.probes.waits(now) => 0,
            true => wanted.min(1),
        }
    }

    /// When the next probe may begin, if the target is down.
    pub(super) fn until(&self) -> Option<Instant> {
        self.probes.until()
    }

    /// Notes that an attempt begins. While the breaker is open, no other is under way.
    pub(super) fn began(&mut self) {
        self.is_probing = self.is_open();
    }

    /// Notes the end of an attempt.
    pub(super) fn ended(&mut self, is_target_down: bool, now: Instant) -> Option<Turn> {
        let (was_open, was_probe) = (self.is_open(), std::mem::take(&mut self.is_probing));
        if !is_target_down {
            self.failures = 0;
            self.probes.succeeded();
            return was_open.then_some(Turn::Closed);
        }
        self.failures = self.failures.saturating_add(1);
        // What was under way when it opened fails for the same reason, and says nothing new.
        if was_probe || (!was_open && self.failures >= FAILURES) {
            self.probes.failed(now);
        }
        (!was_open && self.is_open()).then_some(Turn::Opened)
    }

    /// Lets the next probe begin at once: what made the target fail may have been changed.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.probes.hurry(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 1..FAILURES {
            assert_eq!(breaker.ended(true, now), None);
        }
        assert_eq!(breaker.ended(true, now), Some(Turn::Opened));
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_between_keeps_it_closed() {
        let (now, mut breaker) = (Instant::now(), Breaker::new());

        for round in 0..30 {
            assert_eq!(breaker.ended(round % 10 != 9, now), None);
        }

        assert_eq!(breaker.limit(32, now), 32);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_one_lets_one_probe_pass_after_its_pause() {
        let now = Instant::now();

        let breaker = opened(now);

        let until = breaker.until().unwrap();
        assert!(until > now && until <= now + Duration::from_secs(1));
        assert_eq!((breaker.limit(32, now), breaker.limit(32, until)), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_probe_lengthens_the_pause() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let first = breaker.until();

        breaker.ended(true, now);
        let after_another = breaker.until();
        breaker.began();
        breaker.ended(true, now);

        assert_eq!(after_another, first);
        assert!(breaker.until().unwrap() >= now + Duration::from_millis(1500));
    }

    #[tokio::test(start_paused = true)]
    async fn any_answer_closes_it() {
        let now = Instant::now();
        let mut breaker = opened(now);

        assert_eq!(breaker.ended(false, now), Some(Turn::Closed));

        assert_eq!((breaker.limit(32, now), breaker.is_open()), (32, false));
    }
}
