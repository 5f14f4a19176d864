use std::time::Duration;

use super::rig::course;
use super::*;
use crate::config::Retry;
use crate::store::recall::Call;
use crate::telemetry::words::AttemptOutcome;

/// How long 2,000 deliveries to a healthy target take, in milliseconds, beside another one; how often that was tried
/// meanwhile, and how often the store was asked.
async fn healthy_beside(other: Option<(Script, Duration)>) -> (i64, usize, usize) {
    let rig = Rig::new();
    let (healthy, sick) = (rig.courier(), rig.courier());
    if let Some((script, takes)) = other {
        sick.always(script, takes);
        rig.accept_many(&endpoint("sick"), 10_000).await;
    }
    rig.accept_many(&endpoint("healthy"), 2_000).await;
    let courses = [("sick", &sick), ("healthy", &healthy)];
    rig.engine.configure(courses.map(|(name, courier)| course(endpoint(name), Retry::lmif(), courier)).into());
    while healthy.count() < 2_000 {
        rig.pass(0.01).await;
    }
    let took = *healthy.millis().last().unwrap();
    (took, sick.count(), rig.ledger.calls(Call::Lease))
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn ten_thousand_deliveries_to_a_dead_target_delay_no_other() {
    let (alone, _, looked_alone) = healthy_beside(None).await;
    let dead = (Script::Fail(AttemptOutcome::Connect), Duration::ZERO);

    let (took, tried, looked) = healthy_beside(Some(dead)).await;

    assert!(took <= alone * 11 / 10 + 10, "{took} ms beside a dead target, {alone} ms alone");
    // What a loop does is what it costs the others on its thread.
    assert!(tried <= 64 && looked <= looked_alone + 20, "{tried} attempts, {looked} looks, {looked_alone} alone");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn ten_thousand_deliveries_to_a_hanging_target_delay_no_other() {
    let (alone, _, looked_alone) = healthy_beside(None).await;
    let hanging = (Script::Fail(AttemptOutcome::Timeout), Duration::from_secs(30));

    let (took, tried, looked) = healthy_beside(Some(hanging)).await;

    assert!(took <= alone * 11 / 10 + 10, "{took} ms beside a hanging target, {alone} ms alone");
    assert!(tried <= 32 && looked <= looked_alone + 20, "{tried} attempts, {looked} looks, {looked_alone} alone");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_thousand_targets_are_served_side_by_side() {
    let rig = Rig::new();
    let couriers: Vec<_> = (0..1000).map(|_| rig.courier()).collect();
    let targets: Vec<_> = (0..1000).map(|number| endpoint(&format!("t{number}"))).collect();
    let courses = targets.iter().zip(&couriers).map(|(target, courier)| course(target.clone(), Retry::lmif(), courier));
    rig.engine.configure(courses.collect());
    for target in &targets {
        rig.accept_many(target, 64).await;
    }

    rig.pass(0.05).await;

    // Two rounds of 32 at once, of 10 ms each.
    let done: Vec<usize> = couriers.iter().map(|courier| courier.count()).collect();
    assert!(done.iter().all(|count| *count == 64), "{done:?}");
}
