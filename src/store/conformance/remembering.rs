//! What is remembered, how long, and how much of it.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::conformance;
use super::harness::{BODY, Harness, WAIT, WINDOW, answer, at, at_ms, failure, key};
use crate::store::{Fingerprint, KEPT_BODY, KeptAnswer, Repeat, Scope, Succession};

conformance! {
    an_event_is_new_once
    a_duplicate_gets_the_first_answer
    an_answer_without_content_type_or_body_is_kept_as_it_was
    another_body_is_told_apart
    scopes_do_not_share_keys
    a_failed_event_is_new_again
    the_window_ends_to_the_millisecond
    the_window_counts_from_the_settling
    an_event_settled_anew_is_remembered_anew
    a_flood_of_distinct_events_holds_the_limit
    a_flood_holds_the_limit_of_a_large_scope
    the_oldest_goes_first_at_the_limit
    a_flood_does_not_touch_claims_in_flight
    expired_events_leave_in_passing
    a_sweep_takes_out_what_has_expired
    a_large_body_is_not_kept
    the_oldest_bodies_make_room_over_all_scopes
    answers_that_are_alike_take_the_room_of_a_few
    bodies_of_forgotten_events_give_their_room_back
    a_reload_changes_the_window
    a_reload_changes_the_limit
    a_reload_leaves_claims_in_flight
    a_scope_that_returns_finds_its_events
}

async fn an_event_is_new_once(harness: Harness) {
    let scope = harness.scope();

    scope.ask(1).claimed().settle(answer("ok"), at(0));

    scope.ask(1).settled();
    assert!(scope.ask(2).is_new());
}

async fn a_duplicate_gets_the_first_answer(harness: Harness) {
    let scope = harness.scope();

    scope.ask(1).claimed().settle(answer("first"), at(0));

    assert_eq!(scope.ask(1).settled(), (answer("first"), Repeat::SameBody));
}

async fn an_answer_without_content_type_or_body_is_kept_as_it_was(harness: Harness) {
    let scope = harness.scope();
    let (bare, empty) = (
        KeptAnswer::bare(StatusCode::NO_CONTENT),
        KeptAnswer { body: Some(Bytes::new()), ..KeptAnswer::bare(StatusCode::OK) },
    );

    scope.ask(1).claimed().settle(bare.clone(), at(0));
    scope.ask(2).claimed().settle(empty.clone(), at(0));

    assert_eq!(scope.ask(1).settled().0, bare);
    assert_eq!(scope.ask(2).settled().0, empty);
}

async fn another_body_is_told_apart(harness: Harness) {
    let scope = harness.scope();

    scope.ask(1).claimed().settle(answer("ok"), at(0));

    let (_, repeat) = scope.claim(key(1), Fingerprint(2), at(0), WAIT).settled();
    assert_eq!(repeat, Repeat::OtherBody);
}

async fn scopes_do_not_share_keys(harness: Harness) {
    let (one, two) = (harness.scope_of("one", WINDOW, 1000), harness.scope_of("two", WINDOW, 1000));

    one.deliver(1, at(0));

    assert!(two.ask(1).is_new());
}

async fn a_failed_event_is_new_again(harness: Harness) {
    let scope = harness.scope();

    for succession in [Succession::Next, Succession::Nobody] {
        scope.ask(1).claimed().release(failure(), succession);
    }

    assert!(scope.ask(1).is_new());
    assert_eq!(harness.entries("lmif"), 0);
}

async fn the_window_ends_to_the_millisecond(harness: Harness) {
    let scope = harness.scope();
    scope.deliver(1, at(0));

    scope.ask_at(1, at_ms(3_599_999)).settled();
    assert!(scope.ask_at(1, at_ms(3_600_000)).is_new());
}

async fn the_window_counts_from_the_settling(harness: Harness) {
    let scope = harness.scope();
    scope.ask_at(1, at(0)).claimed().settle(answer("ok"), at(5));

    scope.ask_at(1, at(3604)).settled();
    assert!(scope.ask_at(1, at(3605)).is_new());
}

async fn an_event_settled_anew_is_remembered_anew(harness: Harness) {
    let scope = harness.scope();
    scope.ask(1).claimed().settle(answer("first"), at(0));

    scope.ask_at(1, at(3600)).claimed().settle(answer("second"), at(3600));
    scope.deliver(2, at(3601));

    assert_eq!(scope.ask_at(1, at(7199)).settled().0, answer("second"));
    assert_eq!(harness.entries("lmif"), 2);
}

async fn a_flood_of_distinct_events_holds_the_limit(harness: Harness) {
    let scope = harness.scope_of("lmif", WINDOW, 100);

    for event in 0..10_000 {
        scope.deliver(event, at(0));
        assert!(harness.entries("lmif") <= 100);
    }

    assert_eq!(harness.entries("lmif"), 100);
    assert_eq!(harness.stats("lmif").evictions, 9_900);
}

async fn a_flood_holds_the_limit_of_a_large_scope(harness: Harness) {
    let scope = harness.scope_of("lmif", WINDOW, 5_000);

    for event in 0..20_000 {
        scope.deliver(event, at(0));
    }

    assert_eq!(harness.entries("lmif"), 5_000);
    for event in 19_000..20_000 {
        scope.ask(event).settled();
    }
    assert!((0..10_000).all(|event| scope.ask(event).is_new()));
}

async fn the_oldest_goes_first_at_the_limit(harness: Harness) {
    let scope = harness.scope_of("lmif", WINDOW, 3);

    for event in 0..5 {
        scope.deliver(event, at(0));
    }

    let new: Vec<_> = (0..5).filter(|&event| scope.ask(event).is_new()).collect();
    assert_eq!(new, [0, 1]);
}

