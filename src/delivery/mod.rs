//! The way of a delivery from the store to its target, the same for events that were
//! received and for events that the app sends: lease → attempt → conclude → record.

mod attempts;
mod breaker;
mod conclude;
mod engine;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod lane;
mod lookout;
mod pace;
mod records;
mod report;
mod stock;
#[cfg(test)]
mod tests;
mod time;
mod tried;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use crate::config::{Pace, Retry};
use crate::store::ledger::{AttemptAnswer, Leased, Target};
use crate::telemetry::words::AttemptOutcome;

pub(crate) use conclude::{Concluded, Rules, conclude};
pub(crate) use engine::Engine;
pub(crate) use report::attempt as report;
pub(crate) use tried::tried;

/// Makes attempts at one target.
pub(crate) trait Courier {
    /// Makes the attempt of this number, from 1. It ends by itself within the target's timeout, and
    /// reads at most [`KEPT_OF_ANSWER`](crate::store::ledger::KEPT_OF_ANSWER) bytes of the answer's body.
    fn attempt<'a>(&'a self, leased: &'a Leased, number: u32) -> Attempting<'a>;
}

/// An attempt that is being made.
pub(crate) type Attempting<'a> = Pin<Box<dyn Future<Output = Tried> + 'a>>;

/// What came of an attempt: an answer of whatever status, or none.
pub(crate) type Tried = Result<AttemptAnswer, Unanswered>;

/// Why an attempt was not answered.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered {
    /// The word for it; never `Status` or `Success`.
    pub(crate) outcome: AttemptOutcome,
    /// What happened; no secret, and no byte from the other side.
    pub(crate) error: String,
}

/// A target, and how deliveries go there.
#[derive(Clone)]
pub(crate) struct Course {
    /// The target.
    pub(crate) target: Target,
    /// When attempts are made.
    pub(crate) retry: Retry,
    /// How many.
    pub(crate) pace: Pace,
    /// Who makes them.
    pub(crate) courier: Rc<dyn Courier>,
}
