//! Copies of one delivery that come while it is being made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::support::{Action, Answer, App, Connections, Gateway, GatewayBuilder, Sender, response};

async fn all(posting: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for answer in posting {
        answers.push(answer.await.unwrap());
    }
    answers
}

fn with_status(answers: &[Answer], status: u16) -> Vec<&Answer> {
    answers.iter().filter(|answer| answer.status == status).collect()
}

/// Faults 10 and 11: copies race to the app, or are accepted before the first one is.
#[tokio::test]
async fn a_duplicate_waits_for_the_answer_of_the_first() {
    let app = App::doing([Action::Wait], Action::Answer(201, r#"{"n":1}"#)).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.posting(&delivery);
    app.until_received(1).await;
    let second = gateway.posting(&delivery);
    gateway.until_verified(2).await;
    assert!(!second.is_finished());
    app.release();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());

    assert_eq!((first.status.as_u16(), first.is_replayed()), (201, false));
    assert_eq!((second.status.as_u16(), second.is_replayed(), second.text()), (201, true, r#"{"n":1}"#));
    assert_eq!(app.received().len(), 1);
}

/// Faults 10 and 12: copies race to the app; a retry after our own 503 does not pass.
#[tokio::test]
async fn of_200_copies_at_once_one_reaches_the_app_64_wait_and_the_rest_come_again() {
    let app = App::doing([Action::Wait], Action::Answer(200, r#"{"n":1}"#)).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let posting = gateway.posting_copies(&delivery, 200);
    gateway.until_verified(200).await;
    gateway.until_metric(r#"countersign_inbound_deliveries_total{source="lmif",outcome="shed"}"#, 135.0).await;
    app.release();
    let answers = all(posting).await;

    let (passed, shed) = (with_status(&answers, 200), with_status(&answers, 503));
    assert_eq!((passed.len(), shed.len()), (65, 135));
    assert_eq!(passed.iter().filter(|answer| answer.is_replayed()).count(), 64);
    assert!(passed.iter().all(|answer| answer.text() == r#"{"n":1}"#));
    for answer in shed {
        assert_eq!((answer.header("retry-after"), answer.text()), (Some("1"), r#"{"error":"in_flight"}"#));
    }
    assert!(gateway.post(&delivery).await.is_replayed());
    assert_eq!((app.received().len(), app.most_at_once()), (1, 1));
}

#[tokio::test]
async fn when_the_first_fails_exactly_one_of_those_who_wait_takes_its_place() {
    let failing = [Action::Wait, Action::Answer(500, r#"{"first":true}"#), Action::Wait];
    let app = App::doing(failing, Action::Answer(200, r#"{"second":true}"#)).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.posting(&delivery);
    app.until_received(1).await;
    let waiting = gateway.posting_copies(&delivery, 20);
    gateway.until_verified(21).await;
    app.release_one();
    app.until_received(2).await;
    let first = first.await.unwrap();
    let late = gateway.posting(&delivery);
    gateway.until_verified(22).await;
    app.release_one();
    let (waiting, late) = (all(waiting).await, late.await.unwrap());

    assert_eq!((first.status.as_u16(), first.text()), (500, r#"{"first":true}"#));
    assert!(waiting.iter().all(|answer| answer.status == 200 && answer.text() == r#"{"second":true}"#));
    assert_eq!(waiting.iter().filter(|answer| !answer.is_replayed()).count(), 1);
    assert!(late.is_replayed());
    assert_eq!((app.received().len(), app.most_at_once()), (2, 1));
}

#[tokio::test]
async fn when_the_second_fails_too_all_the_others_get_its_failure() {
    let failing = [Action::Wait, Action::Answer(500, r#"{"first":true}"#), Action::Wait];
    let second = response("HTTP/1.1 502 X\r\nContent-Type: text/x-second\r\nSet-Cookie: a=b\r\n", "second");
    let app = App::doing(failing.into_iter().chain([Action::Raw(second)]), Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.posting(&delivery);
    app.until_received(1).await;
    let waiting = gateway.posting_copies(&delivery, 20);
    gateway.until_verified(21).await;
    app.release();
    let (first, waiting) = (first.await.unwrap(), all(waiting).await);

    assert_eq!((first.status.as_u16(), first.text()), (500, r#"{"first":true}"#));
    for answer in &waiting {
        assert_eq!((answer.status.as_u16(), answer.text(), answer.is_replayed()), (502, "second", false));
        assert_eq!(answer.header("content-type"), Some("text/x-second"));
    }
    assert_eq!(waiting.iter().filter(|answer| answer.headers.contains_key("set-cookie")).count(), 1);
    assert_eq!((app.received().len(), app.most_at_once()), (2, 1));
    assert_eq!(gateway.post(&delivery).await.status, 200);
    assert!(gateway.post(&delivery).await.is_replayed());
}

#[tokio::test]
async fn when_the_upstream_breaks_under_the_first_the_one_that_takes_its_place_delivers() {
    let breaking = [Action::Wait, Action::RawThenClose(b"HTTP/1.1 200 O".to_vec())];
    let app = App::doing(breaking, Action::Answer(200, r#"{"second":true}"#)).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.posting(&delivery);
    app.until_received(1).await;
    let waiting = gateway.posting_copies(&delivery, 5);
    gateway.until_verified(6).await;
    app.release();
    let (first, waiting) = (first.await.unwrap(), all(waiting).await);

    assert_eq!((first.status.as_u16(), first.text()), (502, r#"{"error":"upstream_broken"}"#));
    assert!(waiting.iter().all(|answer| answer.status == 200));
    assert_eq!((app.received().len(), app.most_at_once()), (2, 1));
}

#[tokio::test]
async fn an_app_that_hangs_is_hit_once_while_200_duplicates_wait_and_all_are_answered_in_time() {
    let app = App::doing([Action::Hang], Action::Answer(200, "{}")).await;
    let config = Gateway::config(&app, "").replace("timeout: 3s", "timeout: 2s");
    let gateway = GatewayBuilder::new(config).start().await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.posting(&delivery);
    app.until_received(1).await;
    let start = Instant::now();
    let answers = all(gateway.posting_copies(&delivery, 200)).await;
    let duration = start.elapsed();

    assert!(duration < Duration::from_secs(4), "{duration:?}");
    assert_eq!(first.await.unwrap().status, 504);
    assert_eq!(with_status(&answers, 503).len(), 200);
    assert!(answers.iter().all(|answer| answer.header("retry-after") == Some("1")));
    assert_eq!(app.received().len(), 1);
    assert_eq!(gateway.post(&delivery).await.status, 200);
    assert!(gateway.post(&delivery).await.is_replayed());
}

#[tokio::test]
async fn duplicates_take_no_connection_to_the_app() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    gateway.post(&delivery).await;
    all(gateway.posting_copies(&delivery, 20)).await;

    assert_eq!(app.connections(), Connections { opened: 1, closed: 0 });
}

/// Fault 10: copies race to the app.
#[tokio::test]
async fn a_hundred_senders_that_retry_until_it_works_reach_the_app_one_at_a_time() {
    let failing = (0..20).map(|_| Action::Answer(500, "{}"));
    let app = App::doing(failing, Action::Answer(200, "{}")).await;
    let gateway = Arc::new(Gateway::before(&app).await);
    let delivery = Sender::lmif().event("evt_1");

    let retrying = (0..100).map(|_| {
        let (gateway, delivery) = (gateway.clone(), delivery.clone());
        tokio::spawn(async move {
            loop {
                let answer = gateway.post(&delivery).await;
                if answer.status == 200 {
                    return answer;
                }
            }
        })
    });
    let answers = all(retrying.collect()).await;

    assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1);
    assert_eq!((app.received().len(), app.most_at_once()), (21, 1));
}
