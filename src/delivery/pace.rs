//! How many attempts a second a target gets.

use std::time::Duration;

use tokio::time::Instant;

/// How much may be caught up with at once: a loop that comes late by less than this loses nothing.
const BURST: Duration = Duration::from_millis(100);

/// The longest distance between two attempts.
const LONGEST: Duration = Duration::from_secs(86_400);

/// A bucket of tokens, kept as the moment at which the next one is there.
#[derive(Debug)]
pub(super) struct Bucket {
    next: Instant,
}

impl Bucket {
    pub(super) fn new(now: Instant) -> Bucket {
        Bucket { next: now }
    }

    /// Takes a token if there is one. Without a rate there always is.
    pub(super) fn take(&mut self, rate: Option<f64>, now: Instant) -> bool {
        let Some(rate) = rate else { return true };
        if self.next > now {
            return false;
        }
        let distance = Duration::try_from_secs_f64(rate.recip()).map_or(LONGEST, |distance| distance.min(LONGEST));
        let caught_up = now.checked_sub(BURST).map_or(self.next, |earliest| self.next.max(earliest));
        self.next = caught_up + distance;
        true
    }

    /// When the next token is there; `None`: it is.
    pub(super) fn until(&self, rate: Option<f64>, now: Instant) -> Option<Instant> {
        (rate.is_some() && self.next > now).then_some(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tokens there are in so many milliseconds, if somebody looks every `step` of them.
    fn taken(rate: f64, millis: u64, step: u64) -> u64 {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        let mut taken = 0;
        for at in (0..millis).step_by(step as usize) {
            while bucket.take(Some(rate), start + Duration::from_millis(at)) {
                taken += 1;
            }
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_from_the_first_moment_on() {
        assert_eq!(taken(5.0, 10_000, 1), 50);
        assert_eq!(taken(0.5, 10_000, 1), 5);
        assert_eq!(taken(1000.0, 10_000, 1), 10_000);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_late_catches_up_with_a_tenth_of_a_second() {
        let fast = taken(1000.0, 10_000, 50);
        let rare = taken(1000.0, 10_000, 1000);

        assert!((9_900..=10_000).contains(&fast), "{fast}");
        assert!((900..=1_110).contains(&rare), "{rare}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_there_is_no_limit() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);

        assert!((0..10_000).all(|_| bucket.take(None, now)));
        assert_eq!(bucket.until(None, now), None);
    }
}
