//! `kill -9` under load, again and again: nothing that was acknowledged is lost.
//!
//! Senders and apps send on every way on which an event is acknowledged before it has arrived, and send again what was
//! not acknowledged. What they send to fails now and then. The gateway is killed at random moments, also while it starts
//! or stops, and goes on with the same store. In the end each event is accounted for by its id.
//!
//! `scripts/crash` runs it for longer. `COUNTERSIGN_CRASH_KILLS` says how often each test kills, and
//! `COUNTERSIGN_CRASH_SEED` repeats the moments and failures of a run that was printed.

use std::env;
use std::fmt;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::watch;

use crate::support::{ALL_AT_ONCE, Acknowledged, Addresses, Arrivals, Flaky, Load, Loss, Machine, Mood};

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    let mut rng = seeded();
    let app = Flaky::start(Mood::Moody, rng.fork()).await;
    let machine = Machine::new(&app);

    let report = campaign("kill", machine, &app, |_| None, &mut rng).await;

    report.assert_all_arrived();
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_with_what_was_not_synced() {
    let mut rng = seeded();
    let app = Flaky::start(Mood::Moody, rng.fork()).await;
    let Some(machine) = Machine::with_disk(&app) else { return };

    let report = campaign("un-synced writes lost", machine, &app, |_| Some(Loss::Everything), &mut rng).await;

    report.assert_all_arrived();
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_where_writes_are_torn() {
    let mut rng = seeded();
    let app = Flaky::start(Mood::Moody, rng.fork()).await;
    let Some(machine) = Machine::with_disk(&app) else { return };
    let torn = |rng: &mut Rng| Some(Loss::Sectors(if rng.bool() { 512 } else { 4096 }));

    let report = campaign("un-synced writes torn", machine, &app, torn, &mut rng).await;

    report.assert_all_arrived();
}

#[tokio::test]
async fn nothing_arrives_twice_without_a_kill() {
    let mut rng = seeded();
    let app = Flaky::start(Mood::Moody, rng.fork()).await;
    let mut machine = Machine::new(&app);
    let (addresses, follow) = watch::channel(None);

    let load = Load::start(&follow, &mut rng.fork());
    let mut report = Report { name: "no kill", ..Report::default() };
    start(&mut machine, &addresses, &mut report).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    end(&machine, &app, load, &mut report).await;

    report.assert_all_arrived();
}

/// How often each test kills, where the environment does not say.
const KILLS: u32 = 12;

/// The longest that everything may take to arrive after the last kill.
const LAST: Duration = Duration::from_secs(60);

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn seeded() -> Rng {
    let seed = variable("COUNTERSIGN_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("COUNTERSIGN_CRASH_SEED={seed}");
    Rng::with_seed(seed)
}

/// Kills the gateway on this machine again and again while it is sent to, and accounts for what became of the events.
async fn campaign(
    name: &'static str,
    mut machine: Machine,
    app: &Flaky,
    loss: impl Fn(&mut Rng) -> Option<Loss>,
    rng: &mut Rng,
) -> Report {
    let kills = variable("COUNTERSIGN_CRASH_KILLS").map_or(KILLS, |kills| kills as u32);
    let mut report = Report { name, kills, ..Report::default() };
    let (addresses, follow) = watch::channel(None);
    let load = Load::start(&follow, &mut rng.fork());
    start(&mut machine, &addresses, &mut report).await;
    for _ in 0..kills {
        kill_while_running(&mut machine, &mut report, rng).await;
        addresses.send_replace(None);
        report.lost_sectors += lose(&machine, &loss, rng);
        while rng.u8(..4) == 0 {
            kill_while_starting(&mut machine, &mut report, rng).await;
            report.lost_sectors += lose(&machine, &loss, rng);
        }
        start(&mut machine, &addresses, &mut report).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    end(&machine, app, load, &mut report).await;
    report
}

/// Kills the gateway at any moment, after it was told to stop, or before any step of its disk.
async fn kill_while_running(machine: &mut Machine, report: &mut Report, rng: &mut Rng) {
    tokio::time::sleep(Duration::from_millis(rng.u64(20..600))).await;
    match (rng.u8(..4), &machine.disk) {
        (0, _) => {
            machine.gateway().signal("TERM");
            tokio::time::sleep(Duration::from_millis(rng.u64(..60))).await;
            report.kills_while_stopping += 1;
        }
        (1 | 2, Some(disk)) => {
            disk.kill_at(rng.u32(1..100));
            machine.until_killed(Duration::from_secs(1)).await;
        }
        _ => {}
    }
    machine.kill();
}

/// Starts another one, and kills it at any moment or before any step of its disk.
async fn kill_while_starting(machine: &mut Machine, report: &mut Report, rng: &mut Rng) {
    if let (Some(disk), true) = (&machine.disk, rng.bool()) {
        disk.kill_at(rng.u32(1..40));
    }
    machine.start_and_kill(Duration::from_millis(rng.u64(1..120))).await;
    report.kills_while_starting += 1;
}

/// Sends no more, waits until everything had the chance to arrive, and accounts for it.
async fn end(machine: &Machine, app: &Flaky, load: Load, report: &mut Report) {
    let (acknowledged, wrong) = load.stop().await;
    app.be(Mood::Well);
    until_empty(machine).await;
    report.account(app, &acknowledged, wrong);
}

async fn start(machine: &mut Machine, addresses: &watch::Sender<Addresses>, report: &mut Report) {
    let begun = Instant::now();
    machine.start().await;
    report.slowest_start = report.slowest_start.max(begun.elapsed());
    let gateway = machine.gateway();
    addresses.send_replace(Some((gateway.address, gateway.outbound)));
}

fn lose(machine: &Machine, loss: impl Fn(&mut Rng) -> Option<Loss>, rng: &mut Rng) -> usize {
    loss(rng).map_or(0, |loss| machine.lose(loss, rng))
}

/// Waits until nothing is due, leased, or paused.
async fn until_empty(machine: &Machine) {
    let begun = Instant::now();
    loop {
        let depths = depths(machine).await;
        if depths.iter().all(|(name, value)| *value == 0.0 || name.contains(r#"state="dead""#)) {
            return;
        }
        assert!(
            begun.elapsed() < LAST,
            "the queue does not become empty: {depths:?}\n{}",
            machine.gateway().log().join("\n")
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn depths(machine: &Machine) -> Vec<(String, f64)> {
    let metrics = machine.gateway().admin("/metrics").await;
    let lines = metrics.text().lines().filter(|line| line.starts_with("countersign_queue_deliveries{"));
    let depth = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
    let depths: Vec<_> = lines.filter_map(depth).collect();
    assert!(!depths.is_empty(), "the queue is not measured");
    depths
}

/// What became of the events of a campaign.
#[derive(Default)]
struct Report {
    name: &'static str,
    kills: u32,
    /// How many of them came after it was told to stop.
    kills_while_stopping: u32,
    kills_while_starting: u32,
    /// How many sectors with un-synced writes the disk lost.
    lost_sectors: usize,
    slowest_start: Duration,
    acknowledged: usize,
    arrived: usize,
    twice: usize,
    failed: u32,
    /// What was acknowledged, and where it did not arrive.
    lost: Vec<String>,
    wrong: Vec<String>,
}

impl Report {
    fn account(&mut self, app: &Flaky, acknowledged: &Acknowledged, wrong: Vec<String>) {
        let (arrivals, counts) = (app.arrivals(), app.counts());
        self.acknowledged = acknowledged.len();
        self.arrived = arrivals.len();
        self.twice = arrivals.values().filter(|count| **count > 1).count();
        self.failed = counts.failed;
        self.lost = lost(acknowledged, &arrivals);
        self.wrong = [wrong, counts.wrong].concat();
        println!("{self}");
    }

    #[track_caller]
    fn assert_all_arrived(&self) {
        assert!(self.lost.is_empty(), "acknowledged and lost: {:#?}", self.lost);
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert!(self.acknowledged > 20 * self.kills as usize, "{} events are no load", self.acknowledged);
        // What is repeated was being attempted, or had been and was being written down.
        let repeated = 2 * ALL_AT_ONCE * (self.kills + self.kills_while_starting);
        assert!(self.twice <= repeated as usize, "{} arrived more than once", self.twice);
    }
}

fn lost(acknowledged: &Acknowledged, arrivals: &Arrivals) -> Vec<String> {
    let expected = acknowledged.iter().flat_map(|(id, way)| way.arrives.iter().map(move |place| (*place, id)));
    let missing = expected.filter(|(place, id)| !arrivals.contains_key(&((*place).to_owned(), (*id).clone())));
    missing.map(|(place, id)| format!("{id} at {place}")).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "crash, {}: {} kills under load ({} of them while stopping) and {} while starting, {} un-synced sectors taken back, {} events acknowledged, \
             {} lost, {} deliveries arrived, {} of them more than once, {} attempts failed, slowest start {} ms",
            self.name,
            self.kills,
            self.kills_while_stopping,
            self.kills_while_starting,
            self.lost_sectors,
            self.acknowledged,
            self.lost.len(),
            self.arrived,
            self.twice,
            self.failed,
            self.slowest_start.as_millis()
        )
    }
}
