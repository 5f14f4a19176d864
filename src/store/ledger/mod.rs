//! What is to be delivered, and what became of it: the durable half of a store.
//!
//! ```text
//! accept ─▶ due ── lease ─▶ leased ── record ─▶ delivered
//!            ▲                        ├───────▶ due again, later
//!            │                        └───────▶ dead
//!            └── replay ── dead · delivered · discarded ◀── discard ── due · dead
//! ```
//!
//! What [`Ledger::accept`] has accepted is synced to disk, the claim and the delivery in
//! one transaction: whoever is answered afterwards can forget the event. A lease is held
//! by a process, and ends with it.

mod attempt;
mod delivery;
mod id;
mod operated;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

pub use attempt::{Attempt, AttemptAnswer, Ended, KEPT_ATTEMPTS, KEPT_OF_ANSWER, Next};
pub use delivery::{Accept, Accepted, Leased, Leases, Message, NewDelivery, Repeated, Room, Start, Target, TargetKind};
pub use id::DeliveryId;
pub use operated::{
    Change, ChangeRecord, Changed, Depth, Filter, Hold, Listed, Page, Shown, ShownMessage, State, Summary,
};

/// What a durable store does with deliveries. SQLite's is the first; another database implements the same.
///
/// Every call returns at once; what it returns resolves when it is done, and may be dropped: what was
/// asked for is done all the same.
pub trait Ledger: Send + Sync + 'static {
    /// A number for a delivery that is about to be accepted, and with it its id.
    fn next_id(&self, now: Timestamp) -> DeliveryId;

    /// Accepts deliveries together, all or none: resolves when they, and what their claims remember, are synced.
    ///
    /// The claims are settled, or released where it fails. What another process accepted first is a duplicate.
    fn accept(&self, accept: Accept) -> Pending<Vec<Accepted>>;

    /// What becomes of the repeat of an event that was accepted as `id`: nothing where that is due or was delivered;
    /// a dead one is due again at attempt 1; where it was discarded, `again` is accepted in its place.
    ///
    /// A claim of `again` is not looked at: the event is remembered under the new delivery.
    fn repeat(&self, id: DeliveryId, again: NewDelivery) -> Pending<Repeated>;

    /// Hands out what is due for a target, in the order of its time. Nothing is handed out twice before it is
    /// recorded or released, nor while the target is paused.
    fn lease(&self, target: Target, now: Timestamp, room: Room) -> Pending<Leases>;

    /// Writes down what became of a leased delivery, and ends the lease when that is synced.
    fn record(&self, ended: Ended) -> Pending<()>;

    /// Ends leases whose deliveries were not attempted.
    fn release(&self, ids: &[DeliveryId]);

    /// Notified when something may have become due for a target earlier than [`Leases::next`] said.
    fn wakes(&self, target: &Target) -> Arc<Notify>;

    /// Says which targets there are; deliveries for others wait, as if paused.
    fn configure(&self, targets: &[Target]);

    /// What an operator changes. It leaves a record with time and reason.
    fn change(&self, change: Change, reason: String, now: Timestamp) -> Pending<Changed>;

    /// A page of deliveries, the newest first.
    fn list(&self, filter: Filter, page: Page) -> Pending<Listed>;

    /// One delivery with its message and attempts.
    fn show(&self, id: DeliveryId) -> Pending<Option<Shown>>;

    /// What operators changed, the newest first.
    fn changes(&self, limit: usize) -> Pending<Vec<ChangeRecord>>;

    /// How much waits for each target that is configured or has deliveries; from memory.
    fn depths(&self) -> Vec<Depth>;

    /// When the longest waiting delivery of each target was accepted.
    fn oldest(&self) -> Pending<Vec<(Target, Timestamp)>>;

    /// The latest time that what was found at the start was written at; `None`: nothing was.
    ///
    /// A clock that says less has been set back since.
    fn latest(&self) -> Option<Timestamp>;

    /// Whether deliveries can be accepted.
    fn healthy(&self) -> bool;
}

/// What resolves when the store has done it.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send>>;

/// Why a store did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// There is no such delivery.
    #[error("there is no such delivery")]
    NotFound,
    /// The delivery's state does not allow it.
    #[error("the delivery's state does not allow it")]
    State,
    /// The store cannot be read or written: nothing was accepted or changed.
    #[error("the store cannot be used")]
    Unavailable,
}
