//! What the app is sent, as far as it is the same at each attempt.
//!
//! An event that is forwarded at once and one that waits in the queue are written by
//! the same hand, so that an app cannot tell them apart. What is made at each attempt
//! is added by whoever makes it: the upstream's own path, `Host`, `Content-Length`,
//! `Countersign-Delivery` and `Countersign-Attempt`, and what is signed for the app.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use super::read::Event;
use super::report::Unverified;
use super::route::Route;
use crate::clock;
use crate::config::{Forward, ForwardBody, ForwardHost, UpstreamUrl};
use crate::http::balance::KeptHost;
use crate::http::body::Frames;
use crate::http::client::SendError;
use crate::http::header::strip_request;
use crate::http::server::{Share, Way};
use crate::scheme::{Body, Mechanism, type_header_value};
use crate::store::ledger::{DeliveryId, Message, NewDelivery, Start, Target, TargetKind};

pub(super) const ATTEMPT: HeaderName = HeaderName::from_static("countersign-attempt");
pub(super) const DELIVERY: HeaderName = HeaderName::from_static("countersign-delivery");
pub(super) const EVENT_ID: HeaderName = HeaderName::from_static("countersign-event-id");
pub(super) const EVENT_TYPE: HeaderName = HeaderName::from_static("countersign-event-type");
const SOURCE: HeaderName = HeaderName::from_static("countersign-source");
pub(super) const VERIFIED: HeaderName = HeaderName::from_static("countersign-verified");

/// What is not stored unless the source names it: it lets its holder in somewhere, and is for the first attempt alone.
const CREDENTIALS: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// An event as its app is sent it, but for what is made at each attempt.
#[derive(Clone)]
pub(super) struct Outgoing(Draft);

/// What is not verified, as its app is sent it. It can be sent once, and not be stored.
pub(super) struct Disclosed(Draft);

/// A request to an app. Nobody else makes one: who sends or stores has verified, or says that he has not.
#[derive(Clone)]
struct Draft {
    route: Rc<Route>,
    headers: HeaderMap,
    received: Uri,
    body: Body,
}

impl Disclosed {
    /// Of a request that its source wants though it is not verified; the share is to be held as long as the bytes are.
    pub(super) fn of(unverified: Unverified) -> (Self, Share) {
        let Unverified { route, headers, uri: received, way, body, share, .. } = unverified;
        let mut headers = passed_on(&route, &way, headers);
        headers.insert(VERIFIED, HeaderValue::from_static("false"));
        (Self(Draft { route, headers, received, body }), share)
    }

    /// The only attempt. It is never signed for the app, as nobody knows who has sent it, and nothing that came with it
    /// passes for a signature of ours.
    pub(super) fn request(mut self, upstream: &UpstreamUrl, delivery: HeaderValue) -> Request<Frames> {
        if let Some(signer) = &self.0.route.signer {
            signer.leave_unsigned(&mut self.0.headers);
        }
        self.0.request(upstream, delivery)
    }
}

impl Outgoing {
    /// Of a verified event; the share of the memory is to be held as long as the bytes are.
    pub(super) fn of(mut event: Box<Event>) -> (Self, Share) {
        let headers = headers(&mut event);
        let Event { route, verified, uri: received, share, .. } = *event;
        let body = match route.source.forward.body {
            ForwardBody::Original => verified.into_original(),
            ForwardBody::Payload => verified.into_payload(),
        };
        (Self(Draft { route, headers, received, body }), share)
    }

    /// The first attempt, signed where the app wants that.
    pub(super) fn request(
        mut self,
        upstream: &UpstreamUrl,
        delivery: HeaderValue,
    ) -> Result<Request<Frames>, SendError> {
        let Some(signer) = self.0.route.signer.clone() else { return Ok(self.0.request(upstream, delivery)) };
        let whole = joined(std::mem::take(&mut self.0.body));
        self.0.body = whole.clone().into();
        let mut request = self.0.request(upstream, delivery);
        signer.sign(&mut request, whole, clock::now()).map_err(SendError::Unsigned)?;
        Ok(request)
    }

    /// The delivery that is stored under this id.
    pub(super) fn delivery(self, id: DeliveryId, start: Start) -> NewDelivery {
        let Draft { route, mut headers, received, body } = self.0;
        let source = &route.source;
        unstore(&mut headers, &source.forward);
        NewDelivery {
            id,
            target: Target { kind: TargetKind::Upstream, name: source.upstream.name.clone() },
            source: Some(source.name.clone()),
            event_id: text(&headers, &EVENT_ID).unwrap_or_default(),
            event_type: text(&headers, &EVENT_TYPE),
            message: Arc::new(Message {
                path: path(source.forward.path.as_deref(), &received),
                headers,
                body: joined(body),
                credentials: source.forward.headers.clone(),
            }),
            start,
        }
    }
}

