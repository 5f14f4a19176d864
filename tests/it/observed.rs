//! What an operator sees: lines and numbers.

use std::collections::HashMap;
use std::time::Duration;

use http::Request;
use http_body_util::Full;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Action, App, Frames, Gateway, GatewayBuilder, Sender, block, frame};

/// The lines that requests left, as their fields.
fn requests(gateway: &Gateway) -> Vec<HashMap<String, String>> {
    let lines = gateway.log().into_iter().filter(|line| line.contains(" request_id="));
    lines.map(|line| line.split(' ').filter_map(|word| word.split_once('=')).map(owned).collect()).collect()
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Waits until so many requests have left their lines.
async fn until_requests(gateway: &Gateway, count: usize) -> Vec<HashMap<String, String>> {
    let all = async {
        while requests(gateway).len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        requests(gateway)
    };
    let found = tokio::time::timeout(crate::support::SOON, all).await;
    found.unwrap_or_else(|_| panic!("not {count} requests in\n{}", gateway.log().join("\n")))
}

/// What a line says of a request: source, outcome, reason, status.
fn told(line: &HashMap<String, String>) -> [&str; 4] {
    ["source", "outcome", "reason", "status"].map(|name| line.get(name).map_or("", String::as_str))
}

/// One of everything that can become of a request, in order; and the lines that are left.
async fn one_of_everything(gateway: &Gateway) -> Vec<[&'static str; 4]> {
    let sender = Sender::lmif();
    let first = sender.event("evt_1");
    gateway.post(&first).await;
    gateway.post(&first).await;
    gateway.post(&first.clone().tampered()).await;
    gateway.post(&first.clone().without("x-lmif-signature")).await;
    gateway.post(&first.clone().without("x-lmif-signature").with("x-lmif-signature", "sha256=zz")).await;
    gateway.post(&first.clone().with("x-lmif-signature", "sha256=00")).await;
    gateway.post(&sender.sign(vec![b'x'; (1 << 20) + 1])).await;
    gateway.send(Request::get("/hooks/lmif").body(Full::default()).unwrap()).await;
    gateway.post_to("/hooks/nowhere", &first).await;
    gateway.raw("POST /hooks/lmif HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    gateway.post(&sender.event("evt_500")).await;
    gateway.post(&sender.event("evt_302")).await;
    gateway.post(&sender.event("evt_broken")).await;
    gateway.post(&sender.sign(r#"{"id":"evt_1","type":"box.created","other":"body"}"#)).await;
    vec![
        ["lmif", "delivered", "", "200"],
        ["lmif", "duplicate", "", "200"],
        ["lmif", "refused", "signature_mismatch", "401"],
        ["lmif", "refused", "signature_missing", "401"],
        ["lmif", "refused", "signature_malformed", "401"],
        ["lmif", "refused", "signature_repeated", "401"],
        ["lmif", "refused", "body_too_large", "413"],
        ["lmif", "refused", "method_not_allowed", "405"],
        ["", "refused", "not_found", "404"],
        ["", "refused", "bad_request", "400"],
        ["lmif", "failed", "", "500"],
        ["lmif", "failed", "upstream_redirected", "502"],
        ["lmif", "failed", "upstream_broken", "502"],
        ["lmif", "duplicate", "", "200"],
    ]
}

/// The app that goes with it.
async fn app_for_everything() -> App {
    let redirect = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec();
    let actions = [
        Action::Answer(200, "{}"),
        Action::Answer(500, "{}"),
        Action::Raw(redirect),
        Action::RawThenClose(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
    ];
    App::doing(actions, Action::Answer(200, "{}")).await
}

#[tokio::test]
async fn every_request_leaves_one_line_that_says_what_became_of_it_and_why() {
    let app = app_for_everything().await;
    let gateway = Gateway::before(&app).await;

    let expected = one_of_everything(&gateway).await;
    let lines = until_requests(&gateway, expected.len()).await;

    assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), expected);
    let mut ids: Vec<&str> = lines.iter().map(|line| line["request_id"].as_str()).collect();
    assert!(ids.iter().all(|id| id.len() == 36));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), lines.len());
    assert!(lines.iter().all(|line| line["duration_ms"].parse::<f64>().is_ok()));
    let seen = app.received();
    let delivered = lines.iter().filter(|line| line.contains_key("delivery"));
    assert_eq!(delivered.clone().count(), seen.len());
    for (line, seen) in delivered.zip(&seen) {
        assert_eq!(line["delivery"], seen.header("countersign-delivery"));
        assert_eq!(line["event"], seen.header("countersign-event-id"));
        assert_eq!(line["attempts"], "1");
    }
}

#[tokio::test]
async fn as_json_every_line_is_an_object_with_the_same_fields() {
    let app = app_for_everything().await;
    let gateway = GatewayBuilder::new(format!("{}log: {{format: json}}\n", Gateway::config(&app, ""))).start().await;

    let expected = one_of_everything(&gateway).await;
    gateway.until_logged(&["evt_broken", "request_id"]).await;
    gateway.post(&Sender::lmif().event("evt_last")).await;
    gateway.until_logged(&["evt_last"]).await;

    let lines: Vec<Value> = gateway.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        for name in ["timestamp", "level", "message", "target"] {
            assert!(line[name].is_string(), "{name} in {line}");
        }
    }
    let requests: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), expected.len() + 1);
    for (line, [source, outcome, reason, status]) in requests.iter().zip(&expected) {
        assert_eq!(line["source"].as_str().unwrap_or_default(), *source, "{line}");
        assert_eq!(line["outcome"], *outcome, "{line}");
        assert_eq!(line["reason"].as_str().unwrap_or_default(), *reason, "{line}");
        assert_eq!(line["status"].as_u64().unwrap().to_string(), *status, "{line}");
        assert!(line["duration_ms"].is_f64() && line["attempts"].is_u64() && line["request_id"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn what_became_of_requests_is_counted_by_the_names_and_labels_of_the_documentation() {
    let app = app_for_everything().await;
    let gateway = Gateway::before(&app).await;
    for (outcome, _) in OUTCOMES {
        assert_eq!(gateway.metric(&deliveries(outcome)).await, 0.0, "{outcome}");
    }

    let sent = one_of_everything(&gateway).await.len();
    until_requests(&gateway, sent).await;

    for (outcome, count) in OUTCOMES {
        assert_eq!(gateway.metric(&deliveries(outcome)).await, f64::from(count), "{outcome}");
    }
    for (reason, count) in REASONS {
        let name = format!(r#"countersign_inbound_rejections_total{{source="lmif",reason="{reason}"}}"#);
        assert_eq!(gateway.metric(&name).await, f64::from(count), "{reason}");
    }
    for (name, value) in [
        (r#"countersign_verified_total{source="lmif",key="1"}"#, 6.0),
        (r#"countersign_inbound_duration_seconds_count{source="lmif"}"#, 12.0),
        (r#"countersign_upstream_duration_seconds_count{upstream="app"}"#, 4.0),
        (r#"countersign_config_reloads_total{outcome="applied"}"#, 0.0),
        (r#"countersign_config_reloads_total{outcome="refused"}"#, 0.0),
        (r#"countersign_dedup_entries{source="lmif"}"#, 1.0),
        (r#"countersign_dedup_in_flight{source="lmif"}"#, 0.0),
        (r#"countersign_dedup_conflicts_total{source="lmif"}"#, 1.0),
        (r#"countersign_dedup_evictions_total{source="lmif"}"#, 0.0),
        ("countersign_inbound_unrouted_total", 2.0),
        ("countersign_body_bytes_in_use", 0.0),
        ("countersign_inbound_connections", 0.0),
        ("countersign_log_lines_dropped_total", 0.0),
        ("countersign_store_write_failures_total", 0.0),
    ] {
        assert_eq!(gateway.metric(name).await, value, "{name}");
    }
    assert!(gateway.metric("countersign_dedup_answer_bytes").await > 0.0);
}

fn deliveries(outcome: &str) -> String {
    format!(r#"countersign_inbound_deliveries_total{{source="lmif",outcome="{outcome}"}}"#)
}

const OUTCOMES: [(&str, u32); 10] = [
    ("delivered", 1),
    ("queued", 0),
    ("duplicate", 2),
    ("replayed", 0),
    ("conflict", 1),
    ("filtered", 0),
    ("handshake", 0),
    ("refused", 6),
    ("failed", 3),
    ("shed", 0),
];

const REASONS: [(&str, u32); 11] = [
    ("signature_missing", 1),
    ("signature_malformed", 1),
    ("signature_repeated", 1),
    ("signature_mismatch", 1),
    ("stale", 0),
    ("too_new", 0),
    ("algorithm", 0),
    ("secret_expired", 0),
    ("requirement", 0),
    ("body_too_large", 1),
    ("body_timeout", 0),
];

#[tokio::test]
async fn the_metrics_are_prometheus_text_with_help_and_type_and_no_label_from_a_request() {
    let app = app_for_everything().await;
    let gateway = Gateway::before(&app).await;
    one_of_everything(&gateway).await;

    let answer = gateway.admin("/metrics").await;

    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(name.starts_with("countersign_"), "{line}");
        assert!(text.contains(&format!("# HELP {family} ")) && text.contains(&format!("# TYPE {family} ")), "{line}");
    }
    for kind in [
        "countersign_inbound_deliveries_total counter",
        "countersign_inbound_duration_seconds histogram",
        "countersign_upstream_duration_seconds histogram",
        "countersign_body_bytes_in_use gauge",
    ] {
        assert!(text.contains(&format!("# TYPE {kind}\n")), "{kind} in\n{text}");
    }
    assert!(!text.contains("evt_") && !text.contains("nowhere") && !text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn a_slow_sender_does_not_make_the_app_look_slow() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let bytes = Sender::lmif().event("evt_1").bytes("/hooks/lmif");
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();

    stream.write_all(&bytes[..bytes.len() - 1]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.write_all(&bytes[bytes.len() - 1..]).await.unwrap();
    until_requests(&gateway, 1).await;

    let inbound = gateway.metric(r#"countersign_inbound_duration_seconds_sum{source="lmif"}"#).await;
    let upstream = gateway.metric(r#"countersign_upstream_duration_seconds_sum{upstream="app"}"#).await;
    assert!(inbound >= 0.25, "{inbound}");
    assert!(upstream < 0.25, "{upstream}");
}

#[tokio::test]
async fn bodies_in_memory_and_deliveries_in_flight_are_shown_while_they_last() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let (answer, ()) = tokio::join!(gateway.post(&delivery), async {
        app.until_received(1).await;
        assert_eq!(gateway.metric("countersign_body_bytes_in_use").await, delivery.body.len() as f64);
        assert_eq!(gateway.metric(r#"countersign_dedup_in_flight{source="lmif"}"#).await, 1.0);
        assert_eq!(gateway.metric("countersign_inbound_connections").await, 1.0);
        app.release();
    });

    assert_eq!(answer.status, 200);
    assert_eq!(gateway.metric("countersign_body_bytes_in_use").await, 0.0);
    assert_eq!(gateway.metric(r#"countersign_dedup_in_flight{source="lmif"}"#).await, 0.0);
}

#[tokio::test]
async fn a_request_whose_sender_hangs_up_before_it_is_answered_leaves_its_line_too() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let fields: Vec<_> = [(":method", "POST"), (":scheme", "http"), (":path", "/hooks/lmif"), (":authority", "a")]
        .into_iter()
        .chain(delivery.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())))
        .collect();
    let head = |stream| frame(Frames::HEADERS, Frames::END_HEADERS, stream, &block(&fields));
    let mut frames = Frames::open(gateway.address).await;

    // The first is with the app, the second waits for it, the third has no body yet.
    frames.write(head(1)).await;
    frames.write(frame(Frames::DATA, Frames::END_STREAM, 1, &delivery.body)).await;
    app.until_received(1).await;
    frames.write(head(3)).await;
    frames.write(frame(Frames::DATA, Frames::END_STREAM, 3, &delivery.body)).await;
    frames.write(head(5)).await;
    while gateway.metric(r#"countersign_verified_total{source="lmif",key="1"}"#).await < 2.0 {}
    for stream in [1, 3, 5] {
        frames.write(frame(Frames::RST_STREAM, 0, stream, &8u32.to_be_bytes())).await;
    }
    let left = until_requests(&gateway, 2).await;
    app.release();
    let all = until_requests(&gateway, 3).await;

    let mut left: Vec<_> = left.iter().map(told).collect();
    left.sort_unstable();
    assert_eq!(left, [["lmif", "refused", "body_broken", "400"], ["lmif", "refused", "hung_up", ""]]);
    assert_eq!(told(&all[2]), ["lmif", "delivered", "", "200"]);
    assert_eq!(gateway.metric(&deliveries("refused")).await, 2.0);
    assert_eq!(gateway.metric(&deliveries("delivered")).await, 1.0);
}

#[tokio::test]
async fn nothing_that_a_sender_writes_begins_a_line_or_a_field() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    let forged = r#"{"id":"a\n2026-01-01T00:00:00Z ERROR forged outcome=delivered \u001b[31m \" \\","type":"t"}"#;
    gateway.post(&Sender::lmif().sign(forged)).await;
    let lines = until_requests(&gateway, 1).await;

    assert_eq!(lines[0]["outcome"], "delivered");
    let id = app.received()[0].header("countersign-event-id").replace('\\', r"\\").replace('"', r#"\""#);
    assert_eq!(lines[0]["event"], format!("\"{id}\""));
    for line in gateway.log() {
        assert!(!line.contains('\u{1b}') && !line.contains(" ERROR "), "{line:?}");
        assert!(line.as_bytes()[..4].iter().all(u8::is_ascii_digit), "{line:?}");
    }
}

#[tokio::test]
#[expect(
    clippy::await_holding_lock,
    reason = "the thread that reads the log is to stand still, and is none of the runtime's"
)]
async fn a_log_that_nobody_reads_holds_no_request_up() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(format!("{}log: {{format: json}}\n", Gateway::config(&app, ""))).start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let held = gateway.hold_log();

    let mut dropped = 0.0;
    for _ in 0..100 {
        stream.write_all("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200).as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        while String::from_utf8_lossy(&answers).matches("not_found").count() < 200 {
            let read = tokio::time::timeout(crate::support::SOON, stream.read_buf(&mut answers)).await;
            assert!(read.expect("a request was held up").unwrap() > 0);
        }
        dropped = gateway.metric("countersign_log_lines_dropped_total").await;
        if dropped > 0.0 {
            break;
        }
    }
    drop(held);

    assert!(dropped > 0.0);
    gateway.until_logged(&["warn", "log lines were dropped", "\"count\":"]).await;
}
