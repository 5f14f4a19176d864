//! How the cost of a request grows with connections, sources and remembered events.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{Plan, Rounds, measure, median};
use crate::load::{Load, Way};
use crate::peer::{COUNTERSIGN, Config, FLOOR, HAPROXY, Listen, PEER_CORE, Peer, gateway};
use crate::report::{Report, Table, bars};

pub(super) fn run(plan: &Plan<'_>, report: &mut Report) {
    connections(plan, report);
    sources(plan, report);
    events(plan, report);
}

fn connections(plan: &Plan<'_>, report: &mut Report) {
    let names = [HAPROXY, FLOOR, COUNTERSIGN];
    let peers = names.map(|name| plan.stage.start(name, Listen::Clear));
    let columns = ["1", "64", "512"];
    let mut cost = Table::new("connections", "Connections, 4 KiB: CPU µs a request", &columns, 1);
    let mut ratio =
        Table::new("connections-ratio", "Connections, 4 KiB: ratio to HAProxy's of the same round", &columns, 2);
    let mut memory = Table::new("connections-memory", "Connections, 4 KiB: memory after that load, MiB", &columns, 1);
    for connections in [1, 64, 512] {
        let rounds = Rounds::play(plan.rounds, peers.len(), |place| {
            measure(&peers[place], &Load { connections, ..plan.load(&peers[place], 4096) }, Way::default())
        });
        for (place, name) in names.into_iter().enumerate() {
            cost.put(name, rounds.median(place, |sample| sample.cpu));
            ratio.put(name, rounds.ratio(place, 0, |sample| sample.cpu));
            memory.put(name, peers[place].process.memory());
        }
    }
    report.plot("connections", &bars("CPU µs a request, by connections", &columns, cost.rows()));
    for table in [cost, ratio, memory] {
        report.add(table);
    }
}

fn sources(plan: &Plan<'_>, report: &mut Report) {
    let steps = [1, 100, 10_000];
    let start = |sources| gateway(plan.stage, COUNTERSIGN, PEER_CORE, &Config { sources, ..Config::default() });
    steps_of(plan, report, "sources", "Configured sources, each asked in turn", &["1", "100", "10,000"], |place| {
        Step { start: Box::new(move || start(steps[place])), way: Way { sources: steps[place], ..Way::default() } }
    });
}

fn events(plan: &Plan<'_>, report: &mut Report) {
    let (names, counts) = (["10⁴", "10⁶", "10⁷"], [10_000, 1_000_000, 10_000_000]);
    let steps = if plan.is_quick { 2 } else { 3 };
    let config = |place: usize| Config {
        store: format!("{{sqlite: {{path: {}}}}}", plan.stage.folder.join(format!("events-{place}.db")).display()),
        source: "      dedup: {entries: 20000000}\n".into(),
        ..Config::default()
    };
    for (place, count) in counts.into_iter().enumerate().take(steps) {
        // The gateway makes the file and its scopes; killed, it leaves both.
        drop(gateway(plan.stage, COUNTERSIGN, PEER_CORE, &config(place)));
        remember(&plan.stage.folder.join(format!("events-{place}.db")), count);
    }
    steps_of(plan, report, "events", "Remembered events, in SQLite", &names[..steps], |place| Step {
        start: Box::new(move || gateway(plan.stage, COUNTERSIGN, PEER_CORE, &config(place))),
        way: Way::default(),
    });
}

struct Step<'a> {
    start: Box<dyn Fn() -> Peer + 'a>,
    way: Way,
}

/// Time to the first answer, memory, and the cost of a request at each step.
fn steps_of<'a>(
    plan: &Plan<'_>,
    report: &mut Report,
    slug: &'static str,
    title: &str,
    names: &[&'static str],
    step: impl Fn(usize) -> Step<'a>,
) {
    let steps: Vec<Step<'a>> = (0..names.len()).map(step).collect();
    let (peers, first): (Vec<Peer>, Vec<f64>) = steps.iter().map(|step| started(&step.start)).unzip();
    let fresh: Vec<f64> = peers.iter().map(|peer| peer.process.memory()).collect();
    let rounds = Rounds::play(plan.rounds, peers.len(), |place| {
        measure(&peers[place], &plan.load(&peers[place], 4096), steps[place].way)
    });
    let columns =
        ["start to first answer, ms", "fresh, MiB", "after load, MiB", "CPU µs a request", "ratio to the first"];
    let mut table = Table::new(slug, title, &columns, 1);
    for (place, name) in names.iter().enumerate() {
        let cpu = rounds.median(place, |sample| sample.cpu);
        let loaded = peers[place].process.memory();
        for figure in [first[place], fresh[place], loaded, cpu, rounds.ratio(place, 0, |sample| sample.cpu)] {
            table.put(name, figure);
        }
    }
    table.digits(4, 2);
    let row = [(COUNTERSIGN.to_owned(), table.column(3))];
    report.plot(slug, &bars(&format!("CPU µs a request. {title}"), names, &row));
    report.add(table);
}

/// A peer, and how long it takes to its first answer: the median of five, or one that is so long that it varies little.
fn started(start: &dyn Fn() -> Peer) -> (Peer, f64) {
    let mut peer = start();
    let mut times = vec![peer.started];
    while times.len() < 5 && times[0] < 500.0 {
        // First the old one ends: a store has one owner.
        drop(peer);
        peer = start();
        times.push(peer.started);
    }
    (peer, median(times))
}

/// Writes into the gateway's own log of events what that many deliveries would have left there.
fn remember(path: &Path, count: i64) {
    let mut store = Connection::open(path).expect("the gateway's store");
    let transaction = store.transaction().expect("a transaction");
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 999 + ?1)
         INSERT INTO event (row, scope, event_key, fingerprint, settled_ms, status)
         SELECT i, (SELECT id FROM scope ORDER BY id LIMIT 1), randomblob(16), randomblob(16),
                CAST(unixepoch('subsec') * 1000 AS INTEGER), 200 FROM n";
    transaction.execute(insert, params![count]).expect("the gateway's tables");
    transaction.commit().expect("room on the disk");
}