impl Draft {
    fn request(self, upstream: &UpstreamUrl, delivery: HeaderValue) -> Request<Frames> {
        let Self { route, mut headers, received, body } = self;
        if route.source.forward.host == ForwardHost::Upstream {
            headers.insert(header::HOST, upstream.authority.clone());
        }
        headers.insert(DELIVERY, delivery);
        headers.insert(ATTEMPT, HeaderValue::from_static("1"));
        // hyper leaves it out where there is no body, and some servers then wait for one.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let mut request = Request::new(Frames::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target(&upstream.path, route.source.forward.path.as_deref(), &received);
        *request.headers_mut() = headers;
        if route.source.forward.host == ForwardHost::Keep {
            request.extensions_mut().insert(KeptHost);
        }
        request
    }
}

/// Takes out what is not stored, or is made at each attempt. A `Host` that is kept is stored.
fn unstore(headers: &mut HeaderMap, forward: &Forward) {
    headers.remove(header::CONTENT_LENGTH);
    if forward.host == ForwardHost::Upstream {
        headers.remove(header::HOST);
    }
    for name in CREDENTIALS.iter().filter(|name| !forward.headers.contains(name)) {
        headers.remove(name);
    }
}

/// What the app is sent of the headers of any request to its source.
fn passed_on(route: &Route, way: &Way, mut headers: HeaderMap) -> HeaderMap {
    strip_request(&mut headers, |name| route.signs_with(name));
    if let Mechanism::Token(name) = &route.source.scheme.mechanism {
        // The secret itself: the app has no use for it, and the store must not hold it.
        headers.remove(name);
    }
    headers.reserve(12);
    way.write(&mut headers);
    if let (ForwardHost::Keep, Some(host)) = (route.source.forward.host, way.host()) {
        headers.insert(header::HOST, host.clone());
    }
    headers.insert(SOURCE, route.label.clone());
    headers
}

/// Takes an event's headers, and makes of them what the app is sent.
fn headers(event: &mut Event) -> HeaderMap {
    let (route, identity) = (&event.route, &event.identity);
    let mut headers = passed_on(route, &event.way, std::mem::take(&mut event.headers));
    headers.insert(EVENT_ID, identity.id.header_value());
    if let Some(kind) = &identity.kind {
        headers.insert(EVENT_TYPE, type_header_value(kind));
    }
    headers.insert(VERIFIED, HeaderValue::from_static("true"));
    let source = &route.source;
    if matches!(source.scheme.mechanism, Mechanism::Jws(_)) && source.forward.body == ForwardBody::Payload {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.remove(header::CONTENT_ENCODING);
    }
    headers
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The upstream's path and what follows it.
fn target(base: &str, path: Option<&str>, received: &Uri) -> Uri {
    if base.is_empty() && path.is_none() {
        let own = received.path_and_query().cloned();
        return Uri::from(own.unwrap_or_else(|| PathAndQuery::from_static("/")));
    }
    let target = format!("{base}{}", self::path(path, received));
    target.try_into().expect("config allows only paths that are valid in a URI")
}

/// `forward.path`, or else the request's own; the query goes along.
fn path(path: Option<&str>, received: &Uri) -> String {
    match (path, received.query()) {
        (None, _) => received.path_and_query().map_or("/", |own| own.as_str()).to_owned(),
        (Some(path), None) => path.to_owned(),
        (Some(path), Some(query)) => format!("{path}?{query}"),
    }
}

/// All frames side by side; a single one is not copied.
fn joined(body: Body) -> Bytes {
    let length = body.len();
    let mut frames = body.into_frames();
    let first = frames.next().unwrap_or_default();
    if first.len() == length {
        return first;
    }
    let mut joined = Vec::with_capacity(length);
    joined.extend_from_slice(&first);
    frames.for_each(|frame| joined.extend_from_slice(&frame));
    joined.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_configured_one_or_else_the_requests_own_and_the_query_goes_along() {
        let path = |own, received| super::path(own, &Uri::from_static(received));

        assert_eq!(path(None, "/hooks/a?b=c"), "/hooks/a?b=c");
        assert_eq!(path(Some("/in"), "/hooks/a?b=c"), "/in?b=c");
        assert_eq!(path(Some("/in"), "/hooks/a"), "/in");
        assert_eq!(path(None, "http://h"), "/");
    }

    #[test]
    fn a_body_of_one_frame_is_stored_without_a_copy_and_frames_are_joined_in_order() {
        let frame = Bytes::from(vec![7; 100]);

        let single = joined(frame.clone().into());
        let several = joined(["a", "bc", "d"].map(Bytes::from).into_iter().collect());

        assert_eq!(single.as_ptr(), frame.as_ptr());
        assert_eq!(several, "abcd");
        assert_eq!(joined(Body::default()), "");
    }
}
