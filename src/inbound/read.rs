//! Reads a request's body and verifies it on the way.

use std::rc::Rc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri, header};
use hyper::Request;
use hyper::body::Incoming;

use super::refusal::Refusal;
use super::report::{Leave, Unverified};
use super::route::Route;
use super::worker::Wired;
use crate::clock::{self, Timestamp};
use crate::config::{Dedup, Source};
use crate::http::balance::UpstreamClient;
use crate::http::server::{Peer, Share, Way, frames};
use crate::scheme::{Body, Greeting, Head, Identity, Locator, Rejection, Verified};

/// A delivery whose signature matched. Only [`event`] makes one, out of a
/// [`Verified`], which only the scheme engine makes.
pub(super) struct Event {
    pub route: Rc<Route>,
    pub client: Rc<UpstreamClient>,
    pub verified: Verified,
    pub identity: Identity,
    /// What tells it apart, where that is not its id.
    pub key: Option<Identity>,
    pub headers: HeaderMap,
    pub uri: Uri,
    pub way: Rc<Way>,
    /// When its head was read.
    pub at: Timestamp,
    /// The body's share of the memory, held as long as the event.
    pub share: Share,
}

/// A request that goes further.
pub(super) enum Received {
    Event(Box<Event>),
    /// A handshake that nobody signs.
    Greeted(Greeting),
    Unverified(Box<Unverified>),
}

/// Reads a body under the limits of size, time and memory, hashing it as it comes.
pub(super) async fn event(
    wired: &Rc<Wired>,
    route: &Rc<Route>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Received, Refusal> {
    let (parts, incoming) = request.into_parts();
    let source = &route.source;
    let now = clock::now();
    let head = head(&parts, wired);
    let leave = Leave::of(source);
    let mut verifier = match (source.scheme.verifier(&source.keyring, &head, now), leave) {
        (Ok(verifier), _) => verifier,
        (Err(rejection), None) => return Err(skip(wired, incoming, Refusal::Rejected(rejection)).await),
        (Err(rejection), Some(leave)) => {
            let read = body(wired, incoming, |_| ()).await?;
            return Ok(unverified((wired, route, peer), parts, read, (rejection, leave)));
        }
    };
    let (body, share) = body(wired, incoming, |bytes| verifier.update(bytes)).await?;
    let kept = leave.map(|leave| (leave, body.clone()));
    let verified = match (verifier.finish(&head, body), kept) {
        (Ok(verified), _) => verified,
        (Err(rejection), None) => return Err(Refusal::Rejected(rejection)),
        (Err(rejection), Some((leave, body))) => {
            return Ok(unverified((wired, route, peer), parts, (body, share), (rejection, leave)));
        }
    };
    let identity = source.scheme.identify(&verified, &head, source.event_id.as_deref(), source.event_type.as_ref());
    let key = dedup_key(source).map(|key| source.scheme.identify(&verified, &head, Some(key), None));

    let way = way(peer, &parts);
    let (route, client) = (route.clone(), wired.clients[route.upstream].clone());
    let (headers, uri, at) = (parts.headers, parts.uri, now);
    Ok(Received::Event(Box::new(Event { route, client, verified, identity, key, headers, uri, way, at, share })))
}

/// What is forwarded though it is not verified.
fn unverified(
    (wired, route, peer): (&Wired, &Rc<Route>, &Peer),
    parts: Parts,
    (body, share): (Body, Share),
    (rejection, _leave): (Rejection, Leave),
) -> Received {
    let way = way(peer, &parts);
    let (route, client) = (route.clone(), wired.clients[route.upstream].clone());
    let Parts { headers, uri, .. } = parts;
    Received::Unverified(Box::new(Unverified { route, client, rejection, headers, uri, way, body, share, _leave }))
}

fn way(peer: &Peer, parts: &Parts) -> Rc<Way> {
    let host = match parts.uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        None => parts.headers.get(header::HOST).cloned(),
    };
    Way::of(peer, host.as_ref())
}

/// What tells a source's deliveries apart, where it is not the event's id.
fn dedup_key(source: &Source) -> Option<&[Locator]> {
    match &source.dedup {
        Dedup::On { key, .. } => key.as_deref(),
        Dedup::Off => None,
    }
}

fn head<'a>(parts: &'a Parts, wired: &'a Wired) -> Head<'a> {
    Head {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        public_url: wired.live.public_url.as_deref(),
    }
}

/// Reads past the body of a request that is refused by its head, and gives the refusal back.
///
/// A sender that keeps its connection would lose its next delivery if hyper closed
/// it on account of a body that nobody read. What does not come whole, within
/// the limits, is refused for that instead, and ends the connection.
pub(super) async fn past(wired: &Wired, request: Request<Incoming>, refusal: Refusal) -> Refusal {
    skip(wired, request.into_body(), refusal).await
}

/// Reads past a body that means nothing.
pub(super) async fn skipped(wired: &Wired, incoming: Incoming) -> Result<(), Refusal> {
    frames(&wired.live.limits, incoming, |_| Ok(())).await
}

async fn skip(wired: &Wired, incoming: Incoming, refusal: Refusal) -> Refusal {
    skipped(wired, incoming).await.err().unwrap_or(refusal)
}

async fn body(wired: &Wired, incoming: Incoming, mut each: impl FnMut(&[u8])) -> Result<(Body, Share), Refusal> {
    let mut share = Share::empty(&wired.budget);
    let mut body = Body::default();
    frames(&wired.live.limits, incoming, |bytes| {
        if !share.grow(bytes.len(), wired.live.limits.memory) {
            return Err(Refusal::Overloaded);
        }
        each(&bytes);
        body.push(bytes);
        Ok(())
    })
    .await?;
    Ok((body, share))
}

impl Event {
    /// What deduplication knows it by.
    pub(super) fn known_by(&self) -> &Identity {
        self.key.as_ref().unwrap_or(&self.identity)
    }
}
