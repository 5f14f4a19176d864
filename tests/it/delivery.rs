//! What becomes of a delivery: verified or refused, and what its sender is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::{SignedDuration, Timestamp};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Action, App, Delivery, Gateway, GatewayBuilder, SECRET, Sender, response, source};

#[tokio::test]
async fn a_verified_delivery_reaches_the_app_byte_for_byte() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let answer = gateway.post(&delivery).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), r#"{"ok":true}"#);
    assert_eq!(app.received()[0].body, delivery.body);
}

#[tokio::test]
async fn the_sender_gets_the_apps_own_status_headers_and_body() {
    let head = "HTTP/1.1 201 Made It\r\nContent-Type: text/plain\r\nX-Of-The-App: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
        Location: /things/1\r\nConnection: x-of-the-hop\r\nX-Of-The-Hop: 1\r\nKeep-Alive: timeout=5\r\n";
    let app = App::doing([], Action::Raw(response(head, "made"))).await;
    let gateway = Gateway::before(&app).await;

    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (201, "made"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.header("content-length"), Some("4"));
    assert_eq!(answer.header("x-of-the-app"), Some("1"));
    assert_eq!(answer.header("location"), Some("/things/1"));
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    assert!(!answer.headers.contains_key("x-of-the-hop"));
    assert!(!answer.headers.contains_key("keep-alive"));
    assert!(!answer.is_replayed());
}

#[tokio::test]
async fn a_204_is_passed_on_and_settles() {
    let app = App::doing([], Action::Raw(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.post(&delivery).await;
    let second = gateway.post(&delivery).await;

    assert_eq!((first.status.as_u16(), first.text(), first.is_replayed()), (204, "", false));
    assert_eq!((second.status.as_u16(), second.text(), second.is_replayed()), (204, "", true));
    assert_eq!(app.received().len(), 1);
}

/// Faults 1, 2 and 11: what the app did not accept told, counted or remembered as accepted.
#[tokio::test]
async fn what_the_app_does_not_accept_is_passed_on_and_the_retry_reaches_it() {
    let statuses = [400, 401, 403, 404, 409, 410, 422, 429, 500, 501, 502, 503, 504, 599];
    let failures = statuses.map(|status| {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nRetry-After: 17\r\n");
        Action::Raw(response(&head, "no"))
    });
    let app = App::doing(failures, Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    for status in statuses {
        let answer = gateway.post(&delivery).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (status, "no"));
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert_eq!(answer.header("retry-after"), Some("17"));
        assert!(!answer.is_replayed());
    }

    assert_eq!(gateway.post(&delivery).await.status, 200);
    assert!(gateway.post(&delivery).await.is_replayed());
    assert_eq!(app.received().len(), statuses.len() + 1);
    assert_eq!(gateway.outcome("failed").await, statuses.len() as f64);
    assert_eq!(gateway.outcome("delivered").await, 1.0);
    assert_eq!(gateway.outcome("duplicate").await, 1.0);
}

/// Fault 4: a bad signature answered with 5xx.
#[tokio::test]
async fn a_forged_or_tampered_delivery_is_401_with_an_empty_body_and_the_app_sees_nothing() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let signed = |value: &str| delivery.clone().changed("x-lmif-signature", |_| value.into());

    let refused = [
        Sender::new("lmif", "a secret that somebody guessed").event("evt_1"),
        delivery.clone().tampered(),
        delivery.clone().without("x-lmif-signature"),
        delivery.clone().with("x-lmif-signature", "sha256=00"),
        delivery.clone().with("x-lmif-signature", delivery.header("x-lmif-signature")),
        delivery.clone().changed("x-lmif-signature", |value| value.replace("sha256=", "")),
        delivery.clone().changed("x-lmif-signature", |value| value.replace("sha256=", "sha1=")),
        delivery.clone().changed("x-lmif-signature", |value| value.replace("sha256=", "sha256= ")),
        delivery.clone().changed("x-lmif-signature", |value| value[..value.len() - 2].into()),
        delivery.clone().changed("x-lmif-signature", |value| value[..value.len() - 1].into()),
        delivery.clone().changed("x-lmif-signature", |value| format!("{value}00")),
        delivery.clone().changed("x-lmif-signature", |value| format!("{value},{value}")),
        signed(""),
        signed("sha256="),
        signed("sha256"),
        signed(&format!("sha256={}", "é".repeat(32))),
        signed(&format!("sha256={}", "z".repeat(64))),
        signed(&format!("sha256={}", "0".repeat(64))),
        signed(&format!("sha256={}", "0".repeat(8000))),
    ];

    for delivery in &refused {
        let answer = gateway.post(delivery).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (401, ""), "{delivery:?}");
    }
    assert!(app.received().is_empty());
    assert_eq!(gateway.outcome("refused").await, refused.len() as f64);
}

