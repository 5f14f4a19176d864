//! Who delivers an event that arrives more than once.
//!
//! The first to ask gets the [`Claim`]; the others wait for what becomes of it.
//! When the first fails, exactly one of them takes its place. A claim that is
//! dropped, by a panic or a cancelled task, counts as failed, and a claim that is
//! handed to a waiter just as that one leaves goes on to the next: a key is never
//! stuck, and never has two owners.

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::answer::KeptAnswer;
use super::ledger::DeliveryId;
use super::scope::ScopeState;
use super::shard::Remembered;
use super::{DedupKey, Fingerprint};

/// What is known of an event.
#[derive(Debug)]
#[must_use]
pub enum Seen {
    /// Nothing: it is the caller's to deliver.
    New(Claim),
    /// It was delivered, or accepted to be delivered, within the window.
    Settled {
        /// How.
        settlement: Settlement,
        /// How the bodies compare.
        repeat: Repeat,
    },
    /// It is being delivered.
    InFlight {
        /// Waits for the outcome; dropping it is always right.
        waiter: Waiter,
        /// How the bodies compare.
        repeat: Repeat,
    },
    /// It is being delivered, and [`WAITERS`](super::WAITERS) wait for the outcome already.
    Crowded,
}

/// How a claim was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The event was delivered, and this was the answer.
    Answered(KeptAnswer),
    /// The event is on disk, to be delivered.
    Queued(DeliveryId),
}

/// How the body of a repeat compares with the first one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It is the same.
    SameBody,
    /// It is another one.
    OtherBody,
}

/// Who follows the owner of a claim that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// One of those who wait delivers in its place.
    Next,
    /// Nobody: the upstream hangs, and is not to be hit again for those who wait.
    Nobody,
}

/// The right, and the duty, to deliver an event.
///
/// Ends by [`Claim::settle`] or [`Claim::release`]; dropping it releases it with a 503.
#[derive(Debug)]
#[must_use]
pub struct Claim(Option<Held>);

impl Claim {
    pub(super) fn new(scope: &Arc<ScopeState>, key: DedupKey, fingerprint: Fingerprint) -> Claim {
        Claim(Some(Held::new(scope, key, fingerprint)))
    }

    /// Makes one claim of two: on an event, and on its body, which ends whenever this one does.
    pub(super) fn with_body(mut self, mut body: Claim) -> Claim {
        if let (Some(held), Some(body)) = (&mut self.0, body.0.take()) {
            held.body = Some(body.key);
        }
        self
    }

    /// Ends it without a word to the store: those who wait are told this.
    pub(super) fn tell(mut self, word: impl Fn() -> Option<Handed>) {
        if let Some(held) = self.0.take() {
            held.scope.end(&held.key, word);
        }
    }

    /// A claim that comes back where it would be released.
    ///
    /// For an event whose attempt goes on while it is accepted: where that fails, nobody may attempt
    /// it before the attempt has ended, whose owner then has the claim again.
    pub fn lend(mut self) -> (Claim, Lent) {
        let (back, lent) = oneshot::channel();
        if let Some(held) = &mut self.0 {
            held.back = Some(back);
        }
        (self, Lent(lent))
    }

    /// Remembers the event as delivered, and answers all who wait with `answer`.
    ///
    /// The window counts from `now`.
    pub fn settle(mut self, answer: KeptAnswer, now: Timestamp) {
        if let Some(held) = self.0.take() {
            held.scope.settle(held.place(), answer, now);
        }
    }

    /// Remembers the event as accepted under this id, from the time in it on. It is on disk already.
    pub(super) fn queued(mut self, id: DeliveryId) {
        if let Some(held) = self.0.take() {
            held.scope.queued(held.place(), id);
        }
    }

    /// Remembers the event as delivered, which is on disk already, and answers all who wait with `answer`.
    pub(super) fn answered(mut self, event: Remembered, answer: KeptAnswer) {
        if let Some(held) = self.0.take() {
            held.scope.landed(event, held.body, &Settlement::Answered(answer));
        }
    }

    /// What the store's file remembers the event by: its scope's number there, and its place.
    pub(super) fn place(&self) -> Option<(i64, Place)> {
        self.0.as_ref().map(|held| (held.scope.id, held.place()))
    }

