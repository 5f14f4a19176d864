//! What was acknowledged, and what arrived: an entry for each event at each place where it has to arrive.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// What the gateway may have known of the last moments before a kill, and not written yet: seen with `sync`, or the end of
/// an attempt. It says "within a second".
const MOMENTS: Duration = Duration::from_secs(2);

/// How long after a kill a request of the killed one may still arrive.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// How many complaints are kept of each sort.
const KEPT: usize = 20;

/// A place, which is an app's path or an endpoint, and the event's id.
type Key = (&'static str, Box<str>);

#[derive(Default)]
struct Entry {
    is_acknowledged: bool,
    is_discarded: bool,
    /// Its receiver, which refuses, is to take it now.
    is_released: bool,
    /// How often an operator had it delivered again.
    replays: u32,
    takes: u32,
    last: Option<Instant>,
}

/// What became of a request, in what its sender was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    /// 2xx, for the first time.
    Fresh,
    /// 2xx, with `Countersign-Replayed`.
    Repeat,
    /// 401, 408 or 413.
    Refused,
    /// 404 or 409.
    Else,
    /// 5xx.
    Failed,
    /// The connection ended first, by whatever side.
    Nothing,
}

#[derive(Default)]
pub(super) struct Books {
    entries: RefCell<HashMap<Key, Entry>>,
    kills: RefCell<Vec<Instant>>,
    /// Since the counters of the gateway were at zero.
    told: RefCell<BTreeMap<(&'static str, Told), u64>>,
    taken: RefCell<BTreeMap<&'static str, u64>>,
    pub sent: RefCell<BTreeMap<&'static str, u64>>,
    wrong: RefCell<BTreeMap<&'static str, Vec<String>>>,
}

/// The sums.
#[derive(Default)]
pub(super) struct Account {
    pub acknowledged: u64,
    pub arrived: u64,
    pub discarded: u64,
    pub replays: u64,
    pub unacknowledged: u64,
    pub lost: Vec<String>,
    pub after_kills: u64,
    pub unexplained: Vec<String>,
}

impl Books {
    pub(super) fn acknowledge(&self, place: &'static str, id: &str) {
        self.entry(place, id, |entry| entry.is_acknowledged = true);
    }

    pub(super) fn discard(&self, place: &'static str, id: &str) {
        self.entry(place, id, |entry| entry.is_discarded = true);
    }

    pub(super) fn replay(&self, place: &'static str, id: &str) {
        self.entry(place, id, |entry| entry.replays += 1);
    }

    pub(super) fn release(&self, place: &'static str, id: &str) {
        self.entry(place, id, |entry| entry.is_released = true);
    }

    pub(super) fn is_released(&self, place: &'static str, id: &str) -> bool {
        self.entry(place, id, |entry| entry.is_released)
    }

    /// An event arrived, and its receiver will say 2xx.
    pub(super) fn take(&self, place: &'static str, id: &str) {
        *self.taken.borrow_mut().entry(place).or_default() += 1;
        let now = Instant::now();
        let last = self.entry(place, id, |entry| {
            entry.takes += 1;
            let last = entry.last.replace(now);
            last.filter(|_| entry.takes > entry.replays + 1)
        });
        let Some(last) = last else { return };
        let explains = |kill: &Instant| *kill < now && *kill < last + MOMENTS && last < *kill + ON_ITS_WAY;
        if self.kills.borrow().iter().any(explains) {
            self.entry(place, id, |entry| entry.replays += 1);
            self.count("repeated after a kill");
        } else {
            self.complain("unexplained", format!("{id} at {place}, {:.2?} after it arrived before", now - last));
            self.entry(place, id, |entry| entry.replays += 1);
        }
    }

    pub(super) fn kill(&self) {
        self.kills.borrow_mut().push(Instant::now());
    }

    pub(super) fn tell(&self, way: &'static str, told: Told) {
        *self.told.borrow_mut().entry((way, told)).or_default() += 1;
    }

    pub(super) fn told(&self, way: &'static str, told: Told) -> u64 {
        self.told.borrow().get(&(way, told)).copied().unwrap_or(0)
    }

    pub(super) fn taken(&self, place: &str) -> u64 {
        self.taken.borrow().get(place).copied().unwrap_or(0)
    }

    /// Something of which the report says how often it was.
    pub(super) fn count(&self, what: &'static str) {
        *self.sent.borrow_mut().entry(what).or_default() += 1;
    }

    pub(super) fn counted(&self, what: &str) -> u64 {
        self.sent.borrow().get(what).copied().unwrap_or(0)
    }

    /// Something that never should be.
    pub(super) fn complain(&self, sort: &'static str, what: String) {
        let mut wrong = self.wrong.borrow_mut();
        let wrong = wrong.entry(sort).or_default();
        if wrong.len() < KEPT {
            eprintln!("{sort}: {what}");
            wrong.push(what);
        }
    }

    pub(super) fn complaints(&self, sort: &str) -> Vec<String> {
        self.wrong.borrow().get(sort).cloned().unwrap_or_default()
    }

    /// The gateway's counters are at zero.
    pub(super) fn begin_counting(&self) {
        self.told.borrow_mut().clear();
        self.taken.borrow_mut().clear();
    }

    pub(super) fn account(&self) -> Account {
        let mut account = Account { unexplained: self.complaints("unexplained"), ..Account::default() };
        account.after_kills = self.counted("repeated after a kill");
        for ((place, id), entry) in self.entries.borrow().iter() {
            account.acknowledged += u64::from(entry.is_acknowledged);
            account.discarded += u64::from(entry.is_discarded);
            account.arrived += u64::from(entry.takes > 0);
            account.unacknowledged += u64::from(entry.takes > 0 && !entry.is_acknowledged);
            if entry.is_acknowledged && entry.takes == 0 && !entry.is_discarded {
                account.lost.push(format!("{id} at {place}"));
            }
        }
        account.replays = self.counted("replays by hand");
        account
    }

    fn entry<T>(&self, place: &'static str, id: &str, change: impl FnOnce(&mut Entry) -> T) -> T {
        change(self.entries.borrow_mut().entry((place, id.into())).or_default())
    }
}
