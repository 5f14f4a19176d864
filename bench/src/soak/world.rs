//! What everybody who takes part in a soak knows.

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use tokio::sync::watch;

use super::books::Books;
use super::machine::Machine;
use super::place::Place;
use super::style::Style;

/// The secrets, one of which signs; base64, as some schemes want it.
pub(super) const SECRETS: [&str; 2] =
    ["YSBzZWNyZXQgb2YgdGhlIHNvYWssIG51bWJlciAx", "YSBzZWNyZXQgb2YgdGhlIHNvYWssIG51bWJlciAy"];

/// What nobody but a forger signs with.
pub(super) const GUESS: &str = "c29tZWJvZHkncyBndWVzcyBvZiBhIHNlY3JldC4u";

/// A way from a sender: its source, which has the same name, how it is signed, and how it is delivered.
pub(super) struct Way {
    pub name: &'static str,
    pub style: Style,
    pub scheme: &'static str,
    pub delivery: &'static str,
}

pub(super) const WAYS: [Way; 7] = [
    Way { name: "lmif", style: Style::Lmif, scheme: "lmif", delivery: "sync" },
    Way { name: "loginradius", style: Style::LoginRadius, scheme: "loginradius", delivery: "queue" },
    Way { name: "lvconnect", style: Style::LvConnect, scheme: "lvconnect", delivery: "queue" },
    Way { name: "risr", style: Style::Jws, scheme: "jws", delivery: "{sync_then_queue: {within: 200ms}}" },
    Way { name: "acme", style: Style::Acme, scheme: "acme", delivery: "queue" },
    Way { name: "notary", style: Style::Notary, scheme: "notary", delivery: "sync" },
    Way { name: SEASONAL, style: Style::Lmif, scheme: "lmif", delivery: "queue" },
];

/// A receiver: its endpoint, which has the same name, and how the gateway signs for it.
pub(super) struct Receiver {
    pub name: &'static str,
    pub style: Style,
    pub scheme: &'static str,
    pub is_sync: bool,
    pub habit: Habit,
}

/// What a receiver does beside taking events.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Habit {
    /// What [`super::place::Mood`] says.
    None,
    /// It answers 410 now and then, which pauses its endpoint.
    Leaves,
    /// It does not answer now and then.
    Hangs,
    /// It takes only what an operator has delivered again.
    Refuses,
}

pub(super) const RECEIVERS: [Receiver; 7] = [
    receiver("partner", Style::LvConnect, "lvconnect", Habit::None),
    receiver("tracker", Style::Lmif, "lmif", Habit::None),
    Receiver { is_sync: true, ..receiver("prompt", Style::StandardWebhooks, "standard-webhooks", Habit::None) },
    receiver("leaver", Style::Lmif, "lmif", Habit::Leaves),
    receiver("sluggish", Style::LoginRadius, "loginradius", Habit::Hangs),
    receiver("refuser", Style::LvConnect, "lvconnect", Habit::Refuses),
    receiver("guest", Style::Lmif, "lmif", Habit::None),
];

const fn receiver(name: &'static str, style: Style, scheme: &'static str, habit: Habit) -> Receiver {
    Receiver { name, style, scheme, is_sync: false, habit }
}

/// The source and the endpoint that come and go with the configuration.
pub(super) const SEASONAL: &str = "seasonal";
pub(super) const GUEST: &str = "guest";

pub(super) struct World {
    pub addresses: Addresses,
    pub clock: Clock,
    pub machine: Machine,
    pub app: Rc<Place>,
    pub receivers: Rc<Place>,
    pub books: Books,
    pub season: Season,
    /// Whether events are sent.
    pub is_open: watch::Sender<bool>,
    /// How many are in the middle of something.
    pub busy: Cell<usize>,
    pub rng: RefCell<Rng>,
    pub rate: f64,
    /// The length of one disturbance.
    pub beat: Duration,
}

#[derive(Clone, Copy)]
pub(super) struct Addresses {
    pub inbound: SocketAddr,
    pub outbound: SocketAddr,
    pub admin: SocketAddr,
    pub app: SocketAddr,
    pub receivers: SocketAddr,
}

/// What the configuration says at the moment.
#[derive(Default)]
pub(super) struct Season {
    /// The secrets that are in the configuration, the first of which signs for endpoints.
    pub valid: RefCell<Vec<usize>>,
    /// The one that senders sign with.
    pub signs: Cell<usize>,
    /// Whether [`SEASONAL`] and [`GUEST`] are there.
    pub is_on: Cell<bool>,
    /// Grows whenever they are about to come or to go.
    pub number: Cell<u32>,
}

impl Season {
    /// A secret that is no longer valid, if one is certain not to be.
    pub(super) fn retired(&self) -> Option<&'static str> {
        let valid = self.valid.borrow();
        (0..SECRETS.len()).find(|number| !valid.contains(number)).map(|number| SECRETS[number])
    }

    pub(super) fn secret(&self) -> &'static str {
        SECRETS[self.signs.get()]
    }
}

/// The gateway's time of day.
pub(super) struct Clock {
    pub file: PathBuf,
    offset: Cell<i64>,
    furthest: Cell<i64>,
    pub steps: RefCell<Vec<i64>>,
}

impl Clock {
    pub(super) fn new(file: PathBuf) -> Self {
        let clock = Self { file, offset: Cell::new(0), furthest: Cell::new(0), steps: RefCell::default() };
        clock.write();
        clock
    }

    pub(super) fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970");
        now.as_secs() as i64 + self.offset.get()
    }

    pub(super) fn offset(&self) -> i64 {
        self.offset.get()
    }

    /// Sets the clock to where it was furthest ahead.
    ///
    /// While the gateway runs, its queue's time does not go back. One that is started while the clock is behind follows
    /// the clock: what is due by the time before waits until then.
    pub(super) fn catch_up(&self) {
        let by = self.furthest.get() - self.offset.get();
        if by > 0 {
            self.step(by);
        }
    }

    /// Sets the clock by so many seconds.
    pub(super) fn step(&self, by: i64) {
        self.offset.set(self.offset.get() + by);
        self.furthest.set(self.furthest.get().max(self.offset.get()));
        self.write();
        self.steps.borrow_mut().push(by);
    }

    /// In place, as the gateway has the file mapped.
    fn write(&self) {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).create(true).truncate(false).open(&self.file);
        let written = file.and_then(|file| file.write_all_at(&self.offset.get().to_ne_bytes(), 0));
        written.expect("the clock's file can be written");
    }
}

/// Somebody in the middle of something.
pub(super) struct Busy<'a>(&'a World);

impl World {
    pub(super) fn begin(&self) -> Busy<'_> {
        self.busy.set(self.busy.get() + 1);
        Busy(self)
    }

    pub(super) fn fork(&self) -> Rng {
        self.rng.borrow_mut().fork()
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get() - 1);
    }
}
