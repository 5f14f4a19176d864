//! Events that the app posts, on their way to receivers that verify them.

use bytes::Bytes;
use countersign::scheme::{Body, Head, KeySpec, Keyring, Secret, preset};
use http::{Method, Request};
use http_body_util::Full;
use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Action, Answer, App, Gateway, GatewayBuilder, Received, SECRET, source};

/// The endpoints of the gateway, each at `/<name>` of the receiver: name, scheme and more keys.
fn config(receiver: &App, endpoints: &[(&str, &str, &str)]) -> String {
    let endpoint = |(name, scheme, keys): &(&str, &str, &str)| {
        format!(
            "    {name}: {{url: \"http://{}/{name}\", scheme: {scheme}, secrets: [{{env: SECRET}}], {keys}}}\n",
            receiver.address
        )
    };
    let endpoints: String = endpoints.iter().map(endpoint).collect();
    let outbound = format!(
        "outbound:
  listen: 127.0.0.1:0
  limits: {{body: 2KiB, read_timeout: 1s}}
  egress: {{allow: [127.0.0.0/8]}}
  endpoints:
{endpoints}"
    );
    let inbound = Gateway::config_of(receiver, &source("lmif", "lmif", ""));
    inbound.replace("{memory: {}}", "{sqlite: {path: \"{folder}/data/store.db\"}}") + &outbound
}

async fn start(receiver: &App, endpoints: &[(&str, &str, &str)]) -> Gateway {
    GatewayBuilder::new(config(receiver, endpoints)).start().await
}

fn posted(path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
    request.body(Full::from(body.to_owned())).unwrap()
}

async fn post(gateway: &Gateway, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    gateway.app_sends(posted(path, headers, body)).await
}

/// The ids of the deliveries that an answer names.
fn deliveries(answer: &Answer) -> Vec<String> {
    let answer: Value = serde_json::from_str(answer.text()).unwrap();
    let all = answer["deliveries"].as_array().unwrap_or_else(|| panic!("{answer}"));
    all.iter().map(|delivery| delivery["id"].as_str().unwrap().to_owned()).collect()
}

/// What a receiver reads from a request once it has verified it: payload, id and type.
fn verified(scheme: &str, received: &Received) -> (String, String, Option<String>) {
    let scheme = preset(scheme).unwrap();
    let secret = Secret::new(SECRET.as_bytes().to_vec());
    let key = KeySpec { id: "1".into(), secret, encoding: None, not_before: None, not_after: None };
    let keyring = Keyring::new(scheme, vec![key]).unwrap();
    let (headers, path) = (&received.headers, &received.target);
    let head = Head { method: &Method::POST, path, query: None, headers, public_url: None };
    let verified = scheme.verify(&keyring, &head, Body::from(received.body.clone()), Timestamp::now()).unwrap();
    let identity = scheme.identify(&verified, &head, None, None);
    let payload = String::from_utf8(verified.payload().contiguous().to_vec()).unwrap();
    (payload, identity.id.header_value().to_str().unwrap().to_owned(), identity.kind)
}

/// The names of the headers that say what the message is, in order.
fn names(received: &Received) -> Vec<&str> {
    let usual = ["accept", "content-length", "host", "user-agent"];
    let mut names: Vec<&str> = received.headers.keys().map(http::HeaderName::as_str).collect();
    names.retain(|name| !usual.contains(name));
    names.sort_unstable();
    names
}

