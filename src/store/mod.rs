//! What was seen: which events were delivered, and which are being delivered.
//!
//! All of it is in memory, shared by the workers; a store that is opened with
//! [`Store::open_sqlite`] remembers it across a restart, written behind by a thread
//! of its own. A scope is a source: keys of one never meet those of another.
//!
//! ```text
//! claim ── New(claim) ──── settle ──▶ later claims: Settled, until the window is over
//!   │          └────────── release ─▶ the next who waits: Yours(claim); nobody waits: New again
//!   └───── InFlight(waiter) ── wait ─▶ Settled · Yours(claim) · Failed · TooLong
//! ```
//!
//! What a claim ends with is told apart so that a failing upstream is asked twice for
//! those who wait, not once for each, and a hanging one only once.

mod answer;
mod bodies;
mod claim;
#[cfg(test)]
mod conformance;
mod flight;
mod journal;
pub mod ledger;
mod memory;
mod past;
#[cfg(test)]
pub(crate) mod recall;
mod scope;
mod shard;
mod sqlite;
#[cfg(any(test, fuzzing))]
pub(crate) use sqlite::fuzz;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use answer::{KEPT_BODY, KeptAnswer};
pub use bodies::Alike;
pub use claim::{Claim, Lent, Repeat, Seen, Settlement, Succession, Waited, Waiter};
use jiff::Timestamp;
pub use sqlite::OpenError;

use crate::config::Keep;
use journal::Journal;
use ledger::Ledger;
use memory::Memory;
use scope::ScopeState;
use sqlite::{Readers, Retention, SqliteLedger, StoreFile, Writer};

/// How many wait for one claim.
pub const WAITERS: usize = 64;

/// What an event is known by within its scope: uniformly distributed, a truncated SHA-256.
pub type DedupKey = [u8; 16];

/// Tells bodies apart: equal bodies, equal fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    fn compare(self, other: Fingerprint) -> Repeat {
        if self == other { Repeat::SameBody } else { Repeat::OtherBody }
    }
}

/// A source's part of the store, as configured.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The source's name.
    pub name: Arc<str>,
    /// How long a delivered event is remembered, to the millisecond.
    pub window: Duration,
    /// How many delivered events are remembered; at the limit the oldest goes.
    pub entries: usize,
}

/// A scope of a store, found once and used for every claim.
#[derive(Clone, Debug)]
pub struct ScopeHandle(Arc<ScopeState>);

impl ScopeHandle {
    /// Asks for an event: is it new, known, or being delivered.
    ///
    /// Never blocks and never awaits. `wait` bounds how long those wait who ask for the same event
    /// while this claim is held, counted from this moment.
    pub fn claim(&self, key: DedupKey, fingerprint: Fingerprint, now: Timestamp, wait: Duration) -> Seen {
        self.0.claim(key, fingerprint, now, wait)
    }

    /// Asks for an event that only its id and its body together name, and tells how the body compares with the first
    /// one under this id. Each body under an id is an event of its own.
    ///
    /// `id` is the key of the id, `own` that of the id and the body.
    pub fn claim_by_body(
        &self,
        id: DedupKey,
        own: DedupKey,
        fingerprint: Fingerprint,
        now: Timestamp,
        wait: Duration,
    ) -> (Seen, Repeat) {
        self.0.claim_by_body(id, own, fingerprint, now, wait)
    }
}

/// What was seen: claims in memory, shared by all workers, with or without a file behind it.
pub struct Store {
    memory: Arc<Memory>,
    ledger: Option<Arc<dyn Ledger>>,
    // Dropped after the memory was closed: they wait for what is left to be read and written, the writer last.
    _readers: Option<Readers>,
    _writer: Option<Writer>,
}

impl Store {
    /// A store that forgets with the process.
    pub fn memory() -> Arc<Store> {
        Arc::new(Store { memory: Memory::new(None), ledger: None, _readers: None, _writer: None })
    }

    /// A store in memory whose deliveries are in memory, too.
    #[cfg(test)]
    pub(crate) fn recalling(ledger: Arc<recall::Recall>) -> Arc<Store> {
        Arc::new(Store { memory: Memory::new(None), ledger: Some(ledger), _readers: None, _writer: None })
    }

    /// A store with a file behind it, which is made if there is none. `keep` says what stays of what is over.
    ///
    /// # Errors
    ///
    /// If the file cannot be used, is another program's, or another process has it.
    pub fn open_sqlite(path: &Path, keep: &Keep, now: Timestamp) -> Result<Arc<Store>, OpenError> {
        Store::load(sqlite::open(path)?, path, keep, now)
    }

