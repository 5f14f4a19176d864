//! What is told of a request when it is over: one line of the log, and counts.

use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode};
use tokio::time::Instant;
use uuid::Uuid;

use super::handshake;
use super::read::Event;
use super::refusal::Refusal;
use super::reply::{self, Reply};
use super::report::Unverified;
use super::route::Route;
use super::worker::Worker;
use crate::clock::{self, Timestamp};
use crate::config::Delivery;
use crate::http::client::SendError;
use crate::http::gate::Gate;
use crate::http::server::{Run, Unread};
use crate::scheme::{Greeting, Rejection};
use crate::store::KeptAnswer;
use crate::store::ledger::{DeliveryId, Ledger};
use crate::telemetry::access::Access;
use crate::telemetry::words::{Outcome, Reason};

/// The record of one request. It is closed once, with the outcome. In a box, as it goes a long way.
pub(super) struct Entry {
    worker: Rc<Worker>,
    /// A gateway that drains waits for it.
    _run: Run,
    started: Instant,
    /// When a verified event's head was read.
    at: Option<Timestamp>,
    /// Identifies the request in the log and, once it is one, the delivery.
    id: Option<Uuid>,
    route: Option<Rc<Route>>,
    event_id: Option<HeaderValue>,
    /// The delivery that the request is, or that it repeats.
    delivery: Option<Uuid>,
    attempts: u32,
    /// When the event was handed to its upstream.
    sent: Option<Instant>,
    /// Why the request, which was forwarded, is not verified.
    unverified: Option<&'static str>,
    /// The event's body is known under another id.
    is_replayed: bool,
    is_closed: bool,
}

#[expect(clippy::boxed_local, reason = "it goes a long way, and is moved as a pointer")]
impl Entry {
    pub(super) fn begin(worker: &Rc<Worker>) -> Box<Self> {
        let (_run, worker) = (worker.running.one_more(), worker.clone());
        let (started, at, id, route, event_id, delivery) = (Instant::now(), None, None, None, None, None);
        let (attempts, sent, unverified, is_replayed, is_closed) = (0, None, None, false, false);
        Box::new(Self {
            worker,
            _run,
            started,
            at,
            id,
            route,
            event_id,
            delivery,
            attempts,
            sent,
            unverified,
            is_replayed,
            is_closed,
        })
    }

    /// The request's source is known.
    pub(super) fn found(&mut self, route: &Rc<Route>) {
        self.route = Some(route.clone());
    }

    /// The signature matched.
    pub(super) fn verified(&mut self, event: &Event) {
        event.route.metrics.verified(event.verified.key());
        self.at = Some(event.at);
        if Access::is_wanted() {
            self.event_id = Some(event.identity.id.header_value());
        }
    }

    /// The signature was rejected, and the app sees the request all the same.
    pub(super) fn not_verified(&mut self, unverified: &Unverified) {
        unverified.route.metrics.rejection(signature(unverified.rejection));
        let reason = unverified.rejection.reason();
        self.unverified = Some(reason);
        tracing::warn!(
            source = %unverified.route.source.name,
            reason,
            "a request that is not verified is forwarded: the source's `verification` is `report_only`"
        );
    }

    /// The event's id came before, with another body.
    pub(super) fn conflict(&mut self, event: &Event) {
        event.route.metrics.outcome(Outcome::Conflict);
        event.route.metrics.conflict();
        tracing::warn!(
            source = %event.route.source.name,
            event_id = event.identity.id.header_value().to_str().unwrap_or_default(),
            signed = event.known_by().signed,
            "a known event id came with another body"
        );
    }

    /// The event's body came before, under another id or type: what follows for it is a replay.
    pub(super) fn replayed<T>(&mut self, follows: T) -> T {
        self.is_replayed = true;
        follows
    }

    /// `Countersign-Delivery`, for an attempt that is about to be made.
    pub(super) fn attempt(&mut self) -> HeaderValue {
        let id = self.id();
        self.attempt_of(id)
    }

