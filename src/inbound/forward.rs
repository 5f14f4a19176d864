//! Hands a verified event to the app.

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use super::entry::Entry;
use super::read::Event;
use super::refusal::Refusal;
use super::reply::{self, Reply};
use crate::config::ForwardBody;
use crate::http::body::Frames;
use crate::http::client::SendError;
use crate::http::header::strip_request;
use crate::scheme::{Mechanism, type_header_value};
use crate::store::{Claim, KeptAnswer, Succession};

const ATTEMPT: HeaderName = HeaderName::from_static("countersign-attempt");
const DELIVERY: HeaderName = HeaderName::from_static("countersign-delivery");
const EVENT_ID: HeaderName = HeaderName::from_static("countersign-event-id");
const EVENT_TYPE: HeaderName = HeaderName::from_static("countersign-event-type");
const SOURCE: HeaderName = HeaderName::from_static("countersign-source");
const VERIFIED: HeaderName = HeaderName::from_static("countersign-verified");

/// Sends the event to its upstream and answers with what the app says.
pub(super) async fn forward(event: Event, claim: Option<Claim>, mut entry: Entry) -> Response<Reply> {
    let client = event.client.clone();
    let (request, _share) = request(event, &mut entry);
    match client.send(request).await {
        Ok((answer, lease)) if !is_redirect(answer.status()) => reply::answer(answer, lease, claim, entry).await,
        Ok(_) => fail(Refusal::Redirected, claim, entry),
        Err(error) => fail(Refusal::Unanswered(error), claim, entry),
    }
}

/// A sender that follows a redirect may turn the POST into a GET, or show its
/// signature to another host. And nobody expects to switch protocols.
fn is_redirect(status: StatusCode) -> bool {
    status.is_redirection() || status.is_informational()
}

/// Gives up a delivery that the app did not answer, so that the sender's retry passes.
pub(super) fn fail(refusal: Refusal, claim: Option<Claim>, entry: Entry) -> Response<Reply> {
    if let Some(claim) = claim {
        claim.release(failure(&refusal), succession(&refusal));
    }
    entry.refuse(refusal)
}

/// The failure as those who wait for the same delivery are told it.
pub(super) fn failure(refusal: &Refusal) -> KeptAnswer {
    let body = format!("{{\"error\":\"{}\"}}", refusal.word());
    let content_type = Some(HeaderValue::from_static("application/json"));
    KeptAnswer { status: refusal.status(), content_type, body: Some(body.into()) }
}

/// Who waited through a whole timeout is not made to wait for another one.
fn succession(refusal: &Refusal) -> Succession {
    match refusal {
        Refusal::Unanswered(SendError::Late) => Succession::Nobody,
        _ => Succession::Next,
    }
}

fn request(event: Event, entry: &mut Entry) -> (Request<Frames>, super::budget::Share) {
    let Event { route, client, verified, identity, mut headers, uri, way, share, .. } = event;
    let source = &route.source;
    strip_request(&mut headers, |name| route.signs_with(name));
    headers.reserve(12);
    headers.insert(header::HOST, client.upstream().url.authority.clone());
    way.write(&mut headers);
    headers.insert(SOURCE, route.label.clone());
    headers.insert(EVENT_ID, identity.id.header_value());
    if let Some(kind) = &identity.kind {
        headers.insert(EVENT_TYPE, type_header_value(kind));
    }
    headers.insert(DELIVERY, entry.delivery_id());
    headers.insert(ATTEMPT, HeaderValue::from_static("1"));
    headers.insert(VERIFIED, HeaderValue::from_static("true"));
    if matches!(source.scheme.mechanism, Mechanism::Jws(_)) && source.forward.body == ForwardBody::Payload {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.remove(header::CONTENT_ENCODING);
    }

    let body = Event::take_body(verified, source.forward.body);
    // hyper leaves it out where there is no body, and some servers then wait for one.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let mut request = Request::new(Frames::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target(&client.upstream().url.path, source.forward.path.as_deref(), &uri);
    *request.headers_mut() = headers;
    (request, share)
}

/// The upstream's path and `forward.path`, or else the request's own; the query goes along.
fn target(base: &str, path: Option<&str>, received: &Uri) -> Uri {
    let own = received.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    if base.is_empty() && path.is_none() {
        return Uri::from(own);
    }
    let mut target = format!("{base}{}", path.unwrap_or(own.path()));
    if let Some(query) = own.query() {
        target.push('?');
        target.push_str(query);
    }
    target.try_into().expect("config allows only paths that are valid in a URI")
}
