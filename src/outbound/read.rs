//! Reads what the app gives: a body, and what its headers say of it.

use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName};
use hyper::Request;
use hyper::body::Incoming;

use super::refusal::Refusal;
use super::route::{Destination, Route, is_name};
use super::worker::Wired;
use crate::clock::{self, Timestamp};
use crate::http::server::{Share, frames};

const EVENT_ID: HeaderName = HeaderName::from_static("countersign-event-id");
const EVENT_TYPE: HeaderName = HeaderName::from_static("countersign-event-type");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest `Idempotency-Key`, in bytes.
const LONGEST_KEY: usize = 256;

/// An event as the app gives it.
pub(super) struct Event {
    /// The configuration that it came under.
    pub(super) wired: Rc<Wired>,
    /// Where it is to go.
    pub(super) routes: Vec<Arc<Route>>,
    /// The path that it was posted to.
    pub(super) path: String,
    /// Its id, if one was given.
    pub(super) id: Option<String>,
    /// Its type, if one was given.
    pub(super) kind: Option<String>,
    /// What a repeat of the request is known by.
    pub(super) idempotency_key: Option<Bytes>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// When it came.
    pub(super) at: Timestamp,
    /// The body's share of the memory, held as long as the event.
    pub(super) _share: Share,
}

/// Reads an event under the limits of size, time and memory.
pub(super) async fn event(
    wired: &Rc<Wired>,
    destination: Destination,
    request: Request<Incoming>,
) -> Result<Event, Refusal> {
    let given = match Given::read(request.headers()) {
        Ok(given) => given,
        Err(refusal) => return Err(past(wired, request, refusal).await),
    };
    let at = clock::now();
    let (parts, incoming) = request.into_parts();
    let (body, share) = body(wired, incoming).await?;
    let (kind, routes) = match destination {
        Destination::Endpoint(route) => (given.kind, vec![route]),
        Destination::Topic(kind, routes) => (Some(kind), routes),
    };
    let (wired, path) = (wired.clone(), parts.uri.path().to_owned());
    let (id, idempotency_key, headers) = (given.id, given.idempotency_key, parts.headers);
    Ok(Event { wired, routes, path, id, kind, idempotency_key, headers, body, at, _share: share })
}

/// Reads past the body of a request that is refused by its head, and gives the refusal back.
///
/// An app that keeps its connection would lose its next request if the connection were closed on
/// account of a body that nobody read. What does not come whole, within the limits, is refused
/// for that instead, and ends the connection.
pub(super) async fn past(wired: &Wired, request: Request<Incoming>, refusal: Refusal) -> Refusal {
    match frames(&wired.live.limits, request.into_body(), |_| Ok(())).await {
        Ok(()) => refusal,
        Err(instead) => instead,
    }
}

async fn body(wired: &Wired, incoming: Incoming) -> Result<(Bytes, Share), Refusal> {
    let limits = &wired.live.limits;
    let mut share = Share::empty(&wired.budget);
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    frames(limits, incoming, |bytes| {
        if !share.grow(bytes.len(), limits.memory) {
            return Err(Refusal::Overloaded);
        }
        if first.is_empty() {
            first = bytes;
        } else {
            rest.extend_from_slice(&bytes);
        }
        Ok(())
    })
    .await?;
    let body = if rest.is_empty() { first } else { [first, rest.freeze()].concat().into() };
    Ok((body, share))
}

/// What the headers say of an event.
pub(super) struct Given {
    pub(super) id: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) idempotency_key: Option<Bytes>,
}

impl Given {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let name = |header, refusal| match single(headers, header) {
            Ok(None) => Ok(None),
            Ok(Some(value)) => {
                let text = std::str::from_utf8(value).ok().filter(|text| is_name(text));
                text.map(|text| Some(text.to_owned())).ok_or(refusal)
            }
            Err(()) => Err(refusal),
        };
        let key = match single(headers, &IDEMPOTENCY_KEY) {
            Ok(None) => None,
            Ok(Some(key)) if (1..=LONGEST_KEY).contains(&key.len()) => Some(Bytes::copy_from_slice(key)),
            Ok(Some(_)) | Err(()) => return Err(Refusal::IdempotencyKey),
        };
        let (id, kind) = (name(&EVENT_ID, Refusal::EventId)?, name(&EVENT_TYPE, Refusal::EventType)?);
        Ok(Self { id, kind, idempotency_key: key })
    }
}

/// The value of a header that may be given once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(()) } else { Ok(first.map(|value| value.as_bytes())) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(pairs: &[(&HeaderName, &str)]) -> Result<Given, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Given::read(&headers)
    }

    #[test]
    fn ids_and_types_are_visible_ascii_and_given_once() {
        let given = read(&[(&EVENT_ID, "evt_1%20:x"), (&EVENT_TYPE, "user:created")]).unwrap();

        assert_eq!((given.id.as_deref(), given.kind.as_deref()), (Some("evt_1%20:x"), Some("user:created")));
        for bad in ["", "a b", "\u{e9}"] {
            assert!(matches!(read(&[(&EVENT_ID, bad)]), Err(Refusal::EventId)), "{bad}");
            assert!(matches!(read(&[(&EVENT_TYPE, bad)]), Err(Refusal::EventType)), "{bad}");
        }
        assert!(matches!(read(&[(&EVENT_ID, "1"), (&EVENT_ID, "1")]), Err(Refusal::EventId)));
        assert!(matches!(read(&[(&IDEMPOTENCY_KEY, "1"), (&IDEMPOTENCY_KEY, "1")]), Err(Refusal::IdempotencyKey)));
        assert!(matches!(read(&[(&IDEMPOTENCY_KEY, "")]), Err(Refusal::IdempotencyKey)));
    }
}
