//! Asks the app first, and puts on disk what it does not take at once.
//!
//! The sender waits for the app as long as its source allows, and no longer. An attempt
//! that is under way by then is not cancelled: it goes on as the first of the queued
//! delivery, whose lease it holds, so that no other starts beside it. What comes of it
//! is recorded, and a late 2xx ends the delivery.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout_at};

use super::entry::Entry;
use super::forward::{self, fail, failure, is_redirect, succession};
use super::message::Outgoing;
use super::queue;
use super::read::Event;
use super::refusal::Refusal;
use super::reply::{self, Reply};
use super::route::Route;
use crate::clock::{self, Instant, Timestamp};
use crate::delivery::{Concluded, Rules, conclude, report, tried};
use crate::http::client::SendError;
use crate::http::server::Share;
use crate::store::ledger::{
    Accepted, DeliveryId, Ended, KEPT_OF_ANSWER, Leased, Ledger, LedgerError, NewDelivery, Start, Target, TargetKind,
};
use crate::store::{Claim, Lent, Succession};

/// How long a store that could not be written is left alone.
const UNTIL_RECORDED: Duration = Duration::from_secs(1);

/// An attempt that is under way, until the answer of the app was read.
type Attempt = Pin<Box<dyn Future<Output = Result<Response<Bytes>, SendError>>>>;

/// Answers with the app's 2xx, if it comes in time, or else that the event is on disk.
pub(super) async fn deliver(
    event: Box<Event>,
    claim: Option<Claim>,
    within: Duration,
    mut entry: Box<Entry>,
) -> Response<Reply> {
    if event.route.way.is_full() {
        return queue::accept(event, claim, entry).await;
    }
    let Some(ledger) = entry.ledger() else { return fail(Refusal::StoreUnavailable, claim, entry) };
    let (started, begun) = (clock::now(), clock::instant());
    let until = begun + within;
    let (client, route, id) = (event.client.clone(), event.route.clone(), ledger.next_id(event.at));
    let (outgoing, share) = Outgoing::of(event);
    let request = outgoing.clone().request(&client.upstream().url, entry.attempt_of(id.uuid()));
    let first = First { ledger, route, id, started, begun, _share: share };
    let request = match request {
        Ok(request) => request,
        Err(error) => return first.missed(outgoing, Err(error), claim, entry).await,
    };

    let mut sending = {
        let route = first.route.clone();
        Box::pin(async move { forward::ask(&client, &route.way, request, begun).await })
    };
    let (answer, lease) = match timeout_at(until, &mut sending).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) => return first.missed(outgoing, Err(error), claim, entry).await,
        Err(_) => {
            let attempt = async {
                let (answer, lease) = sending.await?;
                lease.read(answer, KEPT_OF_ANSWER).await
            };
            return first.late(outgoing, Box::pin(attempt), claim, entry).await;
        }
    };
    if first.is_taken(answer.status()) && !reply::is_short(answer.body()) {
        return reply::answer(answer, lease, claim, entry).await;
    }
    let mut reading: Attempt = Box::pin(lease.read(answer, KEPT_OF_ANSWER));
    match timeout_at(until, &mut reading).await {
        Ok(Ok(answer)) if first.is_taken(answer.status()) => reply::whole(answer, claim, entry),
        Ok(ended) => first.missed(outgoing, ended, claim, entry).await,
        Err(_) => first.late(outgoing, reading, claim, entry).await,
    }
}

/// The first attempt of an event that may be queued.
struct First {
    ledger: Arc<dyn Ledger>,
    route: Rc<Route>,
    id: DeliveryId,
    started: Timestamp,
    begun: Instant,
    _share: Share,
}

impl First {
    /// Whether the app has taken the event by answering so.
    fn is_taken(&self, status: StatusCode) -> bool {
        status.is_success() && self.route.source.upstream.retry.success.contains(status.as_u16())
    }

