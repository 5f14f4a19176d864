//! An attempt at an endpoint: signed when it is made.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use jiff::Timestamp;

use crate::clock;
use crate::config::{Egress, Endpoint};
use crate::delivery::{Attempting, Courier, Unanswered, tried};
use crate::http::body::Frames;
use crate::http::client::{Bounds, Client};
use crate::http::endpoint::Outside;
use crate::http::header::strip_answer;
use crate::scheme::{Body, Message, SignError};
use crate::store::ledger::{KEPT_OF_ANSWER, Leased};
use crate::telemetry::words::AttemptOutcome;

/// How long an attempt may take where the schedule does not say: as long as LMIF waits, and Standard Webhooks advises.
const TIMEOUT: Duration = Duration::from_secs(30);

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("countersign/", env!("CARGO_PKG_VERSION")));

/// Makes attempts at one endpoint.
pub(crate) struct EndpointCourier {
    endpoint: Arc<Endpoint>,
    client: Rc<Client<Outside>>,
    target: Target,
    /// Whether it was told that no secret is valid, and none was since.
    is_told: Cell<bool>,
}

/// Where the endpoint's URL points.
struct Target {
    /// Scheme and authority.
    origin: String,
    path: String,
    uri: Uri,
}

impl EndpointCourier {
    /// One that connects to addresses that `egress` permits.
    pub(crate) fn new(endpoint: Arc<Endpoint>, egress: Egress) -> Rc<Self> {
        let outside = Outside::new(endpoint.clone(), egress);
        Self::over(outside, endpoint)
    }

    /// One that connects like this.
    fn over(outside: Outside, endpoint: Arc<Endpoint>) -> Rc<Self> {
        let (target, client) = (Target::of(&endpoint), Client::new(outside));
        Rc::new(Self { endpoint, client, target, is_told: Cell::default() })
    }

    /// The request as the sender that is played would make it at `now`: its headers, and the very bytes that are signed.
    fn request(&self, leased: &Leased, now: Timestamp) -> Result<Request<Frames>, SignError> {
        let mut headers = leased.message.headers.clone();
        // Before it is signed: what is signed is sent.
        strip_answer(&mut headers);
        headers.insert(header::HOST, self.endpoint.url.authority.clone());
        let message = Message {
            body: leased.message.body.clone(),
            event_id: Some(&leased.event_id),
            event_type: leased.event_type.as_deref(),
            method: &Method::POST,
            path: &self.target.path,
            query: self.endpoint.query.as_deref(),
            public_url: Some(&self.target.origin),
            headers: &headers,
        };
        let signed = self.endpoint.scheme.sign(&self.endpoint.keyring, &message, now)?;
        headers.extend(signed.headers.into_iter().map(|(name, value)| (Some(name), value)));
        Ok(self.assemble(headers, signed.body.into()))
    }

    /// Tells once that the last secret has ended: nothing arrives any more until somebody gives another.
    fn tell(&self, signed: Result<(), SignError>) {
        let is_mute = signed == Err(SignError::NoValidKey);
        if is_mute && !self.is_told.get() {
            tracing::error!(endpoint = %self.endpoint.name, "no secret is valid: nothing is sent until there is one");
        }
        self.is_told.set(is_mute);
    }

    fn assemble(&self, mut headers: HeaderMap, body: Body) -> Request<Frames> {
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let mut request = Request::new(Frames::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = headers;
        request
    }
}

impl Courier for EndpointCourier {
    fn attempt<'a>(&'a self, leased: &'a Leased, _: u32) -> Attempting<'a> {
        Box::pin(async move {
            let request = self.request(leased, clock::now());
            self.tell(request.as_ref().map(|_| ()).map_err(|error| *error));
            let request = request.map_err(unsigned)?;
            let time = self.endpoint.retry.timeout.unwrap_or(TIMEOUT);
            tried(self.client.fetch(request, Bounds { time, bytes: KEPT_OF_ANSWER }).await)
        })
    }
}

impl Target {
    fn of(endpoint: &Endpoint) -> Self {
        let url = &endpoint.url;
        let path = if url.path.is_empty() { "/".to_owned() } else { url.path.clone() };
        let written = match &endpoint.query {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        let uri = written.try_into().expect("config allows only paths and queries that are valid in a URI");
        Self { origin: url.origin(), path, uri }
    }
}

/// An attempt that was not made, as nothing could be signed: what is sent would be refused. No outcome has a word for
/// it; like a connection that cannot be made, it is nobody's answer, and may go better the next time.
fn unsigned(error: SignError) -> Unanswered {
    Unanswered { outcome: AttemptOutcome::Connect, error: error.to_string() }
}

#[cfg(test)]
mod tests;
