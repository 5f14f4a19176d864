//! `dedup: {also: body}`: a known body is a duplicate under whatever id and type it comes.

use crate::support::{Action, Answer, App, Delivery, Gateway, GatewayBuilder, Sender, source};

const ALSO_BODY: &str = "      dedup: {also: body}\n";

/// An event of LVConnect, which signs neither the id nor the type.
fn event(id: &str, kind: &str, body: &str) -> Delivery {
    Sender::of("lvconnect").sign_event(body.to_owned(), id, kind)
}

fn on_disk(app: &App, keys: &str, schedule: &str) -> String {
    Gateway::config_on_disk(app, &source("lmif", "lvconnect", &format!("{ALSO_BODY}{keys}")), schedule)
}

async fn sync(app: &App) -> Gateway {
    Gateway::with_sources(app, &[&source("lmif", "lvconnect", ALSO_BODY)]).await
}

/// Sends a body under ids of their own at once.
async fn post_all(gateway: &Gateway, body: &str, ids: std::ops::Range<u32>) -> Vec<Answer> {
    let posting = ids.map(|id| gateway.posting(&event(&format!("id-{id}"), "user:created", body)));
    let mut answers = Vec::new();
    for posting in posting.collect::<Vec<_>>() {
        answers.push(posting.await.unwrap());
    }
    answers
}

async fn outcome(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric(&format!(r#"countersign_inbound_deliveries_total{{source="lmif",outcome="{outcome}"}}"#)).await
}

#[tokio::test]
async fn a_known_body_under_another_id_or_type_is_a_replay_and_the_app_sees_nothing() {
    let app = App::answering(201).await;
    let gateway = sync(&app).await;
    let first = gateway.post(&event("id-1", "user:created", "{}")).await;

    let other_id = gateway.post(&event("id-2", "user:created", "{}")).await;
    let other_type = gateway.post(&event("id-1", "user:deleted", "{}")).await;
    let same = gateway.post(&event("id-1", "user:created", "{}")).await;
    let other_body = gateway.post(&event("id-3", "user:created", "{ }")).await;

    assert!(!first.is_replayed() && !other_body.is_replayed());
    for answer in [other_id, other_type, same] {
        assert_eq!((answer.status, answer.text(), answer.is_replayed()), (first.status, first.text(), true));
    }
    assert_eq!(app.received().len(), 2);
    assert_eq!((outcome(&gateway, "replayed").await, outcome(&gateway, "duplicate").await), (2.0, 1.0));
    gateway.until_logged(&["outcome=replayed", "status=201"]).await;
}

#[tokio::test]
async fn without_the_key_a_body_under_another_id_is_another_event() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("lmif", "lvconnect", "")]).await;

    gateway.post(&event("id-1", "user:created", "{}")).await;
    gateway.post(&event("id-2", "user:created", "{}")).await;

    assert_eq!((app.received().len(), outcome(&gateway, "replayed").await), (2, 0.0));
}

#[tokio::test]
async fn of_equal_bodies_under_thirty_ids_at_once_one_reaches_the_app() {
    let app = App::doing([Action::Wait, Action::Answer(200, "{}")], Action::Answer(500, "{}")).await;
    let gateway = sync(&app).await;

    let (answers, ()) = tokio::join!(post_all(&gateway, "{}", 0..30), async {
        app.until_received(1).await;
        app.release();
    });

    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.is_replayed()).count(), 29);
    assert_eq!((app.received().len(), app.most_at_once()), (1, 1));
    assert_eq!(outcome(&gateway, "replayed").await, 29.0);
}

#[tokio::test]
async fn if_the_first_of_equal_bodies_fails_one_other_takes_its_place_and_never_two_at_a_time() {
    let first = [Action::Wait, Action::Answer(500, "{}")];
    let app = App::doing(first, Action::Answer(200, "{}")).await;
    let gateway = sync(&app).await;

    let (answers, ()) = tokio::join!(post_all(&gateway, "{}", 0..20), async {
        app.until_received(1).await;
        app.release();
    });

    assert_eq!(answers.iter().filter(|answer| answer.status == 500).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 200 && answer.is_replayed()).count(), 18);
    assert_eq!((app.received().len(), app.most_at_once()), (2, 1));
}

