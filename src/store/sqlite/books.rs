//! What is known of targets and leases without asking the file.
//!
//! A lease is held here and nowhere else, so that it ends with the process. Whoever
//! reads the file for what is due may read it as it was before a commit: what was
//! changed while that reading went on is not handed out by it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::store::ledger::{DeliveryId, Depth, Hold, State, Target};

/// What the file calls a target.
pub(super) type TargetId = i64;

#[derive(Default)]
pub(in crate::store) struct Books {
    pages: Mutex<Pages>,
    /// What all deliveries take, in bytes.
    pub(super) size: AtomicI64,
    /// When the last of what was found in the file was written.
    pub(super) latest: OnceLock<Timestamp>,
}

#[derive(Default)]
struct Pages {
    ids: HashMap<Target, TargetId>,
    targets: BTreeMap<TargetId, Account>,
    /// The rows that are leased, or are being changed, and whose they are.
    leased: HashMap<i64, Held>,
    /// Rows whose hold ended while somebody reads for what is due; `None`: nobody does.
    touched: Option<HashSet<i64>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Held {
    /// By whoever attempts it.
    Leased(TargetId),
    /// By the writer, until it knows whether a change is on disk.
    Changing,
}

/// What is known of a target.
struct Account {
    target: Target,
    /// Whether the file knows it.
    is_written: bool,
    is_configured: bool,
    paused: Option<(Timestamp, String)>,
    /// Leased ones among them.
    due: u64,
    leased: u64,
    dead: u64,
    /// Delivered or discarded since the start.
    over: u64,
    /// No delivery before this row is due.
    oldest: i64,
    /// The first row that became due since `oldest` was asked for.
    added: i64,
    wake: Arc<Notify>,
}

/// What a delivery counts among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Due = 0,
    Dead = 1,
    Delivered = 2,
    Discarded = 3,
}

impl Kept {
    pub(super) fn of(number: i64) -> Kept {
        match number {
            0 => Kept::Due,
            1 => Kept::Dead,
            2 => Kept::Delivered,
            _ => Kept::Discarded,
        }
    }
}

impl Books {
    /// Takes a target over from the file.
    pub(super) fn restore(&self, id: TargetId, target: Target, paused: Option<(Timestamp, String)>) {
        let mut pages = self.pages();
        pages.ids.insert(target.clone(), id);
        pages.targets.insert(id, Account { is_written: true, paused, ..Account::new(target) });
    }

    /// Takes over how many of a target's deliveries are in a state.
    pub(super) fn restore_count(&self, id: TargetId, kept: Kept, count: u64) {
        if let Some(account) = self.pages().targets.get_mut(&id) {
            *account.count(kept) += count;
        }
    }

    /// What the file calls a target, or will, and whether it knows it.
    pub(super) fn target(&self, target: &Target) -> (TargetId, bool) {
        let mut pages = self.pages();
        let id = pages.open(target);
        (id, pages.targets.get(&id).is_some_and(|account| account.is_written))
    }

    /// The file knows a target.
    pub(super) fn is_written(&self, id: TargetId) {
        self.with(id, |account| account.is_written = true);
    }

    pub(super) fn named(&self, id: TargetId) -> Option<Target> {
        self.pages().targets.get(&id).map(|account| account.target.clone())
    }

    pub(super) fn wakes(&self, target: &Target) -> Arc<Notify> {
        let mut pages = self.pages();
        let id = pages.open(target);
        pages.targets.get(&id).map(|account| Arc::clone(&account.wake)).unwrap_or_default()
    }

    /// Takes over which targets there are. Those that return are woken.
    pub(super) fn configure(&self, targets: &[Target]) {
        let mut pages = self.pages();
        let configured: HashSet<TargetId> = targets.iter().map(|target| pages.open(target)).collect();
        for (id, account) in &mut pages.targets {
            let was_configured = std::mem::replace(&mut account.is_configured, configured.contains(id));
            if !was_configured && account.is_configured {
                account.wake.notify_one();
            }
        }
    }

