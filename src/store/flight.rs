//! Claims that are neither settled nor released, and who waits for them.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::claim::{Handed, Waiter};
use super::{DedupKey, Fingerprint, WAITERS};

/// A claim that somebody holds.
pub(super) struct Flight {
    pub(super) key: DedupKey,
    pub(super) fingerprint: Fingerprint,
    /// How long those wait who come during this claim, and until when.
    wait: Duration,
    deadline: Instant,
    /// The owner took the place of one that failed.
    pub(super) is_second: bool,
    waiting: VecDeque<Waiting>,
}

/// Somebody who waits.
struct Waiting {
    sender: oneshot::Sender<Handed>,
    fingerprint: Fingerprint,
    deadline: Instant,
}

impl Flight {
    pub(super) fn new(key: DedupKey, fingerprint: Fingerprint, now: Instant, wait: Duration) -> Flight {
        Flight { key, fingerprint, wait, deadline: after(now, wait), is_second: false, waiting: VecDeque::new() }
    }

    /// Adds one who waits, if there is room.
    ///
    /// Whoever hung up is only counted out when the room is needed.
    pub(super) fn join(&mut self, fingerprint: Fingerprint) -> Option<Waiter> {
        if self.waiting.len() >= WAITERS {
            self.waiting.retain(|waiting| !waiting.sender.is_closed());
        }
        if self.waiting.len() >= WAITERS {
            return None;
        }
        let (sender, outcome) = oneshot::channel();
        self.waiting.push_back(Waiting { sender, fingerprint, deadline: self.deadline });
        Some(Waiter::new(outcome, self.deadline))
    }

    /// Makes the first who waits, and still has time, the owner.
    pub(super) fn succeed(&mut self, now: Instant) -> Option<(oneshot::Sender<Handed>, Fingerprint)> {
        let expired = self.waiting.iter().take_while(|waiting| waiting.deadline <= now).count();
        self.waiting.drain(..expired);
        let next = self.waiting.pop_front()?;
        self.is_second = true;
        self.fingerprint = next.fingerprint;
        self.deadline = after(now, self.wait);
        Some((next.sender, next.fingerprint))
    }

    pub(super) fn into_waiting(self) -> impl Iterator<Item = oneshot::Sender<Handed>> {
        self.waiting.into_iter().map(|waiting| waiting.sender)
    }
}

/// A wait that no clock can express lasts a day.
fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or_else(|| now + Duration::from_secs(86_400))
}
