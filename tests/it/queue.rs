//! Events that are on disk before their sender is answered, and then delivered until the app has them.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rusqlite::Connection as Sqlite;

use crate::support::{Action, Answer, App, Delivery, Gateway, GatewayBuilder, Received, SECRET, Sender, often, source};

const QUEUE: &str = "      delivery: queue\n";

/// The LMIF source queues, and what fails is tried again twice, soon.
fn config(app: &App) -> String {
    Gateway::config_on_disk(app, &source("lmif", "lmif", QUEUE), "[0s, 200ms, 200ms]")
}

async fn start(app: &App) -> Gateway {
    GatewayBuilder::new(config(app)).start().await
}

fn attempts(received: &[Received]) -> Vec<&str> {
    received.iter().map(|request| request.header("countersign-attempt")).collect()
}

fn accepted(answer: &Answer) -> (u16, bool, String) {
    (answer.status.as_u16(), answer.is_replayed(), answer.delivery())
}

/// What an app sees of a request beside what tells one delivery from another.
fn seen(received: &Received) -> Vec<String> {
    let own = ["countersign-delivery", "countersign-source"];
    let named = received.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut lines: Vec<_> = named.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

async fn until_dead(gateway: &Gateway, count: usize) {
    let dead = r#"countersign_queue_deliveries{target="app",state="dead"}"#;
    gateway.until_metric(dead, count as f64).await;
}

#[tokio::test]
async fn the_sender_is_answered_while_the_app_still_works_on_the_event() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = start(&app).await;

    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(1).await;
    app.release();

    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (202, Some("application/json")));
    assert_eq!(answer.text(), format!(r#"{{"delivery":"{}"}}"#, answer.delivery()));
    let received = app.received().remove(0);
    assert_eq!(received.header("countersign-delivery"), answer.delivery());
    assert_eq!(received.header("countersign-attempt"), "1");
    assert_eq!(received.header("countersign-event-id"), "evt_1");
    assert_eq!(gateway.outcome("queued").await, 1.0);
    gateway.until_logged(&["outcome", "queued", "status", "202", &answer.delivery()]).await;
}

#[tokio::test]
async fn an_app_sees_of_a_queued_event_what_it_sees_of_one_that_is_forwarded_at_once() {
    for (scheme, forward) in [
        ("lmif", ""),
        ("lmif", "      forward: {path: /in}\n"),
        ("jws", ""),
        ("jws", "      forward: {body: original}\n"),
        ("lvconnect", ""),
    ] {
        let app = App::answering(200).await;
        let sync = source("sync", scheme, forward).replace("/hooks/sync", "/hooks/one");
        let queue = source("queue", scheme, &format!("{forward}{QUEUE}")).replace("/hooks/queue", "/hooks/one/queue");
        let config = Gateway::config_on_disk(&app, &[sync, queue].concat(), "[0s]");
        let config = config.replace(&format!("http://{}", app.address), &format!("http://{}/base", app.address));
        let gateway = GatewayBuilder::new(config).start().await;
        let delivery = Sender::of(scheme)
            .sign(r#"{"id":"evt_1","type":"box.created","webhook_request_id":"evt_1"}"#)
            .with("user-agent", "a sender")
            .with("content-type", "application/json; charset=utf-8")
            .with("x-twice", "1")
            .with("x-twice", "2")
            .with("x-forwarded-for", "10.0.0.1")
            .with("countersign-verified", "no");

        gateway.post_to("/hooks/one?a=b%20c", &delivery).await;
        let answer = gateway.post_to("/hooks/one/queue?a=b%20c", &delivery).await;
        app.until_received(2).await;

        let received = app.received();
        let [sync, queued] = &received[..] else { panic!("{received:?}") };
        assert_eq!(answer.status, 202);
        assert_eq!((&sync.method, &sync.body), (&queued.method, &queued.body), "{scheme} {forward}");
        assert_eq!(seen(sync), seen(queued), "{scheme} {forward}");
        assert_eq!(sync.target, queued.target.replace("/one/queue", "/one"));
        assert_eq!((sync.header("countersign-source"), queued.header("countersign-source")), ("sync", "queue"));
    }
}

#[tokio::test]
async fn authorization_and_cookies_are_neither_stored_nor_sent_from_the_queue() {
    let app = App::answering(200).await;
    let gateway = start(&app).await;
    let delivery =
        Sender::lmif().event("evt_1").with("authorization", "Bearer recognisable").with("cookie", "a=recognisable");

    gateway.post(&delivery).await;
    app.until_received(1).await;

    let received = app.received().remove(0);
    assert!(!received.headers.contains_key("authorization") && !received.headers.contains_key("cookie"));
    for entry in std::fs::read_dir(gateway.folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!content.contains("recognisable") && !content.contains(SECRET), "{}", path.display());
    }
}

#[tokio::test]
async fn of_credentials_only_those_that_are_named_are_stored() {
    let mut app = App::down();
    let keys = "      delivery: queue\n      forward: {headers: [Authorization], host: keep}\n";
    let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", keys), &often());
    let gateway = GatewayBuilder::new(config.clone()).start().await;
    let mut request = Sender::lmif()
        .event("evt_1")
        .with("authorization", "Bearer of the sender")
        .with("cookie", "a=recognisable")
        .request("/hooks/lmif");
    request.headers_mut().insert("host", "hooks.example".parse().unwrap());

    gateway.send(request).await;
    let gateway = gateway.killed_and_restarted(&config).await;
    app.come_up();
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;

    let received = app.received().remove(0);
    assert_eq!(received.header("authorization"), "Bearer of the sender");
    assert_eq!(received.header("host"), "hooks.example");
    assert!(!received.headers.contains_key("cookie"));
}

/// Faults 1 and 2: a failure of the app acknowledged or counted as delivered.
#[tokio::test]
async fn whatever_is_not_a_2xx_is_tried_again_with_the_same_ids_and_the_next_number() {
    for failure in [301, 400, 404, 410, 429, 500, 503] {
        let failing = [Action::Answer(failure, "{}"), Action::RawThenClose(b"HTTP/1.1 200 O".to_vec())];
        let app = App::doing(failing, Action::Answer(200, "{}")).await;
        let gateway = start(&app).await;

        let answer = gateway.post(&Sender::lmif().event("evt_1")).await;
        app.until_received(3).await;
        gateway.until_queue_is_empty().await;

        let received = app.received();
        assert_eq!(attempts(&received), ["1", "2", "3"], "{failure}");
        for request in &received {
            assert_eq!(request.header("countersign-delivery"), answer.delivery());
            assert_eq!(request.header("countersign-event-id"), "evt_1");
            assert_eq!(request.body, received[0].body);
        }
        assert!(gateway.post(&Sender::lmif().event("evt_1")).await.is_replayed());
    }
}

/// Fault 14: what is delivered again keeps its count of attempts.
#[tokio::test]
async fn a_repeat_of_a_dead_delivery_is_answered_with_its_id_and_delivers_it_from_attempt_1() {
    let failing = (0..3).map(|_| Action::Answer(500, "{}"));
    let app = App::doing(failing, Action::Answer(200, "{}")).await;
    let gateway = start(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let first = gateway.post(&delivery).await;
    until_dead(&gateway, 1).await;

    let again = gateway.post(&delivery).await;
    app.until_received(4).await;
    gateway.until_queue_is_empty().await;
    let after = gateway.post(&delivery).await;

    assert_eq!(accepted(&again), (202, false, first.delivery()));
    assert_eq!(attempts(&app.received()), ["1", "2", "3", "1"]);
    assert_eq!(accepted(&after), (202, true, first.delivery()));
    assert_eq!((gateway.outcome("queued").await, gateway.outcome("duplicate").await), (2.0, 1.0));
    until_dead(&gateway, 0).await;
}

#[tokio::test]
async fn a_repeat_of_a_delivery_that_is_due_or_delivered_is_answered_with_its_id() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = start(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.post(&delivery).await;
    app.until_received(1).await;
    let while_it_is_delivered = gateway.post(&delivery).await;
    app.release();
    gateway.until_queue_is_empty().await;
    let afterwards = gateway.post(&delivery).await;

    assert_eq!(accepted(&first), (202, false, first.delivery()));
    assert_eq!(accepted(&while_it_is_delivered), (202, true, first.delivery()));
    assert_eq!(accepted(&afterwards), (202, true, first.delivery()));
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_repeat_of_a_discarded_delivery_is_a_new_one() {
    let failing = (0..3).map(|_| Action::Answer(500, "{}"));
    let app = App::doing(failing, Action::Answer(200, "{}")).await;
    let gateway = start(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let first = gateway.post(&delivery).await;
    until_dead(&gateway, 1).await;
    let discard = Request::post(format!("/api/v1/deliveries/{}/discard", first.delivery()));
    let discard =
        discard.header("content-type", "application/json").body(Full::from(r#"{"reason":"a test"}"#)).unwrap();
    let discarded = gateway.operate(discard).await;

    let again = gateway.post(&delivery).await;
    app.until_received(4).await;

    assert!(discarded.status.is_success(), "{discarded:?}");
    assert_eq!((again.status.as_u16(), again.is_replayed()), (202, false));
    assert_ne!(again.delivery(), first.delivery());
    assert_eq!(app.received()[3].header("countersign-delivery"), again.delivery());
    assert_eq!(attempts(&app.received()), ["1", "2", "3", "1"]);
}

#[tokio::test]
async fn another_body_under_a_known_id_is_a_duplicate_or_delivered_as_the_source_says() {
    for (conflict, deliveries) in [("duplicate", 1), ("deliver", 2)] {
        let app = App::answering(200).await;
        let keys = format!("{QUEUE}      dedup: {{conflict: {conflict}}}\n");
        let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", &keys), "[0s]");
        let gateway = GatewayBuilder::new(config).start().await;

        let first = gateway.post(&Sender::lmif().event("evt_1")).await;
        let other = gateway.post(&Sender::lmif().sign(r#"{"id":"evt_1","type":"box.created","data":2}"#)).await;
        app.until_received(deliveries).await;
        gateway.until_queue_is_empty().await;

        assert_eq!((first.status.as_u16(), other.status.as_u16()), (202, 202));
        assert_eq!(other.is_replayed(), deliveries == 1, "{conflict}");
        assert_eq!(other.delivery() == first.delivery(), deliveries == 1, "{conflict}");
        assert_eq!(app.received().len(), deliveries);
        assert_eq!(gateway.outcome("conflict").await, 1.0);
    }
}

/// Fault 22: without its id, an event passes by the deduplication.
#[tokio::test]
async fn an_event_without_its_id_is_known_by_its_body() {
    let app = App::answering(200).await;
    let config = Gateway::config_on_disk(&app, &source("lvconnect", "lvconnect", QUEUE), "[0s]");
    let gateway = GatewayBuilder::new(config).start().await;
    let event = |body: &'static str| Sender::of("lvconnect").sign(body).without("x-lvconnect-delivery");

    let first = gateway.post_to("/hooks/lvconnect", &event("one")).await;
    let again = gateway.post_to("/hooks/lvconnect", &event("one")).await;
    let other = gateway.post_to("/hooks/lvconnect", &event("two")).await;
    app.until_received(2).await;

    assert_eq!(accepted(&again), (202, true, first.delivery()));
    assert_eq!((other.is_replayed(), other.delivery() == first.delivery()), (false, false));
    assert_eq!(app.received().len(), 2);
}

/// Fault 10: copies that race past the deduplication.
#[tokio::test]
async fn of_60_copies_at_once_one_is_delivered_and_all_are_answered_with_its_id() {
    let app = App::answering(200).await;
    let gateway = start(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let mut answers = Vec::new();
    for posting in gateway.posting_copies(&delivery, 60) {
        answers.push(posting.await.unwrap());
    }
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;

    assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1);
    assert!(answers.iter().all(|answer| answer.status == 202 && answer.delivery() == answers[0].delivery()));
    assert_eq!(app.received().len(), 1);
}

/// Fault 9: a forged request that makes the real one a duplicate.
#[tokio::test]
async fn a_forged_request_is_never_stored_and_takes_no_id() {
    let app = App::answering(200).await;
    let gateway = start(&app).await;

    let forged = gateway.post(&Sender::new("lmif", "another secret").event("evt_1")).await;
    let genuine = gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(1).await;

    assert_eq!((forged.status.as_u16(), forged.text()), (401, ""));
    assert_eq!((genuine.status.as_u16(), genuine.is_replayed()), (202, false));
    assert_eq!(app.received().len(), 1);
}

/// Faults 11 and 12: a duplicate acknowledged for a first one that fails; a retry after our own 503 that does not pass.
#[tokio::test]
async fn while_the_store_cannot_be_written_nobody_is_acknowledged_and_retries_pass_afterwards() {
    let app = App::answering(200).await;
    let gateway = start(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let operator = Sqlite::open(gateway.folder.path().join("data/store.db")).unwrap();
    operator.execute_batch("BEGIN IMMEDIATE").unwrap();

    let mut refused = Vec::new();
    for posting in gateway.posting_copies(&delivery, 10) {
        refused.push(posting.await.unwrap());
    }
    operator.execute_batch("COMMIT").unwrap();
    gateway.until_logged(&["the store can be written again"]).await;
    let retried = gateway.post(&delivery).await;
    app.until_received(1).await;

    for answer in refused {
        assert_eq!((answer.status.as_u16(), answer.text()), (503, r#"{"error":"store_unavailable"}"#));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!((retried.status.as_u16(), retried.is_replayed()), (202, false));
    assert_eq!(app.received().len(), 1);
}

/// LoginRadius never sends anything twice.
#[tokio::test]
async fn everything_arrives_of_a_sender_that_never_retries_into_an_app_that_is_down_for_a_while() {
    let mut app = App::down();
    let loginradius = source("loginradius", "loginradius", QUEUE);
    let gateway = GatewayBuilder::new(Gateway::config_on_disk(&app, &loginradius, &often())).start().await;
    let body = |number| format!(r#"{{"HookName":"login","HookId":"one for all","Data":{{"n":{number}}}}}"#);
    let failed = r#"countersign_attempts_total{target="app",outcome="connect"}"#;

    for number in 0..30 {
        let delivery = Sender::of("loginradius").sign(body(number));
        assert_eq!(gateway.post_to("/hooks/loginradius", &delivery).await.status, 202);
    }
    gateway.until_metric_is(failed, |failed| failed >= 5.0).await;
    app.come_up();
    app.until_received(30).await;
    gateway.until_queue_is_empty().await;

    let mut bodies: Vec<Bytes> = app.received().into_iter().map(|request| request.body).collect();
    let mut sent: Vec<Bytes> = (0..30).map(|number| body(number).into()).collect();
    bodies.sort();
    sent.sort();
    assert_eq!(bodies, sent);
}

/// Fault 15: retries that stop silently.
#[tokio::test]
async fn what_was_acknowledged_before_a_kill_arrives_after_it_and_is_known() {
    let mut app = App::down();
    let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", QUEUE), &often());
    let gateway = GatewayBuilder::new(config.clone()).start().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(gateway.post(&Sender::lmif().event(&format!("evt_{number}"))).await.delivery());
    }

    let gateway = gateway.killed_and_restarted(&config).await;
    app.come_up();
    app.until_received(10).await;
    gateway.until_queue_is_empty().await;
    let again = gateway.post(&Sender::lmif().event("evt_3")).await;

    let mut received: Vec<_> =
        app.received().iter().map(|request| request.header("countersign-delivery").to_owned()).collect();
    received.sort();
    assert_eq!(received, ids);
    assert_eq!(accepted(&again), (202, true, ids[3].clone()));
}

#[tokio::test]
async fn what_was_being_attempted_when_the_gateway_was_killed_is_attempted_again() {
    let app = App::doing([Action::Hang], Action::Answer(200, "{}")).await;
    let gateway = start(&app).await;
    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(1).await;

    let gateway = gateway.killed_and_restarted(&config(&app)).await;
    app.until_received(2).await;
    gateway.until_queue_is_empty().await;

    let received = app.received();
    assert!(received.iter().all(|request| request.header("countersign-delivery") == answer.delivery()));
    assert_eq!(received.len(), 2);
}

/// Fault 13: a reload that forgets what was seen, or that the queue does not hear of.
#[tokio::test]
async fn a_reload_keeps_the_queue_and_sends_it_to_where_the_app_is_by_then() {
    let (old, new) = (App::down(), App::answering(200).await);
    let config = |app: &App| Gateway::config_on_disk(app, &source("lmif", "lmif", QUEUE), &often());
    let gateway = GatewayBuilder::new(config(&old)).start().await;
    let delivery = Sender::lmif().event("evt_1");
    let answer = gateway.post(&delivery).await;

    gateway.rewrite(&config(&new));
    gateway.signal("HUP");
    new.until_received(1).await;
    gateway.until_queue_is_empty().await;
    let again = gateway.post(&delivery).await;

    assert_eq!(new.received()[0].header("countersign-delivery"), answer.delivery());
    assert_eq!(accepted(&again), (202, true, answer.delivery()));
    assert_eq!(new.received().len(), 1);
}

#[tokio::test]
async fn what_waits_for_an_app_that_the_configuration_lost_is_named_and_goes_on_when_it_returns() {
    let (down, app) = (App::down(), App::answering(200).await);
    let config = |app: &App| Gateway::config_on_disk(app, &source("lmif", "lmif", QUEUE), &often());
    let without = config(&app).replace("upstream: app", "upstream: other").replace("  app: {", "  other: {");
    let gateway = GatewayBuilder::new(config(&down)).start().await;
    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;

    gateway.rewrite(&without);
    gateway.signal("HUP");
    gateway.until_logged(&["WARN", "target that is not configured", "upstream=app", "deliveries=1"]).await;
    gateway.rewrite(&config(&app));
    gateway.signal("HUP");
    app.until_received(1).await;

    assert_eq!(app.received()[0].header("countersign-delivery"), answer.delivery());
}

#[tokio::test]
async fn an_event_that_was_queued_is_known_when_its_source_no_longer_queues_and_the_other_way_round() {
    let app = App::answering(200).await;
    let sync = Gateway::config_on_disk(&app, &source("lmif", "lmif", ""), "[0s]");
    let gateway = start(&app).await;
    let (one, two) = (Sender::lmif().event("evt_1"), Sender::lmif().event("evt_2"));
    let queued = gateway.post(&one).await;
    gateway.until_queue_is_empty().await;

    let gateway = gateway.stopped_and_restarted(&sync).await;
    let after_queue = gateway.post(&one).await;
    let answered = gateway.post(&two).await;
    let gateway = gateway.stopped_and_restarted(&config(&app)).await;
    let after_sync = gateway.post(&two).await;

    assert_eq!(accepted(&after_queue), (202, true, queued.delivery()));
    assert_eq!((answered.status.as_u16(), answered.is_replayed()), (200, false));
    assert_eq!((after_sync.status.as_u16(), after_sync.is_replayed(), after_sync.text()), (200, true, answered.text()));
    assert_eq!(app.received().len(), 2);
}

#[tokio::test]
async fn without_deduplication_every_request_is_delivered() {
    let app = App::answering(200).await;
    let keys = format!("{QUEUE}      dedup: off\n");
    let gateway =
        GatewayBuilder::new(Gateway::config_on_disk(&app, &source("lmif", "lmif", &keys), "[0s]")).start().await;
    let delivery: Delivery = Sender::lmif().event("evt_1");

    let first = gateway.post(&delivery).await;
    let second = gateway.post(&delivery).await;
    app.until_received(2).await;

    assert_ne!(first.delivery(), second.delivery());
    assert!(!second.is_replayed());
}

#[tokio::test]
async fn a_body_of_many_frames_arrives_as_it_was_sent() {
    let app = App::answering(200).await;
    let gateway = start(&app).await;
    let body = format!(r#"{{"id":"evt_1","type":"a","data":"{}"}}"#, "0123456789".repeat(50_000));
    let delivery = Sender::lmif().sign(body.clone());

    let answer = gateway.post(&delivery).await;
    app.until_received(1).await;

    assert_eq!(answer.status, 202);
    assert_eq!(app.received()[0].body, body);
    gateway.until_metric("countersign_body_bytes_in_use", 0.0).await;
}
