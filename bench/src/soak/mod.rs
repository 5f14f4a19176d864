//! Everything at once, for minutes: senders, forgers and an app send; the app, the receivers, the configuration, the
//! clock and the gateway itself change; and in the end what is held and what arrived is accounted for.
//!
//! It has two parts. In the first the gateway is also restarted and killed. Then it is started again, and in the second
//! one process goes through everything else, so that what it holds, and its counters, can be compared.

mod app;
mod books;
mod client;
mod hostile;
mod machine;
mod operator;
mod place;
mod report;
mod style;
mod traffic;
mod upheaval;
mod watch;
mod world;

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::watch as channel;
use tokio::time::Instant;

use crate::process::free_address;
use machine::Machine;
use place::{Mood, Place};
use report::Findings;
use world::{Addresses, Clock, Season, World};

#[derive(clap::Args)]
pub(crate) struct Soak {
    /// How long the traffic goes on.
    #[arg(default_value_t = 10.0)]
    minutes: f64,
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/countersign")]
    countersign: PathBuf,
    /// Events a second, of senders and of the app.
    #[arg(long, default_value_t = 600.0)]
    rate: f64,
    /// Restart the gateway in peace only.
    #[arg(long)]
    no_kills: bool,
    /// Repeats the choices of a run, though not its moments.
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long, default_value = "target/soak")]
    folder: PathBuf,
}

/// The part of the time in which the gateway is restarted.
const RESTARTS: f64 = 0.35;

impl Soak {
    pub(crate) fn run(&self) -> ExitCode {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).expect("the folder can be made");
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
        let (findings, world) = crate::runtime().block_on(async {
            let world = self.world(seed);
            (self.soak(&world).await, world)
        });
        let report = report::Report::new(&world, &findings);
        print!("{}", report.markdown(self, seed));
        let is_good = report.is_good();
        if is_good {
            let _ = fs::remove_dir_all(&self.folder);
        }
        if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn world(&self, seed: u64) -> Rc<World> {
        let addresses = Addresses {
            inbound: free_address(),
            outbound: free_address(),
            admin: free_address(),
            app: free_address(),
            receivers: free_address(),
        };
        let mut rng = Rng::with_seed(seed);
        let folder = fs::canonicalize(&self.folder).expect("the folder is there");
        let season = Season { valid: RefCell::new(vec![0]), is_on: Cell::new(true), ..Season::default() };
        Rc::new(World {
            addresses,
            clock: Clock::new(folder.join("clock")),
            machine: Machine::new(&self.countersign, &folder, addresses),
            app: Place::new(addresses.app, rng.fork()),
            receivers: Place::new(addresses.receivers, rng.fork()),
            books: books::Books::default(),
            season,
            is_open: channel::Sender::new(false),
            busy: Cell::new(0),
            rng: RefCell::new(rng),
            rate: self.rate,
            beat: Duration::from_secs_f64((self.minutes / 2.0).clamp(0.3, 3.0)),
        })
    }

    async fn soak(&self, world: &Rc<World>) -> Findings {
        for place in [&world.app, &world.receivers] {
            tokio::task::spawn_local(Rc::clone(place).serve(Rc::clone(world)));
        }
        world.machine.configure(&[0], true);
        upheaval::start(world).await;
        traffic::start(world);
        app::start(world);
        operator::start(world);

        let all = Duration::from_secs_f64(60.0 * self.minutes);
        let restarts = all.mul_f64(RESTARTS);
        progress("the first part: with restarts");
        open(world);
        upheaval::play(world, Instant::now() + restarts, true, !self.no_kills).await;
        progress("until everything has arrived");
        calm(world).await;
        watch::rest(world, None).await;
        upheaval::stop(world).await;

        upheaval::start(world).await;
        let before = watch::rest(world, None).await;
        world.books.begin_counting();
        progress("the second part: one process");
        let samples = Rc::<RefCell<Vec<_>>>::default();
        let sampling = watch::start(world, &samples);
        open(world);
        upheaval::play(world, Instant::now() + (all - restarts), false, false).await;
        sampling.abort();
        progress("until everything has arrived");
        calm(world).await;
        let after = watch::rest(world, Some(&before)).await;
        upheaval::stop(world).await;
        Findings { before, after, samples: samples.take() }
    }
}

/// Tells whoever waits for the report how far it is.
fn progress(what: &str) {
    eprintln!("soak: {what}");
}

/// Lets the traffic begin.
fn open(world: &World) {
    for place in [&world.app, &world.receivers] {
        place.be(Mood::Moody);
        place.is_kind.set(false);
    }
    world.is_open.send_replace(true);
}

/// Nothing stands in the way of an event any more.
async fn calm(world: &World) {
    for place in [&world.app, &world.receivers] {
        place.be(Mood::Well);
        place.is_kind.set(true);
    }
    upheaval::change_season(world, true).await;
    operator::resume_all(world).await;
}
