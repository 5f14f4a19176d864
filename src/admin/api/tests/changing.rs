use serde_json::json;

use super::rig::{Kept::*, at, endpoint, upstream, with_rig};
use crate::store::ledger::{Ledger, Next, Room, State};
use crate::store::recall::Call;

#[test]
fn a_dead_delivery_is_replayed() {
    with_rig(InALedger, async |rig| {
        let id = rig.accept(upstream("app"), "evt_1", 0).await;
        rig.attempt(upstream("app"), Next::Dead).await;

        let asked = rig.post(&format!("/deliveries/{id}/replay"), r#"{"reason": "the app is back"}"#).await;

        assert_eq!((asked.status, asked.json()), (200, json!({ "changed": 1 })));
        assert_eq!(rig.ledger.state(id), Some(State::Due));
        let shown = rig.get(&format!("/deliveries/{id}")).await.json();
        assert_eq!((&shown["attempt_count"], &shown["event_id"]), (&json!(0), &json!("evt_1")));
    });
}

#[test]
fn a_delivery_is_discarded_and_the_reason_is_kept() {
    with_rig(InALedger, async |rig| {
        let id = rig.accept(endpoint("partner"), "evt_1", 0).await;

        let asked = rig.post(&format!("/deliveries/{id}/discard?reason=sent%20by%20mistake"), "").await;

        assert_eq!((asked.status, rig.ledger.state(id)), (200, Some(State::Discarded)));
        let change = &rig.get("/changes").await.json()["changes"][0];
        assert_eq!((&change["what"], &change["reason"]), (&json!("discard"), &json!("sent by mistake")));
        assert_eq!((&change["delivery"], &change["count"]), (&json!(id.to_string()), &json!(1)));
    });
}

#[test]
fn what_is_being_attempted_is_not_discarded() {
    with_rig(InALedger, async |rig| {
        let id = rig.accept(upstream("app"), "evt_1", 0).await;
        let room = Room { deliveries: 1, bytes: 1 };
        rig.ledger.lease(upstream("app"), at(1), room).await.unwrap();

        let asked = rig.post(&format!("/deliveries/{id}/discard"), "").await;

        assert_eq!(asked.word(), (409, "state".to_owned()));
    });
}

#[test]
fn all_that_a_filter_finds_is_replayed_whether_it_stands_in_the_query_or_in_the_body() {
    with_rig(InALedger, async |rig| {
        for number in 0..3 {
            rig.accept(upstream("app"), &format!("evt_{number}"), number).await;
            rig.attempt(upstream("app"), Next::Dead).await;
        }

        let some = rig.post("/deliveries/replay?since=2026-01-01T00:00:02Z&state=dead", "").await;
        let rest = rig.post("/deliveries/replay", r#"{"state": "dead", "upstream": "app"}"#).await;

        assert_eq!((some.json(), rest.json()), (json!({ "changed": 1 }), json!({ "changed": 2 })));
        assert_eq!(rig.get("/changes?limit=1").await.json()["changes"][0]["count"], 2);
    });
}

#[test]
fn all_deliveries_are_never_replayed_by_mistake() {
    with_rig(InALedger, async |rig| {
        rig.accept(upstream("app"), "evt_1", 0).await;
        rig.attempt(upstream("app"), Next::Delivered).await;

        for body in ["", "{}", r#"{"reason": "why not"}"#, r#"{"state": ""}"#, r#"{"states": "dead"}"#] {
            assert_eq!(rig.post("/deliveries/replay", body).await.word(), (400, "bad_request".to_owned()), "{body}");
        }
        for query in ["state=&since=", "state=delivered&upstream=", "upstream=app&until="] {
            assert_eq!(rig.post(&format!("/deliveries/replay?{query}"), "").await.status, 400, "{query}");
        }
        assert_eq!(rig.ledger.calls(Call::Change), 0);
    });
}

#[test]
fn a_paused_target_says_since_when_and_why_until_it_goes_on() {
    with_rig(InALedger, async |rig| {
        rig.accept(endpoint("partner"), "evt_1", 0).await;

        assert_eq!(rig.post("/endpoints/partner/pause", r#"{"reason": "they migrate"}"#).await.status, 200);
        let paused = rig.get("/endpoints/partner").await.json();
        assert_eq!(rig.post("/endpoints/partner/resume", "").await.status, 200);
        let resumed = rig.get("/endpoints/partner").await.json();

        assert_eq!((&paused["state"], &paused["reason"]), (&json!("paused"), &json!("they migrate")));
        assert!(paused["since"].is_string());
        assert_eq!(paused["queue"], json!({ "due": 0, "leased": 0, "paused": 1, "dead": 0 }));
        assert_eq!((&resumed["state"], &resumed["since"]), (&json!("running"), &json!(null)));
        assert_eq!(resumed["queue"], json!({ "due": 1, "leased": 0, "paused": 0, "dead": 0 }));
        assert_eq!(rig.get("/upstreams/app").await.json()["state"], "running");
    });
}

#[test]
fn an_upstream_is_paused_beside_an_endpoint() {
    with_rig(InALedger, async |rig| {
        assert_eq!(rig.post("/upstreams/app/pause", "").await.json(), json!({ "changed": 1 }));

        let targets = rig.get("/targets").await.json();
        assert_eq!(
            (&targets["targets"][0]["name"], &targets["targets"][0]["state"]),
            (&json!("partner"), &json!("running"))
        );
        assert_eq!(
            (&targets["targets"][1]["name"], &targets["targets"][1]["state"]),
            (&json!("app"), &json!("paused"))
        );
    });
}

#[test]
fn what_the_configuration_has_no_more_can_still_be_changed() {
    with_rig(InALedger, async |rig| {
        rig.ledger.configure(&[upstream("app"), endpoint("partner"), endpoint("gone")]);
        rig.accept(endpoint("gone"), "evt_1", 0).await;
        rig.ledger.configure(&[upstream("app"), endpoint("partner")]);

        let gone = rig.get("/targets").await.json()["targets"][0].clone();
        assert_eq!((&gone["name"], &gone["state"]), (&json!("gone"), &json!("gone")));
        assert_eq!(rig.post("/endpoints/gone/pause", "").await.status, 200);
        assert_eq!(rig.post("/endpoints/never/pause", "").await.word(), (404, "not_found".to_owned()));
        assert_eq!(rig.post("/upstreams/partner/pause", "").await.word(), (404, "not_found".to_owned()));
    });
}

#[test]
fn a_test_event_is_made_by_the_sending_side() {
    with_rig(InALedger, async |rig| {
        let asked = rig.post("/endpoints/partner/test", r#"{"reason": "they moved"}"#).await;

        assert_eq!(asked.status, 202);
        assert_eq!(asked.json()["delivery"].as_str().unwrap().len(), 36);
        let record = &rig.get("/changes").await.json()["changes"][0];
        assert_eq!((&record["what"], &record["reason"]), (&json!("test"), &json!("they moved")));
        assert_eq!((&record["endpoint"], &record["delivery"]), (&json!("partner"), &asked.json()["delivery"]));
        assert_eq!(rig.post("/endpoints/never/test", "").await.status, 404);
        rig.ledger.configure(&[endpoint("partner"), endpoint("peculiar")]);
        assert_eq!(rig.post("/endpoints/peculiar/test", "").await.word(), (409, "no_sample".to_owned()));
        assert_eq!(rig.tested.names(), ["partner", "peculiar"]);
    });
}

#[test]
fn a_body_that_is_not_meant_is_refused_and_nothing_is_changed() {
    with_rig(InALedger, async |rig| {
        let large = format!(r#"{{"reason": "{}"}}"#, "x".repeat(64 * 1024));
        let long = format!(r#"{{"reason": "{}"}}"#, "x".repeat(1001));

        assert_eq!(rig.post("/endpoints/partner/pause", &large).await.word(), (413, "body_too_large".to_owned()));
        assert_eq!(rig.post("/endpoints/partner/pause", &long).await.word(), (400, "bad_request".to_owned()));
        assert_eq!(rig.post("/endpoints/partner/pause", "pause").await.word(), (400, "bad_request".to_owned()));
        assert_eq!(rig.ledger.calls(Call::Change), 0);
    });
}

#[test]
fn a_change_that_the_store_did_not_make_is_not_said_to_be_made() {
    with_rig(InALedger, async |rig| {
        rig.ledger.fail(Call::Change, 1);

        let asked = rig.post("/endpoints/partner/pause", "").await;

        assert_eq!(asked.word(), (503, "store_unavailable".to_owned()));
        assert_eq!(rig.get("/endpoints/partner").await.json()["state"], "running");
    });
}