    /// The same, for a delivery that has an id of its own.
    pub(super) fn attempt_of(&mut self, delivery: Uuid) -> HeaderValue {
        self.delivery = Some(delivery);
        self.attempts += 1;
        self.sent = Some(Instant::now());
        let mut text = Uuid::encode_buffer();
        let text = delivery.hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).expect("a UUID is visible ASCII")
    }

    /// When the event was handed to its upstream; it was.
    pub(super) fn sent(&self) -> Instant {
        self.sent.unwrap_or(self.started)
    }

    /// The way of events to the store.
    pub(super) fn way_to_store(&self) -> &Gate {
        &self.worker.gateway.way_to_store
    }

    /// The source that the request is for; one was found.
    pub(super) fn route(&self) -> &Rc<Route> {
        self.route.as_ref().expect("an event came to a source")
    }

    /// The attempt may outlast the request: it is timed by whoever sees its end.
    pub(super) fn leave_untimed(&mut self) {
        self.sent = None;
    }

    /// Where deliveries are kept.
    pub(super) fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        self.worker.gateway.store.ledger()
    }

    /// Keeps a gateway that drains waiting beyond this request.
    pub(super) fn one_more(&self) -> Run {
        self.worker.running.one_more()
    }

    fn id(&mut self) -> Uuid {
        // The clock is read once where it was read before.
        *self.id.get_or_insert_with(|| clock::id_of(self.at.unwrap_or_else(clock::now)))
    }

    /// The app's answer is whole.
    pub(super) fn delivered(mut self: Box<Self>, status: StatusCode) {
        let outcome = if status.is_success() { Outcome::Delivered } else { Outcome::Failed };
        self.close(outcome, self.unverified, Some(status));
    }

    /// The app's answer broke off after its head had gone to the sender.
    pub(super) fn broken_off(mut self: Box<Self>, refusal: &Refusal) {
        self.close(Outcome::Failed, Some(refusal.word()), Some(refusal.status()));
    }

    /// Answers a duplicate with the first answer.
    pub(super) fn replay(mut self: Box<Self>, answer: KeptAnswer) -> Response<Reply> {
        let outcome = if self.is_replayed { Outcome::Replayed } else { Outcome::Duplicate };
        self.close(outcome, None, Some(answer.status));
        reply::again(answer)
    }

    /// Answers that the event is on disk.
    pub(super) fn queued(mut self: Box<Self>, id: DeliveryId) -> Response<Reply> {
        let answer = self.acknowledgement(id);
        self.delivery = Some(id.uuid());
        self.close(Outcome::Queued, None, Some(answer.status));
        reply::shared(answer)
    }

    /// Answers the repeat of an event that is on disk.
    pub(super) fn queued_before(mut self: Box<Self>, id: DeliveryId) -> Response<Reply> {
        self.delivery = Some(id.uuid());
        let answer = self.acknowledgement(id);
        self.replay(answer)
    }

    fn acknowledgement(&self, id: DeliveryId) -> KeptAnswer {
        reply::queued(id, &self.route().source.acknowledge)
    }

    /// Answers what is no event but a handshake.
    pub(super) fn greet(mut self: Box<Self>, greeting: Greeting) -> Response<Reply> {
        self.close(Outcome::Handshake, None, Some(greeting.status));
        handshake::answer(greeting)
    }

    /// Answers an event that the source does not want.
    pub(super) fn filter(mut self: Box<Self>) -> Response<Reply> {
        self.close(Outcome::Filtered, None, Some(StatusCode::OK));
        Response::new(Reply::empty())
    }

    /// Answers one that waited with the failure of the one it waited for.
    pub(super) fn share_failure(mut self: Box<Self>, answer: KeptAnswer) -> Response<Reply> {
        let queues = self.route.as_ref().is_some_and(|route| route.source.delivery != Delivery::Sync);
        if queues && answer == KeptAnswer::bare(StatusCode::SERVICE_UNAVAILABLE) {
            // The ledger could not write the event down, and released the claim without a word.
            return self.refuse(Refusal::StoreUnavailable);
        }
        self.close(Outcome::Failed, Some("shared"), Some(answer.status));
        reply::shared(answer)
    }

    /// Answers a request that goes no further.
    pub(super) fn refuse(mut self: Box<Self>, refusal: Refusal) -> Response<Reply> {
        if let (Some(route), Some(reason)) = (&self.route, reason(&refusal)) {
            route.metrics.rejection(reason);
        }
        if let Refusal::Unanswered(error) = &refusal {
            self.tell_cause(error);
        }
        let answer = refusal.answer();
        self.close(outcome(&refusal), Some(refusal.word()), Some(refusal.status()));
        answer
    }

    fn tell_cause(&self, error: &SendError) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let source = self.route.as_ref().map(|route| route.source.name.clone());
        tracing::warn!(source = source.as_deref(), cause, "{error}");
    }

    fn close(&mut self, outcome: Outcome, reason: Option<&'static str>, status: Option<StatusCode>) {
        self.is_closed = true;
        let now = Instant::now();
        let duration = now.duration_since(self.started);
        if let Some(route) = &self.route {
            route.metrics.outcome(outcome);
            route.metrics.duration(duration);
            if let Some(sent) = self.sent {
                route.upstream_metrics.duration(now.duration_since(sent));
            }
        } else {
            self.worker.unrouted();
        }
        if !Access::is_wanted() {
            return;
        }
        let id = self.id();
        let access = Access {
            request: id,
            source: self.route.as_ref().map(|route| &*route.source.name),
            outcome,
            reason,
            status: status.map(|status| status.as_u16()),
            event: self.event_id.as_ref().and_then(|id| id.to_str().ok()),
            delivery: self.delivery,
            duration,
            attempts: self.attempts,
        };
        access.log();
    }
}

