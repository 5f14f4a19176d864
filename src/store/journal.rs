//! What is to be written behind the claims, on its way to the thread that writes.
//!
//! Whoever settles leaves a record here and goes on. The queue has a bound: where the
//! disk is too slow, or full, records are dropped and counted. What they say is still
//! known until the process ends.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::Scope;
use super::shard::Remembered;

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
    pub(super) fn settle(&self, scope: i64, event: &Remembered) {
        let cost = event.content.cost();
        let is_taken = self.push(|batch| {
            let has_room = batch.events.len() < EVENTS && batch.answer_bytes + cost <= ANSWERS;
            if has_room {
                batch.answer_bytes += cost;
                batch.events.push(EventRecord { scope, event: event.clone() });
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
    /// `has_rest` says that the writer itself still has something to do.
    pub(super) fn next(&self, has_rest: bool) -> Option<Taken> {
        let idle = |queue: &mut Queue| queue.batch.is_empty() && queue.flushing.is_empty() && !queue.is_closed;
        let few = |queue: &mut Queue| queue.batch.events.len() < BATCH && queue.flushing.is_empty() && !queue.is_closed;
        let mut queue = self.lock();
        if !has_rest {
            queue = self.wake.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self.wake.wait_timeout_while(queue, LINGER, few);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        if queue.is_closed && queue.batch.is_empty() && queue.flushing.is_empty() && !has_rest {
            return None;
        }
        Some(Taken {
            batch: std::mem::take(&mut queue.batch),
            flushing: std::mem::take(&mut queue.flushing),
            is_last: queue.is_closed,
        })
    }

    /// Waits before a failed batch is tried again: for `pause`, or until somebody asks for it.
    ///
    /// Whoever asked is returned, and whether this is the last chance.
    pub(super) fn pause(&self, pause: Duration) -> (Vec<oneshot::Sender<()>>, bool) {
        let nothing = |queue: &mut Queue| queue.flushing.is_empty() && !queue.is_closed;
        let waited = self.wake.wait_timeout_while(self.lock(), pause, nothing);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        (std::mem::take(&mut queue.flushing), queue.is_closed)
    }

    /// Takes nothing more: the writer is gone. Whatever waits is counted out.
    pub(super) fn abandon(&self) {
        let mut queue = self.lock();
        let Queue { batch, .. } = std::mem::take(&mut *queue);
        queue.is_closed = true;
        self.unwritten.fetch_add(batch.events.len() as u64, Relaxed);
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

fn push_bounded(rows: &mut Vec<i64>, row: i64) {
    if rows.len() < LEAVING {
        rows.push(row);
    }
}

/// What the writer takes at once.
pub(super) struct Taken {
    pub(super) batch: Batch,
    /// Dropped once the batch was tried.
    pub(super) flushing: Vec<oneshot::Sender<()>>,
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
            journal.settle(1, &event(row, 0));
        }

        assert_eq!(journal.unwritten.load(Relaxed), 10);
        journal.close();
        assert_eq!(journal.next(false).expect("a batch").batch.events.len(), EVENTS);
    }

    #[test]
    fn a_queue_full_of_answers_is_full() {
        let journal = Journal::new(1);

        for row in 0..3000 {
            journal.settle(1, &event(row, 16 * 1024));
        }

        let unwritten = journal.unwritten.load(Relaxed);
        assert!((900..1000).contains(&unwritten), "{unwritten}");
    }

    #[test]
    fn a_closed_queue_takes_nothing() {
        let journal = Journal::new(1);
        journal.close();

        journal.settle(1, &event(1, 0));

        assert_eq!(journal.unwritten.load(Relaxed), 1);
        assert!(journal.next(false).is_none());
    }
}
