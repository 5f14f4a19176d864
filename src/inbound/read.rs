//! Reads a request's body and verifies it on the way.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri, header};
use hyper::Request;
use hyper::body::{Body as _, Frame, Incoming};
use tokio::time::{Sleep, sleep};

use super::budget::Share;
use super::guard::Peer;
use super::refusal::Refusal;
use super::route::Route;
use super::way::Way;
use super::worker::Wired;
use crate::clock::{self, Timestamp};
use crate::config::{Dedup, ForwardBody, Source};
use crate::http::client::Client;
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
    match frames(wired, incoming, |_| Ok(())).await {
        Ok(()) => refusal,
        Err(instead) => instead,
    }
}

async fn body(wired: &Wired, incoming: Incoming, verifier: &mut Verifier<'_>) -> Result<(Body, Share), Refusal> {
    let mut share = Share::empty(&wired.budget);
    let mut body = Body::default();
    frames(wired, incoming, |bytes| {
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

/// Hands over the frames of a body as they come, under the limits of size and time.
async fn frames(
    wired: &Wired,
    mut incoming: Incoming,
    mut each: impl FnMut(Bytes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let limits = &wired.live.limits;
    if incoming.size_hint().lower() > limits.body as u64 {
        return Err(Refusal::BodyTooLarge);
    }
    let mut late = Late { limit: limits.read_timeout, timer: None };
    let mut size = 0;
    while !incoming.is_end_stream() {
        let Some(frame) = poll_fn(|cx| late.poll_frame(&mut incoming, cx)).await? else { break };
        // Trailers go no further: some servers take them for headers of the next request.
        let Ok(bytes) = frame.into_data() else { continue };
        size += bytes.len();
        if size > limits.body {
            return Err(Refusal::BodyTooLarge);
        }
        each(bytes)?;
    }
    Ok(())
}

/// The time that a body may take. It is set only if the body does not lie there already.
struct Late {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Late {
    fn poll_frame(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, Refusal>> {
        if let Poll::Ready(frame) = Pin::new(incoming).poll_frame(cx) {
            return Poll::Ready(frame.transpose().map_err(|_| Refusal::BodyBroken));
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        timer.as_mut().poll(cx).map(|()| Err(Refusal::BodyTimeout))
    }
}

impl Event {
    /// What deduplication knows it by.
    pub(super) fn known_by(&self) -> &Identity {
        self.key.as_ref().unwrap_or(&self.identity)
    }

    /// What the app is sent: the payload, or the bytes as they were received.
    pub(super) fn take_body(verified: Verified, form: ForwardBody) -> Body {
        match form {
            ForwardBody::Original => verified.into_original(),
            ForwardBody::Payload => verified.into_payload(),
        }
    }
}