#[tokio::test]
async fn lvconnect_is_played_to_the_letter() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, &[("partner", "lvconnect", "events: ['user:*']")]).await;

    let answer = post(&gateway, "/events/user:created", &[("Content-Type", "text/x")], r#"{"user":{"n":1.0}}"#).await;
    receiver.until_received(1).await;

    let received = receiver.received().remove(0);
    let (payload, id, kind) = verified("lvconnect", &received);
    assert_eq!((answer.status.as_u16(), deliveries(&answer).len()), (202, 1));
    assert_eq!((payload.as_str(), kind.as_deref()), (r#"{"user":{"n":1.0}}"#, Some("user:created")));
    assert_eq!(
        names(&received),
        ["content-type", "x-lvconnect-delivery", "x-lvconnect-event", "x-lvconnect-signature"]
    );
    assert_eq!((received.header("content-type"), received.header("x-lvconnect-delivery")), ("application/json", &*id));
    assert_eq!(received.target, "/partner");
}

#[tokio::test]
async fn loginradius_is_played_to_the_letter() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, &[("partner", "loginradius", "envelope: loginradius")]).await;

    post(&gateway, "/endpoints/partner", &[("Countersign-Event-Type", "UpdateProfile")], r#"{"Uid":"é"}"#).await;
    receiver.until_received(1).await;

    let received = receiver.received().remove(0);
    let (payload, _, kind) = verified("loginradius", &received);
    assert!(payload.starts_with(r#"{"HookName":"updateprofile","Time":"2"#), "{payload}");
    assert!(payload.ends_with(r#","Data":{"Uid":"é"}}"#), "{payload}");
    assert_eq!(kind.as_deref(), Some("updateprofile"));
    assert_eq!(names(&received), ["content-type", "signature"]);
    assert_eq!(received.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(received.header("signature"), received.header("signature").to_uppercase());
}

#[tokio::test]
async fn lmif_is_played_to_the_letter() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, &[("partner", "lmif", "envelope: lmif, retry: lmif")]).await;

    let headers = [("Countersign-Event-Type", "box.created"), ("Countersign-Event-Id", "evt_abc123")];
    post(&gateway, "/endpoints/partner", &headers, r#"{"boxId":1.0}"#).await;
    receiver.until_received(1).await;

    let received = receiver.received().remove(0);
    let (payload, id, kind) = verified("lmif", &received);
    assert!(payload.starts_with(r#"{"id":"evt_abc123","type":"box.created","createdAt":"2"#), "{payload}");
    assert!(
        payload.ends_with(r#"Z","data":{"boxId":1.0},"meta":{"apiVersion":"v1","webhookId":"partner"}}"#),
        "{payload}"
    );
    assert_eq!((id.as_str(), kind.as_deref()), ("evt_abc123", Some("box.created")));
    assert_eq!(names(&received), ["content-type", "x-lmif-signature"]);
}

#[tokio::test]
async fn risr_is_played_to_the_letter() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, &[("partner", "jws", "envelope: jws")]).await;

    post(&gateway, "/endpoints/partner", &[("Content-Type", "application/json")], r#"{"id":"org"}"#).await;
    receiver.until_received(1).await;

    let received = receiver.received().remove(0);
    let (payload, id, _) = verified("jws", &received);
    assert_eq!(payload, format!(r#"{{"webhook_request_id":"{id}","id":"org"}}"#));
    assert!(received.body.starts_with(b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
    assert!(names(&received).is_empty(), "{}", received.head);
}

#[tokio::test]
async fn every_attempt_has_the_same_id_and_body() {
    let receiver = App::doing([Action::Answer(500, "{}"), Action::Answer(404, "{}")], Action::Answer(200, "{}")).await;
    let keys = "envelope: lmif, retry: {schedule: [0s, 100ms, 100ms]}";
    let gateway = start(&receiver, &[("partner", "lmif", keys)]).await;

    post(&gateway, "/endpoints/partner", &[("Countersign-Event-Type", "box.created")], "{}").await;
    receiver.until_received(3).await;

    let received = receiver.received();
    assert!(received.iter().all(|request| request.body == received[0].body));
    assert!(received.iter().all(|request| verified("lmif", request) == verified("lmif", &received[0])));
}

#[tokio::test]
async fn an_event_goes_to_every_endpoint_that_wants_it() {
    let receiver = App::answering(200).await;
    let endpoints = [
        ("users", "lvconnect", "events: ['user:*']"),
        ("boxes", "lvconnect", "events: ['box.*']"),
        ("all", "github", "events: ['*']"),
    ];
    let gateway = start(&receiver, &endpoints[..2]).await;

    let unmatched = post(&gateway, "/events/license.denied", &[], "{}").await;
    let matched = post(&gateway, "/events/user:created", &[], "{}").await;
    gateway.rewrite(&config(&receiver, &endpoints));
    gateway.signal("HUP");
    gateway.until_metric_is(r#"countersign_config_reloads_total{outcome="applied"}"#, |applied| applied > 0.0).await;
    let both = post(&gateway, "/events/user:created", &[], "{}").await;
    receiver.until_received(3).await;

    assert_eq!((unmatched.status.as_u16(), unmatched.text()), (200, r#"{"deliveries":[]}"#));
    assert_eq!((deliveries(&matched).len(), deliveries(&both).len()), (1, 2));
    let mut targets: Vec<String> = receiver.received().into_iter().map(|received| received.target).collect();
    targets.sort();
    assert_eq!(targets, ["/all", "/users", "/users"]);
    assert_eq!(gateway.metric(r#"countersign_outbound_requests_total{outcome="unmatched"}"#).await, 1.0);
    assert_eq!(gateway.metric(r#"countersign_outbound_requests_total{outcome="queued"}"#).await, 2.0);
}

#[tokio::test]
async fn what_was_accepted_is_known_after_a_kill() {
    let receiver = App::answering(200).await;
    let endpoints = [("partner", "lvconnect", "events: ['*']")];
    let gateway = start(&receiver, &endpoints).await;
    let (id, key) = ([("Countersign-Event-Id", "1")], [("Idempotency-Key", "k")]);

    let first = post(&gateway, "/events/t", &id, "{}").await;
    let keyed = post(&gateway, "/events/t", &key, "{}").await;
    let gateway = gateway.killed_and_restarted(&config(&receiver, &endpoints)).await;
    let again = post(&gateway, "/events/t", &id, "{}").await;
    let keyed_again = post(&gateway, "/events/t", &key, "{}").await;
    let conflict = post(&gateway, "/events/t", &id, "{ }").await;
    let unprocessable = post(&gateway, "/events/t", &key, "{ }").await;

    assert_eq!((deliveries(&again), again.is_replayed()), (deliveries(&first), true));
    assert_eq!((keyed_again.text(), keyed_again.is_replayed()), (keyed.text(), true));
    assert_eq!((conflict.status.as_u16(), conflict.text()), (409, r#"{"error":"event_id_conflict"}"#));
    assert_eq!((unprocessable.status.as_u16(), unprocessable.text()), (422, r#"{"error":"idempotency_conflict"}"#));
}

#[tokio::test]
async fn ids_and_types_arrive_as_the_app_gave_them() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, &[("partner", "lvconnect", "events: ['*']")]).await;
    let id = "a%20b~!\"'<>;,100%";

    post(&gateway, "/endpoints/partner", &[("Countersign-Event-Id", id), ("Countersign-Event-Type", "50%/x")], "")
        .await;
    post(&gateway, "/events/50%25%2fx", &[("Countersign-Event-Id", "2")], "").await;
    receiver.until_received(2).await;

    let mut seen: Vec<_> = receiver.received();
    seen.sort_by_key(|received| received.header("x-lvconnect-delivery") == id);
    assert_eq!(seen[1].header("x-lvconnect-delivery"), id);
    assert!(seen.iter().all(|received| received.header("x-lvconnect-event") == "50%/x"));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_paused_through_a_kill_and_gets_all_that_was_held_when_it_is_resumed() {
    let receiver = App::doing([Action::Answer(410, "{}")], Action::Answer(200, "{}")).await;
    let endpoints = [("partner", "lvconnect", "events: ['*'], retry: {schedule: [0s, 1s]}")];
    let gateway = start(&receiver, &endpoints).await;
    let paused = r#"countersign_queue_deliveries{target="partner",state="paused"}"#;

    post(&gateway, "/events/t", &[("Countersign-Event-Id", "1")], "{}").await;
    gateway.until_metric(paused, 1.0).await;
    let held = post(&gateway, "/events/t", &[("Countersign-Event-Id", "2")], "{}").await;
    let gateway = gateway.killed_and_restarted(&config(&receiver, &endpoints)).await;
    gateway.until_metric(paused, 2.0).await;
    let before = receiver.received().len();
    let resumed = gateway.operate(posted("/api/v1/endpoints/partner/resume", &[], "")).await;
    receiver.until_received(3).await;

    assert_eq!((held.status.as_u16(), before, resumed.status.as_u16()), (202, 1, 200));
    let mut ids: Vec<String> =
        receiver.received().iter().map(|received| received.header("x-lvconnect-delivery").to_owned()).collect();
    ids.sort();
    assert_eq!(ids, ["1", "1", "2"]);
}

#[tokio::test]
async fn an_event_posted_many_times_at_once_is_one_delivery() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, &[("partner", "lvconnect", "events: ['*']")]).await;
    let headers = [("Countersign-Event-Id", "1"), ("Idempotency-Key", "k")];

    let posting = (0..20).map(|_| post(&gateway, "/events/t", &headers, "{}"));
    let mut answers = Vec::new();
    for answer in futures_in_turn(posting).await {
        answers.push((answer.status.as_u16(), deliveries(&answer)));
    }
    receiver.until_received(1).await;
    gateway.until_metric(r#"countersign_queue_deliveries{target="partner",state="due"}"#, 0.0).await;
    gateway.until_metric(r#"countersign_queue_deliveries{target="partner",state="leased"}"#, 0.0).await;

    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((answers[0].0, receiver.received().len()), (202, 1));
}

/// Runs futures together, and gives what comes of them in their order.
async fn futures_in_turn<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(ready) = future.as_mut().poll(cx) {
                *output = Some(ready);
            }
        }
        let is_over = running.iter().all(|(_, output)| output.is_some());
        if is_over { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn an_operator_s_test_event_arrives() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, &[("partner", "lmif", "envelope: lmif")]).await;

    let answer = gateway.operate(posted("/api/v1/endpoints/partner/test", &[], "")).await;
    receiver.until_received(1).await;

    assert!(answer.status.is_success(), "{answer:?}");
    let (_, id, kind) = verified("lmif", &receiver.received()[0]);
    assert!(id.starts_with("evt_"));
    assert_eq!(kind.as_deref(), Some("box.created"));
}

#[tokio::test]
async fn the_app_s_listener_is_guarded_as_the_senders_is() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, &[("partner", "lmif", "events: ['*']")]).await;
    let line = "POST /events/t HTTP/1.1\r\nHost: a\r\n";
    let long = "x".repeat(17 * 1024);

    for (request, status, word) in [
        (format!("{line}Host: b\r\n\r\n"), 400, "bad_request"),
        (format!("{line}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400, "bad_request"),
        (format!("{line}X: {long}\r\n\r\n"), 431, "head_too_large"),
        (format!("{line}Content-Length: 3000\r\n\r\n"), 413, "body_too_large"),
        (format!("{line}Content-Length: 10\r\n\r\nslow"), 408, "body_timeout"),
        (line.to_owned(), 408, "head_timeout"),
    ] {
        let answer = raw(&gateway, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.80}\n{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{{\"error\":\"{word}\"}}")), "{answer}");
    }
    assert_eq!(receiver.connections().opened, 0);
}

/// Writes to the address for the app, and reads to the end.
async fn raw(gateway: &Gateway, bytes: &str) -> String {
    let mut stream = TcpStream::connect(gateway.outbound).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}
