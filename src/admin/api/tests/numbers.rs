use super::rig::{Kept::*, endpoint, upstream, with_rig};
use crate::store::ledger::{Ledger, Next};
use crate::store::recall::Call;

fn queue(target: &str, state: &str) -> String {
    format!(r#"countersign_queue_deliveries{{target="{target}",state="{state}"}}"#)
}

const OLDEST: &str = r#"countersign_queue_oldest_seconds{target="app"}"#;

#[test]
fn what_waits_for_each_target_is_counted() {
    with_rig(InALedger, async |rig| {
        rig.accept(upstream("app"), "evt_0", 0).await;
        rig.attempt(upstream("app"), Next::Dead).await;
        rig.accept(upstream("app"), "evt_1", 10).await;
        rig.accept(upstream("app"), "evt_2", 20).await;

        assert_eq!(rig.metric(&queue("app", "dead")).await, 1.0);
        assert_eq!(rig.metric(&queue("app", "due")).await, 2.0);
        assert_eq!(rig.metric(&queue("partner", "due")).await, 0.0);
        assert!(rig.metric(OLDEST).await > 0.0);
        assert_eq!(rig.metric(r#"countersign_queue_oldest_seconds{target="partner"}"#).await, 0.0);
    });
}

#[test]
fn an_upstream_and_an_endpoint_of_one_name_are_summed() {
    with_rig(InALedger, async |rig| {
        rig.ledger.configure(&[upstream("app"), endpoint("app")]);
        rig.accept(upstream("app"), "evt_0", 0).await;
        rig.accept(endpoint("app"), "evt_1", 0).await;

        assert_eq!(rig.metric(&queue("app", "due")).await, 2.0);
    });
}

#[test]
fn when_nothing_waits_any_more_the_numbers_are_zero() {
    with_rig(InALedger, async |rig| {
        rig.ledger.configure(&[upstream("app"), endpoint("partner"), endpoint("gone")]);
        let id = rig.accept(endpoint("gone"), "evt_1", 0).await;
        rig.ledger.configure(&[upstream("app"), endpoint("partner")]);
        assert_eq!(rig.metric(&queue("gone", "paused")).await, 1.0);

        assert_eq!(rig.post(&format!("/deliveries/{id}/discard"), "").await.status, 200);

        assert_eq!(rig.metric(&queue("gone", "paused")).await, 0.0);
        assert_eq!(rig.metric(r#"countersign_queue_oldest_seconds{target="gone"}"#).await, 0.0);
    });
}

#[test]
fn a_store_that_cannot_be_read_does_not_keep_the_numbers_back() {
    with_rig(InALedger, async |rig| {
        rig.accept(upstream("app"), "evt_0", 0).await;
        let before = rig.metric(OLDEST).await;
        rig.ledger.fail(Call::Read, 100);

        assert!(rig.metric(OLDEST).await >= before);
        assert_eq!(rig.metric(&queue("app", "due")).await, 1.0);
    });
}

#[test]
fn a_ledger_that_accepts_nothing_is_not_ready() {
    with_rig(InALedger, async |rig| {
        assert_eq!((rig.get("/readyz").await.status, rig.metric("countersign_store_healthy").await), (200, 1.0));

        rig.ledger.fail(Call::Accept, 1);

        assert_eq!((rig.get("/readyz").await.status, rig.metric("countersign_store_healthy").await), (503, 0.0));
    });
}
