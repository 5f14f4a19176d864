//! Events that are put on disk before their sender is answered.

use http::HeaderValue;
use tokio::task::LocalSet;

use super::harness::Harness;
use crate::clock;
use crate::store::ledger::{Attempt, Change, DeliveryId, Ended, Next, Room, Start, Target, TargetKind};
use crate::store::recall::Call;
use crate::telemetry::words::AttemptOutcome;

const QUEUE: &str = "delivery: queue";

fn app() -> Target {
    Target { kind: TargetKind::Upstream, name: "app".into() }
}

async fn give_up(harness: &Harness, id: DeliveryId) {
    let room = Room { deliveries: 10, bytes: 1 << 20 };
    harness.ledger().lease(app(), clock::now(), room).await.unwrap();
    let attempt = Attempt {
        number: 1,
        started: clock::now(),
        took: std::time::Duration::ZERO,
        outcome: AttemptOutcome::Connect,
        answer: None,
        error: None,
    };
    harness.ledger().record(Ended { id, target: app(), attempt, next: Next::Dead, pause: None }).await.unwrap();
}

#[tokio::test]
async fn the_sender_is_answered_with_the_id_that_the_event_has_on_disk() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;

        let answer = harness.post("evt_1").await;

        let accepted = harness.ledger.accepted();
        let [delivery] = &accepted[..] else { panic!("{accepted:?}") };
        assert_eq!((answer.status, answer.id()), (202, delivery.id));
        assert_eq!(answer.headers["content-type"], "application/json");
        assert!(!answer.is_replayed());
        assert_eq!((harness.outcome("queued"), harness.received().len()), (1, 0));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn what_is_stored_is_what_the_app_is_sent_but_for_what_each_attempt_makes() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;

        harness.post("evt_1").await;

        let delivery = harness.ledger.accepted().remove(0);
        assert_eq!((delivery.target, delivery.source.as_deref()), (app(), Some("lmif")));
        assert_eq!((&*delivery.event_id, delivery.event_type.as_deref()), ("evt_1", Some("box.created")));
        assert!(matches!(delivery.start, Start::Due(_)));
        let (path, headers) = (&delivery.message.path, &delivery.message.headers);
        assert_eq!(
            (&**path, &*delivery.message.body),
            ("/hooks/lmif?a=b", &br#"{"id":"evt_1","type":"box.created"}"#[..])
        );
        for (name, value) in [
            ("countersign-source", "lmif"),
            ("countersign-event-id", "evt_1"),
            ("countersign-event-type", "box.created"),
            ("countersign-verified", "true"),
            ("forwarded", "for=127.0.0.1;proto=http;host=\"hooks.example\""),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "hooks.example"),
            ("x-forwarded-proto", "http"),
        ] {
            assert_eq!(headers[name], value);
        }
        assert!(headers.contains_key("x-lmif-signature"));
        for name in ["countersign-delivery", "countersign-attempt", "host", "content-length"] {
            assert!(!headers.contains_key(name), "{name}");
        }
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn what_lets_somebody_in_somewhere_is_not_stored() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;
        let mut request = harness.request("evt_1", "/hooks/lmif");
        for name in ["host", "authorization", "cookie", "proxy-authorization", "x-other"] {
            request.headers_mut().insert(name, HeaderValue::from_static("a"));
        }

        harness.send(request).await;

        let message = &harness.ledger.accepted()[0].message;
        for name in ["authorization", "cookie", "proxy-authorization"] {
            assert!(!message.headers.contains_key(name), "{name}");
        }
        assert_eq!(message.headers["x-other"], "a");
    };
    LocalSet::new().run_until(test).await;
}

/// Fault 12: a key that is burned before the event is stored, so that the retry after our own 503 does not pass.
#[tokio::test]
async fn while_the_store_cannot_be_written_the_sender_is_told_to_come_again_and_its_retry_passes() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;
        harness.ledger.fail(Call::Accept, 1);

        let refused = harness.post("evt_1").await;
        let retried = harness.post("evt_1").await;

        assert_eq!((refused.status, &*refused.text), (503, r#"{"error":"store_unavailable"}"#));
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!((retried.status, retried.is_replayed()), (202, false));
        assert_eq!((harness.outcome("failed"), harness.outcome("queued")), (1, 1));
    };
    LocalSet::new().run_until(test).await;
}

