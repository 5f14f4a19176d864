//! Those who ask while an event is being delivered.

use std::time::Duration;

use tokio::time::{Instant, advance};

use super::conformance;
use super::harness::{Harness, WAIT, answer, answered, at, key};
use crate::store::{Fingerprint, Repeat, Seen, Succession, WAITERS, Waited};

conformance! {
    a_duplicate_in_flight_waits_for_the_answer
    all_who_wait_get_the_answer
    one_too_many_is_crowded
    whoever_leaves_makes_room
    a_waiter_leaves_when_the_time_of_the_claim_is_over
    another_body_in_flight_is_told_apart
    of_200_concurrent_claims_one_is_new
    nobody_follows_where_that_is_said
    a_wait_beyond_all_clocks_is_a_long_one
}

async fn a_duplicate_in_flight_waits_for_the_answer(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();
    let waiting = tokio::spawn(scope.ask(1).in_flight().wait());

    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    claim.settle(answer("first"), at(0));

    let Waited::Settled(first) = waiting.await.expect("no panic") else { panic!("not settled") };
    assert_eq!(answered(first), answer("first"));
}

async fn all_who_wait_get_the_answer(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();
    let waiters: Vec<_> = (0..WAITERS).map(|_| scope.ask(1).in_flight()).collect();

    claim.settle(answer("first"), at(0));

    for waiter in waiters {
        assert!(matches!(waiter.wait().await, Waited::Settled(_)));
    }
}

async fn one_too_many_is_crowded(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();
    let waiters: Vec<_> = (0..WAITERS).map(|_| scope.ask(1).in_flight()).collect();

    assert!(matches!(scope.ask(1), Seen::Crowded));

    claim.settle(answer("ok"), at(0));
    drop(waiters);
    scope.ask(1).settled();
}

async fn whoever_leaves_makes_room(harness: Harness) {
    let scope = harness.scope();
    let _claim = scope.ask(1).claimed();
    let mut waiters: Vec<_> = (0..WAITERS).map(|_| scope.ask(1).in_flight()).collect();

    waiters.truncate(WAITERS - 1);

    let _waiter = scope.ask(1).in_flight();
    assert!(matches!(scope.ask(1), Seen::Crowded));
}

async fn a_waiter_leaves_when_the_time_of_the_claim_is_over(harness: Harness) {
    let scope = harness.scope();
    let start = Instant::now();
    let _claim = scope.ask(1).claimed();

    advance(Duration::from_secs(9)).await;
    let waited = scope.ask(1).in_flight().wait().await;

    assert!(matches!(waited, Waited::TooLong));
    assert_eq!(start.elapsed().as_secs(), WAIT.as_secs());
}

async fn another_body_in_flight_is_told_apart(harness: Harness) {
    let scope = harness.scope();
    let _claim = scope.ask(1).claimed();

    let other = scope.claim(key(1), Fingerprint(2), at(0), WAIT);
    let same = scope.ask(1);

    assert!(matches!(other, Seen::InFlight { repeat: Repeat::OtherBody, .. }));
    assert!(matches!(same, Seen::InFlight { repeat: Repeat::SameBody, .. }));
}

async fn of_200_concurrent_claims_one_is_new(harness: Harness) {
    let scope = harness.scope();
    let delivery = |scope: crate::store::ScopeHandle| async move {
        match scope.ask(1) {
            Seen::New(claim) => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                claim.settle(answer("ok"), at(0));
                "new"
            }
            Seen::InFlight { waiter, .. } => match waiter.wait().await {
                Waited::Settled(_) => "settled",
                other => panic!("{other:?}"),
            },
            Seen::Settled { .. } => "settled",
            Seen::Crowded => "crowded",
        }
    };

    let deliveries: Vec<_> = (0..200).map(|_| tokio::spawn(delivery(scope.clone()))).collect();
    let mut outcomes = Vec::new();
    for delivery in deliveries {
        outcomes.push(delivery.await.expect("no panic"));
    }

    let count = |word| outcomes.iter().filter(|outcome| **outcome == word).count();
    assert_eq!((count("new"), count("settled"), count("crowded")), (1, WAITERS, 200 - 1 - WAITERS));
}

async fn nobody_follows_where_that_is_said(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();
    let waiters: Vec<_> = (0..3).map(|_| scope.ask(1).in_flight()).collect();

    claim.release(super::harness::failure(), Succession::Nobody);

    for waiter in waiters {
        assert!(matches!(waiter.wait().await, Waited::TooLong));
    }
    assert!(scope.ask(1).is_new());
}

async fn a_wait_beyond_all_clocks_is_a_long_one(harness: Harness) {
    let scope = harness.scope();
    let _claim = scope.claim(key(1), Fingerprint(1), at(0), Duration::MAX).claimed();

    assert!(matches!(scope.ask(1).in_flight().wait().await, Waited::TooLong));
}
