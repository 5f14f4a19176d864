//! What senders ask of an address beside taking events.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::support::{Answer, App, Gateway, GatewayBuilder, Sender, often, source};

const SLACK: &str =
    r#"{"token":"Jhj5","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;

fn request(method: &str, target: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(target).body(Full::default()).unwrap()
}

fn told(answer: &Answer) -> (u16, Option<&str>, &str) {
    (answer.status.as_u16(), answer.header("content-type"), answer.text())
}

async fn outcome(gateway: &Gateway, source: &str, outcome: &str) -> f64 {
    gateway.metric(&format!(r#"countersign_inbound_deliveries_total{{source="{source}",outcome="{outcome}"}}"#)).await
}

#[tokio::test]
async fn slack_gets_its_challenge_back_as_text() {
    let app = App::answering(500).await;
    for keys in ["", "      delivery: queue\n", "      delivery: sync_then_queue\n", "      events: [message]\n"] {
        let config = Gateway::config_on_disk(&app, &source("slack", "slack", keys), &often());
        let gateway = GatewayBuilder::new(config).start().await;
        let sender = Sender::of("slack");

        // Again and again: a handshake claims nothing, so that none is a duplicate.
        for _ in 0..2 {
            let answer = gateway.post_to("/hooks/slack", &sender.sign(SLACK)).await;
            let challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
            assert_eq!(told(&answer), (200, Some("text/plain"), challenge), "{keys}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert!(!answer.is_replayed());
        }

        assert_eq!(outcome(&gateway, "slack", "handshake").await, 2.0);
        assert_eq!(gateway.metric(r#"countersign_dedup_entries{source="slack"}"#).await, 0.0);
        gateway.until_logged(&["outcome=handshake", "status=200"]).await;
    }
    assert_eq!(app.received().len(), 0);
}

#[tokio::test]
async fn a_handshake_that_is_not_signed_learns_nothing() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("slack", "slack", "")]).await;
    let sender = Sender::of("slack");
    let old = sender.sign_at(jiff::Timestamp::from_second(1_700_000_000).unwrap(), SLACK, "", "");

    for delivery in [
        sender.sign(SLACK).tampered(),
        sender.sign(SLACK).without("x-slack-signature"),
        Sender::new("slack", "another secret, long enough").sign(SLACK),
        old,
    ] {
        let answer = gateway.post_to("/hooks/slack", &delivery).await;
        assert_eq!(told(&answer), (401, None, ""));
    }

    assert_eq!(outcome(&gateway, "slack", "handshake").await, 0.0);
    assert_eq!(outcome(&gateway, "slack", "refused").await, 4.0);
}

#[tokio::test]
async fn a_challenge_that_a_browser_would_act_on_is_not_echoed() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("slack", "slack", "")]).await;

    let body = r#"{"challenge":"<script>alert(1)</script>","type":"url_verification"}"#;
    let answer = gateway.post_to("/hooks/slack", &Sender::of("slack").sign(body)).await;

    assert_eq!(told(&answer), (400, Some("application/json"), r#"{"error":"bad_challenge"}"#));
    assert_eq!(app.received().len(), 0);
    assert_eq!(outcome(&gateway, "slack", "refused").await, 1.0);
}

#[tokio::test]
async fn events_of_a_sender_with_a_handshake_pass() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("slack", "slack", "")]).await;
    let sender = Sender::of("slack");

    let event = r#"{"type":"event_callback","event_id":"Ev1","event":{"type":"message","text":"url_verification"}}"#;
    gateway.post_to("/hooks/slack", &sender.sign(event)).await;
    gateway.post_to("/hooks/slack", &sender.sign("token=a&type=url_verification&challenge=b")).await;

    assert_eq!(app.received().len(), 2);
    assert_eq!(outcome(&gateway, "slack", "handshake").await, 0.0);
}

#[tokio::test]
async fn a_source_answers_only_what_its_own_sender_asks() {
    let app = App::answering(200).await;
    let sources = [source("slack", "slack", ""), source("lmif", "lmif", "")];
    let gateway = Gateway::with_sources(&app, &[&sources[0], &sources[1]]).await;

    for path in ["/hooks/slack", "/hooks/lmif"] {
        for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
            let answer = gateway.send(request(method, &format!("{path}?challenge=a&hub.challenge=a"))).await;
            assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("POST")), "{method} {path}");
        }
    }
    let body = r#"{"id":"evt_1","type":"url_verification","challenge":"a"}"#;
    assert_eq!(gateway.post(&Sender::lmif().sign(body)).await.text(), r#"{"ok":true}"#);
    assert_eq!(gateway.send(request("GET", "/elsewhere?challenge=a")).await.status, 404);
}

