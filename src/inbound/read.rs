//! Reads a request's body and verifies it on the way.

use std::rc::Rc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri, header};
use hyper::Request;
use hyper::body::Incoming;

use super::refusal::Refusal;
use super::route::Route;
use super::worker::Wired;
use crate::clock::{self, Timestamp};
use crate::config::{Dedup, Source};
use crate::http::client::Client;
use crate::http::server::{Peer, Share, Way, frames};
use crate::scheme::{Body, Head, Identity, Locator, Verified, Verifier};

/// A delivery whose signature matched. Only [`event`] makes one, out of a
/// [`Verified`], which only the scheme engine makes.
pub(super) struct Event {
    pub route: Rc<Route>,
    pub client: Rc<Client>,
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

/// Reads a body under the limits of size, time and memory, hashing it as it comes.
pub(super) async fn event(
    wired: &Rc<Wired>,
    route: &Rc<Route>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Event, Refusal> {
    let (parts, incoming) = request.into_parts();
    let source = &route.source;
    let now = clock::now();
    let head = head(&parts, wired);
    let mut verifier = match source.scheme.verifier(&source.keyring, &head, now) {
        Ok(verifier) => verifier,
        Err(rejection) => return Err(skip(wired, incoming, Refusal::Rejected(rejection)).await),
    };
    let (body, share) = body(wired, incoming, &mut verifier).await?;
    let verified = verifier.finish(&head, body).map_err(Refusal::Rejected)?;
    let identity = source.scheme.identify(&verified, &head, source.event_id.as_deref(), source.event_type.as_ref());
    let key = dedup_key(source).map(|key| source.scheme.identify(&verified, &head, Some(key), None));

    let host = match parts.uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        None => parts.headers.get(header::HOST).cloned(),
    };
    let way = Way::of(peer, host.as_ref());
    let (route, client) = (route.clone(), wired.clients[route.upstream].clone());
    let (headers, uri, at) = (parts.headers, parts.uri, now);
    Ok(Event { route, client, verified, identity, key, headers, uri, way, at, share })
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

async fn skip(wired: &Wired, incoming: Incoming, refusal: Refusal) -> Refusal {
    match frames(&wired.live.limits, incoming, |_| Ok(())).await {
        Ok(()) => refusal,
        Err(instead) => instead,
    }
}

async fn body(wired: &Wired, incoming: Incoming, verifier: &mut Verifier<'_>) -> Result<(Body, Share), Refusal> {
    let mut share = Share::empty(&wired.budget);
    let mut body = Body::default();
    frames(&wired.live.limits, incoming, |bytes| {
        if !share.grow(bytes.len(), wired.live.limits.memory) {
            return Err(Refusal::Overloaded);
        }
        verifier.update(&bytes);
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
