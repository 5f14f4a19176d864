//! Events that only their id and their body together name.

use jiff::Timestamp;

use super::conformance;
use super::harness::{Harness, WAIT, WINDOW, answer, at, failure, key};
use crate::store::{DedupKey, Fingerprint, Repeat, ScopeHandle, Seen, Succession};

conformance! {
    the_same_body_under_an_id_is_one_event
    another_body_under_an_id_is_an_event_of_its_own
    a_body_stays_known_when_the_first_under_its_id_fails
    a_body_stays_known_when_the_first_under_its_id_expires
    bodies_under_an_id_are_delivered_side_by_side
}

const ID: u64 = 1;

/// One with many shards.
fn large_scope(harness: &Harness) -> ScopeHandle {
    harness.scope_of("lvconnect", WINDOW, 1_000_000)
}

impl ScopeHandle {
    fn ask_for(&self, body: u64, now: Timestamp) -> (Seen, Repeat) {
        self.claim_by_body(key(ID), own(body), Fingerprint(body.into()), now, WAIT)
    }
}

fn own(body: u64) -> DedupKey {
    key(1000 + body)
}

async fn the_same_body_under_an_id_is_one_event(harness: Harness) {
    let scope = large_scope(&harness);

    let (first, _) = scope.ask_for(1, at(0));
    first.claimed().settle(answer("first"), at(0));
    let (again, repeat) = scope.ask_for(1, at(1));

    assert_eq!((again.settled().0, repeat), (answer("first"), Repeat::SameBody));
}

async fn another_body_under_an_id_is_an_event_of_its_own(harness: Harness) {
    let scope = large_scope(&harness);
    scope.ask_for(1, at(0)).0.claimed().settle(answer("first"), at(0));

    for body in 2..20 {
        let (other, repeat) = scope.ask_for(body, at(1));
        assert_eq!(repeat, Repeat::OtherBody);
        other.claimed().settle(answer("other"), at(1));
        let (again, repeat) = scope.ask_for(body, at(2));
        assert_eq!((again.settled().0, repeat), (answer("other"), Repeat::SameBody));
    }

    assert_eq!(scope.ask_for(1, at(3)).0.settled().0, answer("first"));
}

async fn a_body_stays_known_when_the_first_under_its_id_fails(harness: Harness) {
    let scope = large_scope(&harness);
    let first = scope.ask_for(1, at(0)).0.claimed();
    scope.ask_for(2, at(0)).0.claimed().settle(answer("other"), at(0));

    first.release(failure(), Succession::Next);

    assert_eq!(scope.ask_for(2, at(1)).0.settled().0, answer("other"));
    assert!(scope.ask_for(1, at(1)).0.is_new());
}

async fn a_body_stays_known_when_the_first_under_its_id_expires(harness: Harness) {
    let scope = large_scope(&harness);
    scope.ask_for(1, at(0)).0.claimed().settle(answer("first"), at(0));
    scope.ask_for(2, at(100)).0.claimed().settle(answer("other"), at(100));

    assert_eq!(scope.ask_for(2, at(3650)).0.settled().0, answer("other"));
    assert!(scope.ask_for(1, at(3650)).0.is_new());
    assert!(scope.ask_for(2, at(3700)).0.is_new());
}

async fn bodies_under_an_id_are_delivered_side_by_side(harness: Harness) {
    let scope = large_scope(&harness);

    let (_first, _other) = (scope.ask_for(1, at(0)).0.claimed(), scope.ask_for(2, at(0)).0.claimed());

    assert!(matches!(scope.ask_for(1, at(0)), (Seen::InFlight { .. }, Repeat::SameBody)));
    assert!(matches!(scope.ask_for(2, at(0)), (Seen::InFlight { .. }, Repeat::SameBody)));
}
