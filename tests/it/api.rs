//! The operator's API, of a gateway whose app fails.

#[path = "../../src/admin/api/tests/schema.rs"]
mod schema;

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::support::{Action, App, Connection, Gateway, Operated, SECRET, Sender, TOKEN};

/// What is wrong with an answer of this path and method, by the gateway's own document.
fn mismatch(document: &Value, method: &str, path: &str, status: u16, answer: &Value) -> Option<String> {
    let response = &document["paths"][path][method]["responses"][status.to_string()];
    let response = match response["$ref"].as_str() {
        Some(target) => document.pointer(target.trim_start_matches('#')).unwrap(),
        None => response,
    };
    let schema = &response["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {path} has no {status}");
    schema::mismatch(document, schema, answer)
}

#[tokio::test]
async fn the_running_gateway_answers_as_its_document_says() {
    let app = App::answering(500).await;
    let operated = Operated::before(&app).await;
    operated.gateway.post(&Sender::lmif().event("evt_1")).await;
    let id = operated.until("dead", 1).await.remove(0);
    let document = operated.get("/openapi.json").await;

    for (method, path, body) in [
        (Method::GET, "/sources", ""),
        (Method::GET, "/upstreams", ""),
        (Method::GET, "/upstreams/{name}", ""),
        (Method::GET, "/endpoints", ""),
        (Method::GET, "/targets", ""),
        (Method::GET, "/deliveries", ""),
        (Method::GET, "/deliveries/{id}", ""),
        (Method::POST, "/upstreams/{name}/pause", r#"{"reason": "a test"}"#),
        (Method::POST, "/deliveries/replay", r#"{"state": "dead"}"#),
        (Method::POST, "/deliveries/{id}/discard", ""),
        (Method::POST, "/deliveries/{id}/discard", ""),
        (Method::GET, "/changes", ""),
    ] {
        let filled = path.replace("{id}", &id).replace("{name}", "app");
        let answer = operated.ask(method.clone(), &filled, body).await;
        let json: Value = serde_json::from_slice(&answer.body).unwrap();
        let (method, status) = (method.as_str().to_lowercase(), answer.status.as_u16());
        assert_eq!(mismatch(&document, &method, path, status, &json), None, "{path}: {json}");
    }
}

#[tokio::test]
async fn a_dead_delivery_shows_what_the_app_answered_and_arrives_when_it_is_replayed() {
    let app = App::doing([Action::Answer(500, r#"{"why":"broken"}"#)], Action::Answer(200, "{}")).await;
    let operated = Operated::before(&app).await;
    let sent = operated.gateway.post(&Sender::lmif().event("evt_1")).await;
    let id = operated.until("dead", 1).await.remove(0);

    let dead = operated.get(&format!("/deliveries/{id}")).await;
    let replayed = operated.ask(Method::POST, &format!("/deliveries/{id}/replay"), r#"{"reason":"mended"}"#).await;
    operated.until("delivered", 1).await;

    assert_eq!((sent.status.as_u16(), sent.text()), (202, &*format!(r#"{{"delivery":"{id}"}}"#)));
    assert_eq!((&dead["state"], &dead["source"], &dead["upstream"]), (&json!("dead"), &json!("lmif"), &json!("app")));
    assert_eq!((&dead["event_id"], &dead["event_type"]), (&json!("evt_1"), &json!("box.created")));
    assert_eq!((&dead["attempts"][0]["outcome"], &dead["attempts"][0]["status"]), (&json!("status"), &json!(500)));
    assert_eq!(dead["attempts"][0]["answer"]["body"]["text"], r#"{"why":"broken"}"#);
    assert_eq!(replayed.status, 200);
    let received = app.received();
    assert_eq!(received.len(), 2);
    for request in received {
        assert_eq!(request.header("countersign-attempt"), "1");
        assert_eq!(request.header("countersign-event-id"), "evt_1");
    }
    let change = &operated.get("/changes").await["changes"][0];
    assert_eq!((&change["what"], &change["reason"]), (&json!("replay"), &json!("mended")));
    operated.gateway.until_logged(&["changed by hand", "replay", &id, "mended"]).await;
}

/// The ids that a page of deliveries holds, in its order.
fn ids(page: &Value) -> Vec<String> {
    let deliveries = page["deliveries"].as_array().unwrap();
    deliveries.iter().map(|delivery| delivery["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn page_by_page_every_delivery_is_seen_once_though_many_were_accepted_in_the_same_millisecond() {
    let app = App::answering(200).await;
    let operated = Operated::before(&app).await;
    let sent: Vec<_> =
        (0..200).map(|number| operated.gateway.posting(&Sender::lmif().event(&format!("evt_{number}")))).collect();
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 202);
    }
    operated.gateway.until_queue_is_empty().await;

    for filter in ["", "&state=delivered&upstream=app&source=lmif"] {
        let whole = ids(&operated.get(&format!("/deliveries?limit=1000{filter}")).await);
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = operated.get(&format!("/deliveries?limit=7{filter}{cursor}")).await;
            paged.extend(ids(&page));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }

        assert_eq!(paged, whole);
        assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), 200);
    }
}

#[tokio::test]
async fn a_paused_app_gets_nothing_until_it_goes_on() {
    let app = App::answering(200).await;
    let operated = Operated::before(&app).await;

    assert_eq!(operated.ask(Method::POST, "/upstreams/app/pause", "").await.status, 200);
    assert_eq!(operated.gateway.post(&Sender::lmif().event("evt_1")).await.status, 202);
    operated.until("paused", 1).await;
    let before = app.received().len();
    let waiting = operated.gateway.metric(r#"countersign_queue_deliveries{target="app",state="paused"}"#).await;
    assert_eq!(operated.ask(Method::POST, "/upstreams/app/resume", "").await.status, 200);
    operated.until("delivered", 1).await;

    assert_eq!((before, waiting, app.received().len()), (0, 1.0, 1));
}

#[tokio::test]
async fn a_discarded_delivery_never_arrives() {
    let app = App::answering(200).await;
    let operated = Operated::before(&app).await;
    assert_eq!(operated.ask(Method::POST, "/upstreams/app/pause", "").await.status, 200);
    operated.gateway.post(&Sender::lmif().event("evt_1")).await;
    let id = operated.until("paused", 1).await.remove(0);

    assert_eq!(operated.ask(Method::POST, &format!("/deliveries/{id}/discard"), "").await.status, 200);
    assert_eq!(operated.ask(Method::POST, "/upstreams/app/resume", "").await.status, 200);
    operated.gateway.post(&Sender::lmif().event("evt_2")).await;
    operated.until("delivered", 1).await;

    assert_eq!(operated.until("discarded", 1).await, [id]);
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn no_answer_of_the_api_holds_a_secret() {
    let app = App::answering(500).await;
    let operated = Operated::before(&app).await;
    let delivery =
        Sender::lmif().event("evt_1").with("authorization", "Bearer recognisable").with("cookie", "recognisable");
    operated.gateway.post(&delivery).await;
    let id = operated.until("dead", 1).await.remove(0);

    for path in
        ["/sources", "/upstreams", "/endpoints", "/targets", "/deliveries", &format!("/deliveries/{id}"), "/changes"]
    {
        let answer = operated.ask(Method::GET, path, "").await;
        for secret in [SECRET, TOKEN, "recognisable"] {
            assert!(!answer.text().contains(secret), "{path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_test_event_reaches_the_endpoint_signed() {
    let receiver = App::answering(200).await;
    let operated = Operated::with_endpoint(&receiver).await;

    let answer = operated.ask(Method::POST, "/endpoints/partner/test", "").await;
    let delivered = operated.until("delivered", 1).await.remove(0);

    assert_eq!((answer.status.as_u16(), answer.text()), (202, &*format!("{{\"delivery\":\"{delivered}\"}}\n")));
    let received = receiver.received().remove(0);
    assert!(received.header("x-lmif-signature").starts_with("sha256="));
    let shown = operated.get(&format!("/deliveries/{delivered}")).await;
    assert_eq!((&shown["endpoint"], &shown["upstream"]), (&json!("partner"), &Value::Null));
}

#[tokio::test]
async fn an_endpoint_that_answers_410_is_shown_as_paused_and_goes_on_when_it_is_resumed() {
    let gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n".to_vec();
    let receiver = App::doing([Action::Raw(gone)], Action::Answer(200, "{}")).await;
    let operated = Operated::with_endpoint(&receiver).await;

    operated.ask(Method::POST, "/endpoints/partner/test", "").await;
    operated.until("paused", 1).await;
    let paused = operated.get("/endpoints/partner").await;
    let resumed = operated.run("endpoints resume partner --reason asked").await;
    operated.until("delivered", 1).await;

    assert_eq!((&paused["state"], &paused["queue"]["paused"]), (&json!("paused"), &json!(1)));
    assert!(paused["reason"].as_str().unwrap().contains("410"), "{paused}");
    assert!(!paused.to_string().contains("recognisable"), "{paused}");
    assert_eq!(resumed.stdout, "partner goes on\n");
    assert_eq!(operated.get("/endpoints/partner").await["state"], "running");
}

#[tokio::test]
async fn a_reload_changes_what_the_api_shows() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    assert!(gateway.admin("/api/v1/sources").await.text().contains("\"lmif\""));

    gateway.rewrite(&Gateway::config(&app, "").replace("    lmif:\n", "    renamed:\n"));
    gateway.signal("HUP");
    gateway.until_logged(&["was reloaded"]).await;

    let sources: Value = serde_json::from_str(gateway.admin("/api/v1/sources").await.text()).unwrap();
    assert_eq!(sources["sources"][0]["name"], "renamed");
}

#[tokio::test]
async fn without_a_token_no_page_in_a_browser_reaches_the_api() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let ask = async |name: &str, value: &str| {
        let request = http::Request::get("/api/v1/sources").header(name, value).body(Default::default()).unwrap();
        Connection::open(gateway.admin).await.send(request).await.status.as_u16()
    };

    assert_eq!(ask("origin", "https://evil.example").await, 403);
    assert_eq!(ask("host", "evil.example").await, 403);
    assert_eq!(ask("host", "localhost:9090").await, 200);
}
