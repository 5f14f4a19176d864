use std::time::Duration;

use jiff::SignedDuration;

use super::rig::paced;
use super::*;
use crate::config::{Pace, Retry};
use crate::store::ledger::DeliveryId;

fn tries(courier: &rig::Scripted) -> Vec<DeliveryId> {
    courier.seen.borrow().iter().map(|attempt| attempt.id).collect()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn attempts_begin_in_the_order_of_their_due_times() {
    let rig = Rig::new();
    let courier = rig.courier();
    let now = rig.clock.now();
    let due = [9, 3, 7, 3, 1].map(|seconds| now - SignedDuration::from_secs(seconds));
    let ids = rig.accept_due(&upstream("app"), &due).await;

    let pace = Pace { concurrency: 1, rate: None };
    rig.engine.configure(vec![paced(upstream("app"), Retry::none(), pace, &courier)]);
    rig.pass(1.0).await;

    assert_eq!(tries(&courier), [0, 2, 1, 3, 4].map(|at: usize| ids[at]));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn no_more_attempts_are_under_way_than_there_may_be_and_no_slot_stays_free() {
    for concurrency in [1, 2, 7, 32] {
        let rig = Rig::new();
        let courier = rig.courier();
        let pace = Pace { concurrency, rate: None };
        rig.engine.configure(vec![paced(upstream("app"), Retry::none(), pace, &courier)]);

        rig.accept_many(&upstream("app"), 320).await;
        rig.pass(3.0 / concurrency as f64 * 1.2 + 1.0).await;
        rig.pass(1.0).await;

        let last = *courier.millis().last().unwrap();
        let alone = (320_usize.div_ceil(concurrency) - 1) as i64 * 10;
        assert_eq!((courier.count(), courier.most.get()), (320, concurrency));
        assert!(last <= alone * 12 / 10 + 5, "{last} ms instead of {alone} ms, {concurrency} at once");
        rig.engine.drain().await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_rate_is_kept() {
    for rate in [0.5, 5.0, 200.0] {
        let rig = Rig::new();
        let courier = rig.courier();
        let pace = Pace { concurrency: 32, rate: Some(rate) };
        rig.engine.configure(vec![paced(upstream("app"), Retry::none(), pace, &courier)]);

        let ids = rig.accept_many(&upstream("app"), 5000).await;
        rig.pass(20.0).await;

        let millis = courier.millis();
        let most = (rate * 1.1).ceil() as usize + 1;
        for (at, start) in millis.iter().enumerate() {
            let second = millis[at..].iter().take_while(|later| **later < start + 1000).count();
            assert!(second <= most, "{second} in a second, {rate} a second");
        }
        let expected = rate * 20.0;
        assert!(millis.len() as f64 >= expected * 0.95 - 1.0, "{} of {expected}", millis.len());
        assert_eq!(tries(&courier), ids[..millis.len()]);
        rig.engine.drain().await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn what_a_rate_puts_off_is_left_in_the_store() {
    let rig = Rig::new();
    let courier = rig.courier();
    let pace = Pace { concurrency: 32, rate: Some(0.1) };
    rig.engine.configure(vec![paced(upstream("app"), Retry::none(), pace, &courier)]);

    let ids = rig.accept_many(&upstream("app"), 100).await;
    rig.pass(8.0).await;

    let leased = ids.iter().filter(|id| rig.ledger.state(**id) == Some(crate::store::ledger::State::Leased)).count();
    assert!(leased <= 1, "{leased}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn nothing_is_kept_leased_for_long_behind_attempts_that_hang() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::none());
    let ids = rig.accept_many(&upstream("app"), 500).await;
    rig.pass(0.1).await;
    courier.always(Script::Answer(200), Duration::from_secs(100));

    rig.pass(20.0).await;

    let leased = ids.iter().filter(|id| rig.ledger.state(**id) == Some(crate::store::ledger::State::Leased)).count();
    assert_eq!(leased, 32);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_loop_with_nothing_to_do_looks_into_the_store_about_once_a_minute() {
    let rig = Rig::new();
    rig.serve(upstream("app"), Retry::none());

    rig.pass(3600.0).await;

    let looked = rig.ledger.calls(crate::store::recall::Call::Lease);
    assert!((60..=125).contains(&looked), "{looked}");
}
