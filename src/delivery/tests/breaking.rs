use std::time::Duration;

use super::*;
use crate::config::Retry;
use crate::store::ledger::{Ledger, State};
use crate::telemetry::words::AttemptOutcome;

const TAKES: Duration = Duration::from_millis(10);
const OPEN: &str = "countersign_target_open{target=\"app\"}";

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_that_is_down_gets_one_probe_at_a_time_at_growing_distances() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Fail(AttemptOutcome::Connect), TAKES);

    rig.accept_many(&upstream("app"), 1000).await;
    rig.pass(0.5).await;
    let (at_first, open) = (courier.count(), rig.metric(OPEN));
    courier.most.set(0);
    rig.pass(600.0).await;

    // As many as are under way, and what follows the first nine.
    assert!((32..=41).contains(&at_first), "{at_first}");
    assert_eq!((open.as_deref(), courier.most.get()), (Some("1"), 1));
    let probes = courier.count() - at_first;
    assert!((20..=32).contains(&probes), "{probes}");
    let distances: Vec<i64> = courier.millis()[at_first..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(distances[0] <= 2_100 && distances[5..].iter().all(|ms| (22_000..=31_000).contains(ms)), "{distances:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn what_waits_behind_an_open_breaker_does_not_use_up_its_schedule() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::none());
    courier.always(Script::Answer(503), TAKES);

    let ids = rig.accept_many(&upstream("app"), 1000).await;
    rig.pass(3600.0).await;
    let depth = rig.ledger.depths().remove(0);
    courier.always(Script::Answer(200), TAKES);
    rig.pass(35.0).await;

    // What was under way when it opened, and a probe each half a minute.
    assert!((100..=41 + 170).contains(&depth.dead), "{depth:?}");
    assert_eq!((depth.dead + depth.due, depth.leased), (1000, 0));
    let delivered = ids.iter().filter(|id| rig.ledger.state(**id) == Some(State::Delivered)).count();
    assert!(delivered as u64 >= depth.due - 2, "{delivered} of {depth:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_first_answer_lets_all_that_waits_go_at_full_speed() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Answer(502), TAKES);
    let ids = rig.accept_many(&upstream("app"), 1000).await;
    rig.pass(30.0).await;

    let before = courier.count();
    courier.always(Script::Answer(200), TAKES);
    courier.most.set(0);
    rig.pass(35.0).await;

    let delivered = ids.iter().filter(|id| rig.ledger.state(**id) == Some(State::Delivered)).count();
    assert!(delivered >= 1000 - before, "{delivered}, {before} before");
    assert_eq!((courier.most.get(), rig.metric(OPEN).as_deref()), (32, Some("0")));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_answer_that_is_no_success_closes_it_as_well() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Fail(AttemptOutcome::Timeout), TAKES);
    rig.accept_many(&upstream("app"), 1000).await;
    rig.pass(1.0).await;

    courier.always(Script::Answer(404), TAKES);
    rig.pass(35.0).await;

    assert!(courier.count() >= 1000, "{}", courier.count());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_changed_course_is_probed_at_once() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Fail(AttemptOutcome::Connect), TAKES);
    rig.accept_many(&upstream("app"), 1000).await;
    rig.pass(600.0).await;

    let fixed = rig.serve(upstream("app"), Retry::lmif());
    rig.pass(1.0).await;

    assert!(fixed.count() > 900, "{}", fixed.count());
}
