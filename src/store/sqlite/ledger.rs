//! The ledger: what is asked of it, and who does that.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::accept;
use super::books::Books;
use super::change::{self, Desk, Order};
use super::operation::submit;
use super::read::{Reader, Readers};
use super::{counts, lease, list, record, show};
use crate::config::Keep;
use crate::store::journal::Journal;
use crate::store::ledger::{
    Accept, Accepted, Change, ChangeRecord, Changed, DeliveryId, Depth, Ended, Filter, Leases, Ledger, LedgerError,
    Listed, NewDelivery, Page, Pending, Repeated, Room, Shown, Target,
};
use crate::store::memory::Memory;

/// A ledger in a SQLite file.
pub(in crate::store) struct SqliteLedger {
    pub(super) journal: Arc<Journal>,
    pub(super) memory: Arc<Memory>,
    pub(super) books: Arc<Books>,
    pub(super) keep: Keep,
    deliveries: Reader,
    operators: Reader,
}

impl SqliteLedger {
    pub(in crate::store) fn new(
        (journal, memory): (&Arc<Journal>, &Arc<Memory>),
        books: &Arc<Books>,
        keep: Keep,
        readers: &Readers,
    ) -> SqliteLedger {
        SqliteLedger {
            journal: Arc::clone(journal),
            memory: Arc::clone(memory),
            books: Arc::clone(books),
            keep,
            deliveries: readers.deliveries.clone(),
            operators: readers.operators.clone(),
        }
    }
}

impl Ledger for SqliteLedger {
    fn next_id(&self, now: Timestamp) -> DeliveryId {
        DeliveryId::new(now, self.journal.next_row())
    }

    fn accept(&self, what: Accept) -> Pending<Vec<Accepted>> {
        let (books, journal) = (Arc::clone(&self.books), Arc::clone(&self.journal));
        submit(&self.journal, accept::bytes(&what), move |connection, reply| {
            accept::accept(connection, (&books, &journal), what, reply)
        })
    }

    fn repeat(&self, id: DeliveryId, again: NewDelivery) -> Pending<Repeated> {
        let (books, memory) = (Arc::clone(&self.books), Arc::clone(&self.memory));
        submit(&self.journal, again.message.body.len(), move |connection, reply| {
            accept::repeat(connection, (&books, &memory), (id, again), reply)
        })
    }

    fn lease(&self, target: Target, now: Timestamp, room: Room) -> Pending<Leases> {
        if self.journal.is_closed() {
            return Box::pin(std::future::ready(Err(LedgerError::Unavailable)));
        }
        lease::lease(&self.deliveries, &self.books, (target, now, room))
    }

    fn record(&self, ended: Ended) -> Pending<()> {
        let (books, bodies) = (Arc::clone(&self.books), self.keep.bodies);
        let bytes = ended.attempt.answer.as_ref().map_or(0, |answer| answer.body.len());
        submit(&self.journal, bytes, move |connection, reply| {
            record::record(connection, (&books, bodies), ended, reply)
        })
    }

    fn release(&self, ids: &[DeliveryId]) {
        self.books.release(ids);
    }

    fn wakes(&self, target: &Target) -> Arc<Notify> {
        self.books.wakes(target)
    }

    fn configure(&self, targets: &[Target]) {
        self.books.configure(targets);
    }

    fn change(&self, change: Change, reason: String, now: Timestamp) -> Pending<Changed> {
        let (books, journal) = (Arc::clone(&self.books), Arc::clone(&self.journal));
        let desk = Desk { books, journal, bodies: self.keep.bodies };
        submit(&self.journal, 0, move |connection, reply| {
            change::change(connection, &desk, Order { what: change, reason, now }, reply)
        })
    }

    fn list(&self, filter: Filter, page: Page) -> Pending<Listed> {
        let books = Arc::clone(&self.books);
        self.operators.read(move |connection| list::list(connection, &books, &filter, page))
    }

    fn show(&self, id: DeliveryId) -> Pending<Option<Shown>> {
        let (books, mask) = (Arc::clone(&self.books), self.keep.mask.clone());
        self.operators.read(move |connection| show::show(&*connection.transaction()?, &books, &mask, id))
    }

    fn changes(&self, limit: usize) -> Pending<Vec<ChangeRecord>> {
        let books = Arc::clone(&self.books);
        self.operators.read(move |connection| show::changes(connection, &books, limit))
    }

    fn depths(&self) -> Vec<Depth> {
        self.books.depths()
    }

    fn oldest(&self) -> Pending<Vec<(Target, Timestamp)>> {
        let books = Arc::clone(&self.books);
        self.operators.read(move |connection| counts::oldest(connection, &books))
    }

    fn latest(&self) -> Option<Timestamp> {
        self.books.latest.get().copied()
    }

    fn healthy(&self) -> bool {
        self.journal.is_healthy.load(Relaxed) && !self.journal.is_closed()
    }
}
