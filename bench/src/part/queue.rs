//! What an event costs that is acknowledged when it is on disk, the threads of the store included.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Plan, Rounds, Sample, measure};
use crate::load::{Load, Way};
use crate::peer::{COUNTERSIGN, Config, PEER_CORE, Peer, gateway};
use crate::process::free_address;
use crate::report::{Report, Table};

pub(super) fn run(plan: &Plan<'_>, report: &mut Report) {
    let start = |config: &Config| gateway(plan.stage, COUNTERSIGN, PEER_CORE, config);
    let store = |name: &str| format!("{{sqlite: {{path: {}}}}}", plan.stage.folder.join(name).display());
    let queue = || "      delivery: queue\n".to_owned();
    let admin = free_address();
    let peers = [
        start(&Config::default()),
        start(&Config { store: store("sync.db"), ..Config::default() }),
        start(&Config {
            store: store("accept.db"),
            source: queue(),
            app: Some(free_address().to_string()),
            ..Config::default()
        }),
        start(&Config { store: store("deliver.db"), source: queue(), admin: Some(admin), ..Config::default() }),
    ];
    let rounds = Rounds::play(plan.rounds, peers.len(), |place| {
        let load = plan.load(&peers[place], 4096);
        match place {
            0 | 1 => measure(&peers[place], &load, Way::default()),
            2 => measure(&peers[place], &Load { status: 202, ..load }, Way::default()),
            _ => deliver(&peers[place], &Load { status: 202, ..load }, admin),
        }
    });
    let columns = ["CPU µs an event", "ratio to sync in memory", "events/s", "p50 ms", "p99 ms"];
    let mut table = Table::new("queue", "On disk, 4 KiB, one core for all threads", &columns, 1);
    let names =
        ["`sync`, memory", "`sync`, SQLite", "`queue`, accepted, the app is down", "`queue`, accepted and delivered"];
    for (place, name) in names.into_iter().enumerate() {
        table.put(name, rounds.median(place, |sample| sample.cpu));
        table.put(name, rounds.ratio(place, 0, |sample| sample.cpu));
        table.put(name, rounds.median(place, |sample| sample.rate));
        table.put(name, rounds.median(place, |sample| sample.p50));
        table.put(name, rounds.median(place, |sample| sample.p99));
    }
    table.digits(1, 2);
    table.digits(2, 0);
    table.note("Delivered: events/s until the last of a round is with the app.");
    report.add(table);
}

/// Until the queue is empty again.
fn deliver(peer: &Peer, load: &Load, admin: SocketAddr) -> Sample {
    let begun = Cell::new((0.0, Instant::now()));
    let done = load.over(Way::default(), || begun.set((peer.process.cpu(), Instant::now())));
    let (before, start) = begun.get();
    assert!(done.requests > 0 && done.unexpected == 0, "{}: {}", peer.name, done.line());
    while waiting(admin) > 0.0 {
        assert!(start.elapsed() < Duration::from_secs(300), "the queue does not drain");
        std::thread::sleep(Duration::from_millis(20));
    }
    Sample {
        cpu: (peer.process.cpu() - before) / done.requests as f64,
        rate: done.requests as f64 / start.elapsed().as_secs_f64(),
        p50: f64::from(done.percentile(0.5)) / 1e3,
        p99: f64::from(done.percentile(0.99)) / 1e3,
    }
}

/// Deliveries that have not arrived.
fn waiting(admin: SocketAddr) -> f64 {
    let mut answer = String::new();
    let mut stream = TcpStream::connect(admin).expect("the admin address listens");
    let request = "GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer)).expect("the metrics");
    let counts = answer.lines().filter(|line| line.starts_with("countersign_queue_deliveries{"));
    let counts: Vec<f64> = counts.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    assert!(!counts.is_empty(), "no count of the queue in {answer}");
    counts.iter().sum()
}
