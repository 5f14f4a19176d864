//! Events that the app is asked for first.

use std::time::Duration;

use tokio::task::LocalSet;

use super::harness::{Action, Harness};
use crate::store::ledger::{Next, Start, State};
use crate::store::recall::Call;
use crate::telemetry::words::AttemptOutcome;

const PATIENT: &str = "delivery: {sync_then_queue: {within: 10s}}";
const HASTY: &str = "delivery: {sync_then_queue: {within: 200ms}}";

#[tokio::test]
async fn the_apps_2xx_is_the_answer_and_nothing_is_stored() {
    let test = async {
        let harness = Harness::new(PATIENT, [Action::Answer(201)]).await;

        let first = harness.post("evt_1").await;
        let again = harness.post("evt_1").await;

        assert_eq!((first.status, &*first.text, first.is_replayed()), (201, "the app's own words", false));
        assert_eq!(
            (&first.headers["x-app"], &first.headers["set-cookie"]),
            (&"1".parse().unwrap(), &"a=b".parse().unwrap())
        );
        assert_eq!((again.status, &*again.text, again.is_replayed()), (201, "the app's own words", true));
        assert_eq!((harness.ledger.accepted().len(), harness.received().len()), (0, 1));
        assert_eq!((harness.outcome("delivered"), harness.outcome("duplicate")), (1, 1));
    };
    LocalSet::new().run_until(test).await;
}

/// Fault 1: the app's failure acknowledged and then forgotten.
#[tokio::test]
async fn what_the_app_does_not_take_is_queued_with_its_first_attempt() {
    let test = async {
        for status in [300, 302, 400, 404, 410, 429, 500, 503] {
            let harness = Harness::new(PATIENT, [Action::Answer(status)]).await;

            let answer = harness.post("evt_1").await;

            let delivery = harness.ledger.accepted().remove(0);
            assert_eq!((answer.status, answer.id()), (202, delivery.id));
            let Start::Attempted(attempt, Next::Due(_)) = delivery.start else { panic!("{delivery:?}") };
            assert_eq!((attempt.number, attempt.outcome), (1, AttemptOutcome::Status));
            let kept = attempt.answer.unwrap();
            assert_eq!((kept.status, &*kept.body), (status, &b"the app's own words"[..]));
            assert!(kept.headers.contains_key("x-app") && !kept.headers.contains_key("set-cookie"));
            assert_eq!(harness.outcome("queued"), 1);
        }
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn the_first_attempt_bears_the_id_of_the_delivery_that_it_becomes() {
    let test = async {
        let harness = Harness::new(PATIENT, [Action::Answer(500)]).await;

        let answer = harness.post("evt_1").await;

        let received = harness.received().remove(0);
        assert_eq!(received["countersign-delivery"], answer.id().to_string());
        assert_eq!(received["countersign-attempt"], "1");
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn when_the_time_is_over_the_event_is_accepted_and_the_attempt_goes_on_as_its_first() {
    let test = async {
        let harness = Harness::new(HASTY, [Action::AnswerReleased(200)]).await;

        let answer = harness.post("evt_1").await;
        let state = harness.ledger.state(answer.id());
        harness.release();
        harness.until(|harness| !harness.ledger.ended().is_empty()).await;

        assert_eq!((answer.status, state), (202, Some(State::Leased)));
        let ended = harness.ledger.ended().remove(0);
        assert_eq!((ended.id, ended.attempt.number, ended.next), (answer.id(), 1, Next::Delivered));
        assert!(ended.attempt.took >= Duration::from_millis(200));
        assert_eq!(harness.ledger.state(answer.id()), Some(State::Delivered));
        let again = harness.post("evt_1").await;
        assert_eq!((again.id(), again.is_replayed(), harness.received().len()), (answer.id(), true, 1));
    };
    LocalSet::new().run_until(test).await;
}

/// Fault 2: the app's failure counted as delivered.
#[tokio::test]
async fn a_late_failure_goes_on_by_the_schedule() {
    let test = async {
        let harness = Harness::new(HASTY, [Action::AnswerReleased(500)]).await;

        let answer = harness.post("evt_1").await;
        harness.release();
        harness.until(|harness| !harness.ledger.ended().is_empty()).await;

        assert!(matches!(harness.ledger.ended()[0].next, Next::Due(_)));
        assert_eq!(harness.ledger.state(answer.id()), Some(State::Due));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn the_end_of_a_late_attempt_is_recorded_once_the_store_can_be_written() {
    let test = async {
        let harness = Harness::new(HASTY, [Action::AnswerReleased(200)]).await;

        let answer = harness.post("evt_1").await;
        harness.ledger.fail(Call::Record, 1);
        harness.release();
        harness.until(|harness| harness.ledger.state(answer.id()) == Some(State::Delivered)).await;

        assert_eq!(harness.ledger.calls(Call::Record), 2);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_sender_that_hangs_up_changes_nothing() {
    let test = async {
        let harness = Harness::new(PATIENT, [Action::AnswerReleased(500)]).await;

        let posting = harness.posting("evt_1");
        harness.until(|harness| harness.received().len() == 1).await;
        posting.abort();
        assert!(posting.await.is_err_and(|error| error.is_cancelled()));
        harness.release();
        harness.until(|harness| harness.ledger.accepted().len() == 1).await;

        assert!(harness.post("evt_1").await.is_replayed());
    };
    LocalSet::new().run_until(test).await;
}

/// Fault 12: a key that is burned before the event is stored.
#[tokio::test]
async fn where_neither_the_app_nor_the_store_takes_the_event_the_senders_retry_passes() {
    let test = async {
        let harness = Harness::new(PATIENT, [Action::Answer(500)]).await;
        harness.ledger.fail(Call::Accept, 1);

        let refused = harness.post("evt_1").await;
        let retried = harness.post("evt_1").await;

        assert_eq!((refused.status, &*refused.text), (503, r#"{"error":"store_unavailable"}"#));
        assert_eq!((retried.status, retried.is_replayed()), (200, false));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_late_2xx_counts_even_if_the_event_could_not_be_stored() {
    let test = async {
        let harness = Harness::new(HASTY, [Action::AnswerReleased(200)]).await;
        harness.ledger.fail(Call::Accept, 1);

        let refused = harness.post("evt_1").await;
        let waiting = harness.posting("evt_1");
        harness.until(|harness| harness.verified() == 2).await;
        harness.release();
        let waited = waiting.await.unwrap();

        assert_eq!((refused.status, &*refused.text), (503, r#"{"error":"store_unavailable"}"#));
        assert_eq!((waited.status, &*waited.text, waited.is_replayed()), (200, "the app's own words", true));
        assert_eq!((harness.received().len(), harness.ledger.accepted().len()), (1, 0));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_late_failure_of_an_event_that_could_not_be_stored_lets_the_next_try() {
    let test = async {
        let harness = Harness::new(HASTY, [Action::AnswerReleased(500)]).await;
        harness.ledger.fail(Call::Accept, 1);

        harness.post("evt_1").await;
        let waiting = harness.posting("evt_1");
        harness.until(|harness| harness.verified() == 2).await;
        let before = harness.received().len();
        harness.release();
        let waited = waiting.await.unwrap();

        assert_eq!((before, waited.status, waited.is_replayed()), (1, 200, false));
        assert_eq!(harness.received().len(), 2);
    };
    LocalSet::new().run_until(test).await;
}
