//! Events that a source does not want.

use crate::support::{App, Gateway, GatewayBuilder, Sender, often, source};

const EVENTS: &str = "      events: [\"box.*\", license.created]\n";

fn event(id: &str, kind: &str) -> String {
    format!(r#"{{"id":"{id}","type":"{kind}"}}"#)
}

#[tokio::test]
async fn an_event_of_another_type_is_answered_200_and_goes_nowhere() {
    let app = App::answering(201).await;
    let gateway = Gateway::with_source(&app, EVENTS).await;

    for kind in ["license.deleted", "box", "Box.created", "license.created.now", ""] {
        let answer = gateway.post(&Sender::lmif().sign(event("evt_1", kind))).await;
        assert_eq!((answer.status.as_u16(), answer.text(), answer.header("content-type")), (200, "", None), "{kind}");
    }
    for kind in ["box.created", "box.", "license.created"] {
        let answer = gateway.post(&Sender::lmif().sign(event(kind, kind))).await;
        assert_eq!(answer.status, 201, "{kind}");
    }

    assert_eq!(app.received().len(), 3);
    assert_eq!((gateway.outcome("filtered").await, gateway.outcome("delivered").await), (5.0, 3.0));
    gateway.until_logged(&["outcome=filtered", "status=200"]).await;
}

#[tokio::test]
async fn what_is_dropped_claims_nothing() {
    let app = App::answering(201).await;
    let gateway = Gateway::with_source(&app, EVENTS).await;

    gateway.post(&Sender::lmif().sign(event("evt_1", "license.deleted"))).await;
    gateway.post(&Sender::lmif().sign(event("evt_1", "license.deleted"))).await;
    let answer = gateway.post(&Sender::lmif().sign(event("evt_1", "box.created"))).await;

    assert_eq!((answer.status.as_u16(), answer.is_replayed()), (201, false));
    assert_eq!(gateway.outcome("filtered").await, 2.0);
    assert_eq!(gateway.metric(r#"countersign_dedup_entries{source="lmif"}"#).await, 1.0);
}

#[tokio::test]
async fn nothing_is_dropped_that_is_not_verified_first() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, EVENTS).await;

    let answer = gateway.post(&Sender::lmif().sign(event("evt_1", "license.deleted")).tampered()).await;

    assert_eq!(answer.status, 401);
    assert_eq!((gateway.outcome("filtered").await, gateway.outcome("refused").await), (0.0, 1.0));
}

#[tokio::test]
async fn an_event_without_a_type_passes_where_every_type_does() {
    let app = App::answering(200).await;
    let all = source("all", "lmif", "      events: [\"*\"]\n");
    let gateway = Gateway::with_sources(&app, &[&source("lmif", "lmif", EVENTS), &all]).await;

    gateway.post(&Sender::lmif().sign(r#"{"id":"evt_1"}"#)).await;
    assert_eq!(app.received().len(), 0);

    gateway.post_to("/hooks/all", &Sender::lmif().sign(r#"{"id":"evt_1"}"#)).await;
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn case_does_not_count_where_it_does_not_for_the_sender() {
    let app = App::answering(200).await;
    let source = source("loginradius", "loginradius", "      events: [\"UpdateProfile\", \"Login*\"]\n");
    let gateway = Gateway::with_sources(&app, &[&source]).await;
    let sender = Sender::of("loginradius");

    for kind in ["updateprofile", "UPDATEPROFILE", "login", "LoginFailed"] {
        gateway.post_to("/hooks/loginradius", &sender.sign(format!(r#"{{"HookName":"{kind}"}}"#))).await;
    }
    gateway.post_to("/hooks/loginradius", &sender.sign(r#"{"HookName":"register"}"#)).await;

    assert_eq!(app.received().len(), 4);
}

#[tokio::test]
async fn a_queue_is_filtered_too() {
    let app = App::answering(200).await;
    let source = source("lmif", "lmif", &format!("{EVENTS}      delivery: queue\n"));
    let gateway = GatewayBuilder::new(Gateway::config_on_disk(&app, &source, &often())).start().await;

    let dropped = gateway.post(&Sender::lmif().sign(event("evt_1", "license.deleted"))).await;
    let queued = gateway.post(&Sender::lmif().sign(event("evt_2", "box.created"))).await;
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;

    assert_eq!((dropped.status.as_u16(), dropped.text()), (200, ""));
    assert_eq!(queued.status, 202);
    assert_eq!(app.received()[0].header("countersign-event-id"), "evt_2");
}

#[tokio::test]
async fn a_reload_changes_what_is_wanted() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, EVENTS).await;
    gateway.post(&Sender::lmif().sign(event("evt_1", "user.created"))).await;

    gateway.rewrite(&Gateway::config(&app, "      events: [\"user.*\"]\n"));
    gateway.until_metric(r#"countersign_config_reloads_total{outcome="applied"}"#, 1.0).await;
    gateway.post(&Sender::lmif().sign(event("evt_1", "user.created"))).await;
    gateway.post(&Sender::lmif().sign(event("evt_2", "box.created"))).await;

    assert_eq!(app.received().len(), 1);
    assert_eq!(app.received()[0].header("countersign-event-type"), "user.created");
}