/// Fault 9: a forged request that makes the real one a duplicate.
#[tokio::test]
async fn a_forged_request_is_not_stored_and_takes_no_id() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;
        let mut forged = harness.request("evt_1", "/hooks/lmif");
        forged.headers_mut().insert("host", HeaderValue::from_static("a"));
        forged.headers_mut().insert("x-lmif-signature", HeaderValue::from_static("sha256=00"));

        let refused = harness.send(forged).await;
        let genuine = harness.post("evt_1").await;

        assert_eq!((refused.status, genuine.status, genuine.is_replayed()), (401, 202, false));
        assert_eq!(harness.ledger.accepted().len(), 1);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_repeat_is_answered_with_the_same_id() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;

        let first = harness.post("evt_1").await;
        let again = harness.post("evt_1").await;

        assert_eq!((again.status, again.id(), again.is_replayed()), (202, first.id(), true));
        assert_eq!((harness.outcome("queued"), harness.outcome("duplicate")), (1, 1));
        assert_eq!(harness.ledger.accepted().len(), 1);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_repeat_of_a_dead_delivery_revives_it() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;
        let first = harness.post("evt_1").await;
        give_up(&harness, first.id()).await;
        assert_eq!(harness.ledger.due(first.id()), None);

        let again = harness.post("evt_1").await;

        assert_eq!((again.status, again.id(), again.is_replayed()), (202, first.id(), false));
        assert!(harness.ledger.due(first.id()).is_some());
        assert_eq!(harness.outcome("queued"), 2);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_repeat_of_a_discarded_delivery_is_a_new_one() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;
        let first = harness.post("evt_1").await;
        harness.ledger().change(Change::Discard(first.id()), String::new(), clock::now()).await.unwrap();

        let again = harness.post("evt_1").await;

        assert_eq!((again.status, again.is_replayed()), (202, false));
        assert_ne!(again.id(), first.id());
        assert!(harness.ledger.due(again.id()).is_some());
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn an_event_that_was_queued_stays_so_when_its_source_no_longer_queues() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;
        let first = harness.post("evt_1").await;

        harness.reload("delivery: sync");
        let again = harness.post("evt_1").await;

        assert_eq!((again.status, again.id(), again.is_replayed()), (202, first.id(), true));
        assert_eq!(harness.received().len(), 0);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_repeat_while_the_store_cannot_be_used_is_told_to_come_again() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;
        harness.post("evt_1").await;
        harness.ledger.fail(Call::Repeat, 1);

        let refused = harness.post("evt_1").await;
        let again = harness.post("evt_1").await;

        assert_eq!((refused.status, &*refused.text), (503, r#"{"error":"store_unavailable"}"#));
        assert_eq!((again.status, again.is_replayed()), (202, true));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn without_deduplication_every_request_is_a_delivery() {
    let test = async {
        let harness = Harness::new("delivery: queue\n      dedup: off", []).await;

        let first = harness.post("evt_1").await;
        let second = harness.post("evt_1").await;

        assert_ne!(first.id(), second.id());
        assert_eq!((harness.ledger.accepted().len(), harness.outcome("queued")), (2, 2));
    };
    LocalSet::new().run_until(test).await;
}

/// Fault 10: copies that race past the deduplication.
#[tokio::test]
async fn of_copies_that_come_together_one_is_stored() {
    let test = async {
        let harness = Harness::new(QUEUE, []).await;

        let posting: Vec<_> = (0..20).map(|_| harness.posting("evt_1")).collect();
        let mut ids = Vec::new();
        for answer in posting {
            ids.push(answer.await.unwrap().id());
        }

        ids.dedup();
        assert_eq!((ids.len(), harness.ledger.accepted().len()), (1, 1));
        assert_eq!((harness.outcome("queued"), harness.outcome("duplicate")), (1, 19));
    };
    LocalSet::new().run_until(test).await;
}
