use std::time::Duration;

use super::*;
use crate::config::Retry;
use crate::store::ledger::{Ledger, State};
use crate::store::recall::Call;

const TAKES: Duration = Duration::from_millis(10);
const FOR_EVER: usize = usize::MAX;

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_store_that_cannot_be_read_is_asked_again_and_not_too_often() {
    let rig = Rig::new();
    rig.ledger.fail(Call::Lease, FOR_EVER);
    let courier = rig.serve(upstream("app"), Retry::lmif());
    rig.accept(&upstream("app")).await;

    rig.pass(60.0).await;
    let (looked, tried) = (rig.ledger.calls(Call::Lease), courier.count());
    rig.ledger.mend();
    rig.pass(11.0).await;

    assert!((8..=16).contains(&looked), "{looked}");
    assert_eq!((tried, courier.count()), (0, 1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn what_cannot_be_recorded_is_neither_lost_nor_attempted_again() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    rig.ledger.fail(Call::Record, FOR_EVER);

    let ids = rig.accept_many(&upstream("app"), 1000).await;
    rig.pass(600.0).await;
    let (tried, recorded) = (courier.count(), rig.ledger.calls(Call::Record));
    rig.ledger.mend();
    rig.pass(60.0).await;

    assert!(tried <= 64, "{tried}");
    // Each again after every pause, which grows to ten seconds.
    assert!(recorded <= tried * 90, "{recorded}");
    let delivered = ids.iter().filter(|id| rig.ledger.state(**id) == Some(State::Delivered)).count();
    assert_eq!((delivered, courier.count()), (1000, 1000));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn nothing_is_leased_for_long_while_nothing_can_be_recorded() {
    let rig = Rig::new();
    rig.serve(upstream("app"), Retry::lmif());
    rig.ledger.fail(Call::Record, FOR_EVER);

    rig.accept_many(&upstream("app"), 1000).await;
    rig.pass(60.0).await;
    let looked = rig.ledger.calls(Call::Lease);
    rig.pass(3600.0).await;

    assert_eq!(rig.ledger.calls(Call::Lease), looked);
    assert!(rig.ledger.depths()[0].leased <= 64);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_courier_that_panics_costs_one_attempt() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.decide(|_, number| (if number == 1 { Script::Panic } else { Script::Answer(200) }, TAKES));

    let id = rig.accept(&upstream("app")).await;
    rig.pass(65.0).await;

    let ended = rig.ledger.ended();
    assert_eq!(ended[0].attempt.error.as_deref(), Some("the attempt panicked"));
    assert_eq!((ended.len(), rig.ledger.state(id)), (2, Some(State::Delivered)));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_drain_waits_for_attempts_and_gives_back_what_was_not_attempted() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Answer(200), Duration::from_secs(3));
    rig.accept_many(&upstream("app"), 100).await;
    rig.pass(1.0).await;

    let before = rig.clock.now();
    rig.engine.drain().await;
    let took = rig.clock.now().duration_since(before).as_millis();
    rig.pass(3600.0).await;

    let depth = rig.ledger.depths().remove(0);
    assert!((1990..=2100).contains(&took), "{took}");
    assert_eq!((rig.ledger.ended().len(), depth.due, depth.leased), (32, 68, 0));
    assert_eq!(courier.count(), 32);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_drain_waits_until_the_last_end_is_recorded() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    rig.ledger.fail(Call::Record, 3);
    rig.accept(&upstream("app")).await;
    rig.pass(0.001).await;

    rig.engine.drain().await;

    assert_eq!((courier.count(), rig.ledger.ended().len()), (1, 1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_engine_without_anything_to_do_is_drained_at_once() {
    let rig = Rig::new();
    rig.serve(upstream("app"), Retry::lmif());
    let before = rig.clock.now();

    rig.engine.drain().await;

    assert_eq!(rig.clock.now(), before);
}
