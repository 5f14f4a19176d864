use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::store::ledger::{Attempt, Hold, Next, Start, TargetKind};
use crate::store::{Fingerprint, Scope, Seen, Settlement, Store};
use crate::telemetry::words::AttemptOutcome;

const ROOM: Room = Room { deliveries: 100, bytes: 1 << 20 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + second).unwrap()
}

fn target(name: &str) -> Target {
    Target { kind: TargetKind::Endpoint, name: name.into() }
}

fn new(ledger: &Recall, to: &str, due: i64) -> NewDelivery {
    NewDelivery {
        id: ledger.next_id(at(0)),
        target: target(to),
        source: None,
        event_id: "e".to_owned(),
        event_type: None,
        message: Arc::default(),
        start: Start::Due(at(due)),
    }
}

async fn accept(ledger: &Recall, due: i64) -> DeliveryId {
    let new = new(ledger, "a", due);
    let id = new.id;
    ledger.accept(Accept { deliveries: vec![(new, None)], answered: None }).await.unwrap();
    id
}

async fn lease(ledger: &Recall, now: i64) -> Leases {
    ledger.lease(target("a"), at(now), ROOM).await.unwrap()
}

fn ids(leases: &Leases) -> Vec<DeliveryId> {
    leases.leased.iter().map(|leased| leased.id).collect()
}

fn ended(id: DeliveryId, number: u32, next: Next) -> Ended {
    let (started, took, outcome) = (at(1), Duration::from_secs(1), AttemptOutcome::Status);
    let attempt = Attempt { number, started, took, outcome, answer: None, error: None };
    Ended { id, target: target("a"), attempt, next, pause: None }
}

async fn end(ledger: &Recall, id: DeliveryId, next: Next) {
    lease(ledger, 1000).await;
    ledger.record(ended(id, 1, next)).await.unwrap();
}

#[tokio::test]
async fn what_is_due_is_handed_out_once_in_the_order_of_its_time() {
    let ledger = Recall::with(&[target("a")]);
    let (late, early, equal, future) =
        (accept(&ledger, 2).await, accept(&ledger, 1).await, accept(&ledger, 2).await, accept(&ledger, 9).await);

    let first = lease(&ledger, 5).await;
    let second = lease(&ledger, 5).await;

    assert_eq!(ids(&first), [early, late, equal]);
    assert_eq!(first.next, Some(at(9)));
    assert!(second.leased.is_empty());
    assert_eq!(ledger.state(future), Some(State::Due));
}

#[tokio::test]
async fn no_more_is_handed_out_than_there_is_room_for() {
    let ledger = Recall::with(&[target("a")]);
    let mut large = new(&ledger, "a", 0);
    large.message = Arc::new(crate::store::ledger::Message { body: vec![0; 50].into(), ..Default::default() });
    let id = large.id;
    ledger.accept(Accept { deliveries: vec![(large, None)], answered: None }).await.unwrap();
    let small = accept(&ledger, 1).await;

    let tight = ledger.lease(target("a"), at(5), Room { deliveries: 5, bytes: 10 }).await.unwrap();
    let none = ledger.lease(target("a"), at(5), Room { deliveries: 0, bytes: 10 }).await.unwrap();

    assert_eq!((ids(&tight), tight.next), (vec![id], Some(at(1))));
    assert_eq!((ids(&none), none.next), (vec![], Some(at(1))));
    assert_eq!(ids(&lease(&ledger, 5).await), [small]);
}

#[tokio::test]
async fn what_is_recorded_is_over_or_due_again() {
    let ledger = Recall::with(&[target("a")]);
    let (dead, delivered, again) = (accept(&ledger, 0).await, accept(&ledger, 0).await, accept(&ledger, 0).await);
    lease(&ledger, 0).await;

    ledger.record(ended(dead, 1, Next::Dead)).await.unwrap();
    ledger.record(ended(delivered, 1, Next::Delivered)).await.unwrap();
    ledger.record(ended(again, 1, Next::Due(at(60)))).await.unwrap();
    let twice = ledger.record(ended(dead, 1, Next::Dead)).await;

    assert_eq!((ledger.state(dead), ledger.state(delivered)), (Some(State::Dead), Some(State::Delivered)));
    assert_eq!(ledger.due(again), Some(at(60)));
    assert_eq!(lease(&ledger, 60).await.leased[0].attempts, 1);
    assert_eq!(twice, Err(LedgerError::State));
    assert_eq!(ledger.ended().len(), 3);
}

