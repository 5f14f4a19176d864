//! Ends of attempts on their way to the store. None is lost while it cannot be written: it is tried again.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http::backoff::Backoff;
use crate::store::ledger::{Ended, Ledger, LedgerError};

/// How many may be unwritten however few attempts are made at once.
const LEAST: usize = 16;

/// What is to be written for one target.
pub(super) struct Records {
    under_way: JoinSet<(Ended, Result<(), LedgerError>)>,
    unwritten: Vec<Ended>,
    backoff: Backoff,
}

/// What became of a record.
#[derive(Debug)]
pub(super) enum Recorded {
    /// The store cannot be written; it will be tried again.
    Failed,
    /// The store knows of no such lease: nothing can be written.
    Refused(Ended, LedgerError),
    /// It is on disk.
    Written(Ended),
}

impl Records {
    pub(super) fn new() -> Records {
        let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        Records { under_way: JoinSet::new(), unwritten: Vec::new(), backoff }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty() && self.unwritten.is_empty()
    }

    /// Whether no more may be made for now: the store cannot be written, or does not keep up.
    pub(super) fn is_full(&self, concurrency: usize) -> bool {
        self.backoff.is_failing() || self.under_way.len() >= (2 * concurrency).max(LEAST)
    }

    /// When what could not be written is tried again.
    pub(super) fn until(&self) -> Option<Instant> {
        self.backoff.until().filter(|_| !self.unwritten.is_empty())
    }

    /// Writes it down; while that fails, after the pause.
    pub(super) fn write(&mut self, ended: Ended, ledger: &dyn Ledger) {
        if self.backoff.is_failing() {
            self.unwritten.push(ended);
        } else {
            self.try_to_write(ended, ledger);
        }
    }

    /// Tries again what could not be written, if the time has come.
    pub(super) fn write_again(&mut self, ledger: &dyn Ledger, now: Instant) {
        if !self.backoff.waits(now) {
            for ended in std::mem::take(&mut self.unwritten) {
                self.try_to_write(ended, ledger);
            }
        }
    }

    fn try_to_write(&mut self, ended: Ended, ledger: &dyn Ledger) {
        let recorded = ledger.record(ended.clone());
        self.under_way.spawn_local(async move { (ended, recorded.await) });
    }

    /// What became of the next one; `None`: none is being written.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any moment.
    pub(super) async fn next(&mut self) -> Option<Recorded> {
        let (ended, result) = self.under_way.join_next().await?.expect("awaiting a record does not panic");
        Some(match result {
            Ok(()) => {
                self.backoff.succeeded();
                Recorded::Written(ended)
            }
            Err(LedgerError::Unavailable) => {
                // Those that fail together count as one failure.
                let now = crate::clock::instant();
                if !self.backoff.waits(now) {
                    self.backoff.failed(now);
                }
                self.unwritten.push(ended);
                Recorded::Failed
            }
            Err(error) => {
                self.backoff.succeeded();
                Recorded::Refused(ended, error)
            }
        })
    }
}
