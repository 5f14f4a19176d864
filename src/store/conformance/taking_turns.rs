//! Who delivers when the first fails.

use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, advance};

use super::conformance;
use super::harness::{Harness, WAIT, answer, answered, at, failure, key};
use crate::store::{Claim, Fingerprint, KeptAnswer, Repeat, Seen, Succession, Waited, Waiter};

conformance! {
    one_waiter_takes_the_place_of_the_first
    the_others_get_the_answer_of_the_second
    the_others_get_the_failure_of_the_second
    the_failure_of_a_second_that_hangs_goes_to_the_others_too
    whoever_comes_after_both_failed_is_new
    whoever_comes_while_the_second_delivers_waits_for_it
    the_second_is_waited_for_from_its_own_start
    the_body_of_the_second_is_the_one_remembered
    a_waiter_that_left_is_skipped
    a_waiter_whose_time_is_over_is_skipped
    a_claim_handed_to_a_waiter_that_leaves_goes_on_to_the_next
    a_claim_handed_to_the_last_waiter_that_leaves_is_free
    a_dropped_claim_is_released
    a_second_claim_dropped_is_a_503_for_the_others
    a_panic_releases_the_claim
    a_lent_claim_comes_back_instead_of_being_released
    a_lent_claim_whose_lender_is_gone_is_released
    a_lent_claim_that_is_settled_does_not_come_back
}

#[track_caller]
fn yours(waited: Waited) -> Claim {
    match waited {
        Waited::Yours(claim) => claim,
        other => panic!("not handed over: {other:?}"),
    }
}

/// An event whose first delivery failed, in the hands of the second, with two who still wait.
async fn second(harness: &Harness) -> (Claim, [Waiter; 2]) {
    let scope = harness.scope();
    let first = scope.ask(1).claimed();
    let [next, a, b] = std::array::from_fn(|_| scope.ask(1).in_flight());
    first.release(failure(), Succession::Next);
    (yours(next.wait().await), [a, b])
}

async fn one_waiter_takes_the_place_of_the_first(harness: Harness) {
    let (_second, waiters) = second(&harness).await;

    for waiter in waiters {
        let waited = tokio::time::timeout(Duration::from_secs(1), waiter.wait()).await;
        assert!(waited.is_err(), "{waited:?}");
    }
}

async fn the_others_get_the_answer_of_the_second(harness: Harness) {
    let (second, waiters) = second(&harness).await;

    second.settle(answer("second"), at(0));

    for waiter in waiters {
        let Waited::Settled(second) = waiter.wait().await else { panic!("not settled") };
        assert_eq!(answered(second), answer("second"));
    }
}

async fn the_others_get_the_failure_of_the_second(harness: Harness) {
    let (second, waiters) = second(&harness).await;

    second.release(failure(), Succession::Next);

    for waiter in waiters {
        let Waited::Failed(second) = waiter.wait().await else { panic!("not failed") };
        assert_eq!(second, failure());
    }
}

async fn the_failure_of_a_second_that_hangs_goes_to_the_others_too(harness: Harness) {
    let (second, waiters) = second(&harness).await;

    second.release(failure(), Succession::Nobody);

    for waiter in waiters {
        assert!(matches!(waiter.wait().await, Waited::Failed(_)));
    }
}

async fn whoever_comes_after_both_failed_is_new(harness: Harness) {
    let (second, _waiters) = second(&harness).await;

    second.release(failure(), Succession::Next);
    let third = harness.scope().ask(1).claimed();
    let waiter = harness.scope().ask(1).in_flight();
    third.release(failure(), Succession::Next);

    yours(waiter.wait().await).settle(answer("ok"), at(0));
}

async fn whoever_comes_while_the_second_delivers_waits_for_it(harness: Harness) {
    let (second, _waiters) = second(&harness).await;

    let waiter = harness.scope().ask(1).in_flight();
    second.settle(answer("second"), at(0));

    assert!(matches!(waiter.wait().await, Waited::Settled(_)));
}

