//! What an operator is told of a target's attempts.

use std::cell::Cell;
use std::fmt;

use super::Concluded;
use super::breaker::Turn;
use crate::store::ledger::{Leased, LedgerError, Next, Target, TargetKind};
use crate::telemetry::attempt::AttemptLine;
use crate::telemetry::metrics::TargetMetrics;

/// Counts an attempt, and writes its line.
pub(crate) fn attempt(metrics: &TargetMetrics, leased: &Leased, concluded: &Concluded) {
    let attempt = &concluded.attempt;
    let (endpoint, upstream) = names(&leased.target);
    metrics.attempt(attempt.outcome, attempt.took);
    let line = AttemptLine {
        delivery: &leased.id,
        event: &leased.event_id,
        endpoint,
        upstream,
        source: leased.source.as_deref(),
        attempt: attempt.number,
        outcome: attempt.outcome,
        status: attempt.answer.as_ref().map(|answer| answer.status),
        error: attempt.error.as_deref(),
        duration: attempt.took,
        next: &Follows(concluded.next),
    };
    line.log();
    if concluded.next == Next::Dead {
        line.log_dead();
    }
}

/// Shows that a target went down, or came back.
pub(super) fn turn(metrics: &TargetMetrics, target: &Target, turn: Turn) {
    let (endpoint, upstream) = names(target);
    metrics.open(turn == Turn::Opened);
    match turn {
        Turn::Opened => tracing::warn!(endpoint, upstream, "it seems to be down: one attempt at a time is made"),
        Turn::Closed => tracing::info!(endpoint, upstream, "it answers again"),
    }
}

/// Says that a target was paused by what it answered.
pub(super) fn paused(target: &Target, reason: &str) {
    let (endpoint, upstream) = names(target);
    tracing::warn!(endpoint, upstream, reason, "paused, until it is resumed");
}

/// Says that a target's loop broke, which is a bug of ours.
pub(super) fn broken(target: &Target) {
    let (endpoint, upstream) = names(target);
    tracing::error!(endpoint, upstream, "deliveries stand still until the next start");
}

/// The name as an endpoint's, and as an upstream's.
fn names(target: &Target) -> (Option<&str>, Option<&str>) {
    match target.kind {
        TargetKind::Endpoint => (Some(&target.name), None),
        TargetKind::Upstream => (None, Some(&target.name)),
    }
}

/// What of the store cannot be used, for all targets.
#[derive(Debug)]
pub(super) struct Outages {
    pub(super) reading: Outage,
    pub(super) writing: Outage,
}

/// Says once that it began, and once that it is over.
#[derive(Debug)]
pub(super) struct Outage {
    what: &'static str,
    is_told: Cell<bool>,
}

impl Default for Outages {
    fn default() -> Outages {
        let of = |what| Outage { what, is_told: Cell::new(false) };
        Outages { reading: of("what is due cannot be read"), writing: of("the ends of attempts cannot be recorded") }
    }
}

impl Outage {
    pub(super) fn began(&self, error: LedgerError) {
        if !self.is_told.replace(true) {
            tracing::error!(reason = self.what, cause = %error, "deliveries stand still");
        }
    }

    pub(super) fn is_over(&self) {
        if self.is_told.replace(false) {
            tracing::info!(reason = self.what, "over: deliveries go on");
        }
    }
}

struct Follows(Next);

impl fmt::Display for Follows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Next::Dead => f.write_str("dead"),
            Next::Delivered => f.write_str("delivered"),
            Next::Due(at) => write!(f, "{at:.3}"),
        }
    }
}
