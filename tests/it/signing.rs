//! Requests that are signed for the app, by a scheme of its own, whoever has sent. What is expected is computed by hand.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use crate::support::{Action, App, Delivery, Gateway, GatewayBuilder, Received, Sender, digest, often, source};

/// What the app knows, in base64 as Standard Webhooks wants it.
const KEY: &str = "whsec_dGhlIHNlY3JldCBvZiB0aGUgYXBwLCBsb25nIGVub3VnaA==";

const OLD: &str = "whsec_YW4gb2xkZXIgc2VjcmV0IG9mIHRoZSBhcHA=";

const STANDARD: &str = "{scheme: standard-webhooks, secrets: [{env: KEY}]}";

/// A configuration whose app is signed for like this.
fn signing(config: &str, sign: &str) -> String {
    config.replace("timeout: 3s", &format!("timeout: 3s, sign: {sign}"))
}

async fn start(config: &str) -> Gateway {
    GatewayBuilder::new(config).variable("KEY", KEY).variable("OLD", OLD).start().await
}

/// A gateway with an LMIF source in front of an app that verifies Standard Webhooks.
async fn standard_before(app: &App) -> Gateway {
    start(&signing(&Gateway::config(app, ""), STANDARD)).await
}

fn hmac(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// The signature by Standard Webhooks of what an app received.
fn expected(secret: &str, received: &Received) -> String {
    let secret = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let (id, timestamp) = (received.header("webhook-id"), received.header("webhook-timestamp"));
    let mac = hmac(&secret, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", &received.body]);
    format!("v1,{}", BASE64_STANDARD.encode(mac))
}

/// The app gets one signature, over its body, by its own secret, made just now.
#[track_caller]
fn assert_signed(received: &Received) {
    assert_eq!(received.header("webhook-signature"), expected(KEY, received));
    let time: i64 = received.header("webhook-timestamp").parse().unwrap();
    assert!((Timestamp::now().as_second() - time).abs() < 20, "{time}");
    assert_eq!(received.header("webhook-id"), received.header("countersign-event-id"));
    assert_eq!(received.header("countersign-verified"), "true");
}

#[tokio::test]
async fn the_app_gets_a_signature_of_its_own_beside_that_of_the_sender() {
    let app = App::answering(200).await;
    let gateway = standard_before(&app).await;
    let event = Sender::lmif().event("evt_1");

    assert_eq!(gateway.post(&event).await.status, 200);

    let received = app.received().remove(0);
    assert_signed(&received);
    assert_eq!(received.header("webhook-id"), "evt_1");
    assert_eq!(received.header("x-lmif-signature"), event.header("x-lmif-signature"));
    assert_eq!(received.header("countersign-event-type"), "box.created");
    assert_eq!(received.body, event.body);
}

#[tokio::test]
async fn what_a_sender_writes_into_the_headers_of_the_signature_does_not_reach_the_app() {
    let app = App::answering(200).await;
    let gateway = standard_before(&app).await;
    let mut event = Sender::lmif().event("evt_1");
    for name in ["webhook-id", "webhook-id", "webhook-timestamp", "webhook-signature", "webhook-signature"] {
        event = event.with(name, "forged");
    }

    assert_eq!(gateway.post(&event).await.status, 200);

    assert_signed(&app.received()[0]);
    assert!(!app.received()[0].head.contains("forged"));
}

#[tokio::test]
async fn a_sender_of_the_same_scheme_is_signed_for_with_the_secret_of_the_app() {
    let app = App::answering(200).await;
    let config = Gateway::config_of(&app, &source("lmif", "standard-webhooks", "").replace("SECRET", "OLD"));
    let gateway = start(&signing(&config, STANDARD)).await;
    let event = Sender::new("standard-webhooks", OLD).sign_event(r#"{"type":"a"}"#, "msg_1", "a");

    assert_eq!(gateway.post(&event).await.status, 200);

    let received = app.received().remove(0);
    assert_signed(&received);
    assert_eq!(received.header("webhook-id"), "msg_1");
    assert_ne!(received.header("webhook-signature"), event.header("webhook-signature"));
}

#[tokio::test]
async fn each_attempt_from_the_queue_is_signed_when_it_is_made() {
    let app = App::doing([Action::Answer(500, "{}"), Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", "      delivery: queue"), "[0s, 1100ms, 100ms]");
    let gateway = start(&signing(&config, STANDARD)).await;
    let event = Sender::lmif().event("evt_1").with("webhook-signature", "forged");

    assert_eq!(gateway.post(&event).await.status, 202);
    app.until_received(3).await;

    let times = app.received().into_iter().map(|received| {
        assert_signed(&received);
        assert_eq!(received.header("webhook-id"), "evt_1");
        received.header("webhook-timestamp").to_owned()
    });
    let times: Vec<String> = times.collect();
    assert!(times[0] < times[1], "{times:?}");
}

#[tokio::test]
async fn sync_then_queue_signs_the_first_attempt_and_the_later_ones() {
    let app = App::doing([Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", "      delivery: sync_then_queue"), &often());
    let gateway = start(&signing(&config, STANDARD)).await;

    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 202);
    app.until_received(2).await;
    assert_eq!(gateway.post(&Sender::lmif().event("evt_2")).await.status, 200);

    app.received().iter().for_each(assert_signed);
    let ids: Vec<_> = app.received().iter().map(|received| received.header("webhook-id").to_owned()).collect();
    assert_eq!(ids, ["evt_1", "evt_1", "evt_2"]);
}

#[tokio::test]
async fn of_a_token_its_payload_is_signed_as_it_is_what_the_app_gets() {
    let app = App::answering(200).await;
    let config = Gateway::config_of(&app, &source("risr", "jws", "      event_type: {literal: logged_in}"));
    let gateway = start(&signing(&config, STANDARD)).await;
    let payload = r#"{"webhook_request_id":"req-1","email":"a@b.example"}"#;

    assert_eq!(gateway.post_to("/hooks/risr", &Sender::of("jws").sign(payload)).await.status, 200);

    let received = app.received().remove(0);
    assert_eq!(received.body, payload);
    assert_signed(&received);
    assert_eq!(received.header("webhook-id"), "req-1");
}

#[tokio::test]
async fn an_event_without_an_id_is_known_by_its_digest_and_a_body_of_many_pieces_is_signed_whole() {
    let app = App::answering(200).await;
    let gateway = standard_before(&app).await;
    let body = format!(r#"{{"type":"box.created","data":"{}"}}"#, "x".repeat(500_000));

    assert_eq!(gateway.post(&Sender::lmif().sign(body.clone())).await.status, 200);

    let received = app.received().remove(0);
    assert_signed(&received);
    assert_eq!(received.header("webhook-id"), digest(&body));
    assert_eq!(received.body, body);
}

#[tokio::test]
async fn all_valid_secrets_sign_where_the_scheme_has_room_for_several_signatures() {
    let app = App::answering(200).await;
    let secrets = "[{env: KEY}, {env: OLD, not_after: 2099-01-01T00:00:00Z}, {env: SECRET, encoding: utf8, not_after: \
                   2020-01-01T00:00:00Z}]";
    let sign = format!("{{scheme: standard-webhooks, secrets: {secrets}}}");
    let gateway = start(&signing(&Gateway::config(&app, ""), &sign)).await;

    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);

    let received = app.received().remove(0);
    let both = format!("{} {}", expected(KEY, &received), expected(OLD, &received));
    assert_eq!(received.header("webhook-signature"), both);
}

#[tokio::test]
async fn a_scheme_of_ones_own_signs_what_the_app_is_sent() {
    let app = App::answering(200).await;
    let scheme = "schemes:
  own:
    hmac:
      header: Countersign-Signature
      format: \"sha256={signature}\"
      signed: \"{method} {url} {header:Countersign-Source} {header:Countersign-Attempt} {id} {body}\"
    event_id: {header: Countersign-Event-Id}
";
    let sign = "{scheme: own, secrets: [{env: SECRET}]}";
    let config = signing(&Gateway::config(&app, ""), sign).replace("\", timeout", "/base\", timeout") + scheme;
    let gateway = start(&config).await;
    let event = Sender::lmif().event("evt_1").with("countersign-signature", "forged");

    assert_eq!(gateway.post_to("/hooks/lmif?a=%2f", &event).await.status, 200);

    let received = app.received().remove(0);
    let url = format!("http://{}/base/hooks/lmif?a=%2f", app.address);
    let signed =
        hmac(crate::support::SECRET.as_bytes(), &[format!("POST {url} lmif 1 evt_1 ").as_bytes(), &event.body]);
    let hex: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(received.header("countersign-signature"), format!("sha256={hex}"));
}

/// An event whose body lacks what the scheme of the app signs.
fn unsignable() -> Delivery {
    Sender::lmif().sign(r#"{"id":"evt_1"}"#)
}

const TENANT: &str =
    "{scheme: {hmac: {header: X-Signature, signed: \"{json:/tenant}{body}\"}}, secrets: [{env: SECRET}]}";

#[tokio::test]
async fn what_cannot_be_signed_is_not_sent_and_may_come_again() {
    let app = App::answering(200).await;
    let gateway = start(&signing(&Gateway::config(&app, ""), TENANT)).await;

    for _ in 0..2 {
        let answer = gateway.post(&unsignable()).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_unreachable"}"#));
    }
    assert_eq!(gateway.post(&Sender::lmif().sign(r#"{"id":"evt_2","tenant":"a"}"#)).await.status, 200);

    gateway.until_logged(&["outcome=failed", "upstream_unreachable"]).await;
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_signed_waits_in_the_queue_by_its_schedule() {
    for delivery in ["queue", "sync_then_queue"] {
        let app = App::answering(200).await;
        let keys = format!("      delivery: {delivery}");
        let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", &keys), "[0s, 50ms, 50ms]");
        let gateway = start(&signing(&config, TENANT)).await;

        assert_eq!(gateway.post(&unsignable()).await.status, 202);
        gateway.until_metric(r#"countersign_queue_deliveries{target="app",state="dead"}"#, 1.0).await;

        gateway.until_logged(&["attempt=3", "a part that the signature covers is missing"]).await;
        assert_eq!(gateway.metric(r#"countersign_attempts_total{target="app",outcome="connect"}"#).await, 3.0);
        assert!(app.received().is_empty());
    }
}

#[tokio::test]
async fn nothing_is_sent_while_no_secret_is_valid_which_is_told_once() {
    let app = App::answering(200).await;
    let end = Timestamp::now() + SignedDuration::from_secs(2);
    let sign = |secrets: &str| format!("{{scheme: lmif, secrets: [{secrets}]}}");
    let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", "      delivery: queue"), &often());
    let config = |secrets: &str| signing(&config, &sign(secrets));
    let gateway = start(&config(&format!("{{env: KEY, not_after: {end:.0}}}"))).await;
    // Nothing tells that a secret has ended.
    tokio::time::sleep(Duration::from_millis(2100)).await;

    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;
    gateway.until_logged(&["ERROR", "no secret is valid", "app"]).await;
    gateway.until_logged(&["attempt", "attempt=3", "no secret is valid at this time"]).await;
    let errors = gateway.log().iter().filter(|line| line.contains("ERROR")).count();
    let before = app.received().len();
    gateway.rewrite(&config("{env: SECRET}"));
    app.until_received(1).await;

    assert_eq!((answer.status.as_u16(), before, errors), (202, 0, 1));
}

#[tokio::test]
async fn what_is_only_reported_is_not_signed_and_what_it_claims_to_be_signed_with_is_gone() {
    let app = App::answering(200).await;
    let gateway = start(&signing(&Gateway::config(&app, "      verification: report_only"), STANDARD)).await;
    let event = Sender::lmif().event("evt_1").with("webhook-id", "forged").with("webhook-timestamp", "1");
    let event = event.with("webhook-signature", "v1,forged");

    assert_eq!(gateway.post(&event.clone().tampered()).await.status, 200);
    assert_eq!(gateway.post(&event).await.status, 200);

    let (unverified, verified) = (&app.received()[0], &app.received()[1]);
    assert_eq!(unverified.header("countersign-verified"), "false");
    assert!(unverified.headers.keys().all(|name| !name.as_str().starts_with("webhook-")), "{}", unverified.head);
    assert_signed(verified);
}

#[tokio::test]
async fn a_private_key_signs_and_who_has_the_public_one_verifies() {
    let key = |name: &str| std::fs::read(format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let app = App::answering(200).await;
    let sign = "{scheme: standard-webhooks-v1a, secrets: [{file: \"{folder}/private.pem\"}]}";
    let gateway =
        GatewayBuilder::new(signing(&Gateway::config(&app, ""), sign)).file("private.pem", key("ed25519.pem"));
    let gateway = gateway.start().await;
    let behind = source("lmif", "standard-webhooks-v1a", "");
    let behind = behind.replace("secrets: [{env: SECRET}]", "keys: [{file: \"{folder}/public.pem\"}]");
    let behind = GatewayBuilder::new(Gateway::config_of(&app, &behind)).file("public.pem", key("ed25519.pub.pem"));
    let behind = behind.start().await;

    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
    let received = app.received().remove(0);
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = names.map(|name| (name.parse().unwrap(), received.header(name).parse().unwrap())).to_vec();
    let again = Delivery { headers, body: received.body.clone() };

    assert_eq!(behind.post(&again.clone().tampered()).await.status, 401);
    assert_eq!(behind.post(&again).await.status, 200);
    assert!(received.header("webhook-signature").starts_with("v1a,"));
}