    /// Gives the event up: the next who asks delivers it.
    ///
    /// `failure` is what the owner's sender is answered. The first owner's stays its own; a second
    /// owner's is given to all who still wait, whatever `succession` says.
    pub fn release(mut self, failure: KeptAnswer, succession: Succession) {
        if let Some(held) = self.0.take() {
            held.give_up(&failure, succession);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(held) = self.0.take() {
            let failure = KeptAnswer::bare(StatusCode::SERVICE_UNAVAILABLE);
            held.give_up(&failure, Succession::Next);
        }
    }
}

/// What an event is remembered by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) key: DedupKey,
    pub(super) fingerprint: Fingerprint,
    /// The key of its body, where that is remembered alone as well.
    pub(super) body: Option<DedupKey>,
}

#[derive(Debug)]
struct Held {
    scope: Arc<ScopeState>,
    key: DedupKey,
    fingerprint: Fingerprint,
    /// The body that is claimed with the event.
    body: Option<DedupKey>,
    /// Who lent it.
    back: Option<oneshot::Sender<Claim>>,
}

impl Held {
    fn new(scope: &Arc<ScopeState>, key: DedupKey, fingerprint: Fingerprint) -> Held {
        Held { scope: Arc::clone(scope), key, fingerprint, body: None, back: None }
    }

    fn place(&self) -> Place {
        Place { key: self.key, fingerprint: self.fingerprint, body: self.body }
    }

    fn give_up(mut self, failure: &KeptAnswer, succession: Succession) {
        match self.back.take() {
            // Whoever lent it may be gone: it is dropped then, and so released.
            Some(back) => drop(back.send(Claim(Some(self)))),
            None => self.scope.release(self.key, self.body, failure, succession),
        }
    }
}

/// A claim that was lent with [`Claim::lend`].
#[derive(Debug)]
#[must_use]
pub struct Lent(oneshot::Receiver<Claim>);

impl Lent {
    /// Waits for what becomes of the claim: `None` where it was settled.
    pub async fn back(self) -> Option<Claim> {
        self.0.await.ok()
    }
}

/// Waits for what becomes of another's claim.
#[derive(Debug)]
#[must_use]
pub struct Waiter {
    outcome: oneshot::Receiver<Handed>,
    deadline: Instant,
}

impl Waiter {
    pub(super) fn new(outcome: oneshot::Receiver<Handed>, deadline: Instant) -> Waiter {
        Waiter { outcome, deadline }
    }

    /// Waits until the claim ends, at most until its time was over when this waiter came.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any moment. A claim that was just handed over goes on to the next.
    pub async fn wait(self) -> Waited {
        match timeout_at(self.deadline, self.outcome).await {
            Ok(Ok(Handed::Settled(settlement))) => Waited::Settled(settlement),
            Ok(Ok(Handed::Replayed(settlement))) => Waited::Replayed(settlement),
            Ok(Ok(Handed::Failed(failure))) => Waited::Failed(failure),
            Ok(Ok(Handed::Turn(turn))) => Waited::Yours(turn.take()),
            Ok(Err(_)) | Err(_) => Waited::TooLong,
        }
    }
}

/// What became of the claim that was waited for.
#[derive(Debug)]
#[must_use]
pub enum Waited {
    /// Delivered, or accepted to be.
    Settled(Settlement),
    /// Its body was delivered, or accepted to be, as another event.
    Replayed(Settlement),
    /// Its owner failed: the event is the caller's to deliver.
    Yours(Claim),
    /// Its owner failed, and then the one who took its place, who was answered so.
    Failed(KeptAnswer),
    /// Nothing, until the time was over; or nobody is to try again.
    TooLong,
}

/// What a waiter is sent; nothing at all means that its time is over.
#[derive(Debug)]
pub(super) enum Handed {
    Settled(Settlement),
    Replayed(Settlement),
    Failed(KeptAnswer),
    Turn(Turn),
}

/// A claim on its way to a waiter. If it does not arrive, it goes on to the next.
#[derive(Debug)]
pub(super) struct Turn(Option<Held>);

impl Turn {
    pub(super) fn new(scope: &Arc<ScopeState>, key: DedupKey, fingerprint: Fingerprint) -> Turn {
        Turn(Some(Held::new(scope, key, fingerprint)))
    }

    fn take(mut self) -> Claim {
        Claim(self.0.take())
    }

    /// Ends the turn where the sender itself sees that nobody takes it.
    pub(super) fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(held) = self.0.take() {
            held.scope.hand_on(&held.key);
        }
    }
}