/// The answer's head, without the time of day.
fn undated(answer: &str) -> String {
    answer.split("\r\n").filter(|line| !line.to_lowercase().starts_with("date:")).collect::<Vec<_>>().join("\r\n")
}

/// A stripe delivery that was signed so many seconds from now.
fn timed(seconds: i64) -> Delivery {
    let when = Timestamp::now() + SignedDuration::from_secs(seconds);
    Sender::of("stripe").sign_at(when, r#"{"id":"evt_1"}"#, "evt_1", "a")
}

/// Fault 8, timestamps checked in the past only, is among them.
#[tokio::test]
async fn every_refused_signature_is_answered_alike_and_counted_by_its_reason() {
    let app = App::answering(200).await;
    let retired = "      secrets: [{env: SECRET}, {env: RETIRED, not_after: 2020-01-01T00:00:00Z}]\n";
    let stripe = source("stripe", "stripe", "").replace("      secrets: [{env: SECRET}]\n", retired);
    let config = Gateway::config_of(&app, &[stripe, source("jws", "jws", "")].concat());
    let gateway = GatewayBuilder::new(config).variable("RETIRED", "a secret of yesteryear, retired").start().await;
    let jws = Sender::new("jws", SECRET).sign(r#"{"a":1}"#);
    let none = [&b"eyJhbGciOiJub25lIn0"[..], &jws.body[jws.body.iter().position(|byte| *byte == b'.').unwrap()..]];
    let good = timed(0);

    let refused = [
        ("stripe", "signature_missing", good.clone().without("stripe-signature")),
        (
            "stripe",
            "signature_malformed",
            good.clone().changed("stripe-signature", |value| value.replace("v1=", "v1=x")),
        ),
        ("stripe", "signature_repeated", good.clone().with("stripe-signature", good.header("stripe-signature"))),
        ("stripe", "signature_mismatch", good.clone().tampered()),
        ("stripe", "stale", timed(-301)),
        ("stripe", "too_new", timed(310)),
        ("stripe", "secret_expired", Sender::new("stripe", "a secret of yesteryear, retired").sign("{}")),
        ("jws", "algorithm", Delivery { body: none.concat().into(), ..jws.clone() }),
    ];
    let mut answers = BTreeMap::new();
    for (name, reason, delivery) in refused {
        let request = delivery.with("connection", "close").bytes(&format!("/hooks/{name}"));
        answers.insert(reason, undated(&gateway.raw(request).await));
        let rejections = format!(r#"countersign_inbound_rejections_total{{source="{name}",reason="{reason}"}}"#);
        assert_eq!(gateway.metric(&rejections).await, 1.0, "{reason}");
    }

    for (reason, answer) in &answers {
        assert_eq!(answer, "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "{reason}");
    }
    assert!(app.received().is_empty());
    assert_eq!(gateway.post_to("/hooks/stripe", &timed(0)).await.status, 200);
    assert_eq!(gateway.post_to("/hooks/jws", &jws).await.status, 200);
}

#[tokio::test]
async fn a_refused_signature_leaves_the_connection_as_it_was_whatever_the_reason() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let good = Sender::lmif().event("evt_1");
    let last = good.clone().with("connection", "close").bytes("/hooks/lmif");

    for refused in [good.clone().without("x-lmif-signature"), good.clone().tampered()] {
        let answer = gateway.raw([&refused.bytes("/hooks/lmif")[..], &last].concat()).await;
        let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
        assert_eq!(statuses, ["401", "200"]);
    }
}

/// Fault 5: upper-case hex refused.
#[tokio::test]
async fn a_signature_in_upper_case_hex_is_the_same_signature() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let upper = |value: &str| value.to_uppercase().replace("SHA256=", "sha256=");

    let answer = gateway.post(&delivery.clone().changed("x-lmif-signature", upper)).await;

    assert_eq!(answer.status, 200);
    assert_eq!(app.received()[0].header("x-lmif-signature"), upper(delivery.header("x-lmif-signature")));
}

/// Fault 7: only the first or the last signature compared.
#[tokio::test]
async fn of_several_stripe_signatures_any_may_match_in_any_place() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("stripe", "stripe", "      dedup: off")]).await;
    let delivery = Sender::of("stripe").sign(r#"{"id":"evt_1"}"#);
    let (time, good) = delivery.header("stripe-signature").split_once(',').unwrap();
    let bad = format!("v1={}", "0".repeat(64));
    let orders = [
        format!("{time},{bad},{good}"),
        format!("{time},{good},{bad}"),
        format!("{bad},{bad},{good},{bad},{time}"),
        format!("{good},v0=abc,{time},later=1"),
    ];

    for order in &orders {
        let delivery = delivery.clone().changed("stripe-signature", |_| order.clone());
        assert_eq!(gateway.post_to("/hooks/stripe", &delivery).await.status, 200, "{order}");
    }

    assert_eq!(app.received().len(), orders.len());
}

