//! What is to be written, on its way to the thread that writes.
//!
//! Whoever settles leaves a record here and goes on. The queue has a bound: where the
//! disk is too slow, or full, records are dropped and counted. What they say is still
//! known until the process ends.
//!
//! Operations are what somebody waits for. They are written at once, with what else is
//! there, and beyond the bound they are refused.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::shard::Remembered;
use super::sqlite::Operation;
use super::{DedupKey, Scope};

/// How many events may wait to be written.
const EVENTS: usize = 65_536;

/// How many bytes of answers may wait with them.
const ANSWERS: usize = 32 * 1024 * 1024;

/// How many rows may wait to be deleted. Those beyond stay in the file until it is opened again.
const LEAVING: usize = 1 << 20;

/// How many events are worth waking the writer for at once.
const BATCH: usize = 512;

/// How long an event may wait for others to be written with it.
const LINGER: Duration = Duration::from_millis(200);

/// How long the first operation waits for others where many came together before: much less than a sync takes.
const GATHER: Duration = Duration::from_micros(50);

/// How many operations may wait.
const OPERATIONS: usize = 16_384;

/// How many bytes of messages may wait with them.
const OPERATION_BYTES: usize = 64 * 1024 * 1024;

/// How many operations, and bytes of messages, one transaction writes.
const TOGETHER: (usize, usize) = (512, 4 * 1024 * 1024);

/// The queue, and what became of what went through it.
pub(super) struct Journal {
    queue: Mutex<Queue>,
    wake: Condvar,
    next_row: AtomicI64,
    /// Whether the last attempt to write succeeded.
    pub(super) is_healthy: AtomicBool,
    /// Events written.
    pub(super) written: AtomicU64,
    /// Events that never will be.
    pub(super) unwritten: AtomicU64,
    /// Transactions that failed.
    pub(super) failures: AtomicU64,
}

#[derive(Default)]
struct Queue {
    batch: Batch,
    operations: VecDeque<Operation>,
    operation_bytes: usize,
    /// When somebody last wanted what is over to be let go, in milliseconds since the epoch.
    prune: Option<i64>,
    /// Who waits for the batch to be tried.
    flushing: Vec<oneshot::Sender<()>>,
    is_closed: bool,
}

/// What one transaction writes.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) scopes: Vec<ScopeRecord>,
    pub(super) events: Vec<EventRecord>,
    /// Rows of events that were forgotten.
    pub(super) events_gone: Vec<i64>,
    /// Rows of events whose answers were dropped.
    pub(super) answers_gone: Vec<i64>,
    answer_bytes: usize,
}

/// A scope as configured last.
pub(super) struct ScopeRecord {
    pub(super) id: i64,
    pub(super) scope: Scope,
}

/// A settled event, and the scope it belongs to.
pub(super) struct EventRecord {
    pub(super) scope: i64,
    pub(super) event: Remembered,
    /// The key of its body, where that is remembered alone as well.
    pub(super) body: Option<DedupKey>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        let gone = self.events_gone.is_empty() && self.answers_gone.is_empty();
        self.scopes.is_empty() && self.events.is_empty() && gone
    }
}

