//! What is told of a request when it is over: one line of the log, and a count.

use std::rc::Rc;
use std::sync::Arc;

use http::{Response, StatusCode};
use tokio::time::Instant;
use uuid::Uuid;

use super::accept::Queued;
use super::read::Event;
use super::refusal::Refusal;
use super::reply::{self, Reply};
use super::route::Destination;
use super::worker::Worker;
use crate::clock;
use crate::http::server::Run;
use crate::store::KeptAnswer;
use crate::store::ledger::{AttemptAnswer, DeliveryId, Ledger};
use crate::telemetry::access::{Access, OutboundAccess};
use crate::telemetry::words::OutboundOutcome;

/// The record of one request. It is closed once, with the outcome.
pub(super) struct Entry {
    worker: Rc<Worker>,
    /// A gateway that drains waits for it.
    _run: Run,
    started: Instant,
    endpoint: Option<Arc<str>>,
    event_id: Option<String>,
    first: Option<DeliveryId>,
    deliveries: usize,
    is_closed: bool,
}

impl Entry {
    pub(super) fn begin(worker: &Rc<Worker>) -> Self {
        let (_run, worker, started) = (worker.running.one_more(), worker.clone(), Instant::now());
        Self { worker, _run, started, endpoint: None, event_id: None, first: None, deliveries: 0, is_closed: false }
    }

    /// It is known where the event is to go.
    pub(super) fn found(&mut self, destination: &Destination) {
        if let Destination::Endpoint(route) = destination {
            self.endpoint = Some(route.endpoint.name.clone());
        }
    }

    /// The event was read.
    pub(super) fn read(&mut self, event: &Event) {
        if Access::is_wanted() {
            self.event_id.clone_from(&event.id);
        }
    }

    /// Where deliveries are kept, if they are.
    pub(super) fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        self.worker.gateway.ledger.clone()
    }

    /// Answers what is on disk, or was before, or goes nowhere.
    pub(super) fn accepted(mut self, queued: Queued) -> Response<Reply> {
        (self.first, self.deliveries) = (queued.first, queued.count);
        self.close(queued.outcome, None, Some(queued.answer.status));
        match queued.outcome {
            OutboundOutcome::Duplicate => reply::again(queued.answer),
            _ => reply::kept(queued.answer),
        }
    }

    /// Answers with what the receiver said.
    pub(super) fn relayed(mut self, id: DeliveryId, is_success: bool, received: AttemptAnswer) -> Response<Reply> {
        (self.first, self.deliveries) = (Some(id), 1);
        let answer = reply::relayed(received);
        let outcome = if is_success { OutboundOutcome::Delivered } else { OutboundOutcome::Failed };
        self.close(outcome, None, Some(answer.status()));
        answer
    }

    /// Answers a repeat with the first answer.
    pub(super) fn replay(mut self, answer: KeptAnswer) -> Response<Reply> {
        self.close(OutboundOutcome::Duplicate, None, Some(answer.status));
        reply::again(answer)
    }

    /// Answers one that waited with the failure of the one it waited for.
    pub(super) fn share_failure(mut self, answer: KeptAnswer) -> Response<Reply> {
        if answer.body.is_none() {
            // Whoever it waited for was refused for reasons of its own.
            return self.refuse(Refusal::InFlight);
        }
        self.close(OutboundOutcome::Failed, Some("shared"), Some(answer.status));
        reply::kept(answer)
    }

    /// Answers a request that is not done.
    pub(super) fn refuse(mut self, refusal: Refusal) -> Response<Reply> {
        if let Refusal::Unanswered(unanswered) = &refusal {
            tracing::warn!(endpoint = self.endpoint.as_deref(), cause = unanswered.error, "{refusal}");
        }
        self.close(refusal.outcome(), Some(refusal.word()), Some(refusal.status()));
        refusal.answer()
    }

    fn close(&mut self, outcome: OutboundOutcome, reason: Option<&'static str>, status: Option<StatusCode>) {
        self.is_closed = true;
        self.worker.gateway.metrics.outbound(outcome);
        if !Access::is_wanted() {
            return;
        }
        let request: Uuid = clock::new_id();
        let access = OutboundAccess {
            request,
            endpoint: self.endpoint.as_deref(),
            outcome,
            reason,
            status: status.map(|status| status.as_u16()),
            event: self.event_id.as_deref(),
            delivery: self.first.map(|id| id.uuid()),
            deliveries: self.deliveries,
            duration: self.started.elapsed(),
        };
        access.log();
    }
}

impl Drop for Entry {
    /// hyper drops a request whose sender hangs up while it is read, or waits.
    fn drop(&mut self) {
        if !self.is_closed {
            self.close(OutboundOutcome::Refused, Some("hung_up"), None);
        }
    }
}