    /// Holds a target, or lets it go on.
    pub(super) fn pause(&self, id: TargetId, paused: Option<(Timestamp, String)>) {
        self.with(id, |account| {
            account.paused = paused;
            if account.paused.is_none() {
                account.wake.notify_one();
            }
        });
    }

    /// A delivery is on disk.
    pub(super) fn added(&self, id: TargetId, row: i64, kept: Kept) {
        self.with(id, |account| account.enter(row, kept));
    }

    /// A delivery's state was changed on disk.
    pub(super) fn moved(&self, id: TargetId, row: i64, from: Kept, to: Kept) {
        self.with(id, |account| {
            let left = account.count(from);
            *left = left.saturating_sub(1);
            account.enter(row, to);
        });
    }

    pub(super) fn resized(&self, by: i64) {
        self.size.fetch_add(by, Relaxed);
    }

    pub(super) fn wake(&self, id: TargetId) {
        self.with(id, |account| account.wake.notify_one());
    }

    /// How much waits for each target that is configured or has deliveries.
    pub(super) fn depths(&self) -> Vec<Depth> {
        self.pages().targets.values().filter(|account| !account.is_idle()).map(Account::depth).collect()
    }

    /// What a delivery counts among in the file is in what state.
    pub(super) fn state(&self, id: TargetId, row: i64, kept: Kept) -> State {
        let pages = self.pages();
        match kept {
            Kept::Dead => State::Dead,
            Kept::Delivered => State::Delivered,
            Kept::Discarded => State::Discarded,
            Kept::Due if matches!(pages.leased.get(&row), Some(Held::Leased(_))) => State::Leased,
            Kept::Due if pages.targets.get(&id).is_some_and(Account::may_go) => State::Due,
            Kept::Due => State::Paused,
        }
    }

    fn with(&self, id: TargetId, change: impl FnOnce(&mut Account)) {
        if let Some(account) = self.pages().targets.get_mut(&id) {
            change(account);
        }
    }

    /// Nothing panics under this lock; if something did, what it guards would still be whole.
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leases, and who else holds a delivery.
impl Books {
    /// Begins to read what is due for a target; `None`: nothing may be handed out.
    ///
    /// One thread does this, and one reading at a time.
    pub(super) fn begin(&self, target: &Target) -> Option<TargetId> {
        let mut pages = self.pages();
        let id = *pages.ids.get(target)?;
        let account = pages.targets.get(&id)?;
        if !account.may_go() || account.due <= account.leased {
            return None;
        }
        pages.touched = Some(HashSet::new());
        Some(id)
    }

    pub(super) fn is_leased(&self, row: i64) -> bool {
        matches!(self.pages().leased.get(&row), Some(Held::Leased(_)))
    }

    pub(super) fn is_held(&self, row: i64) -> bool {
        self.pages().leased.contains_key(&row)
    }

    /// Ends the reading, and tells which of the rows it found are leased by it.
    pub(super) fn lease(&self, id: TargetId, rows: &[i64]) -> HashSet<i64> {
        let mut pages = self.pages();
        let touched = pages.touched.take().unwrap_or_default();
        if !pages.targets.get(&id).is_some_and(Account::may_go) {
            return HashSet::new();
        }
        let free = |row: &&i64| !touched.contains(*row) && !pages.leased.contains_key(*row);
        let taken: HashSet<i64> = rows.iter().filter(free).copied().collect();
        for &row in &taken {
            pages.hold(row, Held::Leased(id));
        }
        taken
    }

    /// Leases a delivery that is not on disk yet.
    pub(super) fn lease_new(&self, id: TargetId, row: i64) {
        self.pages().hold(row, Held::Leased(id));
    }

    /// Ends leases whose deliveries were not attempted, and wakes those who might lease them.
    pub(super) fn release(&self, ids: &[DeliveryId]) {
        let mut pages = self.pages();
        for id in ids {
            if let Some(Held::Leased(target)) = pages.let_go(id.row())
                && let Some(account) = pages.targets.get(&target)
            {
                account.wake.notify_one();
            }
        }
    }

    /// Ends a lease, or a change.
    pub(super) fn let_go(&self, row: i64) {
        self.pages().let_go(row);
    }

