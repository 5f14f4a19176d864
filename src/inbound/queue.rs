//! Puts events on disk, for the app to get them when it can.
//!
//! The app has no part in the answer: the sender is told that the event is on
//! disk, and only when it is.

use http::Response;

use super::entry::Entry;
use super::forward::fail;
use super::message::Outgoing;
use super::read::Event;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::clock::{self, Timestamp};
use crate::store::Claim;
use crate::store::ledger::{Accept, Accepted, DeliveryId, Ledger, LedgerError, NewDelivery, Repeated, Start};

/// Accepts an event that was not seen before.
pub(super) async fn accept(event: Box<Event>, claim: Option<Claim>, entry: Box<Entry>) -> Response<Reply> {
    let Some(ledger) = entry.ledger() else { return fail(Refusal::StoreUnavailable, claim, entry) };
    let (id, start) = (ledger.next_id(event.at), due(&event));
    // The store's share of the memory is its own business, once it has the bytes on disk.
    let (outgoing, _share) = Outgoing::of(event);
    let pass = entry.way_to_store().pass(clock::instant());
    let stored = store(&*ledger, outgoing.delivery(id, start), claim).await;
    match stored {
        Ok(_) => pass.answered(clock::instant()),
        Err(_) => drop(pass),
    }
    answer(id, stored, entry)
}

/// Stores a delivery together with its claim, which the ledger releases where that fails.
pub(super) async fn store(
    ledger: &dyn Ledger,
    delivery: NewDelivery,
    claim: Option<Claim>,
) -> Result<Accepted, LedgerError> {
    let accepted = ledger.accept(Accept { deliveries: vec![(delivery, claim)], answered: None }).await?;
    Ok(accepted.first().copied().expect("a ledger says of every delivery what became of it"))
}

/// Answers the sender of the event that was to be stored under this id.
pub(super) fn answer(id: DeliveryId, stored: Result<Accepted, LedgerError>, entry: Box<Entry>) -> Response<Reply> {
    match stored {
        Ok(Accepted::New) => entry.queued(id),
        Ok(Accepted::Duplicate(first)) => entry.queued_before(first),
        Err(_) => entry.refuse(Refusal::StoreUnavailable),
    }
}

/// Answers the repeat of an event that was accepted as `id`, however its source delivers by now.
pub(super) async fn repeat(event: Box<Event>, id: DeliveryId, entry: Box<Entry>) -> Response<Reply> {
    let Some(ledger) = entry.ledger() else { return entry.refuse(Refusal::StoreUnavailable) };
    let (new, start) = (ledger.next_id(event.at), due(&event));
    let (outgoing, _share) = Outgoing::of(event);
    match ledger.repeat(id, outgoing.delivery(new, start)).await {
        Ok(Repeated::Same(id)) => entry.queued_before(id),
        Ok(Repeated::New(id) | Repeated::Revived(id)) => entry.queued(id),
        // What was never delivered is kept for ever: it was delivered, and is kept no longer.
        Err(LedgerError::NotFound) => entry.queued_before(id),
        Err(LedgerError::State | LedgerError::Unavailable) => entry.refuse(Refusal::StoreUnavailable),
    }
}

/// When the schedule of the event's app begins.
fn due(event: &Event) -> Start {
    let delay = event.client.upstream().retry.schedule.first().copied().unwrap_or_default();
    Start::Due(event.at.saturating_add(delay).unwrap_or(Timestamp::MAX))
}
