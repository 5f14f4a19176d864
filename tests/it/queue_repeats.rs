//! Repeats of queued events, whatever became of them.

use crate::support::{Action, Answer, App, Delivery, Gateway, GatewayBuilder, Sender, source};

/// An LMIF source that queues, with more keys of `dedup`.
fn config(app: &App, dedup: &str, schedule: &str) -> String {
    let keys = format!("      delivery: queue\n      dedup: {{window: 72h{dedup}}}\n");
    Gateway::config_on_disk(app, &source("lmif", "lmif", &keys), schedule)
}

/// The event of this id with another body than others.
fn body(id: &str, data: u32) -> Delivery {
    Sender::lmif().sign(format!(r#"{{"id":"{id}","type":"box.created","data":{data}}}"#))
}

async fn until(gateway: &Gateway, state: &str, count: usize) {
    let name = format!(r#"countersign_queue_deliveries{{target="app",state="{state}"}}"#);
    gateway.until_metric(&name, count as f64).await;
}

fn answered(answer: &Answer) -> (u16, bool, String) {
    (answer.status.as_u16(), answer.is_replayed(), answer.delivery())
}

#[tokio::test]
async fn of_many_repeats_of_a_dead_event_at_once_one_revives_it() {
    let app = App::doing([Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let gateway = GatewayBuilder::new(config(&app, "", "[0s]")).start().await;
    let delivery = Sender::lmif().event("evt_1");
    let first = gateway.post(&delivery).await;
    until(&gateway, "dead", 1).await;

    let mut answers = Vec::new();
    for posting in gateway.posting_copies(&delivery, 40) {
        answers.push(posting.await.unwrap());
    }
    app.until_received(2).await;
    gateway.until_queue_is_empty().await;

    assert!(answers.iter().all(|answer| answer.status == 202 && answer.delivery() == first.delivery()));
    assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1);
    assert_eq!(app.received().len(), 2);
}

#[tokio::test]
async fn what_became_of_an_event_before_a_restart_holds_for_its_repeats_after_it() {
    let app = App::doing([Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let config = config(&app, "", "[0s]");
    let gateway = GatewayBuilder::new(config.clone()).start().await;
    let dead = gateway.post(&Sender::lmif().event("evt_1")).await;
    until(&gateway, "dead", 1).await;
    let delivered = gateway.post(&Sender::lmif().event("evt_2")).await;
    app.until_received(2).await;
    gateway.until_queue_is_empty().await;

    let gateway = gateway.killed_and_restarted(&config).await;
    let revived = gateway.post(&Sender::lmif().event("evt_1")).await;
    let again = gateway.post(&Sender::lmif().event("evt_2")).await;
    app.until_received(3).await;
    gateway.until_queue_is_empty().await;

    assert_eq!(answered(&revived), (202, false, dead.delivery()));
    assert_eq!(answered(&again), (202, true, delivered.delivery()));
    assert_eq!(app.received()[2].header("countersign-attempt"), "1");
    assert_eq!(app.received().len(), 3);
}

#[tokio::test]
async fn where_other_bodies_are_delivered_each_is_known_under_its_own_delivery() {
    let app = App::answering(200).await;
    let config = config(&app, ", conflict: deliver", "[0s]");
    let gateway = GatewayBuilder::new(config.clone()).start().await;
    let one = gateway.post(&body("evt_1", 1)).await;
    let two = gateway.post(&body("evt_1", 2)).await;
    app.until_received(2).await;

    let gateway = gateway.stopped_and_restarted(&config).await;
    let (one_again, two_again) = (gateway.post(&body("evt_1", 1)).await, gateway.post(&body("evt_1", 2)).await);

    assert_ne!(one.delivery(), two.delivery());
    assert_eq!(answered(&one_again), (202, true, one.delivery()));
    assert_eq!(answered(&two_again), (202, true, two.delivery()));
    assert_eq!(app.received().len(), 2);
}

/// The id stands for its event, whatever else is sent under it.
#[tokio::test]
async fn another_body_under_the_id_of_a_dead_event_revives_that_as_it_was() {
    let app = App::doing([Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let gateway = GatewayBuilder::new(config(&app, ", conflict: duplicate", "[0s]")).start().await;
    let first = gateway.post(&body("evt_1", 1)).await;
    until(&gateway, "dead", 1).await;

    let other = gateway.post(&body("evt_1", 2)).await;
    app.until_received(2).await;

    assert_eq!(answered(&other), (202, false, first.delivery()));
    assert_eq!(app.received()[1].body, body("evt_1", 1).body);
    assert_eq!(gateway.outcome("conflict").await, 1.0);
}

#[tokio::test]
async fn beyond_the_limit_of_entries_the_oldest_event_is_forgotten_and_still_delivered() {
    let mut app = App::down();
    let config = config(&app, ", entries: 3", &crate::support::often());
    let gateway = GatewayBuilder::new(config).start().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(gateway.post(&Sender::lmif().event(&format!("evt_{number}"))).await.delivery());
    }

    let newest = gateway.post(&Sender::lmif().event("evt_3")).await;
    let oldest = gateway.post(&Sender::lmif().event("evt_0")).await;
    ids.push(oldest.delivery());
    gateway.until_logged(&["WARN", "forgotten before their window was over", "evicted=2"]).await;
    app.come_up();
    app.until_received(5).await;
    gateway.until_queue_is_empty().await;

    assert_eq!(answered(&newest), (202, true, ids[3].clone()));
    assert!(!oldest.is_replayed() && oldest.delivery() != ids[0]);
    let mut received: Vec<_> =
        app.received().iter().map(|request| request.header("countersign-delivery").to_owned()).collect();
    received.sort();
    ids.sort();
    assert_eq!(received, ids);
    assert_eq!(gateway.metric(r#"countersign_dedup_evictions_total{source="lmif"}"#).await, 2.0);
}

#[tokio::test]
async fn an_event_whose_window_is_over_is_a_new_one_though_the_first_still_waits() {
    let app = App::down();
    let config = config(&app, "", &crate::support::often()).replace("window: 72h", "window: 1s");
    let gateway = GatewayBuilder::new(config).start().await;
    let first = gateway.post(&Sender::lmif().event("evt_1")).await;
    let at_once = gateway.post(&Sender::lmif().event("evt_1")).await;

    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let later = gateway.post(&Sender::lmif().event("evt_1")).await;

    assert_eq!(answered(&at_once), (202, true, first.delivery()));
    assert!(!later.is_replayed() && later.delivery() != first.delivery());
}
