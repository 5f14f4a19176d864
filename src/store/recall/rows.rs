//! What the ledger in memory holds.

mod shown;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::store::ledger::{
    Attempt, Change, ChangeRecord, Changed, DeliveryId, Ended, Hold, KEPT_ATTEMPTS, Leased, Leases, LedgerError,
    NewDelivery, Next, Repeated, Room, Start, State, Target,
};

#[derive(Default)]
pub(super) struct Rows {
    rows: BTreeMap<i64, Row>,
    /// What is due, in the order in which it is handed out.
    due: HashMap<Target, BTreeSet<(Timestamp, i64)>>,
    configured: BTreeSet<Target>,
    paused: HashMap<Target, (Timestamp, String)>,
    /// What was accepted in the place of something discarded.
    replaced: HashMap<DeliveryId, DeliveryId>,
    changes: Vec<ChangeRecord>,
}

struct Row {
    new: NewDelivery,
    way: Way,
    attempts: u32,
    tried: Vec<Attempt>,
    ended: Option<Timestamp>,
}

/// Where on its way a delivery is, whatever is the matter with its target.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Dead,
    Delivered,
    Discarded,
    Due(Timestamp),
    Leased,
}

impl Rows {
    pub(super) fn insert(&mut self, new: NewDelivery) {
        let number = new.id.row();
        let (way, tried) = match &new.start {
            Start::Due(at) => (Way::Due(*at), None),
            Start::Leased => (Way::Leased, None),
            Start::Attempted(attempt, next) => (Way::from(*next), Some(attempt.clone())),
        };
        let row = Row {
            attempts: tried.as_ref().map_or(0, |attempt| attempt.number),
            ended: tried.as_ref().and_then(|attempt| way.is_over().then_some(attempt.started)),
            tried: tried.into_iter().collect(),
            way: Way::Leased,
            new,
        };
        self.rows.insert(number, row);
        self.set(number, way);
    }

    pub(super) fn repeat(&mut self, id: DeliveryId, again: NewDelivery) -> Repeated {
        let id = self.replaced.get(&id).copied().unwrap_or(id);
        let way = self.rows.get(&id.row()).map_or(Way::Discarded, |row| row.way);
        match way {
            Way::Delivered | Way::Due(_) | Way::Leased => Repeated::Same(id),
            Way::Dead => {
                self.start_over(id.row(), accepted(again.id));
                Repeated::Revived(id)
            }
            Way::Discarded => {
                let new = again.id;
                self.insert(again);
                // Chains do not grow: whatever led to the discarded one leads to the new one.
                self.replaced.values_mut().filter(|to| **to == id).for_each(|to| *to = new);
                self.replaced.insert(id, new);
                Repeated::New(new)
            }
        }
    }

    pub(super) fn lease(&mut self, target: &Target, now: Timestamp, room: Room) -> Leases {
        let mut leases = Leases::default();
        if self.hold(target).is_some() {
            return leases;
        }
        let mut bytes = 0;
        while let Some(&(at, number)) = self.due.get(target).and_then(BTreeSet::first) {
            let row = &self.rows[&number];
            bytes += row.new.message.body.len();
            let fits = leases.leased.len() < room.deliveries && (leases.leased.is_empty() || bytes <= room.bytes);
            if at > now || !fits {
                leases.next = Some(at);
                break;
            }
            leases.leased.push(row.leased());
            self.set(number, Way::Leased);
        }
        leases
    }

    pub(super) fn record(&mut self, ended: &Ended) -> Result<(), LedgerError> {
        let number = self.leased(ended.id)?;
        let row = self.rows.get_mut(&number).expect("it was found");
        row.attempts = ended.attempt.number;
        row.tried.push(ended.attempt.clone());
        let surplus = row.tried.len().saturating_sub(KEPT_ATTEMPTS as usize);
        row.tried.drain(..surplus);
        let way = Way::from(ended.next);
        if way.is_over() {
            row.ended = Some(ended.attempt.started.saturating_add(ended.attempt.took).expect("a duration"));
        }
        self.set(number, way);
        if let Some(reason) = &ended.pause {
            self.paused.insert(ended.target.clone(), (ended.attempt.started, reason.clone()));
        }
        Ok(())
    }

    /// The target of what is due again, if it was leased.
    pub(super) fn release(&mut self, id: DeliveryId) -> Option<Target> {
        let number = self.leased(id).ok()?;
        // It was due when it was leased: it is the first again among those of its time.
        self.set(number, Way::Due(self.rows[&number].due_before()));
        Some(self.rows[&number].new.target.clone())
    }

    pub(super) fn configure(&mut self, targets: &[Target]) {
        self.configured = targets.iter().cloned().collect();
    }

