//! Endpoints that are sent to while the app waits.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::reload::{NOT_RELOADED, RELOADED};
use crate::support::{Action, Answer, App, Gateway, GatewayBuilder, source};

const TYPE: (&str, &str) = ("Countersign-Event-Type", "user:created");
const ID: (&str, &str) = ("Countersign-Event-Id", "1");

/// One `sync` endpoint, and a store that remembers nothing after the process.
fn config(receiver: &App, egress: &str) -> String {
    let outbound = format!(
        "outbound:
  listen: 127.0.0.1:0
  token: {{env: TOKEN}}
  egress: {{allow: [{egress}]}}
  endpoints:
    partner:
      url: http://{}/hooks?a=1
      scheme: lvconnect
      secrets: [{{env: SECRET}}]
      delivery: sync
      retry: {{schedule: [0s], timeout: 1s}}
",
        receiver.address
    );
    Gateway::config_of(receiver, &source("lmif", "lmif", "")) + &outbound
}

async fn start(receiver: &App, egress: &str) -> Gateway {
    GatewayBuilder::new(config(receiver, egress)).variable("TOKEN", "a token of the tests").start().await
}

async fn post(gateway: &Gateway, headers: &[(&str, &str)], body: &'static str) -> Answer {
    let request = Request::post("/endpoints/partner").header("Authorization", "Bearer a token of the tests");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    gateway.app_sends(request.body(Full::<Bytes>::from(body)).unwrap()).await
}

#[tokio::test]
async fn the_app_gets_the_receiver_s_own_answer() {
    let moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let first = [Action::Answer(422, r#"{"no":1}"#), Action::Raw(moved.to_vec())];
    let receiver = App::doing(first, Action::Answer(201, r#"{"yes":1}"#)).await;
    let gateway = start(&receiver, "127.0.0.0/8").await;

    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(post(&gateway, &[TYPE, ID], "{}").await);
    }

    let seen: Vec<_> = answers.iter().map(|answer| (answer.status.as_u16(), answer.text())).collect();
    assert_eq!(seen, [(422, r#"{"no":1}"#), (302, ""), (201, r#"{"yes":1}"#), (201, r#"{"yes":1}"#)]);
    assert_eq!(answers[0].header("content-type"), Some("application/json"));
    assert_eq!(answers[1].header("location"), None);
    assert_eq!((answers[2].is_replayed(), answers[3].is_replayed()), (false, true));
    let received = receiver.received();
    assert_eq!((received.len(), received[0].target.as_str()), (3, "/hooks?a=1"));
    assert!(received.iter().all(|request| request.header("x-lvconnect-delivery") == "1"));
    assert_eq!(gateway.metric(r#"countersign_attempts_total{target="partner",outcome="status"}"#).await, 2.0);
    assert_eq!(gateway.metric(r#"countersign_attempts_total{target="partner",outcome="success"}"#).await, 1.0);
    assert_eq!(gateway.metric(r#"countersign_outbound_requests_total{outcome="duplicate"}"#).await, 1.0);
}

#[tokio::test]
async fn a_receiver_that_hangs_is_504_in_time() {
    let receiver = App::doing([], Action::Hang).await;
    let gateway = start(&receiver, "127.0.0.0/8").await;

    let answer = post(&gateway, &[TYPE], "{}").await;

    assert_eq!((answer.status.as_u16(), answer.text()), (504, r#"{"error":"endpoint_late"}"#));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_502_and_never_connected_to() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, "10.20.0.0/16").await;

    let answer = post(&gateway, &[TYPE], "{}").await;

    assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"egress_denied"}"#));
    assert_eq!(receiver.connections().opened, 0);
}

#[tokio::test]
async fn a_receiver_that_is_down_is_502() {
    let receiver = App::down();
    let gateway = start(&receiver, "127.0.0.0/8").await;

    let answer = post(&gateway, &[TYPE], "{}").await;

    assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"endpoint_unreachable"}"#));
}

#[tokio::test]
async fn the_first_100_kb_of_an_answer_are_passed_on() {
    let mut long = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n".to_vec();
    long.extend(std::iter::repeat_n(b'x', 200_000));
    let receiver = App::doing([], Action::Raw(long)).await;
    let gateway = start(&receiver, "127.0.0.0/8").await;

    let answer = post(&gateway, &[TYPE], "{}").await;

    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 102_400));
}

#[tokio::test]
async fn without_the_token_nothing_is_sent() {
    let receiver = App::answering(200).await;
    let gateway = start(&receiver, "127.0.0.0/8").await;

    let request = Request::post("/endpoints/partner").header(TYPE.0, TYPE.1);
    let answer = gateway.app_sends(request.body(Full::from("{}")).unwrap()).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (401, ""));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_eq!(receiver.connections().opened, 0);
    gateway.until_logged(&["outbound request", "refused", "unauthorized", "401"]).await;
}

#[tokio::test]
async fn the_app_s_token_rotates_with_its_file_and_is_never_empty() {
    let receiver = App::answering(200).await;
    let config = config(&receiver, "127.0.0.0/8").replace("{env: TOKEN}", "{file: \"{folder}/token\"}");
    let gateway = GatewayBuilder::new(config).file("token", "the old token").start().await;
    let write = |token: &str| std::fs::write(gateway.folder.path().join("token"), token).unwrap();
    let status = async |token: &str| {
        let request = Request::post("/endpoints/partner").header("Authorization", format!("Bearer {token}"));
        gateway.app_sends(request.header(TYPE.0, TYPE.1).body(Full::default()).unwrap()).await.status.as_u16()
    };
    assert_eq!([status("the old token").await, status("the new token").await], [200, 401]);

    write("the new token\n");
    gateway.until_logged(&[RELOADED]).await;
    assert_eq!([status("the old token").await, status("the new token").await], [401, 200]);

    write("\n");
    gateway.until_logged(&[NOT_RELOADED]).await;
    assert_eq!([status("").await, status("the new token").await], [401, 200]);
}

#[tokio::test]
async fn a_drain_waits_for_the_receiver() {
    let receiver = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let mut gateway = start(&receiver, "127.0.0.0/8").await;
    let draining = async {
        receiver.until_received(1).await;
        gateway.signal("TERM");
        gateway.until_logged(&["draining"]).await;
        receiver.release();
    };

    let (answer, ()) = tokio::join!(post(&gateway, &[TYPE], "{}"), draining);

    assert_eq!((answer.status.as_u16(), answer.header("connection")), (200, Some("close")));
    assert!(gateway.until_ended().await.success());
}
