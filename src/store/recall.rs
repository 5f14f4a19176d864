//! A ledger that forgets with the process, for tests of those who use one.
//!
//! It keeps the whole contract of [`Ledger`]; only the disk is missing. Everything is done when it is asked for, and
//! what is returned resolves at once, so that a test's paused time governs all that happens.

mod rows;
mod tests;

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::ledger::{
    Accept, Accepted, Change, ChangeRecord, Changed, DeliveryId, Depth, Ended, Filter, Leases, Ledger, LedgerError,
    Listed, NewDelivery, Next, Page, Pending, Repeated, Room, Shown, State, Target,
};
use crate::clock;
use rows::Rows;

/// A ledger in memory.
#[derive(Default)]
pub(crate) struct Recall(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    rows: Rows,
    last_row: i64,
    wakes: HashMap<Target, Arc<Notify>>,
    failing: HashMap<Call, usize>,
    calls: HashMap<Call, usize>,
    ended: Vec<Ended>,
}

/// What a ledger is asked for, as far as a test counts it or makes it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// [`Ledger::accept`]
    Accept,
    /// [`Ledger::change`]
    Change,
    /// [`Ledger::lease`]
    Lease,
    /// [`Ledger::list`], [`Ledger::show`], [`Ledger::changes`] and [`Ledger::oldest`]
    Read,
    /// [`Ledger::record`]
    Record,
    /// [`Ledger::repeat`]
    Repeat,
}

impl Recall {
    /// An empty ledger with these targets.
    pub(crate) fn with(targets: &[Target]) -> Arc<Recall> {
        let recall = Recall::default();
        recall.configure(targets);
        Arc::new(recall)
    }

    /// Lets the next `times` calls find a store that cannot be used.
    pub(crate) fn fail(&self, call: Call, times: usize) {
        self.inner().failing.insert(call, times);
    }

    /// Ends all failing.
    pub(crate) fn mend(&self) {
        self.inner().failing.clear();
    }

    /// How often this was asked for, failures included.
    pub(crate) fn calls(&self, call: Call) -> usize {
        self.inner().calls.get(&call).copied().unwrap_or_default()
    }

    /// All that was recorded, in order.
    pub(crate) fn ended(&self) -> Vec<Ended> {
        self.inner().ended.clone()
    }

    /// All that was accepted and what stands in its place, the oldest first.
    pub(crate) fn accepted(&self) -> Vec<NewDelivery> {
        self.inner().rows.accepted()
    }

    /// What became of a delivery so far; `None`: there is no such one.
    pub(crate) fn state(&self, id: DeliveryId) -> Option<State> {
        self.inner().rows.summary(id).map(|summary| summary.state)
    }

    /// When a delivery is due, if it is.
    pub(crate) fn due(&self, id: DeliveryId) -> Option<Timestamp> {
        self.inner().rows.summary(id)?.due
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call, and does it if it is not to fail.
    fn call<T: Send + 'static>(
        &self,
        call: Call,
        run: impl FnOnce(&mut Inner) -> Result<T, LedgerError>,
    ) -> Pending<T> {
        let mut inner = self.inner();
        *inner.calls.entry(call).or_default() += 1;
        let fails = inner.failing.get_mut(&call).is_some_and(|times| {
            let fails = *times > 0;
            *times = times.saturating_sub(1);
            fails
        });
        let result = if fails { Err(LedgerError::Unavailable) } else { run(&mut inner) };
        Box::pin(ready(result))
    }
}

impl Inner {
    fn notify(&mut self, target: &Target) -> Arc<Notify> {
        Arc::clone(self.wakes.entry(target.clone()).or_default())
    }

    /// Wakes those whose deliveries may have become due.
    fn wake(&mut self, targets: impl IntoIterator<Item = Target>) {
        for target in targets {
            self.notify(&target).notify_one();
        }
    }

    fn accept(&mut self, accept: Accept) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        for (delivery, claim) in accept.deliveries {
            let (id, target) = (delivery.id, delivery.target.clone());
            self.rows.insert(delivery);
            if let Some(claim) = claim {
                claim.queued(id);
            }
            self.wake([target]);
            accepted.push(Accepted::New);
        }
        if let Some((claim, answer)) = accept.answered {
            claim.settle(answer, clock::now());
        }
        accepted
    }
}

impl Ledger for Recall {
    fn next_id(&self, now: Timestamp) -> DeliveryId {
        let mut inner = self.inner();
        inner.last_row += 1;
        DeliveryId::new(now, inner.last_row)
    }

    fn accept(&self, accept: Accept) -> Pending<Vec<Accepted>> {
        // Where it fails, the claims are dropped with what was to be accepted: that releases them.
        self.call(Call::Accept, |inner| Ok(inner.accept(accept)))
    }

    fn repeat(&self, id: DeliveryId, again: NewDelivery) -> Pending<Repeated> {
        self.call(Call::Repeat, |inner| {
            let target = again.target.clone();
            let repeated = inner.rows.repeat(id, again);
            inner.wake([target]);
            Ok(repeated)
        })
    }

    fn lease(&self, target: Target, now: Timestamp, room: Room) -> Pending<Leases> {
        self.call(Call::Lease, |inner| Ok(inner.rows.lease(&target, now, room)))
    }

    fn record(&self, ended: Ended) -> Pending<()> {
        self.call(Call::Record, |inner| {
            inner.rows.record(&ended)?;
            if let Next::Due(_) = ended.next {
                inner.wake([ended.target.clone()]);
            }
            inner.ended.push(ended);
            Ok(())
        })
    }

    fn release(&self, ids: &[DeliveryId]) {
        let mut inner = self.inner();
        for id in ids {
            let released = inner.rows.release(*id);
            inner.wake(released);
        }
    }

    fn wakes(&self, target: &Target) -> Arc<Notify> {
        self.inner().notify(target)
    }

    fn configure(&self, targets: &[Target]) {
        let mut inner = self.inner();
        inner.rows.configure(targets);
        inner.wake(targets.to_vec());
    }

    fn change(&self, change: Change, reason: String, now: Timestamp) -> Pending<Changed> {
        self.call(Call::Change, |inner| {
            let (changed, targets) = inner.rows.change(change, reason, now)?;
            inner.wake(targets);
            Ok(changed)
        })
    }

    fn list(&self, filter: Filter, page: Page) -> Pending<Listed> {
        self.call(Call::Read, |inner| Ok(inner.rows.list(&filter, page)))
    }

    fn show(&self, id: DeliveryId) -> Pending<Option<Shown>> {
        self.call(Call::Read, |inner| Ok(inner.rows.show(id)))
    }

    fn changes(&self, limit: usize) -> Pending<Vec<ChangeRecord>> {
        self.call(Call::Read, |inner| Ok(inner.rows.changes(limit)))
    }

    fn depths(&self) -> Vec<Depth> {
        self.inner().rows.depths()
    }

    fn oldest(&self) -> Pending<Vec<(Target, Timestamp)>> {
        self.call(Call::Read, |inner| Ok(inner.rows.oldest()))
    }

    fn latest(&self) -> Option<Timestamp> {
        None
    }

    fn healthy(&self) -> bool {
        self.inner().failing.get(&Call::Accept).is_none_or(|times| *times == 0)
    }
}
