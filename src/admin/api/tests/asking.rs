use http::Method;
use serde_json::{Value, json};

use super::rig::{Kept::*, Rig, SECRET, at, endpoint, upstream, with_rig};
use crate::store::ledger::Next;
use crate::store::recall::Call;

fn ids(list: &Value) -> Vec<&str> {
    list["deliveries"].as_array().unwrap().iter().map(|delivery| delivery["event_id"].as_str().unwrap()).collect()
}

async fn listed(rig: &Rig, query: &str) -> Value {
    let asked = rig.get(&format!("/deliveries?{query}")).await;
    assert_eq!(asked.status, 200, "{query}: {asked:?}");
    asked.json()
}

#[test]
fn deliveries_are_listed_the_newest_first_and_page_by_page() {
    with_rig(InALedger, async |rig| {
        for number in 0..5 {
            rig.accept(upstream("app"), &format!("evt_{number}"), number).await;
        }

        let first = listed(rig, "limit=2").await;
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = listed(rig, &format!("limit=2&cursor={cursor}")).await;
        let cursor = second["next_cursor"].as_str().unwrap();
        let last = listed(rig, &format!("limit=2&cursor={cursor}")).await;

        assert_eq!(
            (ids(&first), ids(&second), ids(&last)),
            (vec!["evt_4", "evt_3"], vec!["evt_2", "evt_1"], vec!["evt_0"])
        );
        assert_eq!(last["next_cursor"], Value::Null);
    });
}

#[test]
fn deliveries_are_found_by_all_that_is_given() {
    with_rig(InALedger, async |rig| {
        rig.accept(upstream("app"), "evt_dead", 0).await;
        rig.attempt(upstream("app"), Next::Dead).await;
        rig.accept(upstream("app"), "evt_1", 10).await;
        rig.accept(endpoint("partner"), "evt_2", 20).await;

        for (query, expected) in [
            ("", vec!["evt_2", "evt_1", "evt_dead"]),
            ("state=dead", vec!["evt_dead"]),
            ("state=due", vec!["evt_2", "evt_1"]),
            ("source=lmif", vec!["evt_1", "evt_dead"]),
            ("endpoint=partner", vec!["evt_2"]),
            ("upstream=app&state=due", vec!["evt_1"]),
            ("event_id=evt_1", vec!["evt_1"]),
            ("event_id=evt%5F1", vec!["evt_1"]),
            ("since=2026-01-01T00:00:10Z", vec!["evt_2", "evt_1"]),
            ("since=2026-01-01T01:00:10+01:00&until=2026-01-01T00:00:20Z", vec!["evt_1"]),
            ("source=other", vec![]),
        ] {
            assert_eq!(ids(&listed(rig, query).await), expected, "{query}");
        }
    });
}

#[test]
fn a_question_that_is_not_understood_is_refused() {
    with_rig(InALedger, async |rig| {
        for query in [
            "states=dead",
            "state=Dead",
            "state=dead&state=due",
            "limit=0",
            "limit=1001",
            "limit=x",
            "cursor=1",
            "since=yesterday",
            "since=2026-01-01T00:00:00",
            "reason=x",
        ] {
            let asked = rig.get(&format!("/deliveries?{query}")).await;
            assert_eq!(asked.word(), (400, "bad_request".to_owned()), "{query}");
        }
        assert_eq!(rig.get("/sources?all=1").await.word().0, 400);
        assert_eq!(rig.post("/deliveries", "").await.headers["allow"], "GET, HEAD");
        assert_eq!(rig.get("/nothing").await.word(), (404, "not_found".to_owned()));
    });
}

#[test]
fn a_delivery_is_shown_with_its_message_and_its_attempts() {
    with_rig(InALedger, async |rig| {
        let id = rig.accept(upstream("app"), "evt_1", 0).await;
        rig.attempt(upstream("app"), Next::Due(at(7200))).await;

        let shown = rig.get(&format!("/deliveries/{id}")).await.json();

        assert_eq!(shown["id"], id.to_string());
        assert_eq!((&shown["state"], &shown["attempt_count"]), (&json!("due"), &json!(1)));
        assert_eq!(shown["due"], "2026-01-01T02:00:00.000Z");
        assert_eq!(shown["message"]["body"], json!({ "length": 7, "text": "{\"a\":1}" }));
        assert_eq!(shown["message"]["headers"][0], json!(["authorization", "(not shown)"]));
        let attempt = &shown["attempts"][0];
        assert_eq!((&attempt["outcome"], &attempt["status"]), (&json!("status"), &json!(500)));
        assert_eq!(attempt["duration_ms"], 1.5);
        assert_eq!(attempt["answer"]["body"], json!({ "length": 7, "base64": "/2Jyb2tlbg==" }));
    });
}

