//! What somebody waits for to be on disk.
//!
//! An operation is done within a transaction that it shares with others. What follows
//! from it in memory, and the word to whoever waits, is its [`Effect`], and comes after
//! the commit. Where the transaction fails, operation or effect is dropped, and with it
//! what it owns: claims are released, holds end, and whoever waits learns that the
//! store cannot be used.

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::store::journal::Journal;
use crate::store::ledger::{LedgerError, Pending};

/// What follows when it is on disk.
pub(in crate::store) type Effect = Box<dyn FnOnce() + Send>;

type Perform = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Effect> + Send>;

/// Something to be done in a transaction.
pub(in crate::store) struct Operation {
    perform: Perform,
    /// How much of messages it carries.
    pub(in crate::store) bytes: usize,
}

/// Who waits for an operation, or a reading.
pub(super) type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

impl Operation {
    pub(in crate::store) fn new(
        bytes: usize,
        perform: impl FnOnce(&Connection) -> rusqlite::Result<Effect> + Send + 'static,
    ) -> Operation {
        Operation { perform: Box::new(perform), bytes }
    }

    /// Does it, as far as it is done in a transaction.
    pub(super) fn perform(self, connection: &Connection) -> rusqlite::Result<Effect> {
        (self.perform)(connection)
    }
}

/// Has an operation done that ends by telling `Reply`.
pub(super) fn submit<T: Send + 'static>(
    journal: &Journal,
    bytes: usize,
    perform: impl FnOnce(&Connection, Reply<T>) -> rusqlite::Result<Effect> + Send + 'static,
) -> Pending<T> {
    let (reply, outcome) = oneshot::channel();
    // One that is refused is dropped, and tells so.
    drop(journal.perform(Operation::new(bytes, |connection| perform(connection, reply))));
    pending(outcome)
}

/// Resolves to what is told; nobody left who could tell: the store cannot be used.
pub(super) fn pending<T: Send + 'static>(outcome: oneshot::Receiver<Result<T, LedgerError>>) -> Pending<T> {
    Box::pin(async move { outcome.await.unwrap_or(Err(LedgerError::Unavailable)) })
}

/// The effect of telling, after `then`.
pub(super) fn told<T: Send + 'static>(
    reply: Reply<T>,
    outcome: Result<T, LedgerError>,
    then: impl FnOnce() + Send + 'static,
) -> Effect {
    Box::new(move || {
        then();
        // Whoever left does not care.
        let _ = reply.send(outcome);
    })
}
