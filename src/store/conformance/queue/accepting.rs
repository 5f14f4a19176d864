//! Claims and deliveries, together.

use std::sync::Arc;

use http::HeaderMap;

use super::conformance;
use super::harness::{Queue, WAIT, answer, app, at, key, message, partner};
use crate::store::ledger::{Accept, Accepted, Message, NewDelivery, Next, ShownMessage, Start, State};
use crate::store::{Alike, Fingerprint, Repeat, Seen, Settlement};

conformance! {
    what_is_accepted_settles_its_claim
    those_who_wait_for_a_claim_learn_that_it_is_queued
    the_body_of_what_is_accepted_is_known_under_every_id
    several_deliveries_are_accepted_together
    an_answered_claim_is_settled_with_its_answer
    what_is_accepted_though_nobody_waits_is_accepted
    a_message_comes_back_as_it_was
    the_first_attempt_may_have_been_made
    ids_tell_time_and_number
}

fn one(new: NewDelivery, claim: crate::store::Claim) -> Accept {
    Accept { deliveries: vec![(new, Some(claim))], answered: None }
}

async fn what_is_accepted_settles_its_claim(queue: Queue) {
    let scope = queue.scope();
    let new = queue.fresh(0);
    let id = new.id;

    let accepted = queue.ledger.accept(one(new, scope.ask(1).claimed())).await;

    assert_eq!(accepted, Ok(vec![Accepted::New]));
    let Seen::Settled { settlement, repeat } = scope.ask(1) else { panic!("not settled") };
    assert_eq!((settlement, repeat), (Settlement::Queued(id), Repeat::SameBody));
    let other = scope.claim(key(1), Fingerprint(9), at(1), WAIT);
    assert!(matches!(other, Seen::Settled { repeat: Repeat::OtherBody, .. }));
}

async fn those_who_wait_for_a_claim_learn_that_it_is_queued(queue: Queue) {
    let scope = queue.scope();
    let claim = scope.ask(1).claimed();
    let waiter = scope.ask(1).in_flight();
    let new = queue.fresh(0);
    let id = new.id;

    let (accepted, waited) = tokio::join!(queue.ledger.accept(one(new, claim)), waiter.wait());

    assert!(accepted.is_ok());
    assert!(matches!(waited, crate::store::Waited::Settled(Settlement::Queued(queued)) if queued == id));
}

async fn the_body_of_what_is_accepted_is_known_under_every_id(queue: Queue) {
    let scope = queue.scope();
    let new = queue.fresh(0);
    let id = new.id;
    let Alike::New(claim) = scope.claim_body(scope.ask(1).claimed(), key(9), at(0), WAIT).await else {
        panic!("not new");
    };

    queue.ledger.accept(one(new, claim)).await.expect("it is accepted");

    let alike = scope.claim_body(scope.ask(2).claimed(), key(9), at(1), WAIT).await;
    assert!(matches!(alike, Alike::Replayed(Settlement::Queued(known)) if known == id), "{alike:?}");
}

async fn several_deliveries_are_accepted_together(queue: Queue) {
    let scope = queue.scope();
    let deliveries = (0..3).map(|event| (queue.fresh(event), Some(scope.ask(event as u64).claimed())));

    let accepted = queue.ledger.accept(Accept { deliveries: deliveries.collect(), answered: None }).await;

    assert_eq!(accepted, Ok(vec![Accepted::New; 3]));
    assert_eq!(queue.leased(10).await.len(), 3);
}

async fn an_answered_claim_is_settled_with_its_answer(queue: Queue) {
    let scope = queue.scope();
    let new = queue.fresh(0);
    let answered = Some((scope.ask(1).claimed(), answer("202")));

    let accepted = queue.ledger.accept(Accept { deliveries: vec![(new, None)], answered }).await;

    assert!(accepted.is_ok());
    assert_eq!(scope.ask(1).settled().0, answer("202"));
}

async fn what_is_accepted_though_nobody_waits_is_accepted(queue: Queue) {
    drop(queue.ledger.accept(Accept { deliveries: vec![(queue.fresh(0), None)], answered: None }));

    queue.due(1).await;

    assert_eq!(queue.leased(10).await.len(), 2);
}

async fn a_message_comes_back_as_it_was(queue: Queue) {
    let new = NewDelivery { target: partner(), source: None, event_type: None, ..queue.fresh(0) };
    let sent = Arc::clone(&new.message);
    let id = queue.accept(new).await;

    let leased = queue.lease(partner(), 0).await.leased.remove(0);

    let is_same =
        |message: &Message| (&message.path, &message.headers, &message.body) == (&sent.path, &sent.headers, &sent.body);
    assert!(is_same(&leased.message));
    assert_eq!((leased.id, leased.attempts, leased.event_id.as_str()), (id, 0, "event-0"));
    assert_eq!((leased.source, leased.event_type), (None, None));
    let ShownMessage::Full(shown) = queue.show(id).await.message else { panic!("a digest") };
    assert!(is_same(&shown));
    let headers = HeaderMap::new();
    let empty =
        Arc::new(Message { path: String::new(), headers, body: message(b"").body.clone(), ..Message::default() });
    queue.accept(NewDelivery { message: empty, ..queue.fresh(0) }).await;
    let leased = queue.lease(app(), 0).await.leased.remove(0);
    assert!(leased.message.body.is_empty());
}

async fn the_first_attempt_may_have_been_made(queue: Queue) {
    let made = |next| {
        let new = queue.fresh(0);
        let attempt = super::harness::end(new.id, 1, next).attempt;
        queue.accept(NewDelivery { start: Start::Attempted(attempt, next), ..new })
    };

    let (dead, due, delivered) = (made(Next::Dead).await, made(Next::Due(at(9))).await, made(Next::Delivered).await);

    assert_eq!(queue.state(dead).await, State::Dead);
    assert_eq!(queue.state(delivered).await, State::Delivered);
    let shown = queue.show(due).await;
    assert_eq!((shown.summary.state, shown.summary.due, shown.summary.attempts), (State::Due, Some(at(9)), 1));
    assert_eq!(shown.attempts.len(), 1);
    assert_eq!(queue.depth(), [1, 0, 0, 1]);
    let leased = queue.lease(app(), 9).await.leased.remove(0);
    assert_eq!((leased.id, leased.attempts), (due, 1));
}

async fn ids_tell_time_and_number(queue: Queue) {
    let (one, two) = (queue.ledger.next_id(at(5)), queue.ledger.next_id(at(5)));

    assert_ne!(one, two);
    assert_eq!(one.millis(), at(5).as_millisecond());
    assert!(one.row() < two.row());
}
