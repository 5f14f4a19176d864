//! Puts events on disk, to be delivered: for all endpoints that want one, or for none.

use http::{Response, StatusCode};

use super::dedupe::{self, Turn, patience};
use super::entry::Entry;
use super::identity::{fingerprint, key};
use super::message::{Given, Prepared, prepare};
use super::read::Event;
use super::refusal::Refusal;
use super::reply::{self, Reply};
use super::route::Route;
use crate::store::ledger::{Accept, Accepted, DeliveryId, Ledger, LedgerError, NewDelivery, Repeated};
use crate::store::{Claim, KeptAnswer, Settlement};
use crate::telemetry::words::OutboundOutcome;

/// What became of an event.
pub(super) struct Queued {
    pub(super) answer: KeptAnswer,
    /// The first of its deliveries.
    pub(super) first: Option<DeliveryId>,
    /// How many there are.
    pub(super) count: usize,
    /// `Queued`, or `Duplicate` where nothing is new, or `Unmatched`.
    pub(super) outcome: OutboundOutcome,
}

/// Accepts an event for each of its endpoints. `once` is settled with the answer.
pub(super) async fn accept(event: Event, once: Option<Claim>, entry: Entry) -> Response<Reply> {
    if event.routes.is_empty() {
        return entry.accepted(unmatched(&event, once));
    }
    let Some(ledger) = entry.ledger() else { return entry.refuse(Refusal::StoreUnavailable) };
    match queue(&event, once, &*ledger).await {
        Ok(queued) => entry.accepted(queued),
        Err(refusal) => entry.refuse(refusal),
    }
}

fn unmatched(event: &Event, once: Option<Claim>) -> Queued {
    let answer = reply::deliveries(StatusCode::OK, &[]);
    if let Some(claim) = once {
        claim.settle(answer.clone(), event.at);
    }
    Queued { answer, first: None, count: 0, outcome: OutboundOutcome::Unmatched }
}

async fn queue(event: &Event, once: Option<Claim>, ledger: &dyn Ledger) -> Result<Queued, Refusal> {
    // All claims first: whoever finds a conflict has changed nothing.
    let mut parts = Vec::with_capacity(event.routes.len());
    for route in &event.routes {
        parts.push((&**route, part(event, route, ledger).await?));
    }
    if let [(_, Part::Delivered(answer))] = &*parts {
        let answer = answer.clone();
        return Ok(Queued { answer, first: None, count: 0, outcome: OutboundOutcome::Duplicate });
    }
    let mut placed = Placed::default();
    for (route, part) in parts {
        placed.place(route, part, ledger).await?;
    }
    placed.write(once, ledger).await?;
    Ok(placed.queued())
}

/// An event for one endpoint.
enum Part {
    /// It was delivered before, and this was the answer.
    Delivered(KeptAnswer),
    /// It was not accepted before.
    New(NewDelivery, Option<Claim>),
    /// It was accepted before; this takes its place if it was discarded.
    Queued(DeliveryId, NewDelivery),
}

async fn part(event: &Event, route: &Route, ledger: &dyn Ledger) -> Result<Part, Refusal> {
    let prepared = event.prepare(route)?;
    let turn = event.turn(route, &prepared).await?;
    let delivery = prepared.delivery(route, ledger.next_id(event.at), event.at);
    match turn {
        None => Ok(Part::New(delivery, None)),
        Some(Turn::Conflict) => Err(Refusal::EventIdConflict),
        // Only a store that cannot be written makes two fail.
        Some(Turn::Failed(_)) => Err(Refusal::StoreUnavailable),
        Some(Turn::Known(Settlement::Answered(answer))) => Ok(Part::Delivered(answer)),
        Some(Turn::Known(Settlement::Queued(id))) => Ok(Part::Queued(id, delivery)),
        Some(Turn::Ours(claim)) => Ok(Part::New(delivery, Some(claim))),
    }
}

impl Event {
    /// The event as this endpoint is sent it.
    pub(super) fn prepare(&self, route: &Route) -> Result<Prepared, Refusal> {
        let (id, kind) = (self.id.as_deref(), self.kind.as_deref());
        prepare(&route.endpoint, &Given { id, kind, headers: &self.headers, body: &self.body, at: self.at })
    }

    /// Whose turn it is to deliver it; `None`: its id was made here, so it cannot come again.
    pub(super) async fn turn(&self, route: &Route, prepared: &Prepared) -> Result<Option<Turn>, Refusal> {
        let Some(id) = &prepared.named else { return Ok(None) };
        let key = key(&[route.endpoint.name.as_bytes(), id.as_bytes()]);
        let fingerprint = fingerprint(&[Some(&self.body), self.kind.as_deref().map(str::as_bytes)]);
        dedupe::turn(&route.scope, key, fingerprint, self.at, patience(&route.endpoint)).await.map(Some)
    }
}

/// The deliveries of an event, in the order of its endpoints.
#[derive(Default)]
struct Placed<'a> {
    of: Vec<(DeliveryId, &'a str)>,
    /// What is still to be written.
    new: Vec<(NewDelivery, Option<Claim>)>,
    has_changed: bool,
}

impl<'a> Placed<'a> {
    async fn place(&mut self, route: &'a Route, part: Part, ledger: &dyn Ledger) -> Result<(), Refusal> {
        let id = match part {
            Part::Delivered(_) => return Ok(()),
            Part::New(delivery, claim) => {
                let id = delivery.id;
                self.new.push((delivery, claim));
                id
            }
            Part::Queued(id, again) => self.repeat(id, again, ledger).await?,
        };
        self.of.push((id, &route.endpoint.name));
        Ok(())
    }

    async fn repeat(&mut self, id: DeliveryId, again: NewDelivery, ledger: &dyn Ledger) -> Result<DeliveryId, Refusal> {
        match ledger.repeat(id, again).await {
            Ok(Repeated::Same(id)) => Ok(id),
            // What was never delivered is kept for ever: it was delivered, and is kept no longer.
            Err(LedgerError::NotFound) => Ok(id),
            Ok(Repeated::New(id) | Repeated::Revived(id)) => {
                self.has_changed = true;
                Ok(id)
            }
            Err(LedgerError::State | LedgerError::Unavailable) => Err(Refusal::StoreUnavailable),
        }
    }

    /// Writes what is new, together with the answer to the request.
    async fn write(&mut self, once: Option<Claim>, ledger: &dyn Ledger) -> Result<(), Refusal> {
        if self.new.is_empty() && once.is_none() {
            return Ok(());
        }
        self.has_changed |= !self.new.is_empty();
        let deliveries = std::mem::take(&mut self.new);
        let ids: Vec<DeliveryId> = deliveries.iter().map(|(delivery, _)| delivery.id).collect();
        let answered = once.map(|claim| (claim, self.answer()));
        // Where it fails, the ledger has released the claims: the app's retry passes.
        let accepted = ledger.accept(Accept { deliveries, answered }).await.map_err(|_| Refusal::StoreUnavailable)?;
        for (own, accepted) in ids.iter().zip(accepted) {
            if let Accepted::Duplicate(first) = accepted {
                self.of.iter_mut().filter(|(id, _)| id == own).for_each(|(id, _)| *id = first);
            }
        }
        Ok(())
    }

    fn answer(&self) -> KeptAnswer {
        reply::deliveries(StatusCode::ACCEPTED, &self.of)
    }

    fn queued(&self) -> Queued {
        let outcome = if self.has_changed { OutboundOutcome::Queued } else { OutboundOutcome::Duplicate };
        Queued { answer: self.answer(), first: self.of.first().map(|(id, _)| *id), count: self.of.len(), outcome }
    }
}
