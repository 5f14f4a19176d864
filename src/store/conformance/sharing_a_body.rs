//! Events whose bodies count alone, beside their ids.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::conformance;
use super::harness::{BODY, Harness, WAIT, WINDOW, answer, answered, at, failure, key};
use crate::store::{Alike, Claim, DedupKey, KeptAnswer, ScopeHandle, Seen, Succession, Waited};

conformance! {
    a_known_body_is_known_under_every_id
    a_body_that_failed_is_new_again_and_so_is_its_id
    while_a_body_is_delivered_the_same_body_under_another_id_waits
    whoever_waits_for_a_body_takes_the_place_of_one_that_failed
    of_those_who_wait_by_id_and_by_body_one_at_a_time_delivers
    the_others_get_the_failure_of_the_second_by_id_and_by_body
    those_who_wait_for_an_id_learn_that_its_body_is_known
    a_replay_is_not_remembered_by_its_id
    whoever_hangs_holds_up_the_same_body_no_longer_than_its_time
    a_claim_that_is_dropped_while_it_waits_for_its_body_is_released
    a_dropped_claim_releases_its_body
    a_lent_claim_keeps_its_body
    a_body_is_known_as_long_as_its_event
    bodies_are_forgotten_with_the_limit_on_entries
    the_bodies_of_a_source_mean_nothing_to_another
    an_answer_is_kept_once_for_id_and_body
}

fn body(body: u64) -> DedupKey {
    key(1_000_000 + body)
}

impl ScopeHandle {
    /// Asks for the body of an event that is new by its id.
    async fn ask_alike(&self, event: u64, of: u64, now: Timestamp) -> Alike {
        let claim = self.claim(key(event), BODY, now, WAIT).claimed();
        self.claim_body(claim, body(of), now, WAIT).await
    }

    /// The same, in the background, once it waits.
    async fn asking(&self, event: u64, of: u64) -> JoinHandle<Alike> {
        let scope = self.clone();
        let asking = tokio::spawn(async move { scope.ask_alike(event, of, at(0)).await });
        tokio::task::yield_now().await;
        asking
    }

    async fn deliver_alike(&self, event: u64, of: u64, now: Timestamp) {
        self.ask_alike(event, of, now).await.claimed().settle(answer("first"), now);
    }
}

impl Alike {
    #[track_caller]
    fn claimed(self) -> Claim {
        match self {
            Alike::New(claim) => claim,
            other => panic!("not new: {other:?}"),
        }
    }

    #[track_caller]
    fn replayed(self) -> KeptAnswer {
        match self {
            Alike::Replayed(settlement) | Alike::JustReplayed(settlement) => answered(settlement),
            other => panic!("not known: {other:?}"),
        }
    }
}

/// Whether somebody still waits.
async fn waits(asking: &mut JoinHandle<Alike>) -> bool {
    tokio::time::timeout(Duration::from_millis(1), asking).await.is_err()
}

async fn a_known_body_is_known_under_every_id(harness: Harness) {
    let scope = harness.scope();
    scope.deliver_alike(1, 1, at(0)).await;

    assert_eq!(scope.ask(1).settled().0, answer("first"));
    assert_eq!(scope.ask_alike(2, 1, at(1)).await.replayed(), answer("first"));
    assert_eq!(scope.ask_alike(3, 1, at(1)).await.replayed(), answer("first"));
    assert!(matches!(scope.ask_alike(4, 2, at(1)).await, Alike::New(_)));
}

async fn a_body_that_failed_is_new_again_and_so_is_its_id(harness: Harness) {
    let scope = harness.scope();

    scope.ask_alike(1, 1, at(0)).await.claimed().release(failure(), Succession::Next);

    scope.ask_alike(2, 1, at(1)).await.claimed().release(failure(), Succession::Nobody);
    scope.ask_alike(1, 1, at(1)).await.claimed().settle(answer("first"), at(1));
    assert_eq!(scope.ask_alike(2, 1, at(2)).await.replayed(), answer("first"));
}

async fn while_a_body_is_delivered_the_same_body_under_another_id_waits(harness: Harness) {
    let scope = harness.scope();
    let first = scope.ask_alike(1, 1, at(0)).await.claimed();

    let mut other = scope.asking(2, 1).await;
    assert!(waits(&mut other).await);
    first.settle(answer("first"), at(0));

    assert!(
        matches!(other.await.unwrap(), Alike::JustReplayed(settlement) if answered(settlement.clone()) == answer("first"))
    );
}

