//! The one line that a request leaves.

use std::time::Duration;

use tracing::{Level, dispatcher};
use uuid::Uuid;

use super::line::Line;
use super::log::Log;
use super::words::{OutboundOutcome, Outcome};

/// Where these lines come from, as the log has it.
const TARGET: &str = "countersign::access";

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
        is_wanted()
    }

    /// Writes the line, at level `info`. Where that is off, nothing is formatted.
    pub fn log(&self) {
        info("request", |line| {
            line.id("request_id", self.request);
            if let Some(source) = self.source {
                line.text("source", source);
            }
            line.word("outcome", self.outcome.word());
            if let Some(reason) = self.reason {
                line.word("reason", reason);
            }
            if let Some(status) = self.status {
                line.number("status", u64::from(status));
            }
            if let Some(event) = self.event {
                line.text("event", event);
            }
            if let Some(delivery) = self.delivery {
                line.id("delivery", delivery);
            }
            line.milliseconds("duration_ms", self.duration);
            line.number("attempts", u64::from(self.attempts));
        });
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
        info("outbound request", |line| {
            line.id("request_id", self.request);
            if let Some(endpoint) = self.endpoint {
                line.text("endpoint", endpoint);
            }
            line.word("outcome", self.outcome.word());
            if let Some(reason) = self.reason {
                line.word("reason", reason);
            }
            if let Some(status) = self.status {
                line.number("status", u64::from(status));
            }
            if let Some(event) = self.event {
                line.text("event", event);
            }
            if let Some(delivery) = self.delivery {
                line.id("delivery", delivery);
            }
            line.number("deliveries", self.deliveries as u64);
            line.milliseconds("duration_ms", self.duration);
        });
    }
}

/// Whether the line would be written: what it takes need not be gathered otherwise.
fn is_wanted() -> bool {
    tracing::enabled!(target: TARGET, Level::INFO)
}

/// Writes a line straight into the log. By way of an event of `tracing`, which knows its fields by number and hands
/// them over one by one, it costs twice as much, and there is one for each request.
fn info(message: &str, fields: impl Fn(&mut Line<'_>)) {
    if !is_wanted() {
        return;
    }
    dispatcher::get_default(|subscriber| {
        if let Some(log) = subscriber.downcast_ref::<Log>() {
            log.line(&Level::INFO, TARGET, |line| {
                line.text("message", message);
                fields(line);
            });
        }
    });
}
