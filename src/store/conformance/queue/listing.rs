//! What is shown of deliveries.

use super::conformance;
use super::harness::{Queue, app, at, partner};
use crate::store::ledger::{DeliveryId, Filter, NewDelivery, Next, Page, State, Summary};

conformance! {
    the_newest_comes_first_in_pages
    a_list_holds_what_fits_everything_that_is_given
    a_list_tells_states_apart
    the_oldest_is_the_one_that_was_accepted_first
}

fn ids(listed: &[Summary]) -> Vec<DeliveryId> {
    listed.iter().map(|summary| summary.id).collect()
}

async fn the_newest_comes_first_in_pages(queue: Queue) {
    let mut accepted = Vec::new();
    for due in 0..5 {
        accepted.push(queue.due(due).await);
    }
    accepted.reverse();

    let page = |after| queue.ledger.list(Filter::default(), Page { after, limit: 2 });
    let first = page(None).await.expect("a page");
    let second = page(Some(accepted[1])).await.expect("a page");
    let third = page(Some(accepted[3])).await.expect("a page");

    assert_eq!((ids(&first.deliveries), first.has_more), (accepted[..2].to_vec(), true));
    assert_eq!((ids(&second.deliveries), second.has_more), (accepted[2..4].to_vec(), true));
    assert_eq!((ids(&third.deliveries), third.has_more), (accepted[4..].to_vec(), false));
}

async fn a_list_holds_what_fits_everything_that_is_given(queue: Queue) {
    let early = queue.due(1).await;
    let id = queue.ledger.next_id(at(100));
    let late = queue.accept(NewDelivery { id, target: partner(), source: None, ..queue.fresh(1) }).await;
    let some = |text: &str| Some(text.to_owned());
    let all = Filter::default();

    for (filter, expected) in [
        (Filter { source: some("lmif"), ..all.clone() }, vec![early]),
        (Filter { endpoint: some("partner"), ..all.clone() }, vec![late]),
        (Filter { endpoint: some("app"), ..all.clone() }, vec![]),
        (Filter { upstream: some("app"), ..all.clone() }, vec![early]),
        (Filter { upstream: some("app"), endpoint: some("partner"), ..all.clone() }, vec![]),
        (Filter { event_id: some("event-1"), ..all.clone() }, vec![late, early]),
        (Filter { event_id: some("event-1"), source: some("lmif"), ..all.clone() }, vec![early]),
        (Filter { event_id: some("' OR 1"), ..all.clone() }, vec![]),
        (Filter { since: Some(at(100)), ..all.clone() }, vec![late]),
        (Filter { until: Some(at(100)), ..all.clone() }, vec![early]),
        (Filter { state: Some(State::Due), ..all.clone() }, vec![late, early]),
        (all, vec![late, early]),
    ] {
        assert_eq!(ids(&queue.list(filter.clone()).await), expected, "{filter:?}");
    }
}

async fn a_list_tells_states_apart(queue: Queue) {
    let paused = queue.accept(NewDelivery { target: partner(), ..queue.fresh(0) }).await;
    queue.ledger.configure(&[app()]);
    let (dead, delivered, discarded) =
        (queue.ended(Next::Dead).await, queue.ended(Next::Delivered).await, queue.discarded().await);
    let leased = queue.due(0).await;
    queue.leased(0).await;
    let due = queue.due(9).await;

    for (state, id) in [
        (State::Dead, dead),
        (State::Delivered, delivered),
        (State::Discarded, discarded),
        (State::Due, due),
        (State::Leased, leased),
        (State::Paused, paused),
    ] {
        let listed = queue.list(Filter { state: Some(state), ..Filter::default() }).await;
        assert_eq!(ids(&listed), [id], "{state:?}");
        assert_eq!(listed[0].state, state);
        assert_eq!(listed[0].due.is_some(), matches!(state, State::Due | State::Paused));
    }
    assert_eq!(queue.list(Filter::default()).await[0].event_type.as_deref(), Some("box.created"));
}

async fn the_oldest_is_the_one_that_was_accepted_first(queue: Queue) {
    let oldest = || async { queue.ledger.oldest().await.expect("the store can be read") };
    assert!(oldest().await.is_empty());
    let accept = |second| queue.accept(NewDelivery { id: queue.ledger.next_id(at(second)), ..queue.fresh(0) });
    let first = accept(1).await;
    accept(2).await;
    queue.accept(NewDelivery { id: queue.ledger.next_id(at(3)), target: partner(), ..queue.fresh(0) }).await;
    let mut both = oldest().await;
    both.sort();
    assert_eq!(both, [(partner(), at(3)), (app(), at(1))]);

    queue.leased(0).await;
    queue.record(first, 1, Next::Dead).await.expect("it is leased");
    assert!(oldest().await.contains(&(app(), at(2))));

    // What is due again is as old as it ever was.
    queue.ledger.repeat(first, queue.fresh(0)).await.expect("it is dead");
    assert!(oldest().await.contains(&(app(), at(1))));
}