async fn a_flood_does_not_touch_claims_in_flight(harness: Harness) {
    let scope = harness.scope_of("lmif", WINDOW, 3);
    let claim = scope.ask(1_000).claimed();

    for event in 0..100 {
        scope.deliver(event, at(0));
    }

    let _waiter = scope.ask(1_000).in_flight();
    claim.settle(answer("ok"), at(0));
    scope.ask(1_000).settled();
}

async fn expired_events_leave_in_passing(harness: Harness) {
    let scope = harness.scope();
    for event in 0..100 {
        scope.deliver(event, at(0));
    }

    for event in 100..150 {
        scope.deliver(event, at(3600));
    }

    assert_eq!(harness.entries("lmif"), 50);
    assert_eq!(harness.stats("lmif").evictions, 0);
}

async fn a_sweep_takes_out_what_has_expired(harness: Harness) {
    let scope = harness.scope();
    for event in 0..1000 {
        scope.deliver(event, at(event as i64));
    }

    harness.store.sweep(at(3600 + 499));

    assert_eq!(harness.entries("lmif"), 500);
    assert_eq!(harness.stats("lmif").evictions, 0);
}

async fn a_large_body_is_not_kept(harness: Harness) {
    let scope = harness.scope();
    let sized = |length| KeptAnswer { body: Some(vec![b'x'; length].into()), ..answer("") };

    scope.ask(1).claimed().settle(sized(KEPT_BODY), at(0));
    scope.ask(2).claimed().settle(sized(KEPT_BODY + 1), at(0));

    assert_eq!(scope.ask(1).settled().0, sized(KEPT_BODY));
    assert_eq!(scope.ask(2).settled().0, KeptAnswer::bare(StatusCode::CREATED));
}

async fn the_oldest_bodies_make_room_over_all_scopes(harness: Harness) {
    let (one, two) = (harness.scope_of("one", WINDOW, 100_000), harness.scope_of("two", WINDOW, 1000));
    two.ask(0).claimed().settle(large(0), at(0));

    for event in 0..5_000 {
        one.ask(event).claimed().settle(large(event), at_ms(1 + event as i64));
    }

    let is_kept = |event| one.ask(event).settled().0.body.is_some();
    assert!(harness.store.totals().answer_bytes <= 64 * 1024 * 1024);
    assert_eq!(two.ask(0).settled().0, KeptAnswer::bare(StatusCode::CREATED));
    let gone = (0..5_000).take_while(|&event| !is_kept(event)).count() as u64;
    assert!((900..1000).contains(&gone), "{gone} of 5000 have no body");
    assert!((gone..5_000).all(is_kept));
}

/// The largest answer that is kept, another for each event.
fn large(event: u64) -> KeptAnswer {
    let mut body = vec![b'x'; KEPT_BODY];
    body[..8].copy_from_slice(&event.to_le_bytes());
    KeptAnswer { body: Some(body.into()), ..answer("") }
}

async fn answers_that_are_alike_take_the_room_of_a_few(harness: Harness) {
    let scope = harness.scope_of("lmif", WINDOW, 100_000);

    for event in 0..6_000 {
        scope.ask(event).claimed().settle(large(event % 2), at_ms(event as i64));
    }

    assert!(harness.store.totals().answer_bytes < 64 * 17 * 1024, "{:?}", harness.store.totals());
    assert!((0..6_000).all(|event| scope.ask(event).settled().0 == large(event % 2)));
    harness.store.sweep(at(3600 + 6));
    assert_eq!(harness.store.totals().answer_bytes, 0);
}

async fn bodies_of_forgotten_events_give_their_room_back(harness: Harness) {
    let scope = harness.scope_of("lmif", WINDOW, 3);

    for event in 0..100 {
        scope.deliver(event, at(0));
    }
    assert!(harness.store.totals().answer_bytes < 3 * 100);
    harness.store.sweep(at(3600));

    assert_eq!(harness.store.totals().answer_bytes, 0);
}

async fn a_reload_changes_the_window(harness: Harness) {
    let scope = harness.scope();
    scope.deliver(1, at(0));

    harness.scope_of("lmif", Duration::from_secs(60), 1000);
    assert!(scope.ask_at(1, at(60)).is_new());
    harness.scope_of("lmif", Duration::from_secs(7200), 1000);
    scope.ask_at(1, at(7199)).settled();
}

async fn a_reload_changes_the_limit(harness: Harness) {
    let scope = harness.scope();
    for event in 0..100 {
        scope.deliver(event, at(0));
    }

    harness.scope_of("lmif", WINDOW, 10);
    harness.store.sweep(at(0));

    assert_eq!(harness.entries("lmif"), 10);
    scope.ask(99).settled();
}

async fn a_reload_leaves_claims_in_flight(harness: Harness) {
    let scope = harness.scope();
    let claim = scope.ask(1).claimed();

    let reloaded = harness.scope_of("lmif", Duration::from_secs(60), 10);
    let waiter = reloaded.ask(1).in_flight();
    claim.settle(answer("ok"), at(0));

    assert!(matches!(waiter.wait().await, crate::store::Waited::Settled(_)));
    reloaded.claim(key(1), BODY, at(0), WAIT).settled();
}

async fn a_scope_that_returns_finds_its_events(harness: Harness) {
    harness.scope().deliver(1, at(0));

    harness.store.configure(&[Scope { name: "other".into(), window: WINDOW, entries: 10 }]);
    harness.store.sweep(at(1));
    let scope = harness.scope();

    scope.ask_at(1, at(2)).settled();
}