async fn whoever_waits_for_a_body_takes_the_place_of_one_that_failed(harness: Harness) {
    let scope = harness.scope();
    let first = scope.ask_alike(1, 1, at(0)).await.claimed();
    let (two, mut three) = (scope.asking(2, 1).await, scope.asking(3, 1).await);

    first.release(failure(), Succession::Next);

    let second = two.await.unwrap().claimed();
    assert!(waits(&mut three).await);
    second.settle(answer("second"), at(0));
    assert_eq!(three.await.unwrap().replayed(), answer("second"));
    assert_eq!(scope.ask(2).settled().0, answer("second"));
    assert_eq!(scope.ask_alike(1, 1, at(1)).await.replayed(), answer("second"));
}

/// The first fails; its id goes to one who waits for that, its body to another: that one delivers.
async fn of_those_who_wait_by_id_and_by_body_one_at_a_time_delivers(harness: Harness) {
    let scope = harness.scope();
    let first = scope.ask_alike(1, 1, at(0)).await.claimed();
    let by_id = scope.ask(1).in_flight();
    let by_body = scope.asking(2, 1).await;

    first.release(failure(), Succession::Next);

    let Waited::Yours(claim) = by_id.wait().await else { panic!("not handed over") };
    let second = by_body.await.unwrap().claimed();
    let other = scope.clone();
    let mut alike = tokio::spawn(async move { other.claim_body(claim, body(1), at(0), WAIT).await });
    assert!(waits(&mut alike).await);
    second.settle(answer("second"), at(0));
    assert_eq!(alike.await.unwrap().replayed(), answer("second"));
}

async fn the_others_get_the_failure_of_the_second_by_id_and_by_body(harness: Harness) {
    let scope = harness.scope();
    let first = scope.ask_alike(1, 1, at(0)).await.claimed();
    let two = scope.asking(2, 1).await;
    let (two_again, three) = (scope.ask(2).in_flight(), scope.asking(3, 1).await);
    let three_again = scope.ask(3).in_flight();
    first.release(answer("not this"), Succession::Next);
    let second = two.await.unwrap().claimed();

    second.release(failure(), Succession::Next);

    assert!(matches!(two_again.wait().await, Waited::Failed(told) if told == failure()));
    assert!(matches!(three.await.unwrap(), Alike::Failed(told) if told == failure()));
    assert!(matches!(three_again.wait().await, Waited::Failed(told) if told == failure()));
    for event in 1..=3 {
        scope.ask_alike(event, 1, at(0)).await.claimed().release(failure(), Succession::Next);
    }
    assert_eq!(harness.stats("lmif").in_flight, 0);
}

async fn those_who_wait_for_an_id_learn_that_its_body_is_known(harness: Harness) {
    let scope = harness.scope();
    scope.deliver_alike(1, 1, at(0)).await;
    let claim = scope.ask(2).claimed();
    let waiter = scope.ask(2).in_flight();

    let alike = scope.claim_body(claim, body(1), at(0), WAIT).await;

    assert_eq!(alike.replayed(), answer("first"));
    assert!(
        matches!(waiter.wait().await, Waited::Replayed(settlement) if answered(settlement.clone()) == answer("first"))
    );
}

async fn a_replay_is_not_remembered_by_its_id(harness: Harness) {
    let scope = harness.scope();
    scope.deliver_alike(1, 1, at(0)).await;

    for event in 2..100 {
        scope.ask_alike(event, 1, at(1)).await.replayed();
    }

    assert_eq!(harness.entries("lmif"), 1);
    assert!(scope.ask(2).is_new());
}

async fn whoever_hangs_holds_up_the_same_body_no_longer_than_its_time(harness: Harness) {
    let scope = harness.scope();
    let _first = scope.ask_alike(1, 1, at(0)).await.claimed();
    let two = scope.asking(2, 1).await;
    let two_again = scope.ask(2).in_flight();

    let started = tokio::time::Instant::now();
    let alike = two.await.unwrap();

    assert!(matches!(alike, Alike::Busy), "{alike:?}");
    assert_eq!(started.elapsed().as_secs(), WAIT.as_secs());
    assert!(matches!(two_again.wait().await, Waited::TooLong));
    assert!(scope.ask(2).is_new());
}

async fn a_claim_that_is_dropped_while_it_waits_for_its_body_is_released(harness: Harness) {
    let scope = harness.scope();
    let first = scope.ask_alike(1, 1, at(0)).await.claimed();
    let two = scope.asking(2, 1).await;

    two.abort();
    assert!(two.await.is_err());

    assert!(scope.ask(2).is_new());
    first.release(failure(), Succession::Next);
    assert!(matches!(scope.ask_alike(3, 1, at(0)).await, Alike::New(_)));
}

