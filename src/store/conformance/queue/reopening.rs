//! What the next process finds.

use super::harness::{BODY, Queue, WAIT, answer, app, at, end, key, partner};
use crate::store::ledger::{Accept, Change, Ended, Hold, NewDelivery, Next, Repeated, Start, State};
use crate::store::{Alike, Scope, Seen, Settlement};

fn queued(queue: &Queue, event: u64) -> Settlement {
    match queue.scope().ask_at(event, at(1)) {
        Seen::Settled { settlement, .. } => settlement,
        other => panic!("not settled: {other:?}"),
    }
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_crash_with_its_claim() {
    let queue = Queue::sqlite();
    let new = queue.fresh(0);
    let (id, claim) = (new.id, queue.scope().ask(1).claimed());
    let answered = Some((queue.scope().ask(2).claimed(), answer("202")));
    queue.ledger.accept(Accept { deliveries: vec![(new, Some(claim))], answered }).await.expect("it is accepted");

    let next = queue.crash(at(1));

    assert_eq!(queued(&next, 1), Settlement::Queued(id));
    assert_eq!(next.scope().ask_at(2, at(1)).settled().0, answer("202"));
    assert_eq!(next.leased(1).await, [id]);
}

#[tokio::test]
async fn leases_end_with_their_process() {
    let queue = Queue::sqlite();
    let id = queue.due(0).await;
    queue.leased(0).await;
    let mine = queue.accept(NewDelivery { start: Start::Leased, ..queue.fresh(0) }).await;

    let next = queue.crash(at(1));

    assert_eq!(next.depth(), [2, 0, 0, 0]);
    assert_eq!(next.leased(1).await, [id, mine]);
}

#[tokio::test]
async fn what_time_it_was_is_known_after_a_crash() {
    let queue = Queue::sqlite();
    assert_eq!(queue.ledger.latest(), None);

    queue.due(0).await;
    let queue = queue.crash(at(-10));
    assert_eq!(queue.ledger.latest(), Some(at(0)), "accepted");

    queue.ended(Next::Delivered).await;
    let queue = queue.crash(at(-10));
    assert_eq!(queue.ledger.latest(), Some(at(2)), "ended");

    queue.change(Change::Pause(partner())).await.expect("a change");
    let queue = queue.crash(at(-10));
    assert_eq!(queue.ledger.latest(), Some(at(50)), "changed");

    let answered = Some((queue.scope().ask_at(1, at(70)).claimed(), answer("202")));
    queue.ledger.accept(Accept { deliveries: Vec::new(), answered }).await.expect("it is accepted");
    assert!(queue.crash(at(-10)).ledger.latest() > Some(at(50)), "settled");
}

#[tokio::test]
async fn a_restart_keeps_states_and_attempts() {
    let queue = Queue::sqlite();
    let (dead, delivered, later) =
        (queue.ended(Next::Dead).await, queue.ended(Next::Delivered).await, queue.ended(Next::Due(at(30))).await);

    let queue = queue.reopen(at(10));

    assert_eq!(queue.depth(), [1, 0, 0, 1]);
    assert_eq!(queue.state(dead).await, State::Dead);
    assert_eq!(queue.state(delivered).await, State::Delivered);
    let leased = queue.lease(app(), 30).await.leased.remove(0);
    assert_eq!((leased.id, leased.attempts), (later, 1));
    assert_eq!(queue.show(later).await.attempts.len(), 1);
}

#[tokio::test]
async fn a_pause_survives_a_restart() {
    let queue = Queue::sqlite();
    queue.change(Change::Pause(partner())).await.expect("a change");
    let id = queue.due(0).await;
    queue.leased(0).await;
    let ended = Ended { pause: Some("410".to_owned()), ..end(id, 1, Next::Due(at(5))) };
    queue.ledger.record(ended).await.expect("it is leased");

    let queue = queue.crash(at(1));

    assert!(queue.leased(100).await.is_empty());
    assert_eq!(queue.depth_of(&partner()).held, Some(Hold::Paused(at(50), "tidying up".to_owned())));
    assert_eq!(queue.ledger.changes(9).await.expect("the store can be read").len(), 2);
    queue.change(Change::Resume(app())).await.expect("a change");
    assert_eq!(queue.reopen(at(2)).leased(100).await, [id]);
}

#[tokio::test]
async fn an_id_is_given_once() {
    let queue = Queue::sqlite();
    let id = queue.due(0).await;

    let queue = queue.crash(at(0));

    assert!(queue.ledger.next_id(at(0)).row() > id.row());
}

#[tokio::test]
async fn a_delivery_outlives_what_is_remembered_of_its_event() {
    let queue = Queue::sqlite();
    queue.store.configure(&[Scope { name: "lmif".into(), window: WAIT, entries: 1 }]);
    let scope = queue.store.scope("lmif").expect("it was configured");
    for event in 0..3 {
        let claim = scope.claim(key(event), BODY, at(0), WAIT).claimed();
        let deliveries = vec![(queue.fresh(event as i64), Some(claim))];
        queue.ledger.accept(Accept { deliveries, answered: None }).await.expect("it is accepted");
    }
    queue.store.flush().await;

    let queue = queue.reopen(at(1));

    assert_eq!(queue.store.stats()[0].entries, 1);
    assert_eq!(queue.leased(10).await.len(), 3);
}

/// The claim on an event with this body.
async fn with_body(queue: &Queue, event: u64, body: u64) -> Alike {
    let scope = queue.scope();
    let Seen::New(claim) = scope.ask_at(event, at(1)) else { panic!("the event is known") };
    scope.claim_body(claim, key(body), at(1), WAIT).await
}

#[tokio::test]
async fn the_body_of_what_was_accepted_is_known_after_a_crash() {
    let queue = Queue::sqlite();
    let (first, failed) = (queue.fresh(0), with_body(&queue, 2, 200).await);
    let (old, Alike::New(claim)) = (first.id, with_body(&queue, 1, 100).await) else { panic!("not new") };
    queue.ledger.accept(Accept { deliveries: vec![(first, Some(claim))], answered: None }).await.expect("accepted");
    drop(failed);

    let next = queue.crash(at(1));

    let alike = with_body(&next, 3, 100).await;
    assert!(matches!(alike, Alike::Replayed(Settlement::Queued(known)) if known == old), "{alike:?}");
    assert!(matches!(with_body(&next, 4, 200).await, Alike::New(_)));
    // What takes the place of a discarded delivery takes its body over.
    next.change(Change::Discard(old)).await.expect("it is due");
    let again = next.fresh(0);
    let new = again.id;
    assert_eq!(next.ledger.repeat(old, again).await, Ok(Repeated::New(new)));
    for queue in [next.crash(at(1)), next] {
        let alike = with_body(&queue, 5, 100).await;
        assert!(matches!(alike, Alike::Replayed(Settlement::Queued(known)) if known == new), "{alike:?}");
    }
}

#[tokio::test]
async fn what_was_accepted_again_is_remembered_in_the_place_of_the_first() {
    let queue = Queue::sqlite();
    let first = queue.fresh(0);
    let (old, claim) = (first.id, queue.scope().ask(1).claimed());
    queue.ledger.accept(Accept { deliveries: vec![(first, Some(claim))], answered: None }).await.expect("accepted");
    queue.change(Change::Discard(old)).await.expect("it is due");
    let again = queue.fresh(0);
    let new = again.id;
    assert_eq!(queue.ledger.repeat(old, again).await, Ok(Repeated::New(new)));

    let next = queue.crash(at(1));

    assert_eq!(queued(&next, 1), Settlement::Queued(new));
    assert_eq!(next.ledger.repeat(old, next.fresh(0)).await, Ok(Repeated::Same(new)));
}