#[tokio::test]
async fn only_the_last_ten_attempts_are_kept() {
    let ledger = Recall::with(&[target("a")]);
    let id = accept(&ledger, 0).await;

    for number in 1..=12 {
        lease(&ledger, 0).await;
        ledger.record(ended(id, number, Next::Due(at(0)))).await.unwrap();
    }

    let shown = ledger.show(id).await.unwrap().unwrap();
    let numbers: Vec<u32> = shown.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!((numbers, shown.summary.attempts), ((3..=12).collect(), 12));
}

#[tokio::test]
async fn what_is_released_is_due_at_its_old_time() {
    let ledger = Recall::with(&[target("a")]);
    let id = accept(&ledger, 3).await;
    lease(&ledger, 5).await;

    ledger.release(&[id]);

    assert_eq!(ledger.due(id), Some(at(3)));
}

#[tokio::test]
async fn a_held_target_is_handed_nothing_until_it_goes_on() {
    let ledger = Recall::with(&[target("a")]);
    let id = accept(&ledger, 0).await;

    ledger.change(Change::Pause(target("a")), "it hurts".to_owned(), at(1)).await.unwrap();
    let paused = (lease(&ledger, 5).await, ledger.state(id), ledger.depths().remove(0));
    ledger.change(Change::Resume(target("a")), "better".to_owned(), at(2)).await.unwrap();
    ledger.configure(&[]);
    let gone = (lease(&ledger, 5).await, ledger.depths().remove(0).held);
    ledger.configure(&[target("a")]);

    assert!(paused.0.leased.is_empty() && gone.0.leased.is_empty());
    assert_eq!((paused.1, paused.2.paused, paused.2.due), (Some(State::Paused), 1, 0));
    assert_eq!(paused.2.held, Some(Hold::Paused(at(1), "it hurts".to_owned())));
    assert_eq!(gone.1, Some(Hold::Gone));
    assert_eq!(ids(&lease(&ledger, 5).await), [id]);
    assert_eq!(ledger.changes(1).await.unwrap()[0].reason, "better");
}

#[tokio::test]
async fn a_repeat_follows_what_became_of_the_first() {
    let ledger = Recall::with(&[target("a")]);
    let id = accept(&ledger, 0).await;

    let waiting = ledger.repeat(id, new(&ledger, "a", 1)).await.unwrap();
    end(&ledger, id, Next::Dead).await;
    let dead = ledger.repeat(id, new(&ledger, "a", 1)).await.unwrap();
    let attempts = lease(&ledger, 5).await.leased[0].attempts;
    ledger.record(ended(id, 1, Next::Dead)).await.unwrap();
    ledger.change(Change::Discard(id), String::new(), at(1)).await.unwrap();
    let again = new(&ledger, "a", 1);
    let replaced = ledger.repeat(id, again.clone()).await.unwrap();
    let after = ledger.repeat(id, new(&ledger, "a", 1)).await.unwrap();

    assert_eq!((waiting, dead, attempts), (Repeated::Same(id), Repeated::Revived(id), 0));
    assert_eq!((replaced, after), (Repeated::New(again.id), Repeated::Same(again.id)));
}

#[tokio::test]
async fn what_is_replayed_begins_at_its_first_attempt() {
    let ledger = Recall::with(&[target("a")]);
    let (dead, waiting) = (accept(&ledger, 0).await, accept(&ledger, 5000).await);
    end(&ledger, dead, Next::Dead).await;

    let changed = ledger.change(Change::ReplayAll(Filter::default()), String::new(), at(7)).await.unwrap();
    let leases = lease(&ledger, 7).await;
    let leased = ledger.change(Change::Replay(dead), String::new(), at(7)).await;
    let unknown = ledger.change(Change::Replay(ledger.next_id(at(0))), String::new(), at(7)).await;

    assert_eq!((changed.count, ids(&leases), leases.leased[0].attempts), (1, vec![dead], 0));
    assert_eq!((leased, unknown), (Err(LedgerError::State), Err(LedgerError::NotFound)));
    assert_eq!(ledger.due(waiting), Some(at(5000)));
}

