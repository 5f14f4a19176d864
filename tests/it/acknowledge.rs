//! What the sender of a queued event is answered.

use crate::support::{Action, Answer, App, Gateway, GatewayBuilder, Sender, often, source};

async fn start(app: &App, keys: &str) -> Gateway {
    let source = source("lmif", "lmif", keys);
    GatewayBuilder::new(Gateway::config_on_disk(app, &source, &often())).start().await
}

fn told(answer: &Answer) -> (u16, Option<&str>, &str) {
    (answer.status.as_u16(), answer.header("content-type"), answer.text())
}

#[tokio::test]
async fn a_source_says_what_its_sender_is_told_and_says_it_again() {
    for (words, status, content_type, body) in [
        ("{status: 200, body: OK}", 200, Some("text/plain; charset=utf-8"), "OK"),
        (r#"{status: 201, body: '{"ok":true}'}"#, 201, Some("application/json"), r#"{"ok":true}"#),
        ("{body: '[accepted]'}", 202, Some("text/plain; charset=utf-8"), "[accepted]"),
        (r#"{status: 200, body: ""}"#, 200, None, ""),
        ("{status: 204}", 204, None, ""),
    ] {
        let app = App::answering(200).await;
        let gateway = start(&app, &format!("      delivery: queue\n      acknowledge: {words}\n")).await;

        let first = gateway.post(&Sender::lmif().event("evt_1")).await;
        app.until_received(1).await;
        gateway.until_queue_is_empty().await;
        let again = gateway.post(&Sender::lmif().event("evt_1")).await;

        assert_eq!(told(&first), (status, content_type, body), "{words}");
        assert_eq!(told(&again), (status, content_type, body), "{words}");
        assert_eq!((first.is_replayed(), again.is_replayed()), (false, true), "{words}");
        assert_eq!((gateway.outcome("queued").await, gateway.outcome("duplicate").await), (1.0, 1.0));
        assert_eq!(app.received().len(), 1);
    }
}

#[tokio::test]
async fn a_status_alone_keeps_the_id_of_the_delivery() {
    let app = App::answering(200).await;
    let gateway = start(&app, "      delivery: queue\n      acknowledge: {status: 200}\n").await;

    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(1).await;

    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(app.received()[0].header("countersign-delivery"), answer.delivery());
}

#[tokio::test]
async fn with_sync_then_queue_the_words_are_for_what_the_app_does_not_take() {
    let app = App::doing([Action::Answer(201, "{}"), Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let gateway = start(&app, "      delivery: sync_then_queue\n      acknowledge: {status: 200, body: OK}\n").await;

    let taken = gateway.post(&Sender::lmif().event("evt_1")).await;
    let queued = gateway.post(&Sender::lmif().event("evt_2")).await;
    let again = gateway.post(&Sender::lmif().event("evt_2")).await;

    assert_eq!((taken.status.as_u16(), taken.text()), (201, "{}"));
    assert_eq!(told(&queued), (200, Some("text/plain; charset=utf-8"), "OK"));
    assert_eq!((told(&again), again.is_replayed()), (told(&queued), true));
}

#[tokio::test]
async fn what_is_not_on_disk_is_not_acknowledged() {
    let app = App::answering(200).await;
    let gateway = start(&app, "      delivery: queue\n      acknowledge: {status: 200, body: OK}\n").await;

    let answer = gateway.post(&Sender::lmif().event("evt_1").tampered()).await;

    assert_eq!(told(&answer), (401, None, ""));
    assert_eq!(gateway.outcome("queued").await, 0.0);
}