    fn load(file: StoreFile, path: &Path, keep: &Keep, now: Timestamp) -> Result<Arc<Store>, OpenError> {
        let sqlite = |source| OpenError::of(path, source);
        let next_row = sqlite::next_row(&file.connection).map_err(sqlite)?;
        let journal = Arc::new(Journal::new(next_row));
        let memory = Memory::new(Some(Arc::clone(&journal)));
        sqlite::load(&file.connection, &memory, &journal, now).map_err(sqlite)?;
        let books = sqlite::load_books(&file.connection, keep).map_err(sqlite)?;
        let readers = Readers::start(path)?;
        let retention = Retention::new(keep.clone(), &books);
        let writer = Writer::start(&journal, file, retention)
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        let ledger = SqliteLedger::new((&journal, &memory), &books, keep.clone(), &readers);
        Ok(Arc::new(Store { memory, ledger: Some(Arc::new(ledger)), _readers: Some(readers), _writer: Some(writer) }))
    }

    /// Sets windows and limits, at start and on a reload. Everything that was seen lives on.
    ///
    /// A scope that is missing here keeps its entries until they expire; when it returns, it finds them.
    pub fn configure(&self, scopes: &[Scope]) {
        for scope in scopes {
            self.memory.configure(scope);
        }
    }

    /// The scope of this name, if one was ever configured.
    pub fn scope(&self, name: &str) -> Option<ScopeHandle> {
        self.memory.scope(name).map(ScopeHandle)
    }

    /// Lets what has expired go, deliveries that are over included, and says in the log what went before; to be called about once a second.
    ///
    /// Where there is traffic, expired events leave with it; this is for scopes that see none.
    pub fn sweep(&self, now: Timestamp) {
        for scope in self.memory.scopes() {
            scope.sweep(now.as_millisecond());
            scope.report(now.as_millisecond());
        }
        if let Some(journal) = &self.memory.journal {
            journal.prune(now.as_millisecond());
        }
    }

    /// The durable half, where deliveries are kept; a store in memory has none.
    pub fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        self.ledger.clone()
    }

    /// Whether what is settled can be written. A store in memory always can.
    pub fn healthy(&self) -> bool {
        self.memory.journal.as_ref().is_none_or(|journal| journal.is_healthy.load(Relaxed))
    }

    /// Waits until it was tried to write everything settled so far; [`Store::healthy`] tells whether that worked.
    pub async fn flush(&self) {
        if let Some(journal) = &self.memory.journal {
            // An error means that there is nobody left who writes.
            let _ = journal.flush().await;
        }
    }

    /// What the store holds, by scope.
    pub fn stats(&self) -> Vec<ScopeStats> {
        let stats = |scope: Arc<ScopeState>| ScopeStats {
            name: Arc::clone(&scope.name),
            entries: scope.entries.load(Relaxed),
            in_flight: scope.in_flight(),
            evictions: scope.evictions.load(Relaxed),
        };
        self.memory.scopes().into_iter().map(stats).collect()
    }

    /// What the store as a whole holds, and what became of what it wrote.
    pub fn totals(&self) -> Totals {
        let count = |read: fn(&Journal) -> &AtomicU64| {
            self.memory.journal.as_ref().map_or(0, |journal| read(journal).load(Relaxed))
        };
        Totals {
            answer_bytes: self.memory.bodies(),
            written: count(|journal| &journal.written),
            unwritten: count(|journal| &journal.unwritten),
            failures: count(|journal| &journal.failures),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.memory.close();
    }
}

/// What a scope holds.
#[derive(Clone, Debug)]
pub struct ScopeStats {
    /// The scope's name.
    pub name: Arc<str>,
    /// Delivered events that are remembered.
    pub entries: usize,
    /// Claims that are held.
    pub in_flight: usize,
    /// Events that were forgotten before their window was over, because there were too many.
    pub evictions: u64,
}

/// What a store as a whole holds, and what became of what it wrote since the start.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// Bytes of kept answers, with what it takes to keep them.
    pub answer_bytes: usize,
    /// Events written to the file.
    pub written: u64,
    /// Events that the file could not take; a restart forgets them.
    pub unwritten: u64,
    /// Transactions that failed.
    pub failures: u64,
}
