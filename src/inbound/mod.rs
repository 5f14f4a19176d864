//! The way of a delivery from its sender to the app, in order:
//! listen → route → read and verify → dedupe → forward → reply.
//!
//! Every step turns one type into a more trusted one: a request whose route is
//! known, an `Event` that only verification can make, a turn that only the
//! store can give. What is wrong ends the way early as a `Refusal`.

mod budget;
mod dedupe;
mod entry;
mod finish;
mod forward;
mod guard;
mod head;
mod listen;
mod read;
mod refusal;
mod reply;
mod route;
mod way;
mod worker;

use std::rc::Rc;

use http::Method;
use hyper::body::Incoming;
use hyper::{Request, Response};

pub use listen::{BindError, Listeners};
pub use worker::{Gateway, Worker};

use dedupe::Turn;
use entry::Entry;
use guard::Peer;
use read::Event;
use refusal::Refusal;
use reply::Reply;
use worker::Wired;

/// Serves one request, from its head to the answer.
async fn handle(worker: Rc<Worker>, peer: Rc<Peer>, request: Request<Incoming>) -> Response<Reply> {
    let (last, is_head) = (peer.chunked.get(), request.method() == Method::HEAD);
    let busy = peer.busy();
    let mut entry = Entry::begin(&worker);
    let mut answer = match receive(&worker.wired(), &peer, request, &mut entry).await {
        Ok(event) => pass(event, entry).await,
        Err(refusal) => entry.refuse(refusal),
    };
    if is_head {
        reply::without_content(&mut answer);
    }
    answer.body_mut().hold(busy);
    if last || worker.draining() {
        reply::close(&mut answer);
    }
    answer
}

/// From the request to a verified event.
async fn receive(
    wired: &Rc<Wired>,
    peer: &Rc<Peer>,
    request: Request<Incoming>,
    entry: &mut Entry,
) -> Result<Event, Refusal> {
    if let Some(bad) = peer.bad_head.take() {
        return Err(bad.into());
    }
    let host = route::host(&request)?;
    let Some(route) = wired.routes.find(host, request.uri().path()) else {
        return Err(read::past(wired, request, Refusal::NotFound).await);
    };
    entry.found(route);
    if request.method() != Method::POST {
        return Err(read::past(wired, request, Refusal::MethodNotAllowed).await);
    }
    read::event(wired, route, peer, request).await
}

/// From a verified event to the answer, the app's own or the one that it gave before.
async fn pass(event: Event, mut entry: Entry) -> Response<Reply> {
    entry.verified(&event);
    match dedupe::turn(&event, &mut entry).await {
        Ok(Turn::Ours(claim)) => finish::even_if_dropped(forward::forward(event, claim, entry)).await,
        Ok(Turn::Answered(answer)) => entry.replay(answer),
        Ok(Turn::Failed(answer)) => entry.share_failure(answer),
        Err(refusal) => entry.refuse(refusal),
    }
}
