//! The loop of one target.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::attempts::Attempts;
use super::breaker::{Breaker, Turn};
use super::engine::Around;
use super::lookout::Lookout;
use super::pace::Bucket;
use super::records::{Recorded, Records};
use super::stock::Stock;
use super::{Concluded, Course, report};
use crate::clock;
use crate::config::Pace;
use crate::store::ledger::{Ended, Leased, Leases, LedgerError, Pending, Room, Target};
use crate::telemetry::metrics::TargetMetrics;

/// What the engine wants of a loop.
pub(super) struct Wish {
    wanted: RefCell<Wanted>,
    changed: Notify,
}

#[derive(Clone)]
struct Wanted {
    course: Rc<Course>,
    end: End,
}

/// Whether a loop is to end.
#[derive(Clone, Copy, PartialEq)]
enum End {
    No,
    Soon,
}

impl Wish {
    pub(super) fn new(course: Course) -> Rc<Wish> {
        Rc::new(Wish { wanted: RefCell::new(Wanted { course: Rc::new(course), end: End::No }), changed: Notify::new() })
    }

    /// Takes another course from the next attempt on, also where the loop was about to end.
    pub(super) fn follow(&self, course: Course) {
        *self.wanted.borrow_mut() = Wanted { course: Rc::new(course), end: End::No };
        self.changed.notify_one();
    }

    /// Ends the loop when what is under way is over.
    pub(super) fn end(&self) {
        self.wanted.borrow_mut().end = End::Soon;
        self.changed.notify_one();
    }
}

/// Delivers to one target.
pub(super) struct Lane {
    around: Rc<Around>,
    wish: Rc<Wish>,
    wanted: Wanted,
    wakes: Arc<Notify>,
    metrics: TargetMetrics,
    attempts: Attempts,
    breaker: Breaker,
    bucket: Bucket,
    leasing: Option<Leasing>,
    lookout: Lookout,
    /// Ends that are to pause the target and are not on disk yet.
    pauses: usize,
    /// Whether the log says that the target is paused: attempts that were under way may say the same.
    is_pause_told: bool,
    records: Records,
    stock: Stock,
}

/// What the store was asked for.
struct Leasing {
    room: Room,
    time: Timestamp,
    pending: Pending<Leases>,
    /// Whether the target was paused after the store was asked.
    is_void: bool,
}

/// What happened.
enum Happened {
    Attempted(Rc<Leased>, Concluded),
    Changed,
    Handed(Result<Leases, LedgerError>),
    Recorded(Recorded),
    TimePassed,
    Woken,
}

impl Lane {
    pub(super) fn new(around: Rc<Around>, wish: Rc<Wish>) -> Lane {
        let wanted = wish.wanted.borrow().clone();
        let target = &wanted.course.target;
        Lane {
            wakes: around.ledger.wakes(target),
            metrics: around.metrics.target(&target.name),
            attempts: Attempts::default(),
            breaker: Breaker::new(),
            bucket: Bucket::new(clock::instant()),
            leasing: None,
            lookout: Lookout::new(clock::instant()),
            pauses: 0,
            is_pause_told: false,
            records: Records::new(),
            stock: Stock::default(),
            around,
            wish,
            wanted,
        }
    }

    /// Delivers until the engine wants it to end, and then until nothing is left to be ended.
    pub(super) async fn run(mut self) {
        loop {
            let now = clock::instant();
            let time = self.around.time.at(now);
            self.records.write_again(&*self.around.ledger, now);
            self.begin_attempts(now, time);
            self.hand_back_what_waits_too_long(now);
            self.begin_lease(now, time);
            if self.is_over() {
                return self.metrics.open(false);
            }
            let until = self.until(now, time);
            match self.next(until).await {
                Happened::Attempted(leased, concluded) => self.conclude(&leased, concluded),
                Happened::Changed => self.change(),
                Happened::Handed(leases) => self.take_in(leases),
                Happened::Recorded(recorded) => self.note(recorded),
                Happened::TimePassed => {}
                Happened::Woken => self.lookout.wake(),
            }
        }
    }

    /// How many attempts may begin, as far as their number goes.
    fn free(&self, now: Instant) -> usize {
        let concurrency = self.wanted.course.pace.concurrency;
        let stands_still = self.wanted.end == End::Soon || self.pauses > 0 || self.records.is_full(concurrency);
        let limit = if stands_still { 0 } else { self.breaker.limit(concurrency, now) };
        limit.saturating_sub(self.attempts.len())
    }

    fn begin_attempts(&mut self, now: Instant, time: Timestamp) {
        while self.free(now) > 0 && !self.stock.is_empty() && self.bucket.take(self.wanted.course.pace.rate, now) {
            let leased = self.stock.take().expect("the stock is not empty");
            self.is_pause_told = false;
            self.breaker.began();
            self.attempts.begin(&self.wanted.course, leased, time);
        }
    }

    fn hand_back_what_waits_too_long(&mut self, now: Instant) {
        if self.stock.stale_at().is_some_and(|at| at <= now) {
            self.hand_back();
        }
    }

    fn hand_back(&mut self) {
        let ids = self.stock.clear();
        if !ids.is_empty() {
            self.around.ledger.release(&ids);
            self.lookout.wake();
        }
    }

