//! An attempt to hand the app an event that was stored.

use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderValue, Method, Request, Uri, header};

use super::message::{ATTEMPT, DELIVERY};
use super::sign::Signer;
use crate::clock;
use crate::config::Upstream;
use crate::delivery::{Attempting, Courier, Unanswered, tried};
use crate::http::balance::{KeptHost, UpstreamClient};
use crate::http::body::Frames;
use crate::http::client::{Bounds, SendError};
use crate::scheme::Body;
use crate::store::ledger::{DeliveryId, KEPT_OF_ANSWER, Leased, Message};
use crate::telemetry::metrics::UpstreamMetrics;
use crate::telemetry::words::AttemptOutcome;

/// Makes attempts at one upstream. Its address is not checked: who configured it is trusted.
pub(crate) struct UpstreamCourier {
    client: Rc<UpstreamClient>,
    signer: Option<Signer>,
    metrics: UpstreamMetrics,
}

impl UpstreamCourier {
    /// One that times what the upstream takes.
    pub(crate) fn new(upstream: Arc<Upstream>, metrics: UpstreamMetrics) -> Rc<Self> {
        let signer = Signer::of(&upstream);
        Rc::new(Self { client: UpstreamClient::new(upstream), signer, metrics })
    }

    fn upstream(&self) -> &Upstream {
        self.client.upstream()
    }

    /// The request as it was stored, and what belongs to this attempt.
    fn request(&self, leased: &Leased, number: u32) -> Result<Request<Frames>, Unanswered> {
        let url = &self.upstream().url;
        let mut request = Request::new(Frames::from(Body::from(leased.message.body.clone())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target(&url.path, &leased.message)?;
        if leased.message.headers.contains_key(header::HOST) {
            // One that was stored is the sender's, to be kept.
            request.extensions_mut().insert(KeptHost);
        }
        let headers = request.headers_mut();
        headers.clone_from(&leased.message.headers);
        headers.entry(header::HOST).or_insert_with(|| url.authority.clone());
        headers.insert(DELIVERY, written(leased.id));
        headers.insert(ATTEMPT, number.into());
        headers.insert(header::CONTENT_LENGTH, leased.message.body.len().into());
        Ok(request)
    }
}

impl Courier for UpstreamCourier {
    fn attempt<'a>(&'a self, leased: &'a Leased, number: u32) -> Attempting<'a> {
        Box::pin(async move {
            let mut request = self.request(leased, number)?;
            if let Some(signer) = &self.signer
                && let Err(error) = signer.sign(&mut request, leased.message.body.clone(), clock::now())
            {
                return tried(Err(SendError::Unsigned(error)));
            }
            let time = self.upstream().retry.timeout.unwrap_or(self.upstream().timeout);
            let sent = clock::instant();
            let exchanged = self.client.fetch(request, Bounds { time, bytes: KEPT_OF_ANSWER }).await;
            self.metrics.duration(clock::since(sent));
            tried(exchanged)
        })
    }
}

/// The upstream's path and the message's own.
fn target(base: &str, message: &Message) -> Result<Uri, Unanswered> {
    let path = if base.is_empty() && message.path.is_empty() { "/" } else { &message.path };
    format!("{base}{path}").try_into().map_err(|_| Unanswered {
        outcome: AttemptOutcome::Connect,
        error: "the path that was stored cannot be sent".to_owned(),
    })
}

fn written(id: DeliveryId) -> HeaderValue {
    HeaderValue::try_from(id.to_string()).expect("a UUID is visible ASCII")
}

#[cfg(test)]
mod tests;