    /// The attempt failed in time: the schedule goes on from there.
    async fn missed(
        self,
        outgoing: Outgoing,
        ended: Result<Response<Bytes>, SendError>,
        claim: Option<Claim>,
        mut entry: Box<Entry>,
    ) -> Response<Reply> {
        entry.leave_untimed();
        let concluded = self.conclude(self.time(), ended);
        let start = Start::Attempted(concluded.attempt.clone(), concluded.next);
        let delivery = outgoing.delivery(self.id, start);
        let leased = leased(&delivery);
        let stored = queue::store(&*self.ledger, delivery, claim).await;
        if stored == Ok(Accepted::New) {
            report(&self.route.attempts, &leased, &concluded);
        }
        queue::answer(self.id, stored, entry)
    }

    /// The time is over: the event is accepted while its attempt goes on.
    async fn late(
        self,
        outgoing: Outgoing,
        attempt: Attempt,
        claim: Option<Claim>,
        mut entry: Box<Entry>,
    ) -> Response<Reply> {
        entry.leave_untimed();
        let (id, ledger) = (self.id, self.ledger.clone());
        let (claim, lent) = claim.map(Claim::lend).unzip();
        let delivery = outgoing.delivery(id, Start::Leased);
        let leased = leased(&delivery);
        let (tell, told) = oneshot::channel();
        let run = entry.one_more();
        spawn_local(async move {
            let _until_it_is_over = run;
            self.finish(attempt, leased, told, lent).await;
        });
        let stored = queue::store(&*ledger, delivery, claim).await;
        // Whoever finishes the attempt waits for this, and so is there.
        let _ = tell.send(stored == Ok(Accepted::New));
        queue::answer(id, stored, entry)
    }

    /// Waits for the end of the attempt, and records it with its delivery.
    async fn finish(self, attempt: Attempt, leased: Leased, stored: oneshot::Receiver<bool>, lent: Option<Lent>) {
        let ended = attempt.await;
        let took = self.time();
        if stored.await == Ok(true) {
            let concluded = self.conclude(took, ended);
            report(&self.route.attempts, &leased, &concluded);
            return self.record(leased.target, concluded).await;
        }
        // The event is not on disk, and its sender was told so: it may come again.
        if let Some(lent) = lent
            && let Some(claim) = lent.back().await
        {
            self.end(claim, ended);
        }
    }

    async fn record(self, target: Target, concluded: Concluded) {
        let Concluded { attempt, next, .. } = concluded;
        let ended = Ended { id: self.id, target, attempt, next, pause: None };
        loop {
            match self.ledger.record(ended.clone()).await {
                Ok(()) => return,
                Err(LedgerError::Unavailable) => sleep(UNTIL_RECORDED).await,
                Err(error) => return tracing::error!(cause = %error, delivery = %self.id, "an attempt is not recorded"),
            }
        }
    }

    /// Settles or releases the claim as if the sender still waited for the app.
    fn end(&self, claim: Claim, ended: Result<Response<Bytes>, SendError>) {
        match ended {
            Ok(answer) if self.is_taken(answer.status()) => claim.settle(reply::kept(&answer), clock::now()),
            Ok(answer) if is_redirect(answer.status()) => {
                claim.release(failure(&Refusal::Redirected), Succession::Next);
            }
            Ok(answer) => claim.release(reply::kept(&answer), Succession::Next),
            Err(error) => {
                let refusal = Refusal::Unanswered(error);
                claim.release(failure(&refusal), succession(&refusal));
            }
        }
    }

    /// How long the attempt took; it is over.
    fn time(&self) -> Duration {
        let took = clock::since(self.begun);
        self.route.upstream_metrics.duration(took);
        took
    }

    fn conclude(&self, took: Duration, ended: Result<Response<Bytes>, SendError>) -> Concluded {
        let rules = Rules { retry: &self.route.source.upstream.retry, kind: TargetKind::Upstream };
        conclude(&rules, 1, self.started, took, tried(ended))
    }
}

/// A delivery of which the first attempt is made, as those are told of that hear of attempts.
fn leased(delivery: &NewDelivery) -> Leased {
    Leased {
        id: delivery.id,
        target: delivery.target.clone(),
        source: delivery.source.clone(),
        event_id: delivery.event_id.clone(),
        event_type: delivery.event_type.clone(),
        attempts: 0,
        message: delivery.message.clone(),
    }
}
