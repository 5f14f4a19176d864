//! The thread that writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior, ffi, params};

use super::StoreFile;
use super::operation::{Effect, Operation};
use super::retain::Retention;
use crate::store::DedupKey;
use crate::store::journal::{Batch, EventRecord, Journal, ScopeRecord};
use crate::store::scope::milliseconds;
use crate::store::shard::Remembered;

/// How many rows one transaction deletes, so that a day's expiry never holds up the writing.
const DELETED: usize = 1000;

/// How many it deletes where somebody waits for what else it writes.
const DELETED_IN_PASSING: usize = 50;

/// How many pages wait to be moved to their place, where few would have to wait for that.
const CHECKPOINT: i64 = 1000;

/// How many wait at most. To move them takes longer than a commit by far; while many wait for the next commit, it is
/// done so seldom that hardly one in a hundred waits for it.
const CHECKPOINT_UNDER_LOAD: i64 = 16_384;

/// Up to so many operations in the latest transactions are few.
const FEW: usize = 8;

/// How long a failed batch waits before it is tried again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// A running writer. Dropping it writes what is left and closes the file.
pub(in crate::store) struct Writer {
    journal: Arc<Journal>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(in crate::store) fn start(journal: &Arc<Journal>, file: StoreFile, retention: Retention) -> io::Result<Writer> {
        let theirs = Arc::clone(journal);
        let run = move || {
            let ending = Ending(theirs);
            run(&ending.0, Disk { file, events: Vec::new(), answers: Vec::new(), retention });
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

fn run(journal: &Journal, mut disk: Disk) {
    let Err(error) = write_all(journal, &mut disk) else { return };
    journal.is_healthy.store(false, Relaxed);
    tracing::error!(
        error = cause(&error),
        "the store is not written any more, and nothing is accepted for it; a restart goes on with what is on disk"
    );
    // The pages that a checkpoint would copy may not be the ones on disk.
    if let Err(error) = disk.file.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::error!(error = cause(&error), "the store cannot be closed without a checkpoint");
    }
}

/// Where batches are written.
trait Write {
    /// Writes a batch and what operations ask for, in one synced transaction; the effects are to follow.
    fn write(&mut self, batch: &Batch, operations: Vec<Operation>) -> rusqlite::Result<Vec<Effect>>;

    /// Finds out whether something can be written where there is nothing to write: a transaction that writes nothing
    /// would succeed on a full disk.
    fn probe(&mut self) -> rusqlite::Result<Vec<Effect>>;

    /// Lets go of something that is over, later.
    fn leave(&mut self, events: &mut Vec<i64>, answers: &mut Vec<i64>, prune: Option<i64>);

    /// Whether there still is something to let go of.
    fn has_rest(&self) -> bool;

    /// Moves what was written to its place, if at least so many pages wait for it.
    fn checkpoint(&mut self, pages: i64) -> rusqlite::Result<()>;
}

/// Writes what the journal holds until that is closed.
///
/// # Errors
///
/// With the failure that must not, or can no longer, be tried again.
fn write_all(journal: &Journal, disk: &mut impl Write) -> rusqlite::Result<()> {
    let (mut pause, mut crowd) = (PAUSES.0, 0_usize);
    while let Some(mut taken) = journal.next(disk.has_rest(), crowd) {
        disk.leave(&mut taken.batch.events_gone, &mut taken.batch.answers_gone, taken.prune);
        let is_probe = !journal.is_healthy.load(Relaxed) && taken.batch.is_empty() && taken.operations.is_empty();
        // A crowd that was just served is back at once, and not all of it at the same moment.
        crowd = taken.operations.len().max(crowd - crowd.div_ceil(8));
        let worth = if crowd <= FEW { CHECKPOINT } else { CHECKPOINT_UNDER_LOAD };
        let result = if is_probe { disk.probe() } else { disk.write(&taken.batch, taken.operations) };
        match result {
            Ok(effects) => {
                pause = PAUSES.0;
                written(journal, &taken.batch, effects);
                drop(taken.flushing);
                disk.checkpoint(worth).or_else(|error| if is_final(&error) { Err(error) } else { Ok(()) })?;
            }
            Err(error) => {
                failed(journal, &error);
                if taken.is_last || is_final(&error) {
                    journal.unwritten.fetch_add(taken.batch.events.len() as u64, Relaxed);
                    return Err(error);
                }
                journal.put_back(taken.batch);
                // Whoever flushes waits for one attempt, not for its success.
                drop(taken.flushing);
                journal.pause(PAUSES.0, pause);
                pause = PAUSES.1.min(pause * 2);
                continue;
            }
        }
        if taken.is_last {
            break;
        }
    }
    Ok(())
}

fn written(journal: &Journal, batch: &Batch, effects: Vec<Effect>) {
    journal.written.fetch_add(batch.events.len() as u64, Relaxed);
    if !journal.is_healthy.swap(true, Relaxed) {
        tracing::info!("the store can be written again");
    }
    for effect in effects {
        effect();
    }
}

fn failed(journal: &Journal, error: &rusqlite::Error) {
    journal.failures.fetch_add(1, Relaxed);
    if journal.is_healthy.swap(false, Relaxed) {
        tracing::error!(
            error = cause(error),
            "the store cannot be written: nothing is queued, and what else it would hold is in memory only"
        );
    }
}

/// After a failed sync nobody knows what is on disk, and a second one, which may succeed, would not tell:
/// <https://wiki.postgresql.org/wiki/Fsync_Errors>. Damage does not go away, and writing spreads it. What goes to a file
/// that is not in its place any more is lost.
fn is_final(error: &rusqlite::Error) -> bool {
    let Some(code) = error.sqlite_error().map(|error| error.extended_code) else { return false };
    let is_damage = matches!(code & 0xff, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB);
    is_damage || matches!(code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC | ffi::SQLITE_READONLY_DBMOVED)
}

fn cause(error: &rusqlite::Error) -> &(dyn std::error::Error + 'static) {
    error
}

/// The file, and what is to be deleted from it.
struct Disk {
    file: StoreFile,
    /// Rows of events that were forgotten.
    events: Vec<i64>,
    /// Rows of events whose answers were dropped.
    answers: Vec<i64>,
    retention: Retention,
}

impl Write for Disk {
    fn write(&mut self, batch: &Batch, operations: Vec<Operation>) -> rusqlite::Result<Vec<Effect>> {
        let most = if operations.is_empty() { DELETED } else { DELETED_IN_PASSING };
        let transaction = self.file.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write_scopes(&transaction, &batch.scopes)?;
        write_events(&transaction, &batch.events)?;
        let performed = operations.into_iter().map(|operation| operation.perform(&transaction));
        let mut effects = performed.collect::<rusqlite::Result<Vec<Effect>>>()?;
        let events = delete(&transaction, "DELETE FROM event WHERE row = ?1", &self.events, most)?;
        delete(&transaction, "DELETE FROM answer WHERE row = ?1", events, most)?;
        let answers = delete(&transaction, "DELETE FROM answer WHERE row = ?1", &self.answers, most)?;
        let (events, answers) = (events.len(), answers.len());
        effects.extend(self.retention.prune(&transaction, most)?);
        transaction.commit()?;
        self.file.whereabouts.check()?;
        self.events.truncate(self.events.len() - events);
        self.answers.truncate(self.answers.len() - answers);
        Ok(effects)
    }

    fn probe(&mut self) -> rusqlite::Result<Vec<Effect>> {
        // No event has this row.
        self.file.connection.execute("INSERT OR REPLACE INTO answer VALUES (-1, X'', zeroblob(65536))", [])?;
        self.file.connection.execute("DELETE FROM answer WHERE row = -1", [])?;
        Ok(Vec::new())
    }

    fn leave(&mut self, events: &mut Vec<i64>, answers: &mut Vec<i64>, prune: Option<i64>) {
        self.events.append(events);
        self.answers.append(answers);
        self.retention.begin(prune);
    }

    fn has_rest(&self) -> bool {
        !self.events.is_empty() || !self.answers.is_empty() || self.retention.has_rest()
    }

    /// Done here and not by SQLite within a commit, so that nobody waits for it, and so that a failed sync is seen.
    fn checkpoint(&mut self, least: i64) -> rusqlite::Result<()> {
        let mut noop = self.file.connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
        let pages: i64 = noop.query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))?;
        if pages < least {
            return Ok(());
        }
        self.file.connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))
    }
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
    events.iter().try_for_each(|EventRecord { scope, event, body }| write_event(connection, *scope, event, *body))
}