#[test]
fn a_delivery_that_there_is_not_is_not_found() {
    with_rig(InALedger, async |rig| {
        let id = rig.ledger_id();

        for path in [format!("/deliveries/{id}"), "/deliveries/1".to_owned(), "/deliveries/replay".to_owned()] {
            assert_eq!(rig.get(&path).await.word(), (404, "not_found".to_owned()), "{path}");
        }
    });
}

#[test]
fn what_is_configured_is_shown_without_a_secret() {
    with_rig(InALedger, async |rig| {
        let source = &rig.get("/sources").await.json()["sources"][0];
        let endpoint = rig.get("/endpoints/partner").await.json();
        let upstream = rig.get("/upstreams/app").await.json();

        assert_eq!((&source["name"], &source["delivery"]), (&json!("lmif"), &json!("sync")));
        assert_eq!(source["dedup"]["window_seconds"], 259_200);
        assert_eq!(source["secrets"][0], json!({ "id": "first", "valid": true, "not_after": null }));
        assert_eq!(source["secrets"][1]["not_after"], "2099-01-01T00:00:00.000Z");
        assert_eq!(
            (&endpoint["url"], &endpoint["state"]),
            (&json!("https://partner.example/hooks"), &json!("running"))
        );
        assert_eq!(endpoint["retry"]["schedule_seconds"], json!([0, 60, 300, 1800, 7200, 28_800, 86_400]));
        assert_eq!(upstream["url"], "http://127.0.0.1:3000/base");
        assert_eq!(upstream["urls"], json!(["http://127.0.0.1:3000/base", "http://127.0.0.2:3000/base"]));
        let secret = json!({"id": "app", "valid": true, "not_after": null});
        assert_eq!(upstream["sign"], json!({"scheme": "lmif", "secrets": [secret]}));
        assert_eq!(rig.get("/endpoints/app").await.status, 404);
        assert_eq!(rig.get("/upstreams/partner").await.status, 404);
    });
}

#[test]
fn no_answer_holds_a_secret() {
    with_rig(InALedger, async |rig| {
        let id = rig.accept(upstream("app"), "evt_1", 0).await;
        rig.attempt(upstream("app"), Next::Dead).await;

        for route in super::super::route::ROUTES {
            let path = route.path.replace("{id}", &id.to_string()).replace("{name}", "partner");
            let asked = rig.ask(route.method.clone(), &path, "").await;
            assert!(!asked.text.contains(SECRET), "{asked:?}");
            assert_eq!(asked.headers["cache-control"], "no-store", "{path}");
        }
    });
}

#[test]
fn a_question_by_head_is_answered_without_a_body() {
    with_rig(InALedger, async |rig| {
        let asked = rig.ask(Method::HEAD, "/deliveries", "").await;

        assert_eq!((asked.status, asked.text.as_str()), (200, ""));
    });
}

#[test]
fn while_the_store_cannot_be_read_it_is_said_so() {
    with_rig(InALedger, async |rig| {
        rig.ledger.fail(Call::Read, 100);

        for path in ["/deliveries", "/changes"] {
            let asked = rig.get(path).await;
            assert_eq!(asked.word(), (503, "store_unavailable".to_owned()), "{path}");
            assert_eq!(asked.headers["retry-after"], "1");
        }
        assert_eq!(rig.get("/endpoints").await.status, 200);
    });
}

#[test]
fn without_a_durable_store_there_are_no_deliveries_and_nothing_to_change() {
    with_rig(NotAtAll, async |rig| {
        let id = rig.ledger_id();

        assert_eq!(rig.get("/deliveries").await.json(), json!({ "deliveries": [], "next_cursor": null }));
        assert_eq!(rig.get("/changes").await.json(), json!({ "changes": [] }));
        assert_eq!(rig.get("/targets").await.json(), json!({ "targets": [] }));
        assert_eq!(rig.get(&format!("/deliveries/{id}")).await.status, 404);
        for path in ["/deliveries/replay?state=dead", "/endpoints/partner/pause", "/endpoints/partner/test"] {
            assert_eq!(rig.post(path, "").await.word(), (409, "no_queue".to_owned()), "{path}");
        }
    });
}