/// Fault 6: the whole header compared as one text.
#[tokio::test]
async fn a_standard_webhook_may_carry_signatures_of_several_secrets_and_versions() {
    let app = App::answering(200).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let config = Gateway::config_of(&app, &source("standard", "standard-webhooks", "").replace("SECRET", "WHSEC"));
    let gateway = GatewayBuilder::new(config).variable("WHSEC", secret).start().await;
    let sign = |secret: &str| Sender::new("standard-webhooks", secret).sign(r#"{"type":"a"}"#);
    let (good, other) = (sign(secret), sign("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"));

    let several = |good: &str| format!("v1a,{good} {} {good} v2,x", other.header("webhook-signature"));
    let passed = gateway.post_to("/hooks/standard", &good.clone().changed("webhook-signature", several)).await;
    let refused = gateway.post_to("/hooks/standard", &other).await;

    assert_eq!((passed.status.as_u16(), refused.status.as_u16()), (200, 401));
}

/// Fault 20: rotation overwrites the secret.
#[tokio::test]
async fn while_secrets_change_both_are_accepted_and_counted_apart() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "").replace("{env: SECRET}", "{env: SECRET, id: new}, {env: OLD}");
    let gateway = GatewayBuilder::new(config).variable("OLD", "the secret before the new one").start().await;

    let new = gateway.post(&Sender::lmif().event("evt_1")).await;
    let old = gateway.post(&Sender::new("lmif", "the secret before the new one").event("evt_2")).await;
    let again = gateway.post(&Sender::new("lmif", "the secret before the new one").event("evt_1")).await;

    assert_eq!((new.status.as_u16(), old.status.as_u16()), (200, 200));
    assert!(again.is_replayed());
    assert_eq!(gateway.metric(r#"countersign_verified_total{source="lmif",key="new"}"#).await, 1.0);
    assert_eq!(gateway.metric(r#"countersign_verified_total{source="lmif",key="2"}"#).await, 2.0);
}

/// Fault 9: deduplication before verification.
#[tokio::test]
async fn a_forged_delivery_does_not_make_the_real_one_a_duplicate() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let real = Sender::lmif().event("evt_1");

    let forged = gateway.post(&Sender::new("lmif", "a secret that somebody guessed").event("evt_1")).await;
    let tampered = gateway.post(&real.clone().tampered()).await;
    let answer = gateway.post(&real).await;

    assert_eq!((forged.status.as_u16(), tampered.status.as_u16()), (401, 401));
    assert!(!answer.is_replayed());
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_redelivery_is_answered_without_the_app() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.post(&delivery).await;
    let second = gateway.post(&delivery).await;

    assert!(!first.is_replayed());
    assert!(second.is_replayed());
    assert_eq!((second.status, second.text()), (first.status, first.text()));
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn the_retry_of_a_delivery_that_the_app_failed_passes() {
    let app = App::doing([Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    assert_eq!(gateway.post(&delivery).await.status, 500);
    assert_eq!(gateway.post(&delivery).await.status, 200);
    assert_eq!(app.received().len(), 2);
}

const DELIVERED: &str = r#"countersign_inbound_deliveries_total{source="lmif",outcome="delivered"}"#;

/// Sends a delivery, and leaves when it has reached the app: by closing the connection, or with a reset.
async fn hang_up(gateway: &Gateway, delivery: &Delivery, app: &App, reset: bool) {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(&delivery.bytes("/hooks/lmif")).await.unwrap();
    app.until_received(1).await;
    if reset {
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

#[tokio::test]
async fn a_delivery_is_finished_though_its_sender_hangs_up() {
    for reset in [false, true] {
        let first = [Action::Wait, Action::Answer(200, r#"{"n":1}"#)];
        let app = App::doing(first, Action::Answer(200, r#"{"n":2}"#)).await;
        let gateway = Gateway::before(&app).await;
        let delivery = Sender::lmif().event("evt_1");

        hang_up(&gateway, &delivery, &app, reset).await;
        app.release();
        gateway.until_metric(DELIVERED, 1.0).await;
        let retry = gateway.post(&delivery).await;

        assert!(retry.is_replayed(), "reset: {reset}");
        assert_eq!(retry.text(), r#"{"n":1}"#);
        assert_eq!(app.received().len(), 1);
    }
}

#[tokio::test]
async fn a_delivery_is_finished_though_its_http_2_stream_is_reset() {
    let app = App::doing([Action::Wait, Action::Answer(200, r#"{"n":1}"#)], Action::Answer(200, r#"{"n":2}"#)).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let stream = TokioIo::new(TcpStream::connect(gateway.address).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);

    let url = |path: &str| format!("http://{}{path}", gateway.address);
    let mut asking = Box::pin(client.send_request(delivery.request(&url("/hooks/lmif"))));
    tokio::select! {
        _ = &mut asking => panic!("the app has not answered"),
        () = app.until_received(1) => drop(asking),
    }
    // What is answered after the reset was read after it.
    let other = client.send_request(delivery.request(&url("/elsewhere"))).await.unwrap();
    assert_eq!(other.status(), 404);
    app.release();
    gateway.until_metric(DELIVERED, 1.0).await;

    assert_eq!(gateway.post(&delivery).await.text(), r#"{"n":1}"#);
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_streamed_answer_is_read_to_its_end_though_its_sender_hangs_up() {
    let part = || vec![b'x'; 60_000];
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 120000\r\n\r\n".to_vec();
    let first = [Action::Part([head, part()].concat()), Action::Wait, Action::Raw(part())];
    let app = App::doing(first, Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(&delivery.bytes("/hooks/lmif")).await.unwrap();
    // Once the answer has begun, the gateway sees that nobody listens when it writes the second half.
    stream.readable().await.unwrap();
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    app.release();
    gateway.until_metric(DELIVERED, 1.0).await;
    let retry = gateway.post(&delivery).await;

    assert!(retry.is_replayed());
    assert_eq!((retry.status.as_u16(), retry.text()), (200, ""));
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_sender_that_speaks_http_1_0_is_answered_without_chunks() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n4\r\nlast\r\n0\r\n\r\n".to_vec();
    let app = App::doing([], Action::Raw(chunked)).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let request = String::from_utf8(delivery.bytes("/hooks/lmif")).unwrap().replace("HTTP/1.1", "HTTP/1.0");

    let answer = gateway.raw(request).await;

    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK") || head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    assert_eq!(body, "firstlast");
    assert_eq!(app.received()[0].body, delivery.body);
    assert!(gateway.post(&delivery).await.is_replayed());
}