    fn begin_lease(&mut self, now: Instant, time: Timestamp) {
        let Some(room) = self.room(now) else { return };
        if self.leasing.is_none() && self.lookout.is_time(now, time) {
            let target = self.wanted.course.target.clone();
            self.lookout.looked(now);
            let pending = self.around.ledger.lease(target, time, room);
            self.leasing = Some(Leasing { room, time, pending, is_void: false });
        }
    }

    /// What may be leased, if anything.
    fn room(&self, now: Instant) -> Option<Room> {
        let pace = &self.wanted.course.pace;
        let free = if self.bucket.until(pace.rate, now).is_some() { 0 } else { self.free(now).min(self.most()) };
        let goes_on = self.wanted.end == End::No && self.pauses == 0 && !self.records.is_full(pace.concurrency);
        self.stock.room(free, goes_on && !self.breaker.is_open())
    }

    /// How many are leased at a time: what a rate puts off by more than a second stays in the store, where an
    /// operator can discard it.
    fn most(&self) -> usize {
        let Pace { concurrency, rate } = self.wanted.course.pace;
        rate.map_or(concurrency, |rate| concurrency.min(rate.ceil() as usize)).max(1)
    }

    fn is_over(&self) -> bool {
        self.wanted.end == End::Soon && self.attempts.len() == 0 && self.leasing.is_none() && self.records.is_empty()
    }

    /// The next moment at which something can be done that cannot be done yet.
    fn until(&self, now: Instant, time: Timestamp) -> Instant {
        let moments = [
            self.bucket.until(self.wanted.course.pace.rate, now),
            self.breaker.until(),
            self.records.until(),
            self.stock.stale_at(),
        ];
        let later = moments.into_iter().flatten().filter(|moment| *moment > now);
        later.fold(self.lookout.until(now, time), Instant::min)
    }

    async fn next(&mut self, until: Instant) -> Happened {
        tokio::select! {
            biased;
            () = self.wish.changed.notified() => Happened::Changed,
            Some((leased, concluded)) = self.attempts.next() => Happened::Attempted(leased, concluded),
            Some(recorded) = self.records.next() => Happened::Recorded(recorded),
            leases = handed(&mut self.leasing), if self.leasing.is_some() => Happened::Handed(leases),
            // Who was woken and could not look yet need not be woken for every delivery that comes meanwhile.
            () = self.wakes.notified(), if !self.lookout.is_woken() => Happened::Woken,
            () = sleep_until(until) => Happened::TimePassed,
        }
    }

    fn conclude(&mut self, leased: &Leased, concluded: Concluded) {
        report::attempt(&self.metrics, leased, &concluded);
        if let Some(turn) = self.breaker.ended(concluded.is_target_down, clock::instant()) {
            report::turn(&self.metrics, &leased.target, turn);
            if turn == Turn::Opened {
                self.hand_back();
            }
        }
        let Concluded { attempt, next, pause, .. } = concluded;
        self.pauses += usize::from(pause.is_some());
        let ended = Ended { id: leased.id, target: leased.target.clone(), attempt, next, pause };
        self.records.write(ended, &*self.around.ledger);
    }

    fn note(&mut self, recorded: Recorded) {
        match recorded {
            Recorded::Failed => self.around.outages.writing.began(LedgerError::Unavailable),
            Recorded::Refused(ended, error) => {
                self.pauses -= usize::from(ended.pause.is_some());
                tracing::error!(delivery = %ended.id, cause = %error, "the end of an attempt was not recorded");
            }
            Recorded::Written(ended) => {
                self.around.outages.writing.is_over();
                self.lookout.expect(ended.next);
                if let Some(reason) = &ended.pause {
                    self.pauses -= 1;
                    self.paused(&ended.target, reason);
                }
            }
        }
    }

    /// Leaves to the store what was handed out before it knew of the pause.
    fn paused(&mut self, target: &Target, reason: &str) {
        if !mem::replace(&mut self.is_pause_told, true) {
            report::paused(target, reason);
        }
        if let Some(leasing) = &mut self.leasing {
            leasing.is_void = true;
        }
        self.hand_back();
    }

    fn take_in(&mut self, leases: Result<Leases, LedgerError>) {
        let Leasing { room, time, is_void, .. } = self.leasing.take().expect("it was awaited");
        match leases {
            Ok(leases) => {
                self.around.outages.reading.is_over();
                self.lookout.found(&leases, time, clock::instant());
                self.stock.fill(leases.leased, room, self.most(), clock::instant());
            }
            Err(error) => {
                self.around.outages.reading.began(error);
                self.lookout.failed(clock::instant());
            }
        }
        if is_void {
            self.hand_back();
        }
        self.hand_back_what_is_not_wanted();
    }

    fn change(&mut self) {
        self.wanted = self.wish.wanted.borrow().clone();
        self.breaker.hurry(clock::instant());
        self.lookout.wake();
        self.hand_back_what_is_not_wanted();
    }

    /// What came too late is not attempted: the loop ends, the target is being paused, or it is down.
    fn hand_back_what_is_not_wanted(&mut self) {
        let is_more_than_a_probe = self.breaker.is_open() && self.stock.len() > 1;
        if self.wanted.end == End::Soon || self.pauses > 0 || is_more_than_a_probe {
            self.hand_back();
        }
    }
}

async fn handed(leasing: &mut Option<Leasing>) -> Result<Leases, LedgerError> {
    let leasing = leasing.as_mut().expect("it is awaited only if there is one");
    (&mut leasing.pending).await
}
