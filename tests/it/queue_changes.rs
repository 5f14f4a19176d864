//! Queued events while the configuration changes under them.

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;

use crate::support::{Action, App, Gateway, GatewayBuilder, Sender, often, source};

const QUEUE: &str = "      delivery: queue\n";

fn config(app: &App, source_name: &str, schedule: &str) -> String {
    let source = source("lmif", "lmif", QUEUE).replace("    lmif:\n", &format!("    {source_name}:\n"));
    Gateway::config_on_disk(app, &source, schedule)
}

/// The same configuration with another name for its upstream.
fn without(config: &str) -> String {
    config.replace("upstream: app", "upstream: other").replace("  app: {", "  other: {")
}

fn waiting(target: &str, state: &str) -> String {
    format!(r#"countersign_queue_deliveries{{target="{target}",state="{state}"}}"#)
}

#[tokio::test]
async fn what_waits_for_a_lost_app_is_counted_paused_across_a_restart_and_goes_on_when_it_returns_by_one() {
    let (down, app) = (App::down(), App::answering(200).await);
    let with = config(&down, "lmif", &often());
    let gateway = GatewayBuilder::new(with.clone()).start().await;
    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;

    let gateway = gateway.stopped_and_restarted(&without(&with)).await;
    gateway.until_logged(&["WARN", "target that is not configured", "upstream=app", "deliveries=1"]).await;
    let paused = gateway.metric(&waiting("app", "paused")).await;
    let oldest = gateway.metric(r#"countersign_queue_oldest_seconds{target="app"}"#).await;
    let repeated = gateway.post(&Sender::lmif().event("evt_1")).await;
    let gateway = gateway.killed_and_restarted(&config(&app, "lmif", &often())).await;
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;

    assert!(paused == 1.0 && oldest > 0.0, "{paused} {oldest}");
    assert_eq!(repeated.delivery(), answer.delivery());
    assert_eq!(app.received()[0].header("countersign-delivery"), answer.delivery());
}

#[tokio::test]
async fn a_dead_event_whose_app_is_lost_is_revived_and_waits_for_it() {
    let app = App::doing([Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let with = config(&app, "lmif", "[0s]");
    let gateway = GatewayBuilder::new(with.clone()).start().await;
    let first = gateway.post(&Sender::lmif().event("evt_1")).await;
    gateway.until_metric(&waiting("app", "dead"), 1.0).await;

    gateway.rewrite(&without(&with));
    gateway.signal("HUP");
    gateway.until_logged(&["the configuration was reloaded"]).await;
    let again = gateway.post(&Sender::lmif().event("evt_1")).await;
    gateway.until_metric(&waiting("app", "paused"), 1.0).await;
    gateway.rewrite(&with);
    gateway.signal("HUP");
    app.until_received(2).await;
    gateway.until_queue_is_empty().await;

    assert_eq!((again.status.as_u16(), again.is_replayed(), again.delivery()), (202, false, first.delivery()));
    assert_eq!(app.received()[1].header("countersign-attempt"), "1");
}

#[tokio::test]
async fn what_was_queued_by_a_source_that_has_another_name_by_now_is_delivered_under_its_own() {
    let (down, app) = (App::down(), App::answering(200).await);
    let gateway = GatewayBuilder::new(config(&down, "lmif", &often())).start().await;
    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;

    gateway.rewrite(&config(&app, "renamed", &often()));
    gateway.signal("HUP");
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;

    let received = &app.received()[0];
    assert_eq!(received.header("countersign-source"), "lmif");
    assert_eq!(received.header("countersign-delivery"), answer.delivery());
}

#[tokio::test]
async fn a_changed_schedule_holds_from_the_next_attempt_on() {
    let app = App::doing([Action::Wait], Action::Answer(500, "{}")).await;
    let gateway = GatewayBuilder::new(config(&app, "lmif", "[0s, 24h]")).start().await;
    gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(1).await;

    gateway.rewrite(&config(&app, "lmif", "[0s, 10ms, 10ms]"));
    gateway.signal("HUP");
    gateway.until_logged(&["the configuration was reloaded"]).await;
    gateway.post(&Sender::lmif().event("evt_2")).await;
    app.until_received(4).await;
    app.release();
    gateway.until_metric(&waiting("app", "dead"), 1.0).await;

    // What was under way ends by the schedule that it began with.
    gateway.until_metric(&waiting("app", "due"), 1.0).await;
    assert_eq!(app.received().len(), 4);
}

#[tokio::test]
async fn what_waits_for_a_lost_endpoint_is_named_and_counted_and_goes_on_when_it_returns() {
    let (down, receiver) = (App::down(), App::answering(200).await);
    let outbound = |name: &str, receiver: &App| {
        format!(
            "outbound:
  listen: 127.0.0.1:0
  egress: {{allow: [127.0.0.0/8]}}
  endpoints:
    {name}: {{url: \"http://{}/\", scheme: lmif, secrets: [{{env: SECRET}}], retry: {{schedule: {}}}}}
",
            receiver.address,
            often()
        )
    };
    let inbound = config(&receiver, "lmif", &often());
    let gateway = GatewayBuilder::new(inbound.clone() + &outbound("partner", &down)).start().await;
    let post = || Request::post("/endpoints/partner").body(Full::from(r#"{"a":1}"#)).unwrap();
    let accepted = gateway.app_sends(post()).await;

    gateway.rewrite(&(inbound.clone() + &outbound("other", &down)));
    gateway.signal("HUP");
    gateway.until_logged(&["WARN", "target that is not configured", "endpoint=partner", "deliveries=1"]).await;
    gateway.until_metric(&waiting("partner", "paused"), 1.0).await;
    let unknown = gateway.app_sends(post()).await;
    gateway.rewrite(&(inbound + &outbound("partner", &receiver)));
    gateway.signal("HUP");
    receiver.until_received(1).await;

    assert_eq!((accepted.status.as_u16(), unknown.status.as_u16()), (202, 404));
}

#[tokio::test]
async fn a_stop_waits_for_attempts_no_longer_than_it_may_and_what_they_were_for_is_delivered_after_it() {
    let app = App::doing([Action::Hang], Action::Answer(200, "{}")).await;
    let config = config(&app, "lmif", "[0s]").replace("timeout: 3s", "timeout: 60s") + "shutdown: 1s\n";
    let mut gateway = GatewayBuilder::new(config.clone()).start().await;
    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(1).await;

    let begun = Instant::now();
    gateway.signal("TERM");
    let ended = gateway.until_ended().await;
    let took = begun.elapsed();
    let gateway = gateway.killed_and_restarted(&config).await;
    app.until_received(2).await;
    gateway.until_queue_is_empty().await;

    assert!(ended.success() && took >= Duration::from_secs(1) && took < Duration::from_secs(10), "{ended} {took:?}");
    let again = &app.received()[1];
    assert_eq!((again.header("countersign-delivery"), again.header("countersign-attempt")), (&*answer.delivery(), "1"));
}
