//! What is due is handed out, once.

use std::collections::HashSet;
use std::sync::Arc;

use super::conformance;
use super::harness::{Queue, ROOM, app, at, ids, message, partner};
use crate::store::ledger::{LedgerError, NewDelivery, Next, Room, Start, State};

conformance! {
    the_earliest_is_handed_out_first
    nothing_is_handed_out_twice
    many_who_lease_at_once_get_each_delivery_once
    no_more_is_handed_out_than_there_is_room_for
    one_is_handed_out_however_large
    a_released_delivery_is_due_again
    what_is_leased_from_the_beginning_is_its_acceptors
    each_target_gets_its_own
    a_target_that_is_not_configured_gets_nothing
    leases_that_nobody_takes_are_given_back
    whoever_waits_is_woken_by_what_becomes_due
    a_released_delivery_wakes
}

async fn the_earliest_is_handed_out_first(queue: Queue) {
    let (third, first, second, later) =
        (queue.due(3).await, queue.due(1).await, queue.due(2).await, queue.due(60).await);

    let leases = queue.lease(app(), 10).await;

    assert_eq!(ids(&leases.leased), [first, second, third]);
    assert_eq!(leases.next, Some(at(60)));
    assert_eq!(queue.leased(60).await, [later]);
}

async fn nothing_is_handed_out_twice(queue: Queue) {
    let id = queue.due(0).await;
    assert_eq!(queue.leased(0).await, [id]);

    let again = queue.lease(app(), 100).await;

    assert!(again.leased.is_empty());
    assert_eq!(again.next, None);
    assert_eq!(queue.state(id).await, State::Leased);
    assert_eq!(queue.depth(), [0, 1, 0, 0]);
}

async fn many_who_lease_at_once_get_each_delivery_once(queue: Queue) {
    for due in 0..200 {
        queue.due(due).await;
    }
    let queue = Arc::new(queue);
    let lease = |_| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let room = Room { deliveries: 3, ..ROOM };
                let leased = queue.ledger.lease(app(), at(1000), room).await.expect("it can be read").leased;
                if leased.is_empty() {
                    return mine;
                }
                for id in ids(&leased) {
                    queue.record(id, 1, Next::Delivered).await.expect("it is leased");
                    mine.push(id);
                }
            }
        })
    };

    let mut all = Vec::new();
    for one in (0..8).map(lease).collect::<Vec<_>>() {
        all.extend(one.await.expect("no panic"));
    }

    assert_eq!(all.len(), 200);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 200);
}

async fn no_more_is_handed_out_than_there_is_room_for(queue: Queue) {
    for _ in 0..5 {
        queue.accept(NewDelivery { message: message(&[b'x'; 100]), ..queue.fresh(0) }).await;
    }

    let two = queue.ledger.lease(app(), at(0), Room { deliveries: 2, bytes: 1000 }).await.expect("leases");
    let bytes = queue.ledger.lease(app(), at(0), Room { deliveries: 9, bytes: 250 }).await.expect("leases");

    assert_eq!((two.leased.len(), two.next), (2, Some(at(0))));
    assert_eq!((bytes.leased.len(), bytes.next), (2, Some(at(0))));
}

async fn one_is_handed_out_however_large(queue: Queue) {
    queue.accept(NewDelivery { message: message(&[b'x'; 100]), ..queue.fresh(0) }).await;

    let leases = queue.ledger.lease(app(), at(0), Room { deliveries: 9, bytes: 1 }).await.expect("leases");

    assert_eq!(leases.leased.len(), 1);
}

async fn a_released_delivery_is_due_again(queue: Queue) {
    let id = queue.due(0).await;
    queue.leased(0).await;

    queue.ledger.release(&[id]);

    assert_eq!(queue.depth(), [1, 0, 0, 0]);
    assert_eq!(queue.leased(0).await, [id]);
}

async fn what_is_leased_from_the_beginning_is_its_acceptors(queue: Queue) {
    let id = queue.accept(NewDelivery { start: Start::Leased, ..queue.fresh(0) }).await;
    assert!(queue.leased(10).await.is_empty());
    assert_eq!(queue.depth(), [0, 1, 0, 0]);

    queue.record(id, 1, Next::Due(at(5))).await.expect("it is leased");

    assert_eq!(queue.leased(5).await, [id]);
}

async fn each_target_gets_its_own(queue: Queue) {
    let mine = queue.due(0).await;
    let theirs = queue.accept(NewDelivery { target: partner(), ..queue.fresh(0) }).await;

    assert_eq!(ids(&queue.lease(partner(), 0).await.leased), [theirs]);
    assert_eq!(ids(&queue.lease(app(), 0).await.leased), [mine]);
}

async fn a_target_that_is_not_configured_gets_nothing(queue: Queue) {
    let id = queue.due(0).await;
    queue.ledger.configure(&[partner()]);
    assert!(queue.leased(0).await.is_empty());
    assert_eq!(queue.depth(), [0, 0, 1, 0]);
    assert_eq!(queue.state(id).await, State::Paused);

    queue.ledger.configure(&[app(), partner()]);

    assert_eq!(queue.leased(0).await, [id]);
    assert_eq!(queue.record(queue.ledger.next_id(at(0)), 1, Next::Dead).await, Err(LedgerError::NotFound));
}

async fn leases_that_nobody_takes_are_given_back(queue: Queue) {
    let id = queue.due(0).await;

    let leases = queue.ledger.lease(app(), at(0), ROOM);
    // Whoever asks next is served after it.
    let oldest = queue.ledger.lease(partner(), at(0), ROOM).await;
    let is_recall = queue.depth() == [0, 1, 0, 0] && queue.store.ledger().is_none();
    drop(leases);

    assert!(oldest.is_ok());
    if !is_recall {
        assert_eq!(queue.leased(0).await, [id]);
    }
}

async fn whoever_waits_is_woken_by_what_becomes_due(queue: Queue) {
    let wakes = queue.ledger.wakes(&app());
    queue.due(0).await;
    wakes.notified().await;

    let id = queue.leased(0).await.remove(0);
    queue.record(id, 1, Next::Due(at(5))).await.expect("it is leased");
    wakes.notified().await;

    queue.change(crate::store::ledger::Change::Pause(app())).await.expect("a change");
    queue.change(crate::store::ledger::Change::Resume(app())).await.expect("a change");
    wakes.notified().await;
}

async fn a_released_delivery_wakes(queue: Queue) {
    let wakes = queue.ledger.wakes(&app());
    let id = queue.due(0).await;
    wakes.notified().await;
    queue.leased(0).await;

    queue.ledger.release(&[id]);

    wakes.notified().await;
}