#[tokio::test]
async fn a_list_is_filtered_and_comes_in_pages() {
    let ledger = Recall::with(&[target("a")]);
    let (first, second, third) = (accept(&ledger, 0).await, accept(&ledger, 0).await, accept(&ledger, 0).await);
    end(&ledger, second, Next::Dead).await;
    let ids = |listed: &Listed| listed.deliveries.iter().map(|summary| summary.id).collect::<Vec<_>>();

    let all = ledger.list(Filter::default(), Page { after: None, limit: 2 }).await.unwrap();
    let rest = ledger.list(Filter::default(), Page { after: Some(second), limit: 2 }).await.unwrap();
    let dead = Filter { state: Some(State::Dead), ..Filter::default() };
    let dead = ledger.list(dead, Page { after: None, limit: 9 }).await.unwrap();
    let none = Filter { upstream: Some("a".to_owned()), ..Filter::default() };
    let none = ledger.list(none, Page { after: None, limit: 9 }).await.unwrap();

    assert_eq!((ids(&all), all.has_more), (vec![third, second], true));
    assert_eq!((ids(&rest), rest.has_more), (vec![first], false));
    assert_eq!((ids(&dead), ids(&none)), (vec![second], vec![]));
    assert_eq!(ledger.oldest().await.unwrap(), [(target("a"), at(0))]);
}

#[tokio::test]
async fn a_claim_is_settled_with_its_delivery_or_released() {
    let store = Store::memory();
    store.configure(&[Scope { name: "s".into(), window: Duration::from_secs(60), entries: 9 }]);
    let scope = store.scope("s").unwrap();
    let claim = |at| scope.claim([0; 16], Fingerprint(1), at, Duration::from_secs(1));
    let ledger = Recall::with(&[target("a")]);
    let accept = |seen| {
        let Seen::New(claim) = seen else { panic!("{seen:?}") };
        let new = new(&ledger, "a", 0);
        (new.id, ledger.accept(Accept { deliveries: vec![(new, Some(claim))], answered: None }))
    };

    ledger.fail(Call::Accept, 1);
    let failed = accept(claim(at(0))).1.await;
    let (id, accepted) = accept(claim(at(0)));
    accepted.await.unwrap();

    assert_eq!(failed, Err(LedgerError::Unavailable));
    let Seen::Settled { settlement, .. } = claim(at(1)) else { panic!("it was settled") };
    assert_eq!(settlement, Settlement::Queued(id));
    assert_eq!(ledger.accepted().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_deliveries_is_woken() {
    let ledger = Recall::with(&[target("a")]);
    let wakes = ledger.wakes(&target("a"));
    let woken = async || timeout(Duration::from_secs(1), wakes.notified()).await.is_ok();

    assert!(woken().await, "configured");
    assert!(!woken().await, "nothing happened");
    let id = accept(&ledger, 0).await;
    assert!(woken().await, "accepted");
    lease(&ledger, 0).await;
    ledger.release(&[id]);
    assert!(woken().await, "released");
}

#[tokio::test]
async fn a_store_fails_as_often_as_it_was_told() {
    let ledger = Recall::with(&[target("a")]);

    ledger.fail(Call::Lease, 1);
    let first = ledger.lease(target("a"), at(0), ROOM).await.err();
    let second = ledger.lease(target("a"), at(0), ROOM).await.err();
    ledger.fail(Call::Accept, usize::MAX);
    let is_healthy = ledger.healthy();
    ledger.mend();

    assert_eq!((first, second), (Some(LedgerError::Unavailable), None));
    assert_eq!((is_healthy, ledger.healthy(), ledger.calls(Call::Lease)), (false, true, 2));
}