impl Journal {
    /// A journal whose first event gets the number `next_row`.
    pub(super) fn new(next_row: i64) -> Journal {
        Journal {
            queue: Mutex::default(),
            wake: Condvar::new(),
            next_row: AtomicI64::new(next_row),
            is_healthy: AtomicBool::new(true),
            written: AtomicU64::new(0),
            unwritten: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    pub(super) fn next_row(&self) -> i64 {
        self.next_row.fetch_add(1, Relaxed)
    }

    /// Leaves a scope to be written; never dropped, because events refer to it.
    pub(super) fn configure(&self, scope: ScopeRecord) {
        self.push(|batch| batch.scopes.push(scope));
    }

    /// Leaves an event to be written, or counts it out.
    pub(super) fn settle(&self, scope: i64, event: &Remembered, body: Option<DedupKey>) {
        let cost = event.content.cost();
        let is_taken = self.push(|batch| {
            let has_room = batch.events.len() < EVENTS && batch.answer_bytes + cost <= ANSWERS;
            if has_room {
                batch.answer_bytes += cost;
                batch.events.push(EventRecord { scope, event: event.clone(), body });
            }
            has_room
        });
        if is_taken != Some(true) {
            self.unwritten.fetch_add(1, Relaxed);
        }
    }

    /// Leaves an event to be deleted.
    pub(super) fn forget(&self, row: i64) {
        self.push(|batch| push_bounded(&mut batch.events_gone, row));
    }

    /// Leaves an answer to be deleted whose event stays.
    pub(super) fn drop_answer(&self, row: i64) {
        self.push(|batch| push_bounded(&mut batch.answers_gone, row));
    }

    /// Leaves what somebody waits for; gives it back where there is no room, or nobody who writes.
    pub(super) fn perform(&self, operation: Operation) -> Result<(), Operation> {
        let mut queue = self.lock();
        let is_full = queue.operations.len() >= OPERATIONS
            || !queue.operations.is_empty() && queue.operation_bytes + operation.bytes > OPERATION_BYTES;
        if queue.is_closed || is_full {
            return Err(operation);
        }
        let was_empty = queue.operations.is_empty();
        queue.operation_bytes += operation.bytes;
        queue.operations.push_back(operation);
        drop(queue);
        if was_empty {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Asks for what is over at `now` to be let go, in milliseconds since the epoch.
    pub(super) fn prune(&self, now: i64) {
        self.lock().prune = Some(now);
        self.wake.notify_one();
    }

    /// Whether nothing will be written any more.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Takes back what could not be written, to be tried again with what came since.
    pub(super) fn put_back(&self, mut batch: Batch) {
        let mut queue = self.lock();
        batch.scopes.append(&mut queue.batch.scopes);
        batch.events.append(&mut queue.batch.events);
        queue.batch.answer_bytes += batch.answer_bytes;
        (queue.batch.scopes, queue.batch.events) = (batch.scopes, batch.events);
    }

    /// Asks for everything so far to be written; what is returned resolves when it was tried.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (sender, tried) = oneshot::channel();
        let mut queue = self.lock();
        if !queue.is_closed {
            queue.flushing.push(sender);
            self.wake.notify_one();
        }
        tried
    }

    /// Ends the writer once it has written what is left.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// Waits for something to write; `None`: closed, and there is nothing.
    ///
    /// `has_rest` says that the writer itself still has something to do, `crowd` how many operations it did at a time
    /// of late: those who were served together come back together, and the first of them waits a moment for the others.
    pub(super) fn next(&self, has_rest: bool, crowd: usize) -> Option<Taken> {
        let mut queue = self.lock();
        if !has_rest {
            let idle = |queue: &mut Queue| queue.is_empty() && queue.prune.is_none() && !queue.is_closed;
            queue = self.wake.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        }
        let few = |queue: &mut Queue| queue.batch.events.len() < BATCH && !queue.is_urgent();
        let waited = self.wake.wait_timeout_while(queue, LINGER, few);
        let queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let early = |queue: &mut Queue| (1..crowd / 2).contains(&queue.operations.len()) && !queue.is_closed;
        let waited = self.wake.wait_timeout_while(queue, GATHER, early);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        if queue.is_closed && queue.is_empty() && !has_rest {
            return None;
        }
        let operations = queue.take_operations();
        Some(Taken {
            batch: std::mem::take(&mut queue.batch),
            is_last: queue.is_closed && queue.operations.is_empty(),
            operations,
            flushing: std::mem::take(&mut queue.flushing),
            prune: queue.prune.take(),
        })
    }

    /// Waits after a failure: for `pause`, or until somebody asks; those who ask all the time are heeded after `least`.
    pub(super) fn pause(&self, least: Duration, pause: Duration) {
        let calm = |queue: &mut Queue| queue.flushing.is_empty() && !queue.is_closed;
        let waited = self.wake.wait_timeout_while(self.lock(), least, calm);
        let queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let rest = pause.saturating_sub(least);
        drop(self.wake.wait_timeout_while(queue, rest, |queue| !queue.is_urgent()));
    }

    /// Takes nothing more: the writer is gone. Whatever waits is counted out.
    pub(super) fn abandon(&self) {
        let mut queue = self.lock();
        let left = std::mem::take(&mut *queue);
        queue.is_closed = true;
        self.is_healthy.store(false, Relaxed);
        self.unwritten.fetch_add(left.batch.events.len() as u64, Relaxed);
        // What operations hold, claims for one, may need this lock when it is dropped.
        drop(queue);
    }

    fn push<T>(&self, add: impl FnOnce(&mut Batch) -> T) -> Option<T> {
        let mut queue = self.lock();
        if queue.is_closed {
            return None;
        }
        let (was_idle, before) = (queue.batch.is_empty(), queue.batch.events.len());
        let added = add(&mut queue.batch);
        let is_enough = before < BATCH && queue.batch.events.len() >= BATCH;
        drop(queue);
        if was_idle || is_enough {
            self.wake.notify_one();
        }
        Some(added)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.operations.is_empty() && self.flushing.is_empty()
    }

    /// Whether somebody waits.
    fn is_urgent(&self) -> bool {
        !self.operations.is_empty() || !self.flushing.is_empty() || self.is_closed
    }

    /// The next operations that one transaction writes.
    fn take_operations(&mut self) -> Vec<Operation> {
        let mut bytes = 0;
        let within = self.operations.iter().take(TOGETHER.0).take_while(|operation| {
            let is_first = bytes == 0;
            bytes += operation.bytes;
            is_first || bytes <= TOGETHER.1
        });
        let count = within.count();
        let taken: Vec<_> = self.operations.drain(..count).collect();
        self.operation_bytes -= taken.iter().map(|operation| operation.bytes).sum::<usize>();
        taken
    }
}

fn push_bounded(rows: &mut Vec<i64>, row: i64) {
    if rows.len() < LEAVING {
        rows.push(row);
    }
}

/// What the writer takes at once.
pub(super) struct Taken {
    pub(super) batch: Batch,
    /// In the order in which they came. Dropping one fails it.
    pub(super) operations: Vec<Operation>,
    /// Dropped once the batch was tried.
    pub(super) flushing: Vec<oneshot::Sender<()>>,
    /// Since when what is over may go.
    pub(super) prune: Option<i64>,
    /// The store is being closed.
    pub(super) is_last: bool,
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::store::Fingerprint;
    use crate::store::answer::Content;

    fn event(row: i64, length: usize) -> Remembered {
        let content = Content::from_parts(b"", &vec![0; length]);
        Remembered::new([0; 16], Fingerprint(0), 0, row, StatusCode::OK, content)
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_does_not_wait() {
        let journal = Journal::new(1);

        for row in 0..EVENTS as i64 + 10 {
            journal.settle(1, &event(row, 0), None);
        }

        assert_eq!(journal.unwritten.load(Relaxed), 10);
        journal.close();
        assert_eq!(journal.next(false, 0).expect("a batch").batch.events.len(), EVENTS);
    }

    #[test]
    fn a_queue_full_of_answers_is_full() {
        let journal = Journal::new(1);

        for row in 0..3000 {
            journal.settle(1, &event(row, 16 * 1024), None);
        }

        let unwritten = journal.unwritten.load(Relaxed);
        assert!((900..1000).contains(&unwritten), "{unwritten}");
    }

    #[test]
    fn a_closed_queue_takes_nothing() {
        let journal = Journal::new(1);
        journal.close();

        journal.settle(1, &event(1, 0), None);

        assert_eq!(journal.unwritten.load(Relaxed), 1);
        assert!(journal.next(false, 0).is_none());
    }

    fn operation(bytes: usize) -> Operation {
        Operation::new(bytes, |_| Ok(Box::new(|| {})))
    }

    #[test]
    fn operations_beyond_the_bound_are_given_back() {
        let (journal, large) = (Journal::new(1), Journal::new(1));

        for _ in 0..OPERATIONS {
            assert!(journal.perform(operation(0)).is_ok());
        }
        assert!(journal.perform(operation(0)).is_err());
        assert!(large.perform(operation(OPERATION_BYTES * 2)).is_ok());
        assert!(large.perform(operation(1)).is_err());
    }

    #[test]
    fn one_transaction_takes_so_many_operations_and_bytes() {
        let journal = Journal::new(1);
        for _ in 0..TOGETHER.0 + 1 {
            assert!(journal.perform(operation(1)).is_ok());
        }
        for _ in 0..3 {
            assert!(journal.perform(operation(TOGETHER.1 * 2 / 3)).is_ok());
        }
        journal.close();

        let taken = || journal.next(false, 0).map(|taken| (taken.operations.len(), taken.is_last));

        assert_eq!(taken(), Some((TOGETHER.0, false)));
        assert_eq!([taken(), taken(), taken()], [Some((2, false)), Some((1, false)), Some((1, true))]);
        assert_eq!(taken(), None);
    }
}
