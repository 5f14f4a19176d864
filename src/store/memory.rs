//! What the scopes share: the room for bodies, and the journal behind them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::answer::Content;
use super::journal::{Journal, ScopeRecord};
use super::scope::ScopeState;
use super::shard::Remembered;
use super::{DedupKey, Scope};

/// How many bytes of kept answers all scopes hold together.
pub(super) const BODIES: usize = 64 * 1024 * 1024;

/// How much more than needed is dropped at once, so that looking for the oldest is not done for each answer.
const SLACK: usize = BODIES / 256;

pub(super) struct Memory {
    /// In the order of their first configuration. They are never taken out: a returning scope finds its entries.
    scopes: RwLock<Vec<Arc<ScopeState>>>,
    /// Bytes of kept answers.
    bodies: AtomicUsize,
    /// Held by the one worker that drops bodies.
    shedding: Mutex<()>,
    pub(super) journal: Option<Arc<Journal>>,
}

impl Memory {
    pub(super) fn new(journal: Option<Arc<Journal>>) -> Arc<Memory> {
        let (scopes, bodies, shedding) = (RwLock::default(), AtomicUsize::new(0), Mutex::default());
        Arc::new(Memory { scopes, bodies, shedding, journal })
    }

    pub(super) fn scopes(&self) -> Vec<Arc<ScopeState>> {
        self.scopes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn scope(&self, name: &str) -> Option<Arc<ScopeState>> {
        let scopes = self.scopes.read().unwrap_or_else(PoisonError::into_inner);
        scopes.iter().find(|scope| *scope.name == *name).cloned()
    }

    /// Takes over a scope's window and limit, and adds it if it is new.
    pub(super) fn configure(self: &Arc<Self>, scope: &Scope) {
        let mut scopes = self.scopes.write().unwrap_or_else(PoisonError::into_inner);
        let known = scopes.iter().find(|known| known.name == scope.name);
        let id = known.map_or_else(|| scopes.iter().map(|known| known.id).max().unwrap_or(0) + 1, |known| known.id);
        match known {
            Some(known) => known.configure(scope),
            None => scopes.push(Arc::new(ScopeState::new(scope, id, self))),
        }
        if let Some(journal) = &self.journal {
            journal.configure(ScopeRecord { id, scope: scope.clone() });
        }
    }

    /// Adds a scope that the store's file knows.
    pub(super) fn restore(self: &Arc<Self>, id: i64, scope: &Scope) {
        let state = Arc::new(ScopeState::new(scope, id, self));
        self.scopes.write().unwrap_or_else(PoisonError::into_inner).push(state);
    }

    /// Lets go of the scopes, which hold on to this.
    pub(super) fn close(&self) {
        self.scopes.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn bodies(&self) -> usize {
        self.bodies.load(Relaxed)
    }

    /// The number of the next event in the store's file; 0: there is none.
    pub(super) fn next_row(&self) -> i64 {
        self.journal.as_ref().map_or(0, |journal| journal.next_row())
    }

    pub(super) fn write(&self, scope: i64, event: &Remembered, body: Option<DedupKey>) {
        if let Some(journal) = &self.journal {
            journal.settle(scope, event, body);
        }
    }

    /// Counts an answer that is kept, and drops the oldest bodies when there is too much.
    pub(super) fn kept(&self, cost: usize) {
        if cost > 0 && self.bodies.fetch_add(cost, Relaxed) + cost > BODIES {
            self.shed();
        }
    }

    /// Lets an event go that left its scope.
    pub(super) fn forgotten(&self, event: &Remembered) {
        self.bodies.fetch_sub(event.content.cost(), Relaxed);
        if let Some(journal) = &self.journal {
            journal.forget(event.row);
        }
    }

    /// Lets a body go whose event stays.
    pub(super) fn dropped(&self, content: &Content, row: i64) {
        self.bodies.fetch_sub(content.cost(), Relaxed);
        if let Some(journal) = &self.journal {
            journal.drop_answer(row);
        }
    }

    fn shed(&self) {
        // Another worker is at it.
        let Ok(_shedding) = self.shedding.try_lock() else { return };
        let scopes = self.scopes();
        while self.bodies() > BODIES {
            let shards =
                scopes.iter().flat_map(|scope| scope.oldest_bodies().map(move |(shard, at)| (at, shard, scope)));
            let mut shards: Vec<_> = shards.collect();
            shards.sort_unstable_by_key(|&(at, _, _)| at);
            let Some(&(_, shard, scope)) = shards.first() else { return };
            let until = shards.get(1).map_or(i64::MAX, |&(at, _, _)| at);
            scope.drop_bodies(shard, until, || self.bodies() > BODIES - SLACK);
        }
    }
}
