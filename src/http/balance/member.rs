//! One of an app's addresses, and the choice among them.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use super::super::client::{Client, SendError};
use super::health::{FAILURES, Health, Standing, Turn};
use crate::config::{Upstream, UpstreamUrl};

/// An address of an app, as one worker sees it.
pub(super) struct Member {
    pub(super) client: Rc<Client>,
    /// Requests of this worker that are under way there.
    busy: Cell<usize>,
    health: RefCell<Health>,
}

/// A request at an address, counted until its answer was read or is not waited for any more.
pub(crate) struct Busy {
    member: Rc<Member>,
    probes: bool,
}

/// Who is asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The place in the list.
    pub(super) place: usize,
    /// Whether it was left out, and this request finds out whether it still fails.
    pub(super) probes: bool,
}

impl Member {
    pub(super) fn new(upstream: &Upstream, url: &UpstreamUrl) -> Rc<Self> {
        let alone = Upstream { url: url.clone(), others: Vec::new(), ..upstream.clone() };
        let (busy, health) = (Cell::default(), RefCell::new(Health::new()));
        Rc::new(Self { client: Client::new(Arc::new(alone)), busy, health })
    }

    pub(super) fn begin(self: &Rc<Self>, probes: bool) -> Busy {
        self.busy.set(self.busy.get() + 1);
        if probes {
            self.health.borrow_mut().probe_begins();
        }
        Busy { member: self.clone(), probes }
    }

    fn upstream(&self) -> &Upstream {
        self.client.upstream()
    }
}

/// Chooses the next address: one whose pause is over before all others, so that it is used again soon; else, of those
/// in use, one where fewest requests are under way, at random among equals; else, as a request is never refused for
/// want of an address, the one whose last failure is the longest ago.
pub(super) fn choose(members: &[&Rc<Member>], now: Instant) -> Choice {
    let mut best: Option<(Rank, usize)> = None;
    let mut equals = 1;
    for (place, member) in members.iter().enumerate() {
        let rank = match member.health.borrow().standing(now) {
            Standing::Probed => return Choice { place, probes: true },
            Standing::Used => Rank::Used { busy: member.busy.get() },
            Standing::Out(since) => Rank::Out { since },
        };
        equals = match best.map_or(Ordering::Less, |(least, _)| rank.cmp(&least)) {
            Ordering::Less => 1,
            Ordering::Equal => equals + 1,
            Ordering::Greater => continue,
        };
        // Of so many equals, each stays with the same chance.
        if fastrand::usize(..equals) == 0 {
            best = Some((rank, place));
        }
    }
    Choice { place: best.map_or(0, |(_, place)| place), probes: false }
}

/// The least is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Used { busy: usize },
    Out { since: Instant },
}

impl Busy {
    /// Notes that the answer's head came.
    pub(super) fn answered(&mut self) {
        let turn = self.member.health.borrow_mut().answered();
        self.end_probe();
        if turn == Some(Turn::Back) {
            let Upstream { name, url, .. } = self.member.upstream();
            tracing::info!(upstream = %name, address = %url, "this address answers again");
        }
    }

    /// Notes that it did not.
    pub(super) fn failed(&mut self, error: &SendError) {
        let turn = self.member.health.borrow_mut().failed(self.probes, Instant::now());
        self.end_probe();
        if turn == Some(Turn::Out) {
            let Upstream { name, url, .. } = self.member.upstream();
            let cause = error.explain();
            tracing::warn!(upstream = %name, address = %url, failures = FAILURES, cause, "this address is left out for a while");
        }
    }

    fn end_probe(&mut self) {
        if std::mem::take(&mut self.probes) {
            self.member.health.borrow_mut().probe_is_over();
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.end_probe();
        self.member.busy.set(self.member.busy.get() - 1);
    }
}
