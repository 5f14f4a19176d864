//! When queued events are tried again, and when no more.

use std::time::{Duration, Instant};

use crate::support::{Action, App, Gateway, GatewayBuilder, Sender, often, response, source};

const QUEUE: &str = "      delivery: queue\n";

/// A gateway that retries by these keys of `retry`, of which the first is `schedule`.
async fn start(app: &App, retry: &str) -> Gateway {
    GatewayBuilder::new(Gateway::config_on_disk(app, &source("lmif", "lmif", QUEUE), retry)).start().await
}

fn attempts(app: &App) -> Vec<String> {
    app.received().iter().map(|request| request.header("countersign-attempt").to_owned()).collect()
}

async fn until_dead(gateway: &Gateway, count: usize) {
    gateway.until_metric(r#"countersign_queue_deliveries{target="app",state="dead"}"#, count as f64).await;
}

#[tokio::test]
async fn an_app_puts_the_next_attempt_off_by_seconds_or_until_a_date() {
    let date = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_secs(3)).unwrap();
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for value in ["2", &date] {
        let busy = response(&format!("HTTP/1.1 503 Busy\r\nRetry-After: {value}\r\n"), "");
        let app = App::doing([Action::Raw(busy)], Action::Answer(200, "{}")).await;
        let gateway = start(&app, "[0s, 10ms]").await;

        gateway.post(&Sender::lmif().event("evt_1")).await;
        app.until_received(1).await;
        let begun = Instant::now();
        app.until_received(2).await;

        // A date has no fractions of a second, and the other value was tried before it.
        assert!(begun.elapsed() >= Duration::from_millis(if value == "2" { 1900 } else { 0 }), "{value}");
        assert!(value == "2" || jiff::Timestamp::now().as_second() >= due(&date), "{value}");
        assert_eq!(attempts(&app), ["1", "2"]);
    }
}

fn due(date: &str) -> i64 {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).unwrap().as_second()
}

#[tokio::test]
async fn an_upstream_says_which_other_statuses_are_a_success_and_which_end_a_delivery() {
    for (status, deliveries, dead) in [(409, 1, 0), (422, 1, 1), (304, 3, 1), (410, 3, 1)] {
        let app = App::answering(status).await;
        let gateway = start(&app, "[0s, 10ms, 10ms], success: [2xx, 409], give_up_on: [422]").await;

        gateway.post(&Sender::lmif().event("evt_1")).await;
        app.until_received(deliveries).await;
        until_dead(&gateway, dead).await;
        gateway.until_queue_is_empty().await;

        assert_eq!(app.received().len(), deliveries, "{status}");
    }
}

#[tokio::test]
async fn a_delay_counts_from_the_end_of_the_attempt_before() {
    let app = App::doing([Action::Wait, Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let gateway = start(&app, "[0s, 500ms]").await;

    gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(1).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let ended = Instant::now();
    app.release();
    app.until_received(2).await;

    assert!(ended.elapsed() >= Duration::from_millis(500), "{:?}", ended.elapsed());
}

/// What was interim, cut off, stalled or no HTTP at all is not taken for an answer.
#[tokio::test]
async fn only_a_whole_final_answer_ends_a_delivery() {
    let halves: [&[u8]; 5] = [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"\x16\x03\x01 no HTTP",
        b"",
    ];
    let first = halves.iter().map(|bytes| Action::RawThenClose(bytes.to_vec()));
    let interim = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    let app = App::doing(first, Action::Raw(interim.to_vec())).await;
    let gateway = start(&app, &often()).await;

    gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(6).await;
    gateway.until_queue_is_empty().await;

    assert_eq!(attempts(&app), ["1", "2", "3", "4", "5", "6"]);
}

#[tokio::test]
async fn an_app_may_answer_before_it_has_read_the_body() {
    let early = response("HTTP/1.1 200 OK\r\nConnection: close\r\n", "");
    let app = App::doing([Action::Early(early)], Action::Answer(500, "{}")).await;
    let gateway = start(&app, "[0s, 10ms]").await;

    gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;

    until_dead(&gateway, 0).await;
    assert_eq!(app.received().len(), 1);
}

/// Fault 16: keys that are read and change nothing.
#[tokio::test]
async fn no_more_attempts_are_made_at_once_than_an_upstream_allows() {
    let waits = (0..6).flat_map(|_| [Action::Wait, Action::Answer(200, "{}")]);
    let app = App::doing(waits, Action::Answer(200, "{}")).await;
    let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", QUEUE), "[0s]");
    let gateway = GatewayBuilder::new(config.replace("timeout: 3s", "timeout: 3s, concurrency: 2")).start().await;

    for number in 0..6 {
        gateway.post(&Sender::lmif().event(&format!("evt_{number}"))).await;
    }
    for received in 2..6 {
        app.until_received(received).await;
        app.release_one();
    }
    app.until_received(6).await;

    assert_eq!(app.most_at_once(), 2);
}

/// Fault 16: keys that are read and change nothing.
#[tokio::test]
async fn no_more_attempts_begin_in_a_second_than_an_upstream_allows() {
    let app = App::answering(200).await;
    let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", QUEUE), "[0s]");
    let gateway = GatewayBuilder::new(config.replace("timeout: 3s", "timeout: 3s, rate: 5/s")).start().await;

    let begun = Instant::now();
    for number in 0..11 {
        gateway.post(&Sender::lmif().event(&format!("evt_{number}"))).await;
    }
    app.until_received(11).await;

    assert!(begun.elapsed() >= Duration::from_millis(1000), "{:?}", begun.elapsed());
}
