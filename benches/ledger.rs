//! What durable deliveries cost: accepted a second and how long that takes, beside the disk's own
//! rate of synced appends and beside a program that commits each event by itself, in the same run
//! and folder; how fast a queue drains; how fast a file with many queued deliveries opens, and in
//! how much memory.
//!
//! `cargo bench --bench ledger` measures all of it; `-- accept`, `-- drain` or `-- open` a part.
//! The folder is made below `TMPDIR`: it counts which disk that is on.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use countersign::clock;
use countersign::config::Keep;
use countersign::store::ledger::{
    Accept, Attempt, Ended, Ledger, Message, NewDelivery, Next, Room, Start, Target, TargetKind,
};
use countersign::store::{DedupKey, Fingerprint, Scope, Seen, Store};
use countersign::telemetry::words::AttemptOutcome;
use http::{HeaderMap, HeaderValue};
use rusqlite::{Connection, params};

const CLIENTS: u64 = 64;
const SECONDS: Duration = Duration::from_secs(4);
const QUEUED: u64 = 1_000_000;

fn main() {
    let wanted = std::env::args().nth(1).filter(|word| !word.starts_with("--"));
    let is_wanted = |part: &str| wanted.as_deref().is_none_or(|wanted| wanted == part);
    let folder = tempfile::tempdir().expect("a folder");
    if is_wanted("accept") {
        for length in [1024, 4096] {
            accept_all(folder.path(), length);
        }
    }
    if is_wanted("drain") {
        drain(folder.path());
    }
    if is_wanted("open") {
        open(folder.path());
    }
}

/// Three rounds of each, one after another, so that a busy neighbour disturbs all alike.
fn accept_all(folder: &Path, length: usize) {
    for round in 1..=3 {
        let path = folder.join(format!("accept-{length}-{round}.db"));
        let disk = synced_appends(&folder.join("append"), length);
        let plain = plain_commits(&folder.join(format!("plain-{length}-{round}.db")), length);
        let ours = accepts(&path, length);
        println!("{length} B, round {round}");
        println!("  append + fdatasync: {disk}");
        println!("  a commit an event:  {plain}");
        println!("  accepted:           {ours}, {CLIENTS} clients");
        println!(
            "  {:.1} times a commit an event; p99 {:.1} times the disk's median",
            ours.rate() / plain.rate(),
            ours.at(0.99).as_secs_f64() / disk.at(0.5).as_secs_f64()
        );
    }
}

/// How long each took, and all together.
struct Spent {
    each: Vec<Duration>,
    all: Duration,
}

impl Spent {
    fn new(mut each: Vec<Duration>, all: Duration) -> Spent {
        each.sort_unstable();
        Spent { each, all }
    }

    fn rate(&self) -> f64 {
        self.each.len() as f64 / self.all.as_secs_f64()
    }

    fn at(&self, part: f64) -> Duration {
        self.each[((self.each.len() - 1) as f64 * part) as usize]
    }
}

impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (p50, p99, p999) = (self.at(0.5), self.at(0.99), self.at(0.999));
        write!(f, "{:.0}/s, p50 {p50:.2?}, p99 {p99:.2?}, p99.9 {p999:.2?}", self.rate())
    }
}

/// For a while, one after another.
fn repeatedly(mut run: impl FnMut()) -> Spent {
    let start = Instant::now();
    let mut each = Vec::new();
    while start.elapsed() < SECONDS {
        let begun = Instant::now();
        run();
        each.push(begun.elapsed());
    }
    Spent::new(each, start.elapsed())
}

fn synced_appends(path: &Path, length: usize) -> Spent {
    let (mut file, bytes) = (File::create(path).expect("a file"), vec![b'x'; length]);
    repeatedly(|| {
        file.write_all(&bytes).expect("room");
        file.sync_data().expect("a sync");
    })
}

/// What anybody would write first: an index of keys, a row an event, a commit each.
fn plain_commits(path: &Path, length: usize) -> Spent {
    let connection = Connection::open(path).expect("a database");
    let pragmas = "PRAGMA journal_mode = wal; PRAGMA synchronous = full;";
    let tables = "CREATE TABLE seen (key BLOB PRIMARY KEY); CREATE TABLE queue (id INTEGER PRIMARY KEY, body BLOB);";
    connection.execute_batch(&format!("{pragmas}{tables}")).expect("tables");
    let (mut event, body) = (0, vec![b'x'; length]);
    repeatedly(|| {
        connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        let mut seen = connection.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1)").expect("SQL");
        seen.execute([key(event)]).expect("a row");
        let mut queue = connection.prepare_cached("INSERT INTO queue (body) VALUES (?1)").expect("SQL");
        queue.execute(params![body]).expect("a row");
        connection.execute_batch("COMMIT").expect("a commit");
        event += 1;
    })
}

