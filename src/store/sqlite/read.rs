//! Threads that read the file while another writes it.
//!
//! One reads what is to be delivered, one what an operator asks for: a long list delays
//! no delivery.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::operation::{Reply, pending};
use super::{BUSY, OpenError};
use crate::clock::{self, Instant};
use crate::store::ledger::{LedgerError, Pending};

/// Reads, and answers whoever asked; what could not be read is for the log.
type Reading = Box<dyn FnOnce(&mut Connection) -> rusqlite::Result<()> + Send>;

/// How often the log says at most that nothing can be read: many ask, and again and again.
const TOLD: Duration = Duration::from_secs(60);

/// Where a thread that reads is asked; after it was closed, nobody answers.
#[derive(Clone)]
pub(super) struct Reader(Arc<Mutex<Option<Sender<Reading>>>>);

impl Reader {
    /// Reads, and hands over what was found.
    pub(super) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Pending<T> {
        let (reply, outcome) = oneshot::channel();
        self.ask(move |connection| answer(reply, read(connection)));
        pending(outcome)
    }

    /// Has something done by the thread that reads.
    pub(super) fn ask(&self, reading: impl FnOnce(&mut Connection) -> rusqlite::Result<()> + Send + 'static) {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*place {
            // A thread that is gone drops it, and whoever waits learns that.
            let _ = sender.send(Box::new(reading));
        }
    }

    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Tells what was read, and gives back why it was not.
pub(super) fn answer<T>(reply: Reply<T>, result: rusqlite::Result<T>) -> rusqlite::Result<()> {
    let (outcome, failure) = match result {
        Ok(read) => (Ok(read), Ok(())),
        Err(error) => (Err(LedgerError::Unavailable), Err(error)),
    };
    // Whoever left does not care.
    let _ = reply.send(outcome);
    failure
}

/// The threads that read. Dropping it ends them and closes their connections.
pub(in crate::store) struct Readers {
    /// For what is to be delivered.
    pub(super) deliveries: Reader,
    /// For operators.
    pub(super) operators: Reader,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(in crate::store) fn start(path: &Path) -> Result<Readers, OpenError> {
        let ((deliveries, one), (operators, other)) = (start(path)?, start(path)?);
        Ok(Readers { deliveries, operators, threads: vec![one, other] })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.deliveries.close();
        self.operators.close();
        for thread in self.threads.drain(..) {
            // Whoever asked learned of its end.
            let _ = thread.join();
        }
    }
}

fn start(path: &Path) -> Result<(Reader, JoinHandle<()>), OpenError> {
    let mut connection = connect(path).map_err(|source| OpenError::of(path, source))?;
    let (sender, readings): (_, Receiver<Reading>) = channel();
    let read = move || {
        let mut told: Option<Instant> = None;
        for reading in readings {
            let Err(error) = reading(&mut connection) else { continue };
            if told.is_none_or(|told| clock::since(told) >= TOLD) {
                told = Some(clock::instant());
                tracing::error!(error = &error as &(dyn std::error::Error + 'static), "the store cannot be read");
            }
        }
    };
    let thread = thread::Builder::new().name("store-read".into()).spawn(read);
    let thread = thread.map_err(|source: io::Error| OpenError::Io { path: path.to_owned(), source })?;
    Ok((Reader(Arc::new(Mutex::new(Some(sender)))), thread))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -2048)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}