pub(super) fn write_event(
    connection: &Connection,
    scope: i64,
    settled: &Remembered,
    body: Option<DedupKey>,
) -> rusqlite::Result<()> {
    let mut event = connection.prepare_cached("INSERT OR REPLACE INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    let fingerprint = settled.fingerprint().0.to_be_bytes();
    let status = settled.status().as_u16();
    event.execute(params![settled.row, scope, settled.key, fingerprint, settled.at, status, body])?;
    if let Some((content_type, body)) = settled.content.parts() {
        let mut answer = connection.prepare_cached("INSERT OR REPLACE INTO answer VALUES (?1, ?2, ?3)")?;
        answer.execute(params![settled.row, content_type, body])?;
    }
    Ok(())
}

/// Deletes the last of `rows`, and returns those.
fn delete<'a>(connection: &Connection, sql: &str, rows: &'a [i64], most: usize) -> rusqlite::Result<&'a [i64]> {
    let rows = &rows[rows.len().saturating_sub(most)..];
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

    fn failure(extended_code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), None)
    }

    fn journal(events: i64) -> Journal {
        let journal = Journal::new(1);
        for row in 1..=events {
            let event = Remembered::new([0; 16], Fingerprint(0), 0, row, StatusCode::OK, Content::Empty);
            journal.settle(1, &event, None);
        }
        journal
    }

    /// A disk that does what a test says, and remembers how many pages were worth a checkpoint.
    struct Scripted<F>(F, Vec<i64>);

    impl<F: FnMut(&Batch) -> rusqlite::Result<()>> Write for Scripted<F> {
        fn write(&mut self, batch: &Batch, operations: Vec<Operation>) -> rusqlite::Result<Vec<Effect>> {
            let connection = Connection::open_in_memory()?;
            let effects = operations.into_iter().map(|operation| operation.perform(&connection)).collect();
            (self.0)(batch).and(effects)
        }

        fn probe(&mut self) -> rusqlite::Result<Vec<Effect>> {
            (self.0)(&Batch::default()).map(|()| Vec::new())
        }

        fn leave(&mut self, _: &mut Vec<i64>, _: &mut Vec<i64>, _: Option<i64>) {}

        fn has_rest(&self) -> bool {
            false
        }

        fn checkpoint(&mut self, pages: i64) -> rusqlite::Result<()> {
            self.1.push(pages);
            Ok(())
        }
    }

    fn write(journal: &Journal, script: impl FnMut(&Batch) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        write_all(journal, &mut Scripted(script, Vec::new()))
    }

    #[test]
    fn a_checkpoint_is_put_off_while_many_wait() {
        for (waiting, pages) in [(1, CHECKPOINT), (FEW, CHECKPOINT), (FEW + 1, CHECKPOINT_UNDER_LOAD)] {
            let journal = journal(0);
            for _ in 0..waiting {
                assert!(journal.perform(Operation::new(0, |_| Ok(Box::new(|| {})))).is_ok());
            }
            journal.close();
            let mut disk = Scripted(|_: &Batch| Ok(()), Vec::new());

            write_all(&journal, &mut disk).unwrap();

            assert_eq!(disk.1, [pages], "{waiting}");
        }
    }

    #[test]
    fn a_failed_sync_is_never_tried_again() {
        let journal = journal(3);
        let mut attempts = 0;
        let flushed = journal.flush();

        let result = write(&journal, |_| {
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

        let result = write(&journal, |batch| {
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

        let result = write(&journal, |_| Err(failure(ffi::SQLITE_FULL)));

        assert!(result.is_err());
        assert_eq!(journal.unwritten.load(Relaxed), 3);
    }

    /// Leaves an operation, and tells what became of it.
    fn operate(journal: &Journal) -> tokio::sync::oneshot::Receiver<()> {
        let (reply, told) = tokio::sync::oneshot::channel();
        let effect = move || reply.send(()).unwrap_or_default();
        let _ = journal.perform(Operation::new(0, |_| Ok(Box::new(effect))));
        told
    }

    #[test]
    fn an_operation_fails_with_its_transaction_and_events_wait_for_the_next() {
        let journal = journal(3);
        let (failed, mut attempts) = (operate(&journal), 0);

        let result = write(&journal, |batch| {
            attempts += 1;
            assert_eq!(batch.events.len(), 3);
            if attempts == 1 {
                return Err(failure(ffi::SQLITE_FULL));
            }
            journal.close();
            Ok(())
        });

        assert!(result.is_ok());
        assert!(failed.blocking_recv().is_err());
        assert_eq!(journal.written.load(Relaxed), 3);
    }

    #[test]
    fn an_operation_is_tried_soon_however_long_nothing_worked() {
        let journal = Journal::new(1);
        let (mut attempts, mut last) = (0, None);
        let begun = std::time::Instant::now();
        let first = operate(&journal);

        let result = write(&journal, |_| {
            attempts += 1;
            if attempts < 6 {
                last = Some(operate(&journal));
                return Err(failure(ffi::SQLITE_FULL));
            }
            journal.close();
            Ok(())
        });

        assert!(result.is_ok());
        assert!(first.blocking_recv().is_err());
        assert!(last.expect("the last one").blocking_recv().is_ok());
        // Five pauses of 200 ms; where they doubled it would be more than six seconds.
        let spent = begun.elapsed();
        assert!(spent >= PAUSES.0 * 5 && spent < PAUSES.0 * 20, "{spent:?}");
    }

    #[test]
    fn nothing_is_taken_after_a_failed_sync() {
        let journal = Arc::new(Journal::new(1));
        let waiting = operate(&journal);
        let ending = Ending(Arc::clone(&journal));

        let result = write(&journal, |_| Err(failure(ffi::SQLITE_IOERR_FSYNC)));
        drop(ending);

        assert!(result.is_err());
        assert!(waiting.blocking_recv().is_err());
        assert!(operate(&journal).blocking_recv().is_err());
        assert!(!journal.is_healthy.load(Relaxed));
    }
}