/// Each client waits for its own before it sends the next.
fn accepts(path: &Path, length: usize) -> Spent {
    let store = Store::open_sqlite(path, &Keep::default(), clock::now()).expect("a store");
    let (ledger, message, event) = (configured(&store), message(length), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let each = runtime.block_on(async {
        let client = |_| {
            let (store, ledger, message, event) = (store.clone(), ledger.clone(), message.clone(), event.clone());
            tokio::spawn(async move {
                let mut each = Vec::new();
                while start.elapsed() < SECONDS {
                    let begun = Instant::now();
                    accept(&store, &*ledger, &message, event.fetch_add(1, Relaxed), 1).await;
                    each.push(begun.elapsed());
                }
                each
            })
        };
        let mut each = Vec::new();
        for client in (0..CLIENTS).map(client).collect::<Vec<_>>() {
            each.extend(client.await.expect("no panic"));
        }
        each
    });
    Spent::new(each, start.elapsed())
}

fn configured(store: &Store) -> Arc<dyn Ledger> {
    store.configure(&[Scope { name: "bench".into(), window: Duration::from_secs(3600), entries: QUEUED as usize }]);
    let ledger = store.ledger().expect("a store with a file");
    ledger.configure(&[app()]);
    ledger
}

fn app() -> Target {
    Target { kind: TargetKind::Upstream, name: "app".into() }
}

fn message(length: usize) -> Arc<Message> {
    let content_type = (http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let headers = HeaderMap::from_iter([content_type]);
    Arc::new(Message {
        path: "/hooks".to_owned(),
        headers,
        body: Bytes::from(vec![b'x'; length]),
        ..Message::default()
    })
}

/// Accepts so many deliveries together, each of an event that nobody knows.
async fn accept(store: &Store, ledger: &dyn Ledger, message: &Arc<Message>, first: u64, count: u64) {
    let (scope, now) = (store.scope("bench").expect("it was configured"), clock::now());
    let deliveries = (first..first + count).map(|event| {
        let Seen::New(claim) = scope.claim(key(event), Fingerprint(1), now, Duration::from_secs(10)) else {
            panic!("{event} is known")
        };
        let new = NewDelivery {
            id: ledger.next_id(now),
            target: app(),
            source: Some("bench".into()),
            event_id: format!("4f1f9a86-6d0b-4d3e-9a3e-{event:012}"),
            event_type: Some("box.created".to_owned()),
            message: Arc::clone(message),
            start: Start::Due(now),
        };
        (new, Some(claim))
    });
    let accept = Accept { deliveries: deliveries.collect(), answered: None };
    ledger.accept(accept).await.expect("the store can be written");
}

/// One target, as the engine does it: leases of up to 64, and an end for each.
fn drain(folder: &Path) {
    let path = folder.join("drain.db");
    let store = Store::open_sqlite(&path, &Keep::default(), clock::now()).expect("a store");
    let (ledger, message, count) = (configured(&store), message(1024), 100_000);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        for first in (0..count).step_by(500) {
            accept(&store, &*ledger, &message, first, 500).await;
        }
        let (start, mut drained) = (Instant::now(), 0);
        while drained < count {
            let room = Room { deliveries: 64, bytes: 8 << 20 };
            let leases = ledger.lease(app(), clock::now(), room).await.expect("the store can be read");
            drained += leases.leased.len() as u64;
            let ends: Vec<_> = leases.leased.iter().map(|leased| ledger.record(arrived(leased.id))).collect();
            for end in ends {
                end.await.expect("the store can be written");
            }
        }
        println!("drained {count} of 1 KiB: {:.0}/s", count as f64 / start.elapsed().as_secs_f64());
    });
    println!("  the log beside the file: {} MiB", size(&path, "-wal") >> 20);
}

fn arrived(id: countersign::store::ledger::DeliveryId) -> Ended {
    let (started, took) = (clock::now(), Duration::from_millis(5));
    let attempt = Attempt { number: 1, started, took, outcome: AttemptOutcome::Success, answer: None, error: None };
    Ended { id, target: app(), attempt, next: Next::Delivered, pause: None }
}

/// In a process of its own that has done nothing else, as a restart would.
fn open(folder: &Path) {
    let path = folder.join("open.db");
    if let Some(path) = std::env::var_os("LEDGER_TO_OPEN") {
        return reopen(&PathBuf::from(path));
    }
    let store = Store::open_sqlite(&path, &Keep::default(), clock::now()).expect("a store");
    let (ledger, message) = (configured(&store), message(1024));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let before = resident();
    runtime.block_on(async {
        for first in (0..QUEUED).step_by(500) {
            accept(&store, &*ledger, &message, first, 500).await;
        }
    });
    println!("queueing {QUEUED}: {} MiB of memory, {} MiB before", resident() >> 20, before >> 20);
    // As a crash leaves it: nothing is closed.
    let this = std::env::current_exe().expect("a program");
    let copy = folder.join("copy.db");
    for suffix in ["", "-wal"] {
        fs::copy(with(&path, suffix), with(&copy, suffix)).expect("a copy");
    }
    drop((ledger, store));
    let status = std::process::Command::new(this).arg("open").env("LEDGER_TO_OPEN", &copy).status();
    assert!(status.expect("a process").success());
}

fn reopen(path: &Path) {
    let start = Instant::now();
    let store = Store::open_sqlite(path, &Keep::default(), clock::now()).expect("the store");
    let ledger = configured(&store);
    let opened = start.elapsed();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let room = Room { deliveries: 64, bytes: 8 << 20 };
        let leased = ledger.lease(app(), clock::now(), room).await.expect("the store can be read").leased.len();
        let first = start.elapsed();
        accept(&store, &*ledger, &message(1024), QUEUED, 1).await;
        println!("opening with {} queued: {opened:.2?}", ledger.depths()[0].due + ledger.depths()[0].leased);
        println!("  first {leased} leased after {first:.2?}, first accepted after {:.2?}", start.elapsed());
        let begun = Instant::now();
        ledger.oldest().await.expect("the store can be read");
        println!("  the oldest found in {:.2?}", begun.elapsed());
    });
    println!("  {} MiB of memory, {} MiB of file", resident() >> 20, size(path, "") >> 20);
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

fn size(path: &Path, suffix: &str) -> u64 {
    fs::metadata(with(path, suffix)).map_or(0, |metadata| metadata.len())
}

/// Splitmix64, twice: as uniform as a digest.
fn key(event: u64) -> DedupKey {
    let mix = |seed: u64| {
        let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mix(event).to_le_bytes());
    key[8..].copy_from_slice(&mix(!event).to_le_bytes());
    key
}

fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}
