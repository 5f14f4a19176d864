//! When to look into the store for what is due.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::http::backoff::Backoff;
use crate::store::ledger::{Leases, Next};

/// How long nobody looks at the most; less by up to a half, so that not all targets look at once.
///
/// A due time is a time of day, and a pause is measured by a clock that is never set: when the system's clock is set
/// forward, what is due by it is found within this time.
const LONGEST: Duration = Duration::from_secs(60);

/// How long nobody looks where the store said that something was due and handed out nothing.
const EMPTY: Duration = Duration::from_millis(100);

/// Knows when the next delivery of a target is due.
#[derive(Debug)]
pub(super) struct Lookout {
    backoff: Backoff,
    is_woken: bool,
    latest: Instant,
    next: Option<Timestamp>,
    not_before: Instant,
}

impl Lookout {
    /// Looks at once.
    pub(super) fn new(now: Instant) -> Lookout {
        let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        Lookout { backoff, is_woken: true, latest: now, next: None, not_before: now }
    }

    /// Something may have become due.
    pub(super) fn wake(&mut self) {
        self.is_woken = true;
    }

    /// Whether something may have become due since the last look.
    pub(super) fn is_woken(&self) -> bool {
        self.is_woken
    }

    /// A delivery will be due, if this is what follows for it.
    pub(super) fn expect(&mut self, next: Next) {
        if let Next::Due(at) = next {
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
    }

    /// Whether it is time to look.
    pub(super) fn is_time(&self, now: Instant, time: Timestamp) -> bool {
        self.paused_until() <= now && self.is_wanted(now, time)
    }

    /// When it is time; where it is already, when it would be again.
    pub(super) fn until(&self, now: Instant, time: Timestamp) -> Instant {
        let paused = self.paused_until();
        if self.is_wanted(now, time) {
            return if paused > now { paused } else { now + LONGEST };
        }
        let due = self.next.and_then(|next| Duration::try_from(next.duration_since(time)).ok());
        let due = due.and_then(|wait| now.checked_add(wait)).map_or(self.latest, |due| due.min(self.latest));
        due.max(paused)
    }

    /// Somebody looks: what was known so far will be told anew.
    pub(super) fn looked(&mut self, now: Instant) {
        (self.is_woken, self.next) = (false, None);
        self.latest = now + LONGEST.mul_f64(1.0 - 0.5 * fastrand::f64());
    }

    /// What was found by whoever looked at `time`.
    pub(super) fn found(&mut self, leases: &Leases, time: Timestamp, now: Instant) {
        self.backoff.succeeded();
        if let Some(next) = leases.next {
            self.expect(Next::Due(next));
            if leases.leased.is_empty() && next <= time {
                self.not_before = now + EMPTY;
            }
        }
    }

    /// The store could not be read.
    pub(super) fn failed(&mut self, now: Instant) {
        self.is_woken = true;
        self.backoff.failed(now);
    }

    fn is_wanted(&self, now: Instant, time: Timestamp) -> bool {
        self.is_woken || self.latest <= now || self.next.is_some_and(|next| next <= time)
    }

    fn paused_until(&self) -> Instant {
        self.backoff.until().map_or(self.not_before, |until| until.max(self.not_before))
    }
}
