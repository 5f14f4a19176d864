//! What an endpoint is sent: made once, when the event is accepted.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use uuid::Uuid;

use super::envelope::{self, Plain};
use super::identity::new_id;
use super::refusal::Refusal;
use super::route::{Route, is_name};
use crate::clock::Timestamp;
use crate::config::{Endpoint, Envelope};
use crate::http::header::strip_answer;
use crate::scheme::{self, Body, Carrier, Locator, Mechanism, Part, SignError, TimestampSource, type_header_value};
use crate::store::ledger::{DeliveryId, Message, NewDelivery, Start};

/// What the app gives.
pub(super) struct Given<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
    /// When it came.
    pub(super) at: Timestamp,
}

/// An event as one endpoint is sent it.
pub(super) struct Prepared {
    pub(super) event_id: String,
    pub(super) event_type: Option<String>,
    pub(super) message: Message,
    /// The id that the app gave: only such an event can come again.
    pub(super) named: Option<String>,
}

/// Names an event and puts it into its envelope.
///
/// # Errors
///
/// Where it lacks what the endpoint's envelope or scheme needs: it would fail at every attempt.
pub(super) fn prepare(endpoint: &Endpoint, given: &Given<'_>) -> Result<Prepared, Refusal> {
    let (own_id, own_kind) = own_names(endpoint, given.body);
    let named = given.id.map(str::to_owned).or(own_id);
    let kind = given.kind.map(str::to_owned).or(own_kind);
    let id = named.clone().unwrap_or_else(|| new_id(endpoint));
    if kind.is_none() && matches!(endpoint.scheme.event_type, Some(Locator::Header(_))) {
        return Err(Refusal::EventTypeMissing);
    }
    let (body, kind) = (given.body, kind.as_deref());
    let plain = Plain { body, id: &id, kind, endpoint: &endpoint.name, at: given.at, unique: Uuid::new_v4() };
    let body = envelope::wrap(endpoint.envelope, &plain)?;
    let message =
        Message { path: String::new(), headers: headers(endpoint, given.headers), body, credentials: Vec::new() };
    let (event_id, event_type) = (written(&id), kind.map(written));
    let prepared = Prepared { event_id, event_type, message, named };
    prepared.check(endpoint, given.at)?;
    Ok(prepared)
}

impl Prepared {
    /// The delivery of this event.
    pub(super) fn delivery(self, route: &Route, id: DeliveryId, at: Timestamp) -> NewDelivery {
        let delay = route.endpoint.retry.schedule.first().copied().unwrap_or_default();
        NewDelivery {
            id,
            target: route.target(),
            source: None,
            event_id: self.event_id,
            event_type: self.event_type,
            message: Arc::new(self.message),
            start: Start::Due(at.saturating_add(delay).unwrap_or(Timestamp::MAX)),
        }
    }

    /// Signs it for nothing: what cannot be signed now never can, but for want of a valid secret.
    fn check(&self, endpoint: &Endpoint, at: Timestamp) -> Result<(), Refusal> {
        let message = scheme::Message {
            body: self.message.body.clone(),
            event_id: Some(&self.event_id),
            event_type: self.event_type.as_deref(),
            method: &Method::POST,
            path: &endpoint.url.path,
            query: endpoint.query.as_deref(),
            // Any will do: whether it can be signed does not depend on it.
            public_url: Some("https://endpoint"),
            headers: &self.message.headers,
        };
        match endpoint.scheme.sign(&endpoint.keyring, &message, at) {
            Ok(_) | Err(SignError::NoValidKey) => Ok(()),
            Err(_) => Err(Refusal::NotSignable),
        }
    }
}

/// The id and the type that the app's body says of itself, where the receiver will read them from it.
fn own_names(endpoint: &Endpoint, body: &Bytes) -> (Option<String>, Option<String>) {
    match endpoint.envelope {
        Envelope::Jws => (envelope::id_in(body), None),
        Envelope::Lmif | Envelope::LoginRadius => (None, None),
        Envelope::None => endpoint.scheme.named(&Body::from(body.clone())),
    }
}

/// An id or a type as it is shown and sent: as the app gave it, or where it stands in the body and is no visible ASCII
/// or too long, what can stand in its place.
fn written(name: &str) -> String {
    if is_name(name) {
        return name.to_owned();
    }
    type_header_value(name).to_str().expect("it is written in visible ASCII").to_owned()
}

/// The headers that are the same at each attempt: `Content-Type`, where the sender that is played has none of its own,
/// and what the scheme signs of the app's headers.
fn headers(endpoint: &Endpoint, given: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Mechanism::Jws(_) = &endpoint.scheme.mechanism {
        return headers;
    }
    for part in endpoint.scheme.signed_parts() {
        if let Part::Header(name) = part
            && !is_made(endpoint, name)
        {
            headers.extend(given.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
    }
    if endpoint.scheme.sender.content_type.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
        let content_type = match endpoint.envelope {
            Envelope::None => given.get(header::CONTENT_TYPE).cloned(),
            _ => Some(HeaderValue::from_static("application/json")),
        };
        headers.extend(content_type.map(|value| (header::CONTENT_TYPE, value)));
    }
    // What is never sent cannot be signed: better said now than at every attempt.
    strip_answer(&mut headers);
    headers
}

/// Whether signing itself makes this header.
fn is_made(endpoint: &Endpoint, name: &HeaderName) -> bool {
    let scheme = &endpoint.scheme;
    let names = scheme.event_id.iter().chain(&scheme.event_type);
    let is_timestamp =
        matches!(scheme.timestamp().map(|rule| &rule.from), Some(TimestampSource::Header(made)) if made == name);
    is_timestamp
        || matches!(scheme.carrier().as_deref(), Some(Carrier::Headers(carriers)) if carriers.contains(name))
        || names.into_iter().any(|locator| matches!(locator, Locator::Header(made) if made == name))
}