    /// Takes a delivery for a change, unless somebody holds it: while it is held it is not leased.
    pub(super) fn take(self: &Arc<Self>, target: TargetId, row: i64) -> Option<Taken> {
        let mut pages = self.pages();
        if pages.leased.contains_key(&row) {
            return None;
        }
        pages.hold(row, Held::Changing);
        Some(Taken { books: Arc::clone(self), target, row })
    }

    /// Begins to look for each target's oldest that is due: where it is, or later.
    pub(super) fn seek_oldest(&self) -> Vec<(TargetId, Target, i64)> {
        let mut pages = self.pages();
        let waiting = pages.targets.iter_mut().filter(|(_, account)| account.due > 0);
        let begin = |(id, account): (&TargetId, &mut Account)| {
            account.added = i64::MAX;
            (*id, account.target.clone(), account.oldest)
        };
        waiting.map(begin).collect()
    }

    /// Takes over where a target's oldest is; what became due meanwhile may be older.
    pub(super) fn found_oldest(&self, id: TargetId, row: i64) {
        self.with(id, |account| account.oldest = row.min(account.added));
    }
}

/// A delivery that is being changed; let go when this is dropped.
pub(super) struct Taken {
    books: Arc<Books>,
    target: TargetId,
    row: i64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.books.let_go(self.row);
        // Whoever looked meanwhile did not see it.
        self.books.wake(self.target);
    }
}

impl Pages {
    /// A target's number; a new one gets the next.
    fn open(&mut self, target: &Target) -> TargetId {
        if let Some(id) = self.ids.get(target) {
            return *id;
        }
        let id = self.targets.last_key_value().map_or(1, |(last, _)| last + 1);
        self.ids.insert(target.clone(), id);
        self.targets.insert(id, Account::new(target.clone()));
        id
    }

    fn hold(&mut self, row: i64, held: Held) {
        if let Held::Leased(id) = held
            && let Some(account) = self.targets.get_mut(&id)
        {
            account.leased += 1;
        }
        self.leased.insert(row, held);
    }

    fn let_go(&mut self, row: i64) -> Option<Held> {
        let held = self.leased.remove(&row)?;
        if let Some(touched) = &mut self.touched {
            touched.insert(row);
        }
        if let Held::Leased(id) = held
            && let Some(account) = self.targets.get_mut(&id)
        {
            account.leased = account.leased.saturating_sub(1);
        }
        Some(held)
    }
}

impl Account {
    fn new(target: Target) -> Account {
        Account {
            target,
            is_written: false,
            is_configured: false,
            paused: None,
            due: 0,
            leased: 0,
            dead: 0,
            over: 0,
            oldest: 0,
            added: i64::MAX,
            wake: Arc::default(),
        }
    }

    fn may_go(&self) -> bool {
        self.is_configured && self.paused.is_none()
    }

    fn is_idle(&self) -> bool {
        !self.is_configured && self.paused.is_none() && self.due + self.dead + self.leased == 0
    }

    /// How many there are in a state; of what is over nobody asks.
    fn count(&mut self, kept: Kept) -> &mut u64 {
        match kept {
            Kept::Due => &mut self.due,
            Kept::Dead => &mut self.dead,
            Kept::Delivered | Kept::Discarded => &mut self.over,
        }
    }

    fn enter(&mut self, row: i64, kept: Kept) {
        *self.count(kept) += 1;
        if kept == Kept::Due {
            self.oldest = self.oldest.min(row);
            self.added = self.added.min(row);
            self.wake.notify_one();
        }
    }

    fn depth(&self) -> Depth {
        let waiting = self.due.saturating_sub(self.leased);
        let held = match &self.paused {
            Some((at, reason)) => Some(Hold::Paused(*at, reason.clone())),
            None => (!self.is_configured).then_some(Hold::Gone),
        };
        Depth {
            target: self.target.clone(),
            due: if held.is_none() { waiting } else { 0 },
            leased: self.leased,
            paused: if held.is_some() { waiting } else { 0 },
            dead: self.dead,
            held,
        }
    }
}
