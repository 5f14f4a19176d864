//! The side of the app: it posts plain events, and they are signed and delivered, in order:
//! route → read → once → dedupe → accept, or for a `sync` endpoint relay.
//!
//! What is answered 202 is on disk, put into its envelope and ready to be signed; attempts are
//! made by `delivery`.

mod accept;
mod courier;
mod dedupe;
mod entry;
mod envelope;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod identity;
mod message;
mod once;
mod read;
mod refusal;
mod relay;
mod reply;
mod route;
pub(crate) mod sample;
#[cfg(test)]
mod tests;
mod trial;
mod worker;

use std::rc::Rc;

use hyper::body::Incoming;
use hyper::{Request, Response};

pub(crate) use courier::EndpointCourier;
pub use worker::{Gateway, Worker};

use crate::config::EndpointDelivery;
use crate::http::server::{self, Peer};
use entry::Entry;
use once::Once;
use read::Event;
use refusal::Refusal;
use reply::Reply;
use worker::Wired;

/// Serves one request, from its head to the answer.
async fn handle(worker: Rc<Worker>, peer: Rc<Peer>, request: Request<Incoming>) -> Response<Reply> {
    let mut entry = Entry::begin(&worker);
    match receive(&worker.wired(), &peer, request, &mut entry).await {
        Ok(event) => pass(event, entry).await,
        Err(refusal) => entry.refuse(refusal),
    }
}

/// From the request to an event that is to be delivered.
async fn receive(
    wired: &Rc<Wired>,
    peer: &Peer,
    request: Request<Incoming>,
    entry: &mut Entry,
) -> Result<Event, Refusal> {
    if let Some(bad) = peer.bad_head.take() {
        return Err(bad.into());
    }
    server::host(&request)?;
    match route::destination(&wired.live, &request) {
        Ok(destination) => {
            entry.found(&destination);
            read::event(wired, destination, request).await
        }
        Err(refusal) => Err(read::past(wired, request, refusal).await),
    }
}

/// From an event to the answer: of the store, of the receiver, or the one that was given before.
async fn pass(event: Event, mut entry: Entry) -> Response<Reply> {
    entry.read(&event);
    let claim = match once::turn(&event).await {
        Ok(Once::Ours(claim)) => claim,
        Ok(Once::Answered(answer)) => return entry.replay(answer),
        Ok(Once::Failed(answer)) => return entry.share_failure(answer),
        Err(refusal) => return entry.refuse(refusal),
    };
    match &*event.routes {
        [route] if route.endpoint.delivery == EndpointDelivery::Sync => relay::relay(event, claim, entry).await,
        _ => accept::accept(event, claim, entry).await,
    }
}
