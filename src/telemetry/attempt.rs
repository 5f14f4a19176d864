//! The one line that an attempt to deliver from the queue leaves.

use std::fmt;
use std::time::Duration;

use super::words::AttemptOutcome;

/// What is said of an attempt when it is over. Never a secret, never a body, never a header as received.
#[derive(Clone, Copy)]
pub struct AttemptLine<'a> {
    /// The delivery's id.
    pub delivery: &'a dyn fmt::Display,
    /// The event's id, percent-encoded as in `Countersign-Event-Id`.
    pub event: &'a str,
    /// The endpoint, where the delivery goes to one.
    pub endpoint: Option<&'a str>,
    /// The upstream, where the delivery goes to one. A line has a field `target` of its own.
    pub upstream: Option<&'a str>,
    /// The source that it came from, if it is no event of the app.
    pub source: Option<&'a str>,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The status it was answered with, if it was.
    pub status: Option<u16>,
    /// What went wrong, in words of ours.
    pub error: Option<&'a str>,
    /// How long it took.
    pub duration: Duration,
    /// What follows: `delivered`, `dead`, or when the next attempt is due.
    pub next: &'a dyn fmt::Display,
}

impl AttemptLine<'_> {
    /// Writes the line, at level `info`. Where that is off, nothing is formatted.
    pub fn log(&self) {
        tracing::info!(
            target: "countersign::attempt",
            delivery = %self.delivery,
            event = self.event,
            endpoint = self.endpoint,
            upstream = self.upstream,
            source = self.source,
            attempt = self.attempt,
            outcome = self.outcome.word(),
            status = self.status,
            error = self.error,
            duration_ms = self.duration.as_secs_f64() * 1e3,
            next = %self.next,
            "attempt"
        );
    }

    /// Says that nothing follows by itself any more, at level `warn`.
    pub fn log_dead(&self) {
        tracing::warn!(
            delivery = %self.delivery,
            event = self.event,
            endpoint = self.endpoint,
            upstream = self.upstream,
            source = self.source,
            attempts = self.attempt,
            outcome = self.outcome.word(),
            status = self.status,
            "given up, until it is replayed"
        );
    }
}