#[tokio::test]
async fn if_that_one_fails_too_all_others_get_its_failure_and_the_next_is_new() {
    let first = [Action::Wait, Action::Answer(500, "{}"), Action::Answer(501, "{}")];
    let app = App::doing(first, Action::Answer(200, "{}")).await;
    let gateway = sync(&app).await;

    let (answers, ()) = tokio::join!(post_all(&gateway, "{}", 0..20), async {
        app.until_received(1).await;
        // The others are there by then: each has been read when the gateway answers this.
        gateway.until_metric(r#"countersign_dedup_in_flight{source="lmif"}"#, 20.0).await;
        app.release();
    });
    let next = gateway.post(&event("id-99", "user:created", "{}")).await;

    assert_eq!(answers.iter().filter(|answer| answer.status == 500).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 501).count(), 19);
    assert_eq!((next.status.as_u16(), next.is_replayed()), (200, false));
    assert_eq!((app.received().len(), app.most_at_once()), (3, 1));
}

#[tokio::test]
async fn a_body_is_known_after_a_restart_with_its_answer() {
    let app = App::answering(201).await;
    let config = on_disk(&app, "", "[0s]");
    let gateway = GatewayBuilder::new(config.clone()).start().await;
    let first = gateway.post(&event("id-1", "user:created", "{}")).await;

    let gateway = gateway.stopped_and_restarted(&config).await;
    let again = gateway.post(&event("id-2", "user:deleted", "{}")).await;

    assert_eq!((again.status, again.text(), again.is_replayed()), (first.status, first.text(), true));
    assert_eq!((app.received().len(), outcome(&gateway, "replayed").await), (1, 1.0));
}

#[tokio::test]
async fn a_queued_body_is_known_under_every_id_also_after_a_kill() {
    let app = App::answering(200).await;
    let config = on_disk(&app, "      delivery: queue\n", "[0s]");
    let gateway = GatewayBuilder::new(config.clone()).start().await;

    let answers = post_all(&gateway, "{}", 0..20).await;
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;
    let gateway = gateway.killed_and_restarted(&config).await;
    let later = gateway.post(&event("id-99", "user:deleted", "{}")).await;
    gateway.until_queue_is_empty().await;

    let id = answers[0].delivery();
    assert!(answers.iter().all(|answer| answer.status == 202 && answer.delivery() == id), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.is_replayed()).count(), 19);
    assert_eq!((later.status.as_u16(), later.delivery(), later.is_replayed()), (202, id, true));
    assert_eq!((app.received().len(), outcome(&gateway, "replayed").await), (1, 1.0));
}

#[tokio::test]
async fn a_replay_of_what_is_dead_revives_it() {
    let app = App::doing([Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let gateway = GatewayBuilder::new(on_disk(&app, "      delivery: queue\n", "[0s]")).start().await;
    let first = gateway.post(&event("id-1", "user:created", "{}")).await;
    gateway.until_metric(r#"countersign_queue_deliveries{target="app",state="dead"}"#, 1.0).await;

    let revived = gateway.post(&event("id-2", "user:created", "{}")).await;
    app.until_received(2).await;

    assert_eq!(revived.delivery(), first.delivery());
    assert_eq!(app.received()[1].header("countersign-event-id"), "id-1");
}

#[tokio::test]
async fn what_the_app_is_late_with_is_one_delivery_for_all_ids() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let keys = "      delivery: {sync_then_queue: {within: 50ms}}\n";
    let gateway = GatewayBuilder::new(on_disk(&app, keys, "[0s]")).start().await;

    let answers = post_all(&gateway, "{}", 0..10).await;
    app.release();
    gateway.until_queue_is_empty().await;
    let later = gateway.post(&event("id-99", "user:created", "{}")).await;

    let id = answers[0].delivery();
    assert!(answers.iter().all(|answer| answer.status == 202 && answer.delivery() == id), "{answers:?}");
    assert_eq!((later.delivery(), later.is_replayed()), (id, true));
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn with_a_signed_id_another_body_is_a_conflict_and_a_known_one_a_replay() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, "      dedup: {also: body, key: {json: /type}}\n").await;
    let body = |kind: &str, data: u32| Sender::lmif().sign(format!(r#"{{"type":"{kind}","data":{data}}}"#));

    assert!(!gateway.post(&body("a", 1)).await.is_replayed());
    assert!(gateway.post(&body("a", 1)).await.is_replayed());
    assert!(gateway.post(&body("a", 2)).await.is_replayed());
    assert!(!gateway.post(&body("b", 2)).await.is_replayed());

    let count = |outcome: &str| format!(r#"countersign_inbound_deliveries_total{{source="lmif",outcome="{outcome}"}}"#);
    assert_eq!(gateway.metric(&count("conflict")).await, 1.0);
    assert_eq!((gateway.metric(&count("duplicate")).await, gateway.metric(&count("replayed")).await), (2.0, 0.0));
    assert_eq!(app.received().len(), 2);
}
