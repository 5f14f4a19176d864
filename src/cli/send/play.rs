//! Sends the events: as many at a time, and as many a second, as is asked for.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::event::{Event, Script};
use super::progress::Bar;
use super::tally::{Role, Tally};
use super::target::Target;
use crate::clock::{self, Instant};

/// How much is sent, and how fast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) count: u32,
    pub(super) duplicates: u32,
    pub(super) tampered: u32,
    pub(super) concurrency: u32,
    /// Requests a second; `None`: as many as are answered.
    pub(super) rate: Option<f64>,
    /// Whether somebody watches.
    pub(super) has_bar: bool,
}

/// What became of a plan.
pub(super) struct Played {
    pub(super) tally: Tally,
    pub(super) took: Duration,
    /// Whether the person ended it.
    pub(super) is_interrupted: bool,
}

impl Plan {
    /// How many requests these are.
    pub(super) fn requests(&self) -> u64 {
        u64::from(self.count) + u64::from(self.duplicates) + u64::from(self.tampered)
    }

    fn events(&self) -> u64 {
        u64::from(self.count) + u64::from(self.tampered)
    }

    /// What the event at this place is to be, and how many of its kind come before it: those that are tampered with are
    /// spread evenly.
    fn role(&self, place: u64) -> (Role, u32) {
        let tampered_before = |place: u64| u128::from(place) * u128::from(self.tampered) / u128::from(self.events());
        let (before, after) = (tampered_before(place), tampered_before(place + 1));
        if after > before { (Role::Tampered, before as u32) } else { (Role::Good, (u128::from(place) - before) as u32) }
    }

    /// How often the good event of this number is repeated: all are, as evenly as can be.
    fn repeats(&self, number: u32) -> u32 {
        self.duplicates / self.count + u32::from(number < self.duplicates % self.count)
    }
}

/// Sends everything, or what there is time for until the person interrupts.
///
/// # Errors
///
/// Where an event cannot be made.
pub(super) async fn play(script: Script, target: Target, plan: &Plan) -> anyhow::Result<Played> {
    let bar = plan.has_bar.then(|| Bar::new(plan.requests()));
    let stage = Rc::new(Stage {
        script,
        target,
        plan: *plan,
        start: clock::instant(),
        next: Cell::default(),
        slots: Cell::default(),
        tally: RefCell::default(),
    });
    let is_interrupted = tokio::select! {
        played = stage.clone().play() => played.map(|()| false)?,
        never = drawn(bar.as_ref(), &stage) => match never {},
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| true).context("cannot wait for signals")?,
    };
    drop(bar);
    Ok(Played { tally: stage.tally.take(), took: clock::since(stage.start), is_interrupted })
}

/// Shows how far it is, where somebody watches.
async fn drawn(bar: Option<&Bar>, stage: &Stage) -> Infallible {
    match bar {
        Some(bar) => bar.follow(stage.start, || (stage.tally.borrow().sent(), stage.tally.borrow().wrong())).await,
        None => std::future::pending().await,
    }
}

/// What all that send have in common.
struct Stage {
    script: Script,
    target: Target,
    plan: Plan,
    start: Instant,
    /// The place of the event that is to be made next.
    next: Cell<u64>,
    /// How many requests were let go.
    slots: Cell<u64>,
    tally: RefCell<Tally>,
}

impl Stage {
    async fn play(self: Rc<Self>) -> anyhow::Result<()> {
        let mut sending = JoinSet::new();
        for _ in 0..u64::from(self.plan.concurrency).min(self.plan.events()) {
            sending.spawn_local(self.clone().send_events());
        }
        while let Some(sent) = sending.join_next().await {
            sent.context("sending ended early")??;
        }
        Ok(())
    }

    /// Sends one event after the other, as long as there are any.
    async fn send_events(self: Rc<Self>) -> anyhow::Result<()> {
        while self.next.get() < self.plan.events() {
            let (role, number) = self.plan.role(self.next.replace(self.next.get() + 1));
            self.turn().await;
            let event = self.script.event(number, clock::now())?;
            match role {
                Role::Tampered => self.send(&event.tampered(), role).await,
                _ => {
                    self.send(&event, Role::Good).await;
                    for _ in 0..self.plan.repeats(number) {
                        self.turn().await;
                        self.send(&event, Role::Duplicate).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until another request may go.
    async fn turn(&self) {
        let slot = self.slots.replace(self.slots.get() + 1);
        if let Some(rate) = self.plan.rate {
            sleep_until(self.start + Duration::from_secs_f64(slot as f64 / rate)).await;
        }
    }

    async fn send(&self, event: &Event, role: Role) {
        let sent = clock::instant();
        let answer = self.target.client.fetch(event.request(), self.target.bounds).await;
        self.tally.borrow_mut().count(role, answer, clock::since(sent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(count: u32, duplicates: u32, tampered: u32) -> Plan {
        Plan { count, duplicates, tampered, concurrency: 1, rate: None, has_bar: false }
    }

    #[test]
    fn tampered_events_are_spread_among_the_good_ones_and_none_is_left_out() {
        for (count, tampered) in [(1, 0), (0, 3), (1, 1), (10, 3), (3, 10), (7, 7)] {
            let plan = plan(count, 0, tampered);
            let roles: Vec<_> = (0..plan.events()).map(|place| plan.role(place)).collect();

            let numbers = |role| roles.iter().filter(|it| it.0 == role).map(|it| it.1).collect::<Vec<_>>();
            assert_eq!(numbers(Role::Good), (0..count).collect::<Vec<_>>());
            assert_eq!(numbers(Role::Tampered), (0..tampered).collect::<Vec<_>>());
        }
        let roles: Vec<_> = (0..6).map(|place| plan(4, 0, 2).role(place).0 == Role::Tampered).collect();
        assert_eq!(roles, [false, false, true, false, false, true]);
    }

    #[test]
    fn repeats_are_shared_out_among_the_events() {
        for (count, duplicates, expected) in
            [(3, 0, vec![0, 0, 0]), (3, 2, vec![1, 1, 0]), (1, 5, vec![5]), (2, 5, vec![3, 2])]
        {
            let plan = plan(count, duplicates, 0);

            assert_eq!((0..count).map(|number| plan.repeats(number)).collect::<Vec<_>>(), expected);
        }
    }
}