impl Drop for Entry {
    /// hyper drops a request whose sender hangs up while it is read, or waits for another.
    fn drop(&mut self) {
        if !self.is_closed {
            self.close(Outcome::Refused, Some("hung_up"), None);
        }
    }
}

fn outcome(refusal: &Refusal) -> Outcome {
    match refusal {
        Refusal::InFlight | Refusal::Overloaded | Refusal::StoreBusy | Refusal::UpstreamBusy => Outcome::Shed,
        Refusal::Redirected | Refusal::StoreUnavailable | Refusal::Unanswered(_) => Outcome::Failed,
        Refusal::BadChallenge
        | Refusal::MethodNotAllowed(_)
        | Refusal::NotFound
        | Refusal::Rejected(_)
        | Refusal::Requirement
        | Refusal::Unread(_)
        | Refusal::WrongToken => Outcome::Refused,
    }
}

fn reason(refusal: &Refusal) -> Option<Reason> {
    match refusal {
        Refusal::Unread(Unread::BodyTimeout) => Some(Reason::BodyTimeout),
        Refusal::Unread(Unread::BodyTooLarge) => Some(Reason::BodyTooLarge),
        Refusal::Rejected(rejection) => Some(signature(*rejection)),
        Refusal::Requirement | Refusal::WrongToken => Some(Reason::Requirement),
        _ => None,
    }
}

fn signature(rejection: Rejection) -> Reason {
    match rejection {
        Rejection::Algorithm => Reason::Algorithm,
        Rejection::Malformed => Reason::SignatureMalformed,
        Rejection::Mismatch => Reason::SignatureMismatch,
        Rejection::Missing => Reason::SignatureMissing,
        Rejection::Repeated => Reason::SignatureRepeated,
        Rejection::SecretExpired => Reason::SecretExpired,
        Rejection::Stale => Reason::Stale,
        Rejection::TooNew => Reason::TooNew,
    }
}
