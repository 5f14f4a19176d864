use std::time::Duration;

use super::rig::{course, paced};
use super::*;
use crate::config::{Pace, Retry};
use crate::store::ledger::{Change, Ledger, State};

const TAKES: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_endpoint_that_is_gone_is_paused_and_goes_on_when_it_is_resumed() {
    let rig = Rig::new();
    let courier = rig.serve(endpoint("partner"), Retry::lmif());
    courier.always(Script::Answer(410), TAKES);

    let ids = rig.accept_many(&endpoint("partner"), 500).await;
    rig.pass(86_400.0).await;
    let (tried, depth) = (courier.count(), rig.ledger.depths().remove(0));
    courier.always(Script::Answer(200), TAKES);
    rig.ledger.change(Change::Resume(endpoint("partner")), "asked".to_owned(), rig.clock.now()).await.unwrap();
    rig.pass(10.0).await;

    assert!(tried <= 32, "{tried}");
    assert_eq!((depth.paused, depth.leased, depth.dead), (500, 0, 0));
    assert!(depth.held.is_some());
    let delivered = ids.iter().filter(|id| rig.ledger.state(**id) == Some(State::Delivered)).count();
    assert_eq!(delivered, 500);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn what_is_accepted_for_a_paused_target_waits() {
    let rig = Rig::new();
    let courier = rig.serve(endpoint("partner"), Retry::lmif());
    rig.ledger.change(Change::Pause(endpoint("partner")), "asked".to_owned(), rig.clock.now()).await.unwrap();

    let id = rig.accept(&endpoint("partner")).await;
    rig.pass(3600.0).await;

    assert_eq!((courier.count(), rig.ledger.state(id)), (0, Some(State::Paused)));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_changed_course_holds_from_the_next_attempt_on() {
    let rig = Rig::new();
    let (old, new) = (rig.courier(), rig.courier());
    old.always(Script::Answer(500), Duration::from_secs(5));
    rig.engine.configure(vec![course(upstream("app"), Retry::none(), &old)]);
    let first = rig.accept(&upstream("app")).await;
    rig.pass(1.0).await;

    let pace = Pace { concurrency: 2, rate: None };
    new.always(Script::Answer(200), Duration::from_millis(200));
    rig.engine.configure(vec![paced(upstream("app"), Retry::lmif(), pace, &new)]);
    rig.accept_many(&upstream("app"), 50).await;
    rig.pass(10.0).await;

    assert_eq!(rig.ledger.state(first), Some(State::Dead));
    assert_eq!((old.count(), new.count(), new.most.get()), (1, 50, 2));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn deliveries_to_a_target_that_is_gone_wait_until_it_returns() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Answer(200), Duration::from_secs(3));
    rig.accept_many(&upstream("app"), 100).await;
    rig.pass(1.0).await;

    rig.engine.configure(vec![]);
    rig.pass(3600.0).await;
    let (tried, depth) = (courier.count(), rig.ledger.depths().remove(0));
    rig.engine.configure(vec![course(upstream("app"), Retry::lmif(), &courier)]);
    rig.pass(20.0).await;

    assert_eq!((tried, depth.paused, depth.leased), (32, 68, 0));
    assert_eq!((courier.count(), rig.ledger.ended().len()), (100, 100));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_that_returns_while_its_last_attempts_end_goes_on_with_its_loop() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Answer(200), Duration::from_secs(3));
    rig.accept_many(&upstream("app"), 100).await;
    rig.pass(1.0).await;

    rig.engine.configure(vec![]);
    rig.pass(1.0).await;
    rig.engine.configure(vec![course(upstream("app"), Retry::lmif(), &courier)]);
    rig.pass(20.0).await;

    assert_eq!((courier.count(), courier.most.get(), rig.ledger.ended().len()), (100, 32, 100));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn nothing_is_configured_any_more_once_it_drains() {
    let rig = Rig::new();
    rig.engine.drain().await;

    let courier = rig.serve(upstream("app"), Retry::lmif());
    rig.accept(&upstream("app")).await;
    rig.pass(60.0).await;

    assert_eq!(courier.count(), 0);
}