/// The configuration with one source of this scheme, and the token that the sender shows where it shows one.
fn config(app: &App, scheme: &str, keys: &str) -> String {
    let config = Gateway::config_on_disk(app, &source(scheme, scheme, keys), &often());
    config.replace("inbound:\n", "inbound:\n  public_url: https://hooks.example.com\n")
}

async fn start(app: &App, scheme: &str, keys: &str) -> Gateway {
    GatewayBuilder::new(config(app, scheme, keys)).variable("TOKEN", "vibe coding").start().await
}

#[tokio::test]
async fn zoom_gets_its_token_back_with_a_proof_of_the_secret() {
    let app = App::answering(500).await;
    let gateway = start(&app, "zoom", "      delivery: queue\n").await;
    let body = r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}"#;

    let answer = gateway.post_to("/hooks/zoom", &Sender::of("zoom").sign(body)).await;

    // `printf qgg8vlvZRS6UYooatFL8Aw | openssl dgst -sha256 -hmac 'a secret of the tests, long enough'`
    let proof = "2b942f4cb45ff703d77119ea97947fa964d60f787cd3083847c817010133961c";
    let expected = format!(r#"{{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"{proof}"}}"#);
    assert_eq!(told(&answer), (200, Some("application/json"), &*expected));
    assert_eq!(outcome(&gateway, "zoom", "handshake").await, 1.0);
    assert_eq!(app.received().len(), 0);
    assert_eq!(gateway.post_to("/hooks/zoom", &Sender::of("zoom").sign(body).tampered()).await.status, 401);
}

#[tokio::test]
async fn twitch_gets_its_challenge_back_and_the_app_its_events() {
    let app = App::answering(200).await;
    let gateway = start(&app, "twitch", "").await;
    let body = r#"{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{"id":"f1c2a387","status":"STATUS","type":"channel.follow"}}"#;
    let signed = |status, id| Sender::of("twitch").sign_event(body.replace("STATUS", status), id, "channel.follow");
    let pending = "webhook_callback_verification_pending";

    let challenge = gateway.post_to("/hooks/twitch", &signed(pending, "e76c6bd4")).await;
    let forged = gateway.post_to("/hooks/twitch", &signed(pending, "e76c6bd4").tampered()).await;
    gateway.post_to("/hooks/twitch", &signed("enabled", "e76c6bd5")).await;
    let again = gateway.post_to("/hooks/twitch", &signed("enabled", "e76c6bd5")).await;

    assert_eq!(told(&challenge), (200, Some("text/plain"), "pogchamp-kappa-360noscope-vohiyo"));
    assert_eq!(told(&forged), (401, None, ""));
    assert!(again.is_replayed());
    assert_eq!(app.received().len(), 1);
    assert_eq!(app.received()[0].header("countersign-event-id"), "e76c6bd5");
}

