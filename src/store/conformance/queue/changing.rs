//! What an operator changes.

use super::conformance;
use super::harness::{Queue, app, at, partner};
use crate::store::ledger::{Change, Filter, Hold, LedgerError, NewDelivery, Next, State};

conformance! {
    what_is_due_or_dead_is_discarded
    what_is_leased_or_over_is_not_discarded
    what_is_over_is_replayed_at_attempt_1
    what_is_leased_is_not_replayed
    all_that_is_over_and_meant_is_replayed
    a_paused_target_holds_and_goes_on
    a_pause_keeps_its_first_reason
    every_change_leaves_a_record
    what_is_not_there_is_not_changed
}

async fn what_is_due_or_dead_is_discarded(queue: Queue) {
    let (dead, due) = (queue.ended(Next::Dead).await, queue.due(0).await);

    for id in [dead, due] {
        assert_eq!(queue.change(Change::Discard(id)).await, Ok(1));

        let summary = queue.show(id).await.summary;
        assert_eq!((summary.state, summary.ended, summary.due), (State::Discarded, Some(at(50)), None));
    }
    assert!(queue.leased(100).await.is_empty());
    assert_eq!(queue.depth(), [0, 0, 0, 0]);
}

async fn what_is_leased_or_over_is_not_discarded(queue: Queue) {
    let (delivered, discarded) = (queue.ended(Next::Delivered).await, queue.discarded().await);
    let leased = queue.due(0).await;
    queue.leased(0).await;

    for id in [delivered, discarded, leased] {
        assert_eq!(queue.change(Change::Discard(id)).await, Err(LedgerError::State));
    }
    assert_eq!(queue.record(leased, 1, Next::Delivered).await, Ok(()));
}

async fn what_is_over_is_replayed_at_attempt_1(queue: Queue) {
    let (delivered, dead, discarded) =
        (queue.ended(Next::Delivered).await, queue.ended(Next::Dead).await, queue.discarded().await);

    for id in [delivered, dead, discarded] {
        assert_eq!(queue.change(Change::Replay(id)).await, Ok(1));

        assert!(queue.leased(49).await.is_empty());
        let leased = queue.lease(app(), 50).await.leased.remove(0);
        assert_eq!((leased.id, leased.attempts), (id, 0));
        queue.record(id, 1, Next::Delivered).await.expect("it is leased");
    }
    assert_eq!(queue.depth(), [0, 0, 0, 0]);
    assert_eq!(queue.show(dead).await.attempts.len(), 2);
}

async fn what_is_leased_is_not_replayed(queue: Queue) {
    let id = queue.due(0).await;
    queue.leased(0).await;

    assert_eq!(queue.change(Change::Replay(id)).await, Err(LedgerError::State));
}

async fn all_that_is_over_and_meant_is_replayed(queue: Queue) {
    let mut dead = Vec::new();
    for _ in 0..20 {
        dead.push(queue.ended(Next::Dead).await);
        queue.ended(Next::Delivered).await;
    }
    let due = queue.due(90).await;
    let filter = Filter { state: Some(State::Dead), upstream: Some("app".to_owned()), ..Filter::default() };

    assert_eq!(queue.change(Change::ReplayAll(filter.clone())).await, Ok(20));

    assert_eq!(queue.depth(), [21, 0, 0, 0]);
    assert_eq!(queue.leased(50).await, dead);
    assert_eq!(queue.leased(90).await, [due]);
    assert_eq!(queue.change(Change::ReplayAll(filter)).await, Ok(0));
    let nobody = Filter { endpoint: Some("nobody".to_owned()), ..Filter::default() };
    assert_eq!(queue.change(Change::ReplayAll(nobody)).await, Ok(0));
}

async fn a_paused_target_holds_and_goes_on(queue: Queue) {
    let id = queue.due(0).await;
    let other = queue.accept(NewDelivery { target: partner(), ..queue.fresh(0) }).await;

    assert_eq!(queue.change(Change::Pause(app())).await, Ok(1));
    let late = queue.due(1).await;
    assert!(queue.leased(100).await.is_empty());
    assert_eq!(queue.depth(), [0, 0, 2, 0]);
    assert_eq!(queue.depth_of(&app()).held, Some(Hold::Paused(at(50), "tidying up".to_owned())));
    assert_eq!(queue.lease(partner(), 0).await.leased[0].id, other);

    assert_eq!(queue.change(Change::Resume(app())).await, Ok(1));
    assert_eq!(queue.leased(100).await, [id, late]);
    assert_eq!(queue.depth_of(&app()).held, None);
}

async fn a_pause_keeps_its_first_reason(queue: Queue) {
    queue.change(Change::Pause(app())).await.expect("a change");

    let again = queue.ledger.change(Change::Pause(app()), "another".to_owned(), at(60)).await;

    assert_eq!(again.map(|changed| changed.count), Ok(0));
    assert_eq!(queue.depth_of(&app()).held, Some(Hold::Paused(at(50), "tidying up".to_owned())));
    assert_eq!(queue.change(Change::Resume(partner())).await, Ok(0));
}

async fn every_change_leaves_a_record(queue: Queue) {
    let id = queue.ended(Next::Dead).await;
    queue.change(Change::Replay(id)).await.expect("a change");
    queue.change(Change::Discard(id)).await.expect("a change");
    queue.change(Change::ReplayAll(Filter::default())).await.expect("a change");
    queue.change(Change::Pause(app())).await.expect("a change");
    queue.change(Change::Resume(app())).await.expect("a change");
    queue.change(Change::Test(app(), id)).await.expect("a change");

    let changes = queue.ledger.changes(10).await.expect("the store can be read");

    let told: Vec<_> = changes.iter().map(|it| (&*it.what, it.delivery, it.count)).collect();
    let expected = [
        ("test", Some(id), 1),
        ("resume", None, 1),
        ("pause", None, 1),
        ("replay", None, 1),
        ("discard", Some(id), 1),
        ("replay", Some(id), 1),
    ];
    assert_eq!(told, expected);
    assert!(changes.iter().all(|it| it.at == at(50) && it.reason == "tidying up"));
    assert_eq!(changes[0].target, Some(app()));
    assert_eq!(queue.ledger.changes(2).await.expect("the store can be read").len(), 2);
}

async fn what_is_not_there_is_not_changed(queue: Queue) {
    let id = queue.ledger.next_id(at(0));

    assert_eq!(queue.change(Change::Discard(id)).await, Err(LedgerError::NotFound));
    assert_eq!(queue.change(Change::Replay(id)).await, Err(LedgerError::NotFound));
    assert!(queue.ledger.show(id).await.expect("the store can be read").is_none());
}
