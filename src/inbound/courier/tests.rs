use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use super::*;
use crate::config::{Retry, UpstreamUrl, UrlScheme};
use crate::http::testing::{self, Act, Received, Receiver, url};
use crate::store::ledger::{Target, TargetKind};
use crate::telemetry::metrics::Metrics;

const BODY: &str = r#"{"id":"evt_1"}"#;

fn leased(path: &str) -> Leased {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "hooks.example"),
        ("content-type", "application/json"),
        ("content-length", "999"),
        ("x-lmif-signature", "sha256=00"),
        ("countersign-event-id", "evt_1"),
        ("countersign-verified", "true"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Leased {
        id: DeliveryId::new(Timestamp::UNIX_EPOCH, 7),
        target: Target { kind: TargetKind::Upstream, name: "app".into() },
        source: Some("lmif".into()),
        event_id: "evt_1".to_owned(),
        event_type: None,
        attempts: 2,
        message: Message {
            path: path.to_owned(),
            headers,
            body: Bytes::from_static(BODY.as_bytes()),
            ..Message::default()
        }
        .into(),
    }
}

fn upstream(app: &Receiver, path: &str) -> Upstream {
    let url = url(UrlScheme::Http, "127.0.0.1", app.address.port());
    testing::upstream(vec![UpstreamUrl { path: path.to_owned(), ..url }])
}

fn courier(upstream: Upstream) -> (Rc<UpstreamCourier>, Metrics) {
    let metrics = Metrics::new();
    let timed = metrics.upstream("app");
    (UpstreamCourier::new(upstream.into(), timed), metrics)
}

#[tokio::test(flavor = "local")]
async fn the_app_on_loopback_gets_what_was_stored_and_what_belongs_to_the_attempt() {
    let app = Receiver::ok().await;
    let (courier, metrics) = courier(upstream(&app, "/base"));

    let answer = courier.attempt(&leased("/hooks/lmif?a=%2F"), 3).await.unwrap();

    assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
    let received = Received::read(&app.requests()[0]);
    assert_eq!((received.line.as_str(), received.body.as_str()), ("POST /base/hooks/lmif?a=%2F HTTP/1.1", BODY));
    assert_eq!(received.header("host"), "hooks.example", "one that was stored is kept");
    assert_eq!(received.header("content-length"), BODY.len().to_string());
    assert_eq!(received.header("countersign-delivery"), leased("").id.to_string());
    assert_eq!(received.header("countersign-attempt"), "3");
    assert_eq!(received.header("countersign-event-id"), "evt_1");
    assert_eq!(received.header("countersign-verified"), "true");
    assert_eq!(received.header("x-lmif-signature"), "sha256=00");
    assert_eq!(received.headers.len(), 8, "{:?}", received.headers);
    assert!(metrics.render().contains("countersign_upstream_duration_seconds_count{upstream=\"app\"} 1"));
}

#[tokio::test(flavor = "local")]
async fn without_a_host_that_was_stored_the_app_is_told_its_own() {
    let app = Receiver::ok().await;
    let (courier, _) = courier(upstream(&app, ""));
    let mut leased = leased("/");
    Arc::make_mut(&mut leased.message).headers.remove("host");

    courier.attempt(&leased, 1).await.unwrap();

    assert_eq!(Received::read(&app.requests()[0]).header("host"), app.address.to_string());
}

#[tokio::test(flavor = "local")]
async fn a_message_without_path_goes_to_the_upstream_s_own() {
    let app = Receiver::ok().await;
    for (base, line) in [("", "POST / HTTP/1.1"), ("/base", "POST /base HTTP/1.1")] {
        let (courier, _metrics) = courier(upstream(&app, base));

        courier.attempt(&leased(""), 1).await.unwrap();

        assert_eq!(Received::read(app.requests().last().unwrap()).line, line);
    }
}

#[tokio::test(flavor = "local")]
async fn an_app_that_trickles_its_answer_holds_an_attempt_no_longer_than_its_timeout() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let app = Receiver::doing(Act::Repeat(head, b"x".to_vec(), Duration::from_millis(20))).await;
    let short = Duration::from_millis(200);
    let retry = Retry { timeout: Some(short), ..Retry::none() };
    for upstream in [
        Upstream { timeout: short, ..upstream(&app, "") },
        Upstream { retry, timeout: Duration::from_secs(60), ..upstream(&app, "") },
    ] {
        let (courier, _metrics) = courier(upstream);

        let unanswered = courier.attempt(&leased("/"), 1).await.unwrap_err();

        assert_eq!(unanswered.outcome, AttemptOutcome::Timeout);
    }
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_breaks_off_is_no_answer() {
    let app = Receiver::doing(Act::Last(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok".to_vec())).await;
    let (courier, _metrics) = courier(upstream(&app, ""));

    let unanswered = courier.attempt(&leased("/"), 1).await.unwrap_err();

    assert_eq!(unanswered.outcome, AttemptOutcome::Connect);
}

#[tokio::test(flavor = "local")]
async fn an_app_that_is_down_is_no_connection_and_a_redirect_is_a_status() {
    let redirecting = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_vec();
    let app = Receiver::doing(Act::Last(redirecting)).await;
    let (courier, _metrics) = courier(upstream(&app, ""));

    assert_eq!(courier.attempt(&leased("/"), 1).await.unwrap().status, 302);
    assert_eq!(app.requests().len(), 1);
    drop(app);

    let unanswered = courier.attempt(&leased("/"), 1).await.unwrap_err();
    assert_eq!(unanswered.outcome, AttemptOutcome::Connect);
}
