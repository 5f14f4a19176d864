//! `verification: report_only`: the one exception to the rule that nothing unverified reaches the app.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::support::{Action, App, Cli, Delivery, Gateway, GatewayBuilder, SECRET, Sender, response, source};

const REPORT_ONLY: &str = "      verification: report_only\n";

fn event(id: &str) -> Delivery {
    Sender::lmif().event(id)
}

/// How many requests had this outcome.
async fn outcome(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric(&format!(r#"countersign_inbound_deliveries_total{{source="lmif",outcome="{outcome}"}}"#)).await
}

async fn rejections(gateway: &Gateway, reason: &str) -> f64 {
    gateway.metric(&format!(r#"countersign_inbound_rejections_total{{source="lmif",reason="{reason}"}}"#)).await
}

#[tokio::test]
async fn what_is_not_verified_is_forwarded_and_says_so() {
    let answer = response("HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nX-App: 1\r\n", "taken");
    let app = App::doing([], Action::Raw(answer)).await;
    let gateway = Gateway::with_source(&app, REPORT_ONLY).await;
    let forged = event("evt_1").tampered().with("countersign-verified", "true").with("countersign-event-id", "evt_1");

    let answer = gateway.post(&forged).await;

    assert_eq!((answer.status.as_u16(), answer.text(), answer.header("x-app")), (201, "taken", Some("1")));
    let received = app.received().remove(0);
    assert_eq!(received.body, forged.body);
    assert_eq!(received.header("countersign-verified"), "false");
    assert_eq!(received.header("countersign-source"), "lmif");
    assert_eq!(received.header("countersign-attempt"), "1");
    assert_eq!(received.header("x-lmif-signature"), forged.header("x-lmif-signature"));
    assert!(!received.headers.contains_key("countersign-event-id"), "{}", received.head);
    assert!(!received.headers.contains_key("countersign-event-type"), "{}", received.head);
    assert_eq!(rejections(&gateway, "signature_mismatch").await, 1.0);
    assert_eq!((outcome(&gateway, "delivered").await, outcome(&gateway, "refused").await), (1.0, 0.0));
    assert_eq!(gateway.metric(r#"countersign_verified_total{source="lmif",key="1"}"#).await, 0.0);
    gateway.until_logged(&["WARN", "not verified", "source=lmif", "reason=signature_mismatch"]).await;
    gateway.until_logged(&["outcome=delivered", "reason=signature_mismatch", "status=201"]).await;
}

#[tokio::test]
async fn what_is_verified_is_treated_as_ever() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, REPORT_ONLY).await;

    gateway.post(&event("evt_1")).await;
    let again = gateway.post(&event("evt_1")).await;

    assert!(again.is_replayed());
    let received = app.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("countersign-verified"), "true");
    assert_eq!(received[0].header("countersign-event-id"), "evt_1");
}

#[tokio::test]
async fn whatever_the_signature_would_have_refused_is_forwarded_and_counted_by_its_reason() {
    let app = App::answering(200).await;
    let sources = [source("lmif", "lmif", REPORT_ONLY), source("slack", "slack", REPORT_ONLY)].concat();
    let gateway = GatewayBuilder::new(Gateway::config_of(&app, &sources)).start().await;
    let signature = event("evt_1").header("x-lmif-signature").to_owned();
    let old = Timestamp::now() - SignedDuration::from_hours(1);
    let stale = Sender::of("slack").sign_at(old, r#"{"event_id":"e","event":{"type":"t"}}"#, "e", "t");

    gateway.post(&event("evt_1").without("x-lmif-signature")).await;
    gateway.post(&event("evt_1").changed("x-lmif-signature", |_| "sha256=zz".into())).await;
    gateway.post(&event("evt_1").with("x-lmif-signature", &signature)).await;
    gateway.post_to("/hooks/slack", &stale).await;

    assert_eq!(app.received().len(), 4);
    assert!(app.received().iter().all(|received| received.header("countersign-verified") == "false"));
    for reason in ["signature_missing", "signature_malformed", "signature_repeated"] {
        assert_eq!(rejections(&gateway, reason).await, 1.0, "{reason}");
    }
    assert_eq!(gateway.metric(r#"countersign_inbound_rejections_total{source="slack",reason="stale"}"#).await, 1.0);
}

#[tokio::test]
async fn what_is_not_verified_claims_nothing() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, REPORT_ONLY).await;
    let forged = event("evt_1").changed("x-lmif-signature", |_| format!("sha256={}", "0".repeat(64)));

    for _ in 0..3 {
        assert!(!gateway.post(&forged).await.is_replayed());
    }
    let real = gateway.post(&event("evt_1")).await;
    assert!(!gateway.post(&forged).await.is_replayed());

    assert!(!real.is_replayed());
    assert_eq!(app.received().len(), 5);
    assert_eq!(gateway.metric(r#"countersign_dedup_entries{source="lmif"}"#).await, 1.0);
}

#[tokio::test]
async fn what_is_not_verified_is_never_queued() {
    for delivery in ["queue", "sync_then_queue"] {
        let failing = [Action::Answer(500, r#"{"app":"failed"}"#)];
        let app = App::doing(failing, Action::Answer(200, r#"{"app":"took it"}"#)).await;
        let keys = format!("{REPORT_ONLY}      delivery: {delivery}\n");
        let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", &keys), "[0s, 50ms, 50ms]");
        let gateway = GatewayBuilder::new(config).start().await;

        let failed = gateway.post(&event("evt_1").tampered()).await;
        let taken = gateway.post(&event("evt_1").tampered()).await;
        let real = gateway.post(&event("evt_1")).await;
        app.until_received(3).await;
        gateway.until_queue_is_empty().await;

        assert_eq!((failed.status.as_u16(), failed.text()), (500, r#"{"app":"failed"}"#), "{delivery}");
        assert_eq!((taken.status.as_u16(), taken.text()), (200, r#"{"app":"took it"}"#), "{delivery}");
        let accepted = if delivery == "queue" { 202 } else { 200 };
        assert_eq!(real.status, accepted, "{delivery}");
        let verified: Vec<_> = app.received().iter().map(|it| it.header("countersign-verified").to_owned()).collect();
        assert_eq!(verified, ["false", "false", "true"], "{delivery}");
        assert_eq!((outcome(&gateway, "failed").await, rejections(&gateway, "signature_mismatch").await), (1.0, 2.0));
    }
}

#[tokio::test]
async fn of_a_jws_that_is_not_verified_the_app_gets_the_body_as_received() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("jws", "jws", REPORT_ONLY)]).await;
    let token = Sender::new("jws", "another secret than the gateway has").sign(r#"{"webhook_request_id":"1"}"#);

    assert_eq!(gateway.post_to("/hooks/jws", &token).await.status, 200);
    assert_eq!(
        gateway.post_to("/hooks/jws", &Sender::of("jws").sign(r#"{"webhook_request_id":"1"}"#)).await.status,
        200
    );

    let received = app.received();
    assert_eq!(received[0].body, token.body);
    assert_eq!(received[0].header("countersign-verified"), "false");
    assert_eq!(received[1].body, r#"{"webhook_request_id":"1"}"#);
}

#[tokio::test]
async fn all_other_limits_hold() {
    let app = App::answering(200).await;
    let require = format!("{REPORT_ONLY}      require: {{bearer: {{env: SECRET}}}}\n");
    let sources = [source("lmif", "lmif", REPORT_ONLY), source("demanding", "lmif", &require)].concat();
    let config = Gateway::config_of(&app, &sources).replace("limits: {", "limits: {body: 1KiB, ");
    let gateway = GatewayBuilder::new(config).start().await;
    let large = Delivery { headers: Vec::new(), body: vec![b'x'; 1025].into() };

    assert_eq!(gateway.post(&large).await.status, 413);
    assert_eq!(gateway.post(&Sender::lmif().sign(vec![b'x'; 1025]).tampered()).await.status, 413);
    assert_eq!(gateway.post_to("/hooks/demanding", &event("evt_1").tampered()).await.status, 401);
    let bearer = format!("Bearer {SECRET}");
    let admitted = event("evt_1").tampered().with("authorization", &bearer);
    assert_eq!(gateway.post_to("/hooks/demanding", &admitted).await.status, 200);

    assert_eq!(app.received().len(), 1);
    assert!(!app.received()[0].headers.contains_key("authorization"));
    gateway.until_metric("countersign_body_bytes_in_use", 0.0).await;
}

#[tokio::test]
async fn an_app_that_does_not_answer_is_told_as_ever() {
    let app = App::doing([Action::RawThenClose(b"HTTP/1.1 200 O".to_vec())], Action::Hang).await;
    let config = Gateway::config(&app, REPORT_ONLY).replace("timeout: 3s", "timeout: 300ms");
    let gateway = GatewayBuilder::new(config).start().await;

    assert_eq!(gateway.post(&event("evt_1").tampered()).await.status, 502);
    let start = Instant::now();
    assert_eq!(gateway.post(&event("evt_1").tampered()).await.status, 504);

    assert!(start.elapsed().as_secs() < 3);
    assert_eq!((outcome(&gateway, "failed").await, rejections(&gateway, "signature_mismatch").await), (2.0, 2.0));
    gateway.until_metric("countersign_body_bytes_in_use", 0.0).await;
}

#[tokio::test]
async fn check_and_the_log_say_so_at_the_start() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, REPORT_ONLY).await;

    gateway.until_logged(&["WARN", "requests that are not verified reach the app", "source=lmif"]).await;
    let checked = Cli::new(["check", "--config"]).argument(gateway.config_path()).variable("SECRET", SECRET).run();

    assert_eq!(checked.code, 0);
    assert!(
        checked.stderr.contains("requests to the source `lmif` that are not verified reach the app"),
        "{checked:?}"
    );
    assert!(checked.stdout.contains("(report only)"), "{checked:?}");
}

#[tokio::test]
async fn with_the_next_reload_it_is_over() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, REPORT_ONLY).await;
    assert_eq!(gateway.post(&event("evt_1").tampered()).await.status, 200);

    gateway.rewrite(&Gateway::config(&app, "      verification: enforce\n"));
    gateway.until_metric(r#"countersign_config_reloads_total{outcome="applied"}"#, 1.0).await;

    assert_eq!(gateway.post(&event("evt_1").tampered()).await.status, 401);
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn what_is_not_verified_is_not_signed_for_the_app() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, REPORT_ONLY)
        .replace("timeout: 3s}", "timeout: 3s, sign: {scheme: lvconnect, secrets: [{env: SECRET}]}}");
    let gateway = GatewayBuilder::new(config).start().await;
    let forged = event("evt_1").tampered().with("x-lvconnect-signature", "sha1=of-somebody-else");

    assert_eq!(gateway.post(&forged).await.status, 200);
    assert_eq!(gateway.post(&event("evt_1")).await.status, 200);

    let received = app.received();
    assert!(!received[0].headers.contains_key("x-lvconnect-signature"), "{}", received[0].head);
    assert!(received[1].headers.contains_key("x-lvconnect-signature"), "{}", received[1].head);
}