async fn the_second_is_waited_for_from_its_own_start(harness: Harness) {
    let scope = harness.scope();
    let start = Instant::now();
    let first = scope.ask(1).claimed();
    let (next, early) = (scope.ask(1).in_flight(), scope.ask(1).in_flight());
    advance(Duration::from_secs(4)).await;
    first.release(failure(), Succession::Next);
    let _second = yours(next.wait().await);
    let late = scope.ask(1).in_flight();

    assert!(matches!(early.wait().await, Waited::TooLong));
    assert_eq!(start.elapsed().as_secs(), WAIT.as_secs());
    assert!(matches!(late.wait().await, Waited::TooLong));
    assert_eq!(start.elapsed().as_secs(), 4 + WAIT.as_secs());
}

async fn the_body_of_the_second_is_the_one_remembered(harness: Harness) {
    let scope = harness.scope();
    let other = || scope.claim(key(1), Fingerprint(2), at(0), WAIT);
    let first = scope.ask(1).claimed();
    let next = other().in_flight();

    first.release(failure(), Succession::Next);
    let second = yours(next.wait().await);
    assert!(matches!(other(), Seen::InFlight { repeat: Repeat::SameBody, .. }));
    second.settle(answer("ok"), at(0));

    assert_eq!(other().settled().1, Repeat::SameBody);
    assert_eq!(scope.ask(1).settled().1, Repeat::OtherBody);
}

async fn a_waiter_that_left_is_skipped(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();
    let (gone, next) = (scope.ask(1).in_flight(), scope.ask(1).in_flight());

    drop(gone);
    claim.release(failure(), Succession::Next);

    yours(next.wait().await).settle(answer("ok"), at(0));
}

async fn a_waiter_whose_time_is_over_is_skipped(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();
    let waiter = scope.ask(1).in_flight();

    advance(WAIT).await;
    claim.release(failure(), Succession::Next);

    assert!(matches!(waiter.wait().await, Waited::TooLong));
    assert!(scope.ask(1).is_new());
}

async fn a_claim_handed_to_a_waiter_that_leaves_goes_on_to_the_next(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();
    let (leaving, next) = (scope.ask(1).in_flight(), scope.ask(1).in_flight());

    claim.release(failure(), Succession::Next);
    drop(leaving);

    yours(next.wait().await).settle(answer("ok"), at(0));
    scope.ask(1).settled();
}

async fn a_claim_handed_to_the_last_waiter_that_leaves_is_free(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();
    let leaving = scope.ask(1).in_flight();

    claim.release(failure(), Succession::Next);
    drop(leaving);

    assert!(scope.ask(1).is_new());
}

async fn a_dropped_claim_is_released(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();
    let waiter = scope.ask(1).in_flight();

    drop(claim);

    yours(waiter.wait().await).settle(answer("ok"), at(0));
}

async fn a_second_claim_dropped_is_a_503_for_the_others(harness: Harness) {
    let (second, waiters) = second(&harness).await;

    drop(second);

    for waiter in waiters {
        let Waited::Failed(failure) = waiter.wait().await else { panic!("not failed") };
        assert_eq!(failure, KeptAnswer::bare(StatusCode::SERVICE_UNAVAILABLE));
    }
}

async fn a_panic_releases_the_claim(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();

    let panicked = tokio::spawn(async move {
        let _claim = claim;
        panic!("on purpose");
    });

    assert!(panicked.await.is_err());
    assert!(scope.ask(1).is_new());
}

async fn a_lent_claim_comes_back_instead_of_being_released(harness: Harness) {
    let scope = harness.scope();
    let (claim, lent) = scope.ask(1).claimed().lend();
    let waiter = scope.ask(1).in_flight();

    drop(claim);
    let back = lent.back().await.expect("it was not settled");
    back.settle(answer("ok"), at(0));

    assert!(matches!(waiter.wait().await, Waited::Settled(_)));
}

async fn a_lent_claim_whose_lender_is_gone_is_released(harness: Harness) {
    let scope = harness.scope();
    let (claim, lent) = scope.ask(1).claimed().lend();
    let waiter = scope.ask(1).in_flight();

    drop(lent);
    claim.release(failure(), Succession::Next);

    let _second = yours(waiter.wait().await);
}

async fn a_lent_claim_that_is_settled_does_not_come_back(harness: Harness) {
    let scope = harness.scope();
    let (claim, lent) = scope.ask(1).claimed().lend();

    claim.settle(answer("ok"), at(0));

    assert!(lent.back().await.is_none());
    assert_eq!(scope.ask(1).settled().0, answer("ok"));
}