#[tokio::test]
async fn meta_gets_its_challenge_back_where_it_shows_the_token() {
    let app = App::answering(500).await;
    let gateway = start(&app, "meta", "      verify_token: {env: TOKEN}\n").await;
    let get = |query: &'static str| gateway.send(request("GET", query));

    let right = get("/hooks/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=vibe%20coding").await;
    assert_eq!(told(&right), (200, Some("text/plain"), "1158201444"));
    assert_eq!(right.header("x-content-type-options"), Some("nosniff"));
    for wrong in [
        "/hooks/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=vibe%20coder",
        "/hooks/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=",
        "/hooks/meta?hub.mode=subscribe&hub.challenge=1158201444",
        "/hooks/meta",
    ] {
        assert_eq!(told(&get(wrong).await), (401, None, ""), "{wrong}");
    }
    for wrong in [
        "/hooks/meta?hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=vibe%20coding",
        "/hooks/meta?hub.challenge=1158201444&hub.verify_token=vibe%20coding",
    ] {
        assert_eq!(get(wrong).await.text(), r#"{"error":"bad_challenge"}"#, "{wrong}");
    }

    assert_eq!(app.received().len(), 0);
    assert_eq!(outcome(&gateway, "meta", "handshake").await, 1.0);
    let reason = r#"countersign_inbound_rejections_total{source="meta",reason="requirement"}"#;
    assert_eq!(gateway.metric(reason).await, 4.0);
    assert!(!gateway.log().iter().any(|line| line.contains("vibe")));
}

#[tokio::test]
async fn a_source_of_meta_without_a_token_never_gives_a_challenge_back() {
    let app = App::answering(200).await;
    let gateway = start(&app, "meta", "").await;

    let target = "/hooks/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token=";
    assert_eq!(gateway.send(request("GET", target)).await.status, 401);
}

#[tokio::test]
async fn dropbox_gets_its_challenge_back() {
    let app = App::answering(500).await;
    let gateway = start(&app, "dropbox", "").await;

    let answer = gateway.send(request("GET", "/hooks/dropbox?challenge=abc-123_XYZ")).await;
    let head = gateway.send(request("HEAD", "/hooks/dropbox?challenge=abc")).await;
    let bare = gateway.send(request("GET", "/hooks/dropbox")).await;
    let posted = gateway.send(request("POST", "/hooks/dropbox?challenge=abc")).await;
    let elsewhere = gateway.send(request("GET", "/hooks/dropbox/?challenge=abc")).await;

    assert_eq!(told(&answer), (200, Some("text/plain"), "abc-123_XYZ"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!((head.status.as_u16(), head.header("allow")), (405, Some("GET, POST")));
    assert_eq!((bare.status.as_u16(), posted.status.as_u16(), elsewhere.status.as_u16()), (400, 401, 404));
    assert_eq!(app.received().len(), 0);
}

#[tokio::test]
async fn trello_and_intercom_find_somebody_there() {
    let app = App::answering(500).await;
    for scheme in ["trello", "intercom"] {
        let gateway = start(&app, scheme, "").await;
        let path = format!("/hooks/{scheme}");

        let head = gateway.send(request("HEAD", &path)).await;
        let get = gateway.send(request("GET", &path)).await;

        assert_eq!(told(&head), (200, None, ""), "{scheme}");
        assert_eq!((get.status.as_u16(), get.header("allow")), (405, Some("HEAD, POST")), "{scheme}");
        assert_eq!(outcome(&gateway, scheme, "handshake").await, 1.0);
    }
    assert_eq!(app.received().len(), 0);
}

#[tokio::test]
async fn xero_sees_that_signatures_are_verified_and_is_told_nothing_else() {
    let app = App::answering(200).await;
    let gateway = start(&app, "xero", "      delivery: queue\n").await;
    let sender = Sender::of("xero");
    let intent = r#"{"events":[],"lastEventSequence":0,"firstEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}"#;
    let events = r#"{"events":[{"eventType":"UPDATE"}],"lastEventSequence":1,"firstEventSequence":1,"entropy":"S0m3"}"#;

    for _ in 0..2 {
        assert_eq!(told(&gateway.post_to("/hooks/xero", &sender.sign(intent)).await), (200, None, ""));
        assert_eq!(told(&gateway.post_to("/hooks/xero", &sender.sign(intent).tampered()).await), (401, None, ""));
    }
    assert_eq!(outcome(&gateway, "xero", "handshake").await, 2.0);
    assert_eq!(outcome(&gateway, "xero", "queued").await, 0.0);

    for is_again in [false, true] {
        let answer = gateway.post_to("/hooks/xero", &sender.sign(events)).await;
        assert_eq!((told(&answer), answer.is_replayed()), ((200, None, ""), is_again));
    }
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn senders_to_which_202_is_a_failure_are_told_200() {
    let app = App::answering(200).await;
    for scheme in ["dropbox", "zoom", "meta", "paddle", "linear", "intercom"] {
        let gateway = start(&app, scheme, "      delivery: queue\n").await;
        let now = jiff::Timestamp::now().as_millisecond();

        let body = format!(r#"{{"webhookTimestamp":{now}}}"#);
        let answer = gateway.post_to(&format!("/hooks/{scheme}"), &Sender::of(scheme).sign(body)).await;

        assert_eq!(answer.status, 200, "{scheme}");
        assert!(!answer.delivery().is_empty());
    }
}

/// A body that comes with a handshake is read past, so that the connection can be used again.
#[tokio::test]
async fn a_handshake_with_a_body_leaves_the_connection_usable() {
    let app = App::answering(500).await;
    let gateway = start(&app, "dropbox", "").await;
    let ask = "GET /hooks/dropbox?challenge=abc HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n";

    let answers = gateway.raw(format!("{ask}\r\nabc{ask}Connection: close\r\n\r\nabc")).await;

    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(answers.matches("\r\n\r\nabc").count(), 2, "{answers}");
}