async fn a_dropped_claim_releases_its_body(harness: Harness) {
    let scope = harness.scope();
    let first = scope.ask_alike(1, 1, at(0)).await;
    let two = scope.asking(2, 1).await;

    drop(first);
    drop(two.await.unwrap().claimed());

    assert!(scope.ask(1).is_new());
    assert!(matches!(scope.ask_alike(3, 1, at(0)).await, Alike::New(_)));
}

async fn a_lent_claim_keeps_its_body(harness: Harness) {
    let scope = harness.scope();
    let (claim, lent) = scope.ask_alike(1, 1, at(0)).await.claimed().lend();
    let mut two = scope.asking(2, 1).await;

    claim.release(failure(), Succession::Next);
    let claim = lent.back().await.expect("it was released");

    assert!(waits(&mut two).await);
    claim.settle(answer("first"), at(0));
    assert_eq!(two.await.unwrap().replayed(), answer("first"));
}

async fn a_body_is_known_as_long_as_its_event(harness: Harness) {
    let scope = harness.scope();
    scope.deliver_alike(1, 1, at(0)).await;

    assert_eq!(scope.ask_alike(2, 1, at(3599)).await.replayed(), answer("first"));
    scope.deliver_alike(2, 1, at(3600)).await;

    assert_eq!(scope.ask_alike(1, 1, at(7199)).await.replayed(), answer("first"));
    harness.scope_of("lmif", Duration::from_secs(60), 1000);
    assert!(matches!(scope.ask_alike(1, 1, at(3700)).await, Alike::New(_)));
    harness.store.sweep(at(7200));
    assert_eq!(harness.entries("lmif"), 0);
}

async fn bodies_are_forgotten_with_the_limit_on_entries(harness: Harness) {
    let scope = harness.scope_of("lmif", WINDOW, 10);

    for event in 0..100 {
        scope.deliver_alike(event, event, at(0)).await;
    }

    assert_eq!((harness.entries("lmif"), harness.stats("lmif").evictions), (10, 90));
    for event in 90..100 {
        scope.ask_alike(1000 + event, event, at(1)).await.replayed();
    }
    assert!(matches!(scope.ask_alike(2000, 89, at(1)).await, Alike::New(_)));
}

async fn the_bodies_of_a_source_mean_nothing_to_another(harness: Harness) {
    let (one, two) = (harness.scope_of("one", WINDOW, 10), harness.scope_of("two", WINDOW, 10));
    one.deliver_alike(1, 1, at(0)).await;

    assert!(matches!(two.ask_alike(2, 1, at(1)).await, Alike::New(_)));
}

async fn an_answer_is_kept_once_for_id_and_body(harness: Harness) {
    let (one, two) = (harness.scope_of("one", WINDOW, 10), harness.scope_of("two", WINDOW, 10));
    one.ask(1).claimed().settle(answer("first"), at(0));
    let alone = harness.store.totals().answer_bytes;

    two.deliver_alike(1, 1, at(0)).await;

    assert_eq!(harness.store.totals().answer_bytes, 2 * alone);
}

#[tokio::test]
async fn a_restart_remembers_bodies_with_their_answers() {
    let harness = Harness::sqlite();
    let bare = KeptAnswer::bare(StatusCode::NO_CONTENT);
    let scope = harness.scope();
    scope.deliver_alike(1, 1, at(0)).await;
    scope.ask_alike(2, 2, at(0)).await.claimed().settle(bare.clone(), at(0));
    scope.deliver(3, at(0));
    scope.ask_alike(4, 4, at(0)).await.claimed().release(failure(), Succession::Next);

    let harness = harness.reopen(at(1));

    let scope = harness.scope();
    assert_eq!(scope.ask_alike(11, 1, at(1)).await.replayed(), answer("first"));
    assert_eq!(scope.ask_alike(12, 2, at(1)).await.replayed(), bare);
    assert!(matches!(scope.ask_alike(13, 3, at(1)).await, Alike::New(_)));
    assert!(matches!(scope.ask_alike(14, 4, at(1)).await, Alike::New(_)));
    assert_eq!(harness.entries("lmif"), 3);
    assert!(matches!(harness.scope().ask_at(1, at(1)), Seen::Settled { .. }));
}

#[tokio::test]
async fn a_body_goes_from_the_file_with_its_event() {
    let harness = Harness::sqlite();
    let scope = harness.scope_of("lmif", WINDOW, 10);
    for event in 0..100 {
        scope.deliver_alike(event, event, at(0)).await;
    }
    harness.store.flush().await;
    harness.store.flush().await;

    let harness = harness.reopen(at(1));

    let scope = harness.scope_of("lmif", WINDOW, 1000);
    assert_eq!(harness.entries("lmif"), 10);
    assert!(matches!(scope.ask_alike(1000, 89, at(1)).await, Alike::New(_)));
    scope.ask_alike(1001, 90, at(1)).await.replayed();
}
