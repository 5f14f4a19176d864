//! The thread that writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior, ffi, params};

use super::StoreFile;
use crate::store::journal::{Batch, EventRecord, Journal, ScopeRecord, Taken};
use crate::store::scope::milliseconds;

/// How many rows one transaction deletes, so that a day's expiry never holds up the writing.
const DELETED: usize = 1000;

/// How long a failed batch waits before it is tried again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// A running writer. Dropping it writes what is left and closes the file.
pub(in crate::store) struct Writer {
    journal: Arc<Journal>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(in crate::store) fn start(journal: &Arc<Journal>, file: StoreFile) -> io::Result<Writer> {
        let theirs = Arc::clone(journal);
        let run = move || {
            let ending = Ending(theirs);
            run(&ending.0, file);
        };
        let thread = thread::Builder::new().name("store".into()).spawn(run)?;
        Ok(Writer { journal: Arc::clone(journal), thread: Some(thread) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.journal.close();
        if let Some(thread) = self.thread.take() {
            // It logs its own end, whatever that is.
            let _ = thread.join();
        }
    }
}

/// However the thread ends, nobody goes on waiting for it.
struct Ending(Arc<Journal>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

fn run(journal: &Journal, mut file: StoreFile) {
    let Err(error) = write_all(journal, |batch, rest| write(&mut file.connection, batch, rest)) else { return };
    tracing::error!(error = cause(&error), "the store is not written any more");
    // The pages that a checkpoint would copy may not be the ones on disk.
    if let Err(error) = file.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::error!(error = cause(&error), "the store cannot be closed without a checkpoint");
    }
}

/// Writes what the journal holds until that is closed.
///
/// # Errors
///
/// With the failure that must not, or can no longer, be tried again.
fn write_all(
    journal: &Journal,
    mut write: impl FnMut(&Batch, &mut Gone) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut rest = Gone::default();
    while let Some(mut taken) = journal.next(!rest.is_empty()) {
        rest.events.append(&mut taken.batch.events_gone);
        rest.answers.append(&mut taken.batch.answers_gone);
        let result = write_one(journal, &mut taken, |batch| write(batch, &mut rest));
        let count = if result.is_ok() { &journal.written } else { &journal.unwritten };
        count.fetch_add(taken.batch.events.len() as u64, Relaxed);
        result?;
        if taken.is_last {
            break;
        }
    }
    Ok(())
}

/// Rows to be deleted.
#[derive(Default)]
struct Gone {
    events: Vec<i64>,
    answers: Vec<i64>,
}

impl Gone {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.answers.is_empty()
    }
}

/// Tries a batch until it is written, or must not be tried again.
///
/// Whoever flushes waits for one attempt, not for its success.
fn write_one(
    journal: &Journal,
    taken: &mut Taken,
    mut write: impl FnMut(&Batch) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut pause = PAUSES.0;
    while let Err(error) = write(&taken.batch) {
        journal.failures.fetch_add(1, Relaxed);
        let was_healthy = journal.is_healthy.swap(false, Relaxed);
        if taken.is_last || is_final(&error) {
            return Err(error);
        }
        if was_healthy {
            tracing::error!(error = cause(&error), "the store cannot be written; what it would hold is in memory only");
        }
        taken.flushing.clear();
        (taken.flushing, taken.is_last) = journal.pause(pause);
        pause = PAUSES.1.min(pause * 2);
    }
    if !journal.is_healthy.swap(true, Relaxed) {
        tracing::info!("the store can be written again");
    }
    Ok(())
}

/// After a failed sync nobody knows what is on disk, and a second one, which may succeed, would not tell:
/// <https://wiki.postgresql.org/wiki/Fsync_Errors>.
fn is_final(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

fn cause(error: &rusqlite::Error) -> &(dyn std::error::Error + 'static) {
    error
}

fn write(connection: &mut Connection, batch: &Batch, rest: &mut Gone) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write_scopes(&transaction, &batch.scopes)?;
    write_events(&transaction, &batch.events)?;
    let events = delete(&transaction, "DELETE FROM event WHERE row = ?1", &rest.events)?;
    delete(&transaction, "DELETE FROM answer WHERE row = ?1", events)?;
    let answers = delete(&transaction, "DELETE FROM answer WHERE row = ?1", &rest.answers)?;
    let (events, answers) = (events.len(), answers.len());
    transaction.commit()?;
    rest.events.truncate(rest.events.len() - events);
    rest.answers.truncate(rest.answers.len() - answers);
    Ok(())
}

fn write_scopes(connection: &Connection, scopes: &[ScopeRecord]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO scope VALUES (?1, ?2, ?3, ?4)")?;
    for ScopeRecord { id, scope } in scopes {
        let entries = i64::try_from(scope.entries).unwrap_or(i64::MAX);
        statement.execute(params![id, scope.name, milliseconds(scope.window), entries])?;
    }
    Ok(())
}

/// A batch whose commit seemed to fail may be on disk, therefore `OR REPLACE`.
fn write_events(connection: &Connection, events: &[EventRecord]) -> rusqlite::Result<()> {
    let mut event = connection.prepare_cached("INSERT OR REPLACE INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let mut answer = connection.prepare_cached("INSERT OR REPLACE INTO answer VALUES (?1, ?2, ?3)")?;
    for EventRecord { scope, event: settled } in events {
        let fingerprint = settled.fingerprint().0.to_be_bytes();
        let status = settled.status().as_u16();
        event.execute(params![settled.row, scope, settled.key, fingerprint, settled.at, status])?;
        if let Some((content_type, body)) = settled.content.parts() {
            answer.execute(params![settled.row, content_type, body])?;
        }
    }
    Ok(())
}

/// Deletes the last of `rows`, and returns those.
fn delete<'a>(connection: &Connection, sql: &str, rows: &'a [i64]) -> rusqlite::Result<&'a [i64]> {
    let rows = &rows[rows.len().saturating_sub(DELETED)..];
    let mut statement = connection.prepare_cached(sql)?;
    for row in rows {
        statement.execute([row])?;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::store::Fingerprint;
    use crate::store::answer::Content;
    use crate::store::shard::Remembered;

    fn failure(extended_code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), None)
    }

    fn journal(events: i64) -> Journal {
        let journal = Journal::new(1);
        for row in 1..=events {
            let event = Remembered::new([0; 16], Fingerprint(0), 0, row, StatusCode::OK, Content::Empty);
            journal.settle(1, &event);
        }
        journal
    }

    #[test]
    fn a_failed_sync_is_never_tried_again() {
        let journal = journal(3);
        let mut attempts = 0;
        let flushed = journal.flush();

        let result = write_all(&journal, |_, _| {
            attempts += 1;
            Err(failure(ffi::SQLITE_IOERR_FSYNC))
        });

        assert!(result.is_err());
        assert_eq!(attempts, 1);
        assert_eq!(journal.unwritten.load(Relaxed), 3);
        assert!(!journal.is_healthy.load(Relaxed));
        assert!(flushed.blocking_recv().is_err());
    }

    #[test]
    fn another_failure_is_tried_again_until_it_works() {
        let journal = journal(3);
        let mut attempts = 0;
        let _flushed = journal.flush();

        let result = write_all(&journal, |batch, _| {
            attempts += 1;
            assert_eq!(batch.events.len(), 3);
            match attempts {
                1 => Err(failure(ffi::SQLITE_FULL)),
                _ => {
                    journal.close();
                    Ok(())
                }
            }
        });

        assert!(result.is_ok());
        assert_eq!((attempts, journal.failures.load(Relaxed), journal.written.load(Relaxed)), (2, 1, 3));
        assert!(journal.is_healthy.load(Relaxed));
    }

    #[test]
    fn the_last_batch_is_tried_once() {
        let journal = journal(3);
        journal.close();

        let result = write_all(&journal, |_, _| Err(failure(ffi::SQLITE_FULL)));

        assert!(result.is_err());
        assert_eq!(journal.unwritten.load(Relaxed), 3);
    }
}
