//! Attempts that are under way, each a task of its own.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::{Concluded, Course, Rules, Tried, Unanswered, conclude};
use crate::clock;
use crate::store::ledger::Leased;
use crate::telemetry::words::AttemptOutcome;

/// The attempts at one target.
#[derive(Default)]
pub(super) struct Attempts {
    tasks: JoinSet<(Tried, Duration)>,
    under_way: HashMap<Id, UnderWay>,
}

/// What an attempt began with. It outlives a courier that panics.
struct UnderWay {
    leased: Rc<Leased>,
    number: u32,
    course: Rc<Course>,
    started: Timestamp,
    begun: Instant,
}

impl Attempts {
    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Begins the next attempt of a delivery.
    pub(super) fn begin(&mut self, course: &Rc<Course>, leased: Leased, started: Timestamp) {
        let (leased, courier) = (Rc::new(leased), Rc::clone(&course.courier));
        let number = leased.attempts.saturating_add(1);
        let begun = clock::instant();
        let theirs = Rc::clone(&leased);
        let task = self.tasks.spawn_local(async move {
            let tried = courier.attempt(&theirs, number).await;
            (tried, clock::since(begun))
        });
        let course = Rc::clone(course);
        self.under_way.insert(task.id(), UnderWay { leased, number, course, started, begun });
    }

    /// The next attempt that ends, and what follows; `None`: none is under way.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any moment.
    pub(super) async fn next(&mut self) -> Option<(Rc<Leased>, Concluded)> {
        let (id, ended) = match self.tasks.join_next_with_id().await? {
            Ok((id, ended)) => (id, Some(ended)),
            Err(error) => (error.id(), None),
        };
        let UnderWay { leased, number, course, started, begun } =
            self.under_way.remove(&id).expect("every task is entered when it begins");
        let (tried, took) = ended.unwrap_or_else(|| (Err(panicked()), clock::since(begun)));
        let rules = Rules { retry: &course.retry, kind: leased.target.kind };
        let concluded = conclude(&rules, number, started, took, tried);
        Some((leased, concluded))
    }
}

fn panicked() -> Unanswered {
    Unanswered { outcome: AttemptOutcome::Connect, error: "the attempt panicked".to_owned() }
}
