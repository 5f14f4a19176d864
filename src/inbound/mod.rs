//! The way of a delivery from its sender to the app, in order:
//! listen → route → read and verify → dedupe → forward → reply; or, where the sender
//! is not to wait for the app, → queue.
//!
//! Every step turns one type into a more trusted one: a request whose route is
//! known, an `Event` that only verification can make, a turn that only the
//! store can give. What is wrong ends the way early as a `Refusal`.

mod courier;
mod dedupe;
mod entry;
mod finish;
mod forward;
mod handshake;
mod message;
mod queue;
mod read;
mod refusal;
mod reply;
mod report;
mod require;
mod route;
mod sign;
mod sync_then_queue;
#[cfg(test)]
mod tests;
mod worker;

use std::rc::Rc;

use http::Method;
use hyper::body::Incoming;
use hyper::{Request, Response};

pub use crate::http::server::{BindError, Listeners, ListeningSocket};
pub(crate) use courier::UpstreamCourier;
pub use worker::{Gateway, Worker};

use crate::config::Delivery;
use crate::http::server::{self, Peer};
use crate::store::Claim;
use dedupe::Turn;
use entry::Entry;
use finish::{EvenIfDropped, even_if_dropped};
use read::{Event, Received};
use refusal::Refusal;
use reply::Reply;

/// Serves one request, from its head to the answer.
async fn handle(worker: Rc<Worker>, peer: Rc<Peer>, request: Request<Incoming>) -> Response<Reply> {
    let mut entry = Entry::begin(&worker);
    match receive(&worker, &peer, request, &mut entry).await {
        Ok(Received::Event(event)) => pass(event, entry).await,
        Ok(Received::Greeted(greeting)) => entry.greet(greeting),
        Ok(Received::Unverified(it)) => even_if_dropped(report::forward(it, entry)).await,
        Err(refusal) => entry.refuse(refusal),
    }
}

/// From the request to a verified event, or to what its source wants though it is not verified.
async fn receive(
    worker: &Worker,
    peer: &Rc<Peer>,
    mut request: Request<Incoming>,
    entry: &mut Entry,
) -> Result<Received, Refusal> {
    if let Some(bad) = peer.bad_head.take() {
        return Err(bad.into());
    }
    let (wired, host) = (&worker.wired(), server::host(&request)?);
    let Some(route) = wired.routes.find(host, request.uri().path()) else {
        return Err(read::past(wired, request, Refusal::NotFound).await);
    };
    entry.found(route);
    if let Some(require) = &route.source.require
        && !require::is_met(require, peer.address, request.headers_mut())
    {
        return Err(read::past(wired, request, Refusal::Requirement).await);
    }
    if request.method() != Method::POST {
        return handshake::unsigned(wired, route, request).await.map(Received::Greeted);
    }
    if let Some(busy) = worker.crowded(route) {
        return Err(read::past(wired, request, busy).await);
    }
    read::event(wired, route, peer, request).await
}

/// From a verified event to the answer, the app's own or the one that it gave before.
async fn pass(event: Box<Event>, mut entry: Box<Entry>) -> Response<Reply> {
    entry.verified(&event);
    match handshake::signed(&event) {
        Some(Ok(greeting)) => return entry.greet(greeting),
        Some(Err(refusal)) => return entry.refuse(refusal),
        None if !event.route.source.takes(event.identity.kind.as_deref()) => return entry.filter(),
        None => {}
    }
    match dedupe::turn(&event, &mut entry).await {
        Ok(Turn::Ours(claim)) => deliver(event, claim, entry).await,
        Ok(Turn::Answered(answer)) => entry.replay(answer),
        Ok(Turn::Queued(id)) => even_if_dropped(queue::repeat(event, id, entry)).await,
        Ok(Turn::JustQueued(id)) => entry.queued_before(id),
        Ok(Turn::Failed(answer)) => entry.share_failure(answer),
        Err(refusal) => entry.refuse(refusal),
    }
}

/// Delivers an event the way its source is configured, and finishes that even if the sender hangs up.
fn deliver(event: Box<Event>, claim: Option<Claim>, entry: Box<Entry>) -> EvenIfDropped<Response<Reply>> {
    match event.route.source.delivery {
        Delivery::Queue => even_if_dropped(queue::accept(event, claim, entry)),
        Delivery::Sync => even_if_dropped(forward::forward(event, claim, entry)),
        Delivery::SyncThenQueue { within } => even_if_dropped(sync_then_queue::deliver(event, claim, within, entry)),
    }
}
