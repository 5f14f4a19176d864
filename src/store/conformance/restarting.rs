//! What the next process finds.

use std::time::Duration;

use http::StatusCode;

use super::harness::{BODY, Harness, WAIT, WINDOW, answer, at, at_ms, failure, key};
use crate::store::{Fingerprint, KEPT_BODY, KeptAnswer, Repeat, Succession};

#[tokio::test]
async fn a_restart_remembers_the_answer_and_the_body() {
    let harness = Harness::sqlite();
    let bare = KeptAnswer::bare(StatusCode::NO_CONTENT);
    let scope = harness.scope();
    scope.ask(1).claimed().settle(answer("first"), at(0));
    scope.ask(2).claimed().settle(bare.clone(), at(0));

    let harness = harness.reopen(at(1));

    let scope = harness.scope();
    assert_eq!(scope.ask(1).settled(), (answer("first"), Repeat::SameBody));
    assert_eq!(scope.claim(key(1), Fingerprint(2), at(1), WAIT).settled().1, Repeat::OtherBody);
    assert_eq!(scope.ask(2).settled().0, bare);
    assert_eq!(harness.entries("lmif"), 2);
}

#[tokio::test]
async fn a_restart_forgets_what_was_not_settled() {
    let harness = Harness::sqlite();
    let scope = harness.scope();
    scope.ask(1).claimed().release(failure(), Succession::Next);
    let in_flight = scope.ask(2).claimed();

    let harness = harness.reopen(at(1));

    assert!(harness.scope().ask(1).is_new());
    assert!(harness.scope().ask(2).is_new());
    drop(in_flight);
}

#[tokio::test]
async fn the_window_goes_on_while_nobody_runs() {
    let harness = Harness::sqlite();
    harness.scope().deliver(1, at(0));
    harness.scope().deliver(2, at(1));

    let harness = harness.reopen(at(3600));

    assert!(harness.scope().ask_at(1, at(3600)).is_new());
    harness.scope().ask_at(2, at_ms(3_600_999)).settled();
}

#[tokio::test]
async fn a_restart_keeps_the_latest_of_what_was_settled_twice() {
    let harness = Harness::sqlite();
    harness.scope().deliver(1, at(0));
    harness.scope().ask_at(1, at(3600)).claimed().settle(answer("second"), at(3600));

    let harness = harness.reopen(at(3601));

    assert_eq!(harness.scope().ask_at(1, at(3601)).settled().0, answer("second"));
    assert_eq!(harness.entries("lmif"), 1);
}

#[tokio::test]
async fn a_restart_takes_a_flood_within_the_limit() {
    let harness = Harness::sqlite();
    let scope = harness.scope_of("lmif", WINDOW, 10);
    for event in 0..1000 {
        scope.deliver(event, at(0));
    }

    let harness = harness.reopen(at(1));

    assert_eq!(harness.entries("lmif"), 10);
    let scope = harness.scope_of("lmif", WINDOW, 10);
    assert!((990..1000).all(|event| !scope.ask(event).is_new()));
}

#[tokio::test]
async fn scopes_stay_apart_over_restarts() {
    let harness = Harness::sqlite();
    harness.scope_of("one", WINDOW, 10).deliver(1, at(0));

    let harness = harness.reopen(at(1));
    harness.scope_of("two", WINDOW, 10).deliver(2, at(1));
    let harness = harness.reopen(at(2));

    let (one, two) = (harness.scope_of("one", WINDOW, 10), harness.scope_of("two", WINDOW, 10));
    one.ask(1).settled();
    two.ask(2).settled();
    assert!(one.ask(2).is_new());
    assert!(two.ask(1).is_new());
}

#[tokio::test]
async fn a_scope_that_is_gone_for_a_while_finds_its_events() {
    let harness = Harness::sqlite();
    harness.scope().deliver(1, at(0));

    let harness = harness.reopen(at(1));
    harness.scope_of("other", WINDOW, 10).deliver(2, at(1));
    let harness = harness.reopen(at(2));

    harness.scope().ask_at(1, at(2)).settled();
}

#[tokio::test]
async fn the_oldest_bodies_do_not_survive_where_there_is_no_room() {
    let harness = Harness::sqlite();
    let scope = harness.scope_of("lmif", WINDOW, 10_000);
    let large = KeptAnswer { body: Some(vec![b'x'; KEPT_BODY].into()), ..answer("") };
    for event in 0..4_200 {
        scope.ask(event).claimed().settle(large.clone(), at_ms(event as i64));
        if event % 1000 == 0 {
            harness.store.flush().await;
        }
    }

    let harness = harness.reopen(at(5));

    let scope = harness.scope_of("lmif", WINDOW, 10_000);
    assert_eq!(scope.ask_at(0, at(5)).settled().0, KeptAnswer::bare(StatusCode::CREATED));
    assert_eq!(scope.ask_at(4_199, at(5)).settled().0, large);
    assert!(harness.store.totals().answer_bytes <= 64 * 1024 * 1024);
}

#[tokio::test]
async fn many_events_survive_several_restarts() {
    let mut harness = Harness::sqlite();
    for round in 0..3 {
        let scope = harness.scope_of("lmif", Duration::from_secs(3600), 100_000);
        for event in 0..5_000 {
            scope.claim(key(round * 5_000 + event), BODY, at(0), WAIT).claimed().settle(answer("ok"), at(0));
        }
        harness = harness.reopen(at(1));
    }

    let scope = harness.scope_of("lmif", WINDOW, 100_000);
    assert_eq!(harness.entries("lmif"), 15_000);
    assert!((0..15_000).all(|event| !scope.ask(event).is_new()));
}