    /// What was changed, and the targets that may have something due.
    pub(super) fn change(
        &mut self,
        change: Change,
        reason: String,
        now: Timestamp,
    ) -> Result<(Changed, Vec<Target>), LedgerError> {
        let (what, delivery, mut target) = match &change {
            Change::Discard(id) => ("discard", Some(*id), None),
            Change::Pause(target) => ("pause", None, Some(target.clone())),
            Change::Replay(id) => ("replay", Some(*id), None),
            Change::ReplayAll(_) => ("replay", None, None),
            Change::Resume(target) => ("resume", None, Some(target.clone())),
            Change::Test(target, id) => ("test", Some(*id), Some(target.clone())),
        };
        let targets = self.make(change, &reason, now)?;
        let count = targets.len() as u64;
        target = target.or_else(|| delivery.and_then(|_| targets.first().cloned()));
        self.changes.push(ChangeRecord { at: now, what: what.to_owned(), delivery, target, count, reason });
        Ok((Changed { count }, targets))
    }

    /// Makes a change; the target of each delivery that was changed, or the target itself.
    fn make(&mut self, change: Change, reason: &str, now: Timestamp) -> Result<Vec<Target>, LedgerError> {
        match change {
            Change::Discard(id) => {
                let row = self.rows.get_mut(&id.row()).filter(|row| row.new.id == id).ok_or(LedgerError::NotFound)?;
                if !matches!(row.way, Way::Due(_) | Way::Dead) {
                    return Err(LedgerError::State);
                }
                row.ended = Some(now);
                let target = row.new.target.clone();
                self.set(id.row(), Way::Discarded);
                Ok(vec![target])
            }
            Change::Pause(target) => {
                if self.paused.contains_key(&target) {
                    return Ok(Vec::new());
                }
                self.paused.insert(target.clone(), (now, reason.to_owned()));
                Ok(vec![target])
            }
            Change::Resume(target) => Ok(self.paused.remove(&target).map(|_| target).into_iter().collect()),
            Change::Test(target, _) => Ok(vec![target]),
            Change::Replay(id) => {
                let row = self.rows.get(&id.row()).filter(|row| row.new.id == id).ok_or(LedgerError::NotFound)?;
                if row.way == Way::Leased {
                    return Err(LedgerError::State);
                }
                Ok(vec![self.start_over(id.row(), now)])
            }
            Change::ReplayAll(filter) => {
                let over = self.rows.iter().filter(|(_, row)| row.way.is_over() && self.fits(row, &filter));
                let numbers: Vec<i64> = over.map(|(number, _)| *number).collect();
                Ok(numbers.into_iter().map(|number| self.start_over(number, now)).collect())
            }
        }
    }

    fn leased(&self, id: DeliveryId) -> Result<i64, LedgerError> {
        let row = self.rows.get(&id.row()).filter(|row| row.new.id == id).ok_or(LedgerError::NotFound)?;
        if row.way == Way::Leased { Ok(id.row()) } else { Err(LedgerError::State) }
    }

    /// Makes a delivery due at attempt 1.
    fn start_over(&mut self, number: i64, now: Timestamp) -> Target {
        let row = self.rows.get_mut(&number).expect("the caller found it");
        row.attempts = 0;
        row.ended = None;
        let target = row.new.target.clone();
        self.set(number, Way::Due(now));
        target
    }

    fn set(&mut self, number: i64, way: Way) {
        let row = self.rows.get_mut(&number).expect("the caller found it");
        let due = self.due.entry(row.new.target.clone()).or_default();
        if let Way::Due(at) = row.way {
            due.remove(&(at, number));
            row.new.start = Start::Due(at);
        }
        if let Way::Due(at) = way {
            due.insert((at, number));
        }
        row.way = way;
    }

    fn hold(&self, target: &Target) -> Option<Hold> {
        if !self.configured.contains(target) {
            return Some(Hold::Gone);
        }
        self.paused.get(target).map(|(at, reason)| Hold::Paused(*at, reason.clone()))
    }

    fn state(&self, row: &Row) -> State {
        match row.way {
            Way::Dead => State::Dead,
            Way::Delivered => State::Delivered,
            Way::Discarded => State::Discarded,
            Way::Due(_) if self.hold(&row.new.target).is_some() => State::Paused,
            Way::Due(_) => State::Due,
            Way::Leased => State::Leased,
        }
    }
}

impl Row {
    fn leased(&self) -> Leased {
        Leased {
            id: self.new.id,
            target: self.new.target.clone(),
            source: self.new.source.clone(),
            event_id: self.new.event_id.clone(),
            event_type: self.new.event_type.clone(),
            attempts: self.attempts,
            message: Arc::clone(&self.new.message),
        }
    }

    /// When it was due that is leased; what was leased from the beginning was due when it was accepted.
    fn due_before(&self) -> Timestamp {
        if let Start::Due(at) = self.new.start { at } else { accepted(self.new.id) }
    }
}

impl Way {
    fn is_over(self) -> bool {
        matches!(self, Way::Dead | Way::Delivered | Way::Discarded)
    }
}

impl From<Next> for Way {
    fn from(next: Next) -> Way {
        match next {
            Next::Dead => Way::Dead,
            Next::Delivered => Way::Delivered,
            Next::Due(at) => Way::Due(at),
        }
    }
}

fn accepted(id: DeliveryId) -> Timestamp {
    Timestamp::from_millisecond(id.millis()).expect("an id has six bytes of milliseconds")
}
