//! Events that the app is asked for first, and that are queued if it does not take them at once.

use rusqlite::Connection as Sqlite;

use crate::support::{Action, App, Delivery, Gateway, GatewayBuilder, Sender, often, response, source};

const PATIENT: &str = "      delivery: {sync_then_queue: {within: 10s}}\n";
const HASTY: &str = "      delivery: {sync_then_queue: {within: 100ms}}\n";

async fn start(app: &App, keys: &str) -> Gateway {
    GatewayBuilder::new(config(app, keys)).start().await
}

/// What fails is tried again twice, soon.
fn config(app: &App, keys: &str) -> String {
    Gateway::config_on_disk(app, &source("lmif", "lmif", keys), "[0s, 200ms, 200ms]")
}

fn event() -> Delivery {
    Sender::lmif().event("evt_1")
}

/// risr/advance's login hook: the user waits for what the app says.
#[tokio::test]
async fn a_login_is_answered_by_the_app_when_it_is_up_and_accepted_and_delivered_later_when_it_is_down() {
    let mut app = App::down();
    let keys = format!("      event_type: {{literal: user_logged_in}}\n{PATIENT}");
    let config = Gateway::config_on_disk(&app, &source("risr", "jws", &keys), &often());
    let gateway = GatewayBuilder::new(config).start().await;
    let login = |id: &str| Sender::of("jws").sign(format!(r#"{{"webhook_request_id":"{id}","user":1}}"#));

    let while_down = gateway.post_to("/hooks/risr", &login("one")).await;
    app.come_up();
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;
    let while_up = gateway.post_to("/hooks/risr", &login("two")).await;

    let received = app.received();
    assert_eq!((while_down.status.as_u16(), while_up.status.as_u16(), while_up.text()), (202, 200, r#"{"ok":true}"#));
    assert_eq!(received[0].header("countersign-delivery"), while_down.delivery());
    assert_eq!(received[0].header("countersign-event-type"), "user_logged_in");
    assert_eq!(received[0].body, r#"{"webhook_request_id":"one","user":1}"#);
    assert_eq!((received[1].header("countersign-event-id"), received.len()), ("two", 2));
}

#[tokio::test]
async fn a_2xx_in_time_is_passed_on_as_it_is_and_given_again_to_duplicates() {
    let answer = response("HTTP/1.1 201 Created\r\nContent-Type: text/x-a\r\nSet-Cookie: a=b\r\n", "in time");
    let app = App::doing([Action::Raw(answer)], Action::Answer(200, "{}")).await;
    let gateway = start(&app, PATIENT).await;

    let first = gateway.post(&event()).await;
    let again = gateway.post(&event()).await;

    assert_eq!((first.status.as_u16(), first.text(), first.is_replayed()), (201, "in time", false));
    assert_eq!((first.header("content-type"), first.header("set-cookie")), (Some("text/x-a"), Some("a=b")));
    assert_eq!((again.status.as_u16(), again.text(), again.is_replayed()), (201, "in time", true));
    assert_eq!((app.received().len(), gateway.outcome("delivered").await), (1, 1.0));
}

#[tokio::test]
async fn a_long_answer_is_streamed_and_only_settles_when_it_is_whole() {
    let long = "x".repeat(100_000);
    let whole = response("HTTP/1.1 200 OK\r\n", &long);
    let broken = whole[..50_000].to_vec();
    let app = App::doing([Action::RawThenClose(broken)], Action::Raw(whole)).await;
    let gateway = start(&app, PATIENT).await;

    let first = gateway.raw(event().bytes("/hooks/lmif")).await;
    let second = gateway.post(&event()).await;
    let third = gateway.post(&event()).await;

    assert!(first.starts_with("HTTP/1.1 200") && first.len() < 100_000);
    assert_eq!((second.status.as_u16(), second.is_replayed(), second.text()), (200, false, &*long));
    assert!(third.is_replayed());
    assert_eq!(app.received().len(), 2);
}

/// Faults 1 and 2: a failure of the app acknowledged or counted as delivered.
#[tokio::test]
async fn whatever_else_the_app_says_in_time_is_a_202_and_the_first_attempt_of_the_delivery() {
    for (failure, outcome) in [
        (Action::Answer(500, "{}"), "status"),
        (Action::Answer(404, "{}"), "status"),
        (Action::Answer(410, "{}"), "status"),
        (Action::Raw(response("HTTP/1.1 302 Found\r\nLocation: /there\r\n", "")), "status"),
        (Action::RawThenClose(b"HTTP/1.1 200 O".to_vec()), "connect"),
        (Action::RawThenClose(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_vec()), "connect"),
    ] {
        let app = App::doing([failure.clone()], Action::Answer(200, "{}")).await;
        let gateway = start(&app, PATIENT).await;
        let credentials = event().with("authorization", "Bearer a").with("cookie", "a=b");

        let answer = gateway.post(&credentials).await;
        app.until_received(2).await;
        gateway.until_queue_is_empty().await;
        let again = gateway.post(&event()).await;

        assert_eq!(answer.status, 202, "{failure:?}");
        let received = app.received();
        for (request, number) in received.iter().zip(["1", "2"]) {
            assert_eq!(request.header("countersign-delivery"), answer.delivery(), "{failure:?}");
            assert_eq!(request.header("countersign-attempt"), number, "{failure:?}");
        }
        assert_eq!(received[0].header("authorization"), "Bearer a");
        assert!(!received[1].headers.contains_key("authorization") && !received[1].headers.contains_key("cookie"));
        assert_eq!((again.is_replayed(), again.delivery(), received.len()), (true, answer.delivery(), 2));
        assert_eq!(gateway.outcome("queued").await, 1.0);
        for (outcome, count) in [(outcome, 1.0), ("success", 1.0)] {
            let attempts = format!(r#"countersign_attempts_total{{target="app",outcome="{outcome}"}}"#);
            gateway.until_metric(&attempts, count).await;
        }
    }
}

#[tokio::test]
async fn an_attempt_that_is_late_goes_on_alone_and_its_2xx_ends_the_delivery() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = start(&app, HASTY).await;

    let answer = gateway.post(&event()).await;
    let meanwhile = gateway.post(&event()).await;
    gateway.until_metric(r#"countersign_queue_deliveries{target="app",state="leased"}"#, 1.0).await;
    app.release();
    gateway.until_queue_is_empty().await;
    let afterwards = gateway.post(&event()).await;

    assert_eq!((answer.status.as_u16(), answer.is_replayed()), (202, false));
    assert_eq!((meanwhile.delivery(), meanwhile.is_replayed()), (answer.delivery(), true));
    assert_eq!((afterwards.delivery(), afterwards.is_replayed()), (answer.delivery(), true));
    assert_eq!((app.received().len(), app.connections().closed), (1, 0));
}

#[tokio::test]
async fn an_attempt_that_is_late_and_fails_is_followed_by_the_second() {
    let app = App::doing([Action::Wait, Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let gateway = start(&app, HASTY).await;

    let answer = gateway.post(&event()).await;
    app.release();
    app.until_received(2).await;
    gateway.until_queue_is_empty().await;

    let received = app.received();
    assert_eq!(received[1].header("countersign-delivery"), answer.delivery());
    assert_eq!(received[1].header("countersign-attempt"), "2");
    assert_eq!(app.most_at_once(), 1);
}

/// Faults 10 and 11: copies that race to the app; a duplicate acknowledged before the first is.
#[tokio::test]
async fn duplicates_wait_and_are_answered_as_the_first_one() {
    for (app, status) in [
        (App::doing([Action::Wait], Action::Answer(201, "{}")).await, 201),
        (App::doing([Action::Wait, Action::Answer(500, "{}"), Action::Hang], Action::Hang).await, 202),
    ] {
        let gateway = start(&app, PATIENT).await;

        let first = gateway.posting(&event());
        app.until_received(1).await;
        let waiting = gateway.posting_copies(&event(), 20);
        gateway.until_verified(21).await;
        app.release();
        let first = first.await.unwrap();

        assert_eq!((first.status.as_u16(), first.is_replayed()), (status, false));
        for answer in waiting {
            let answer = answer.await.unwrap();
            assert_eq!((answer.status, answer.is_replayed(), &answer.body), (first.status, true, &first.body));
        }
        assert_eq!(app.most_at_once(), 1);
    }
}

#[tokio::test]
async fn a_sender_that_hangs_up_does_not_stop_its_event() {
    let app = App::doing([Action::Wait, Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let gateway = start(&app, PATIENT).await;

    let posting = gateway.posting(&event());
    app.until_received(1).await;
    posting.abort();
    assert!(posting.await.is_err());
    app.release();
    app.until_received(2).await;
    gateway.until_queue_is_empty().await;

    assert_eq!(app.received()[1].header("countersign-attempt"), "2");
    assert!(gateway.post(&event()).await.is_replayed());
}

/// Fault 15: retries that stop silently.
#[tokio::test]
async fn an_event_whose_late_attempt_a_kill_cut_off_is_attempted_again() {
    let app = App::doing([Action::Hang], Action::Answer(200, "{}")).await;
    let gateway = start(&app, HASTY).await;
    let answer = gateway.post(&event()).await;

    let gateway = gateway.killed_and_restarted(&config(&app, HASTY)).await;
    app.until_received(2).await;
    gateway.until_queue_is_empty().await;
    let again = gateway.post(&event()).await;

    assert_eq!(app.received()[1].header("countersign-delivery"), answer.delivery());
    assert_eq!((again.delivery(), again.is_replayed()), (answer.delivery(), true));
}

#[tokio::test]
async fn a_drain_waits_for_a_late_attempt_and_remembers_its_end() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let mut gateway = start(&app, HASTY).await;
    let answer = gateway.post(&event()).await;

    gateway.signal("TERM");
    gateway.until_logged(&["draining"]).await;
    app.release();
    assert!(gateway.until_ended().await.success());
    let gateway = gateway.killed_and_restarted(&config(&app, HASTY)).await;
    let again = gateway.post(&event()).await;
    gateway.until_queue_is_empty().await;

    assert_eq!((again.delivery(), again.is_replayed()), (answer.delivery(), true));
    assert_eq!(app.received().len(), 1);
}

/// Fault 12: a retry after our own 503 that does not pass.
#[tokio::test]
async fn where_the_store_cannot_be_written_a_late_2xx_is_the_answer_to_the_retry() {
    let app = App::doing([Action::Wait], Action::Answer(201, r#"{"late":true}"#)).await;
    let gateway = start(&app, HASTY).await;
    let operator = Sqlite::open(gateway.folder.path().join("data/store.db")).unwrap();
    operator.execute_batch("BEGIN IMMEDIATE").unwrap();

    let refused = gateway.post(&event()).await;
    let retrying = gateway.posting(&event());
    gateway.until_verified(2).await;
    app.release();
    let retried = retrying.await.unwrap();
    operator.execute_batch("COMMIT").unwrap();

    assert_eq!((refused.status.as_u16(), refused.text()), (503, r#"{"error":"store_unavailable"}"#));
    assert_eq!((retried.status.as_u16(), retried.is_replayed(), retried.text()), (201, true, r#"{"late":true}"#));
    assert_eq!(app.received().len(), 1);
}
