//! An event that was accepted comes again.

use super::conformance;
use super::harness::{Queue, app, at};
use crate::store::ledger::{Accept, Change, Next, Repeated, State};
use crate::store::{Seen, Settlement};

conformance! {
    a_repeat_of_what_is_under_way_or_delivered_is_the_same
    a_repeat_revives_the_dead_at_attempt_1
    a_repeat_of_what_was_discarded_is_accepted_in_its_place
    a_repeat_follows_whatever_stands_in_the_place_of_the_first
}

async fn a_repeat_of_what_is_under_way_or_delivered_is_the_same(queue: Queue) {
    let delivered = queue.ended(Next::Delivered).await;
    let leased = queue.due(0).await;
    queue.leased(0).await;
    let due = queue.due(99).await;

    for id in [delivered, leased, due] {
        assert_eq!(queue.ledger.repeat(id, queue.fresh(0)).await, Ok(Repeated::Same(id)));
    }
    assert_eq!(queue.depth(), [1, 1, 0, 0]);
}

async fn a_repeat_revives_the_dead_at_attempt_1(queue: Queue) {
    let id = queue.ended(Next::Dead).await;

    assert_eq!(queue.ledger.repeat(id, queue.fresh(0)).await, Ok(Repeated::Revived(id)));

    assert_eq!(queue.depth(), [1, 0, 0, 0]);
    let leased = queue.lease(app(), 0).await.leased.remove(0);
    assert_eq!((leased.id, leased.attempts), (id, 0));
    assert_eq!(queue.show(id).await.summary.ended, None);
}

async fn a_repeat_of_what_was_discarded_is_accepted_in_its_place(queue: Queue) {
    let old = queue.discarded().await;
    let again = queue.fresh(3);
    let new = again.id;

    assert_eq!(queue.ledger.repeat(old, again).await, Ok(Repeated::New(new)));

    assert_eq!(queue.leased(3).await, [new]);
    assert_eq!(queue.state(old).await, State::Discarded);
}

async fn a_repeat_follows_whatever_stands_in_the_place_of_the_first(queue: Queue) {
    let scope = queue.scope();
    let first = queue.fresh(0);
    let old = first.id;
    let deliveries = vec![(first, Some(scope.ask(1).claimed()))];
    queue.ledger.accept(Accept { deliveries, answered: None }).await.expect("it is accepted");
    queue.change(Change::Discard(old)).await.expect("it is due");
    let (one, two) = (queue.fresh(0), queue.fresh(0));
    let new = one.id;

    let (one, two) = tokio::join!(queue.ledger.repeat(old, one), queue.ledger.repeat(old, two));

    assert_eq!((one, two), (Ok(Repeated::New(new)), Ok(Repeated::Same(new))));
    if queue.store.ledger().is_some() {
        let Seen::Settled { settlement, .. } = scope.ask_at(1, at(1)) else { panic!("not settled") };
        assert_eq!(settlement, Settlement::Queued(new));
    }
    queue.change(Change::Discard(new)).await.expect("it is due");
    let third = queue.fresh(0);
    let last = third.id;
    assert_eq!(queue.ledger.repeat(old, third).await, Ok(Repeated::New(last)));
}
