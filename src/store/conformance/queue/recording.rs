//! What became of attempts.

use super::conformance;
use super::harness::{Queue, app, at, end};
use crate::store::ledger::{Ended, Hold, LedgerError, Next, State};

conformance! {
    an_end_is_written_down_with_its_attempt
    an_end_that_is_due_again_comes_back_with_its_attempts
    the_last_ten_attempts_are_kept_in_their_order
    only_what_is_leased_is_recorded
    an_end_may_pause_its_target
}

async fn an_end_is_written_down_with_its_attempt(queue: Queue) {
    for (next, state) in [(Next::Delivered, State::Delivered), (Next::Dead, State::Dead)] {
        let id = queue.ended(next).await;

        let shown = queue.show(id).await;
        assert_eq!((shown.summary.state, shown.summary.attempts), (state, 1));
        assert_eq!((shown.summary.due, shown.summary.ended), (None, Some(at(2))));
        let (kept, made) = (&shown.attempts[0], &end(id, 1, next).attempt);
        assert_eq!((kept.number, kept.started, kept.took), (1, made.started, made.took));
        assert_eq!((kept.outcome, &kept.error), (made.outcome, &made.error));
        let (kept, made) = (kept.answer.as_ref().expect("an answer"), made.answer.as_ref().expect("an answer"));
        assert_eq!((kept.status, &kept.headers, &kept.body), (made.status, &made.headers, &made.body));
    }
    assert_eq!(queue.depth(), [0, 0, 0, 1]);
}

async fn an_end_that_is_due_again_comes_back_with_its_attempts(queue: Queue) {
    let id = queue.ended(Next::Due(at(30))).await;
    assert!(queue.leased(29).await.is_empty());

    let leased = queue.lease(app(), 30).await.leased.remove(0);

    assert_eq!((leased.id, leased.attempts), (id, 1));
}

async fn the_last_ten_attempts_are_kept_in_their_order(queue: Queue) {
    let id = queue.due(0).await;
    for number in 1..=23 {
        assert_eq!(queue.leased(100).await, [id]);
        queue.record(id, number, Next::Due(at(0))).await.expect("it is leased");
    }

    let numbers: Vec<u32> = queue.show(id).await.attempts.iter().map(|attempt| attempt.number).collect();

    assert_eq!(numbers, (14..=23).collect::<Vec<_>>());
}

async fn only_what_is_leased_is_recorded(queue: Queue) {
    let id = queue.due(0).await;
    assert_eq!(queue.record(id, 1, Next::Dead).await, Err(LedgerError::State));
    queue.leased(0).await;
    assert_eq!(queue.record(id, 1, Next::Dead).await, Ok(()));

    assert_eq!(queue.record(id, 2, Next::Delivered).await, Err(LedgerError::State));

    assert_eq!(queue.state(id).await, State::Dead);
}

async fn an_end_may_pause_its_target(queue: Queue) {
    let id = queue.due(0).await;
    queue.leased(0).await;

    let pause = Some("it answered 410".to_owned());
    queue.ledger.record(Ended { pause, ..end(id, 1, Next::Due(at(5))) }).await.expect("it is leased");

    assert!(queue.leased(100).await.is_empty());
    assert_eq!(queue.state(id).await, State::Paused);
    let held = queue.depth_of(&app()).held;
    assert!(matches!(held, Some(Hold::Paused(_, reason)) if reason == "it answered 410"));
}
