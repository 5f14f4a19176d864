//! All targets and their loops.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::Course;
use super::lane::{Lane, Wish};
use super::report::{self, Outages};
use super::time::Steady;
use crate::clock::{self, Clock};
use crate::store::ledger::{Ledger, Target};
use crate::telemetry::metrics::Metrics;

/// Delivers what is due, to each target in a loop of its own: none waits for another.
///
/// It lives on one thread, in a `LocalRuntime` or a `LocalSet`.
pub(crate) struct Engine {
    around: Rc<Around>,
    wishes: RefCell<HashMap<Target, Rc<Wish>>>,
    is_draining: Cell<bool>,
    ended: Notify,
}

/// What all loops use.
pub(super) struct Around {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) time: Steady,
    pub(super) outages: Outages,
}

impl Engine {
    /// An engine without targets.
    pub(crate) fn new(ledger: Arc<dyn Ledger>, metrics: Arc<Metrics>) -> Rc<Engine> {
        Engine::with(ledger, metrics, Rc::new(clock::now))
    }

    /// An engine that has the time from this clock.
    pub(super) fn with(ledger: Arc<dyn Ledger>, metrics: Arc<Metrics>, clock: Clock) -> Rc<Engine> {
        let time = Steady::new(clock, ledger.latest());
        Rc::new(Engine {
            around: Rc::new(Around { ledger, metrics, time, outages: Outages::default() }),
            wishes: RefCell::default(),
            is_draining: Cell::default(),
            ended: Notify::new(),
        })
    }

    /// Delivers to these targets, and to no others, from the next attempt on. What is under way elsewhere ends.
    ///
    /// While it drains, nothing changes.
    pub(crate) fn configure(self: &Rc<Engine>, courses: Vec<Course>) {
        if self.is_draining.get() {
            return;
        }
        let targets: Vec<Target> = courses.iter().map(|course| course.target.clone()).collect();
        self.around.ledger.configure(&targets);
        let targets: HashSet<Target> = targets.into_iter().collect();
        for (_, gone) in self.wishes.borrow().iter().filter(|(target, _)| !targets.contains(target)) {
            gone.end();
        }
        for course in courses {
            self.follow(course);
        }
    }

    /// Leases nothing more, and resolves when no attempt is under way and the end of every one was recorded.
    ///
    /// While the store cannot be written, that is never: whoever waits has a limit of their own.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any moment; the draining goes on.
    pub(crate) async fn drain(&self) {
        self.is_draining.set(true);
        self.wishes.borrow().values().for_each(|wish| wish.end());
        loop {
            let ended = self.ended.notified();
            if self.wishes.borrow().is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Changes the course of a target's loop, or starts one.
    fn follow(self: &Rc<Engine>, course: Course) {
        let known = self.wishes.borrow().get(&course.target).cloned();
        match known {
            Some(wish) => wish.follow(course),
            None => self.start(course),
        }
    }

    fn start(self: &Rc<Engine>, course: Course) {
        let target = course.target.clone();
        let wish = Wish::new(course);
        self.wishes.borrow_mut().insert(target.clone(), Rc::clone(&wish));
        let lane = Lane::new(Rc::clone(&self.around), wish);
        let engine = Rc::clone(self);
        spawn_local(async move {
            // In a task of its own, so that even if it should panic a drain does not wait for it for ever.
            if spawn_local(lane.run()).await.is_err() {
                report::broken(&target);
            }
            engine.wishes.borrow_mut().remove(&target);
            engine.ended.notify_waiters();
        });
    }
}
