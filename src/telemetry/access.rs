//! The one line that a request leaves.

use std::time::Duration;

use uuid::Uuid;

use super::words::{OutboundOutcome, Outcome};

/// What is said of a request when it is over. Never a secret, never a body, never a header as received.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// The request's id.
    pub request: Uuid,
    /// The source, if one was found.
    pub source: Option<&'a str>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in a word, where it was refused or failed, or was forwarded without being verified.
    pub reason: Option<&'static str>,
    /// The status it was answered with, if anybody was left to be answered.
    pub status: Option<u16>,
    /// The event's id, percent-encoded as in `Countersign-Event-Id`.
    pub event: Option<&'a str>,
    /// The delivery's id, where there is one.
    pub delivery: Option<Uuid>,
    /// From the request's head to the end of its answer.
    pub duration: Duration,
    /// How often the upstream was asked.
    pub attempts: u32,
}

impl Access<'_> {
    /// Whether the line would be written: what it takes need not be gathered otherwise.
    pub fn is_wanted() -> bool {
        tracing::enabled!(target: "countersign::access", tracing::Level::INFO)
    }

    /// Writes the line, at level `info`. Where that is off, nothing is formatted.
    pub fn log(&self) {
        if !Access::is_wanted() {
            return;
        }
        let (mut request, mut delivery) = (Uuid::encode_buffer(), Uuid::encode_buffer());
        tracing::info!(
            target: "countersign::access",
            request_id = text(self.request, &mut request),
            source = self.source,
            outcome = self.outcome.word(),
            reason = self.reason,
            status = self.status,
            event = self.event,
            delivery = self.delivery.map(|id| text(id, &mut delivery)),
            duration_ms = self.duration.as_secs_f64() * 1e3,
            attempts = self.attempts,
            "request"
        );
    }
}

/// What is said of a request of the app when it is over. Never a secret, never a body.
#[derive(Clone, Copy)]
pub struct OutboundAccess<'a> {
    /// The request's id.
    pub request: Uuid,
    /// The endpoint, where the request is for one.
    pub endpoint: Option<&'a str>,
    /// What became of it.
    pub outcome: OutboundOutcome,
    /// Why, in a word, where it was refused or failed.
    pub reason: Option<&'static str>,
    /// The status it was answered with, if anybody was left to be answered.
    pub status: Option<u16>,
    /// The event's id, where the app gave one.
    pub event: Option<&'a str>,
    /// The first delivery's id, where there is one.
    pub delivery: Option<Uuid>,
    /// How many deliveries there are.
    pub deliveries: usize,
    /// From the request's head to its answer.
    pub duration: Duration,
}

impl OutboundAccess<'_> {
    /// Writes the line, at level `info`. Where that is off, nothing is formatted.
    pub fn log(&self) {
        if !Access::is_wanted() {
            return;
        }
        let (mut request, mut delivery) = (Uuid::encode_buffer(), Uuid::encode_buffer());
        tracing::info!(
            target: "countersign::access",
            request_id = text(self.request, &mut request),
            endpoint = self.endpoint,
            outcome = self.outcome.word(),
            reason = self.reason,
            status = self.status,
            event = self.event,
            delivery = self.delivery.map(|id| text(id, &mut delivery)),
            deliveries = self.deliveries,
            duration_ms = self.duration.as_secs_f64() * 1e3,
            "outbound request"
        );
    }
}

/// An id as text, which is written as it is; what is displayed is looked at piece by piece.
fn text(id: Uuid, buffer: &mut [u8]) -> &str {
    id.hyphenated().encode_lower(buffer)
}
