//! Pauses that grow from failure to failure.

use std::time::Duration;

use tokio::time::Instant;

/// When something that fails is tried again. Each pause is twice the one before, and shortened by up to a quarter at
/// random, so that those who failed together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    pause: Duration,
    until: Option<Instant>,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, pause: first, until: None }
    }

    pub(crate) fn failed(&mut self, now: Instant) {
        self.until = Some(now + self.pause.mul_f64(1.0 - 0.25 * fastrand::f64()));
        self.pause = (self.pause * 2).min(self.longest);
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Backoff::new(self.first, self.longest);
    }

    /// Whether the last that is known is a failure.
    pub(crate) fn is_failing(&self) -> bool {
        self.until.is_some()
    }

    /// When it is tried again; `None`: it does not fail.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Whether it is not to be tried yet.
    pub(crate) fn waits(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    /// Ends the pause, and goes on growing if it fails again.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.until = self.until.map(|until| until.min(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_the_longest_and_begin_anew_after_a_success() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut backoff = Backoff::new(second, 5 * second);
        let mut pause = || {
            backoff.failed(now);
            backoff.until().unwrap() - now
        };

        let pauses = [pause(), pause(), pause(), pause(), pause()];
        backoff.succeeded();
        let is_failing = backoff.is_failing();
        backoff.failed(now);

        for (pause, most) in pauses.into_iter().zip([1, 2, 4, 5, 5]) {
            assert!(pause <= most * second && pause >= (most * second).mul_f64(0.75), "{pause:?}");
        }
        assert!(!is_failing && backoff.waits(now) && !backoff.waits(now + second));
    }
}
