use std::time::Duration;

use jiff::SignedDuration;

use super::*;
use crate::config::Retry;
use crate::store::ledger::{Change, Ledger, State};
use crate::store::recall::Call;
use crate::telemetry::words::AttemptOutcome;

const TAKES: Duration = Duration::from_secs(2);
/// Longer than any schedule, in seconds.
const FOUR_DAYS: f64 = 4.0 * 86_400.0;
/// Longer than the schedule of LMIF, in seconds: 34 h 36 min, and what the attempts take.
const A_DAY_AND_A_HALF: f64 = 1.5 * 86_400.0;

/// Milliseconds from the beginning of one attempt to that of the next, without what the attempt took.
fn delays(courier: &rig::Scripted) -> Vec<i64> {
    courier.millis().windows(2).map(|pair| pair[1] - pair[0] - TAKES.as_millis() as i64).collect()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_schedule_of_lmif_is_kept_to_the_millisecond_whatever_fails() {
    let failures = [
        Script::Answer(100),
        Script::Answer(304),
        Script::Answer(404),
        Script::Answer(410),
        Script::Answer(429),
        Script::Answer(500),
        Script::Answer(503),
        Script::Fail(AttemptOutcome::Connect),
        Script::Fail(AttemptOutcome::EgressDenied),
        Script::Fail(AttemptOutcome::Timeout),
        Script::Fail(AttemptOutcome::Tls),
        Script::Panic,
    ];
    for failure in failures {
        let rig = Rig::new();
        let courier = rig.serve(upstream("app"), Retry::lmif());
        courier.always(failure, TAKES);

        let id = rig.accept(&upstream("app")).await;
        rig.pass(A_DAY_AND_A_HALF).await;

        let minutes = [1, 5, 30, 120, 480, 1440].map(|minutes| minutes * 60_000);
        for (delay, expected) in delays(&courier).into_iter().zip(minutes) {
            assert!((expected..=expected + 2).contains(&delay), "{delay} for {expected}");
        }
        assert_eq!((courier.count(), rig.ledger.state(id)), (7, Some(State::Dead)));
        rig.engine.drain().await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_attempt_may_be_the_one_that_arrives() {
    for success in 1..=7 {
        for failure in
            [Script::Answer(302), Script::Answer(404), Script::Answer(502), Script::Fail(AttemptOutcome::Timeout)]
        {
            let rig = Rig::new();
            let courier = rig.serve(upstream("app"), Retry::lmif());
            courier.decide(move |_, number| {
                (if number == success { Script::Answer(204) } else { failure.clone() }, TAKES)
            });

            let id = rig.accept(&upstream("app")).await;
            rig.pass(A_DAY_AND_A_HALF).await;

            let numbers: Vec<u32> = courier.seen.borrow().iter().map(|attempt| attempt.number).collect();
            assert_eq!(numbers, (1..=success).collect::<Vec<_>>());
            assert_eq!(rig.ledger.state(id), Some(State::Delivered));
            rig.engine.drain().await;
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn standard_webhooks_tries_ten_times_and_lengthens_each_delay_by_up_to_a_tenth() {
    let rig = Rig::new();
    let courier = rig.serve(endpoint("partner"), Retry::standard_webhooks());
    courier.always(Script::Answer(500), TAKES);

    let id = rig.accept(&endpoint("partner")).await;
    rig.pass(FOUR_DAYS).await;

    let expected = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400].map(|seconds| seconds * 1000);
    let delays = delays(&courier);
    assert_eq!((delays.len(), rig.ledger.state(id)), (9, Some(State::Dead)));
    for (delay, expected) in delays.iter().zip(expected) {
        assert!((expected..=expected + expected / 10 + 2).contains(delay), "{delay} for {expected}");
    }
    assert!(delays.iter().zip(expected).any(|(delay, expected)| delay - expected > 100), "{delays:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn without_a_schedule_there_is_one_attempt() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::none());
    courier.always(Script::Answer(500), TAKES);

    let id = rig.accept(&upstream("app")).await;
    rig.pass(A_DAY_AND_A_HALF).await;

    assert_eq!((courier.count(), rig.ledger.state(id)), (1, Some(State::Dead)));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_other_side_may_put_an_attempt_off() {
    for as_date in [false, true] {
        let rig = Rig::new();
        let courier = rig.serve(upstream("app"), Retry::lmif());
        let at = rig.clock.now() + SignedDuration::from_secs(602);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap();
        let value = if as_date { date } else { "600".to_owned() };
        courier.decide(move |_, number| match number {
            1 => (Script::Later(value.clone()), TAKES),
            _ => (Script::Answer(200), TAKES),
        });

        rig.accept(&upstream("app")).await;
        rig.pass(A_DAY_AND_A_HALF).await;

        let delays = delays(&courier);
        assert!((599_000..=600_002).contains(&delays[0]), "{delays:?}");
        rig.engine.drain().await;
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn what_is_replayed_begins_at_its_first_attempt_and_has_its_whole_schedule() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Answer(500), TAKES);
    let id = rig.accept(&upstream("app")).await;
    rig.pass(A_DAY_AND_A_HALF).await;

    rig.ledger.change(Change::Replay(id), "the app was wrong".to_owned(), rig.clock.now()).await.unwrap();
    rig.pass(A_DAY_AND_A_HALF).await;

    let numbers: Vec<u32> = courier.seen.borrow().iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (1..=7).chain(1..=7).collect::<Vec<_>>());
    assert_eq!(rig.ledger.state(id), Some(State::Dead));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_clock_that_is_set_forward_is_noticed_within_a_minute() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Answer(500), TAKES);
    rig.accept(&upstream("app")).await;
    rig.pass(600.0).await;
    let before = courier.count();

    rig.clock.set_by(SignedDuration::from_hours(1));
    rig.pass(65.0).await;

    assert_eq!((before, courier.count()), (3, 4));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_clock_that_is_set_back_delays_little_and_makes_no_storm() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Answer(500), TAKES);
    rig.accept(&upstream("app")).await;
    rig.pass(600.0).await;
    let before = (courier.count(), rig.ledger.calls(Call::Lease));

    rig.clock.set_by(SignedDuration::from_hours(-1));
    rig.pass(1800.0).await;
    let fresh = rig.accept(&upstream("app")).await;
    rig.pass(1.0).await;

    // After 30 minutes, and up to a ninth more.
    let looked = rig.ledger.calls(Call::Lease) - before.1;
    assert!(looked <= 70, "{looked}");
    assert_eq!((before.0, courier.count()), (3, 5));
    assert_eq!(courier.seen.borrow().last().unwrap().id, fresh);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_attempt_is_counted_and_timed() {
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.decide(|_, number| match number {
        1 => (Script::Fail(AttemptOutcome::Timeout), TAKES),
        2 => (Script::Answer(500), TAKES),
        _ => (Script::Answer(200), TAKES),
    });

    rig.accept(&upstream("app")).await;
    rig.pass(A_DAY_AND_A_HALF).await;

    for (word, count) in [("timeout", "1"), ("status", "1"), ("success", "1"), ("tls", "0"), ("egress_denied", "0")] {
        let line = format!("countersign_attempts_total{{target=\"app\",outcome=\"{word}\"}}");
        assert_eq!(rig.metric(&line).as_deref(), Some(count), "{word}");
    }
    assert_eq!(rig.metric("countersign_attempt_duration_seconds_count{target=\"app\"}").as_deref(), Some("3"));
}
