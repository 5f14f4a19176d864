//! Sends an event at once, and answers with what its receiver says.

use std::rc::Rc;
use std::sync::Arc;

use http::{Response, StatusCode};
use tokio::task::spawn_local;

use super::dedupe::Turn;
use super::entry::Entry;
use super::read::Event;
use super::refusal::Refusal;
use super::reply::{self, Reply};
use super::route::Route;
use crate::clock;
use crate::config::Endpoint;
use crate::delivery::{Courier, Tried, Unanswered};
use crate::store::ledger::{DeliveryId, Leased};
use crate::store::{Claim, KeptAnswer, Settlement, Succession};
use crate::telemetry::words::AttemptOutcome;

/// Makes the one attempt of an event for its one endpoint. Success settles the claims, `once` among them.
pub(super) async fn relay(event: Event, once: Option<Claim>, entry: Entry) -> Response<Reply> {
    let route = event.routes[0].clone();
    let prepared = match event.prepare(&route) {
        Ok(prepared) => prepared,
        Err(refusal) => return entry.refuse(refusal),
    };
    let claim = match event.turn(&route, &prepared).await {
        Ok(None) => None,
        Ok(Some(Turn::Ours(claim))) => Some(claim),
        Ok(Some(Turn::Conflict)) => return entry.refuse(Refusal::EventIdConflict),
        Ok(Some(Turn::Failed(answer))) => return entry.share_failure(answer),
        Ok(Some(Turn::Known(settlement))) => return entry.replay(first_answer(settlement, &route.endpoint)),
        Err(refusal) => return entry.refuse(refusal),
    };
    // No ledger has it, so its number can be any.
    let id = DeliveryId::new(event.at, fastrand::i64(1..1 << 62));
    let delivery = prepared.delivery(&route, id, event.at);
    let sending = Sending {
        courier: event.wired.courier(&route),
        route: route.clone(),
        leased: Leased {
            id,
            target: delivery.target,
            source: None,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            attempts: 0,
            message: delivery.message,
        },
        claims: [claim, once],
    };
    // A task of its own: what has begun is finished even if the app hangs up.
    let sent = spawn_local(async move {
        let _share = event;
        sending.send(entry).await
    });
    sent.await.expect("an attempt neither panics nor is it aborted")
}

/// What an event was answered that is known, also if it was queued then.
fn first_answer(settlement: Settlement, endpoint: &Endpoint) -> KeptAnswer {
    match settlement {
        Settlement::Answered(answer) => answer,
        Settlement::Queued(id) => reply::deliveries(StatusCode::ACCEPTED, &[(id, &endpoint.name)]),
    }
}

/// An event on its way.
struct Sending {
    courier: Rc<dyn Courier>,
    route: Arc<Route>,
    leased: Leased,
    claims: [Option<Claim>; 2],
}

impl Sending {
    async fn send(self, entry: Entry) -> Response<Reply> {
        let started = clock::instant();
        let tried = final_answer(self.courier.attempt(&self.leased, 1).await);
        let outcome = self.outcome(&tried);
        self.route.metrics.attempt(outcome, clock::since(started));
        match tried {
            Ok(answer) => {
                let (kept, is_success) = (reply::keep(&answer), outcome == AttemptOutcome::Success);
                if is_success {
                    settle(self.claims, &kept)
                } else {
                    release(self.claims, &kept, Succession::Next)
                }
                entry.relayed(self.leased.id, is_success, answer)
            }
            Err(unanswered) => {
                // Who waited through a whole timeout is not made to wait for another one.
                let is_late = unanswered.outcome == AttemptOutcome::Timeout;
                let succession = if is_late { Succession::Nobody } else { Succession::Next };
                let refusal = Refusal::Unanswered(unanswered);
                release(self.claims, &refusal.kept(), succession);
                entry.refuse(refusal)
            }
        }
    }

    fn outcome(&self, tried: &Tried) -> AttemptOutcome {
        match tried {
            Ok(answer) if self.route.endpoint.retry.success.contains(answer.status) => AttemptOutcome::Success,
            Ok(_) => AttemptOutcome::Status,
            Err(unanswered) => unanswered.outcome,
        }
    }
}

fn settle(claims: [Option<Claim>; 2], answer: &KeptAnswer) {
    for claim in claims.into_iter().flatten() {
        claim.settle(answer.clone(), clock::now());
    }
}

/// Nobody expects to switch protocols, and no other status of that class ends an exchange (RFC 9110 §15.2).
fn final_answer(tried: Tried) -> Tried {
    tried.and_then(|answer| match answer.status {
        200..=999 => Ok(answer),
        _ => Err(Unanswered {
            outcome: AttemptOutcome::Status,
            error: "the answer's status is not a final one".to_owned(),
        }),
    })
}

fn release(claims: [Option<Claim>; 2], failure: &KeptAnswer, succession: Succession) {
    for claim in claims.into_iter().flatten() {
        claim.release(failure.clone(), succession);
    }
}
