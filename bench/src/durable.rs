//! Durable acknowledgements: a source with `delivery: queue`, whose app is down, beside the disk's own rate of synced
//! appends and a program that commits each event by itself, in one run and on one disk; then a restart with many
//! queued deliveries.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::load::{Load, SECRET};
use crate::process::{free_address, memory, until_listening};

#[derive(clap::Args)]
pub(crate) struct Durable {
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/countersign")]
    countersign: PathBuf,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Sizes of the bodies.
    #[arg(long, value_delimiter = ',', default_value = "1024,4096")]
    sizes: Vec<usize>,
    /// How many deliveries are queued before the restart.
    #[arg(long, default_value_t = 1_000_000)]
    queued: u64,
    /// The folder of the store, which says whose disk is measured.
    #[arg(long, default_value = "target/bench-durable")]
    folder: PathBuf,
}

impl Durable {
    pub(crate) fn run(&self) {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).expect("the folder can be made");
        for size in &self.sizes {
            self.table(*size);
        }
        self.restart();
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn table(&self, size: usize) {
        println!("\n{size} B, {} connections, each round {} s", self.connections, self.seconds);
        println!("{:<26} {:>10} {:>10} {:>10}", "", "a second", "p50 us", "p99 us");
        for round in 1..=self.rounds {
            let disk = self.one_after_another(appends(&self.folder.join("appends"), size));
            let plain = self.one_after_another(commits(&self.folder.join(format!("plain-{size}-{round}.db")), size));
            let gateway = Gateway::start(&self.countersign, &self.folder.join(format!("store-{size}-{round}.db")));
            let ours = self.load(gateway.address, size, self.seconds, &format!("{size}-{round}"));
            disk.print("append + fdatasync");
            plain.print("a commit an event");
            ours.print("countersign, 202");
            let (times, late) = (ours.rate / plain.rate, f64::from(ours.p99) / f64::from(disk.p50.max(1)));
            println!("{:<26} {times:.1} times a commit an event; p99 {late:.1} times the disk's median", "");
        }
    }

    fn one_after_another(&self, mut run: impl FnMut()) -> Figures {
        let (start, mut each) = (Instant::now(), Vec::new());
        while start.elapsed().as_secs_f64() < self.seconds {
            let begun = Instant::now();
            run();
            each.push(begun.elapsed().as_micros() as u32);
        }
        each.sort_unstable();
        Figures::of(&each, start.elapsed().as_secs_f64())
    }

    fn load(&self, target: SocketAddr, size: usize, seconds: f64, run: &str) -> Figures {
        let load = Load {
            target,
            size,
            connections: self.connections,
            seconds,
            forge: false,
            run: run.to_owned(),
            status: 202,
        };
        let done = load.run();
        assert_eq!(done.unexpected, 0, "every event is acknowledged");
        Figures::of(&done.latencies, done.seconds)
    }

    fn restart(&self) {
        let store = self.folder.join("restart.db");
        let gateway = Gateway::start(&self.countersign, &store);
        let (mut queued, mut run) = (0, 0);
        while queued < self.queued {
            let figures = self.load(gateway.address, 1024, 5.0, &format!("restart-{run}"));
            (queued, run) = (queued + figures.count, run + 1);
        }
        println!("\n{queued} queued: {:.0} MiB of memory", memory(gateway.process.id()));
        // Killed, so that nothing is written at the end.
        drop(gateway);
        let start = Instant::now();
        let gateway = Gateway::start(&self.countersign, &store);
        println!("started again after a kill: it listens after {:.2?}", start.elapsed());
        let figures = self.load(gateway.address, 1024, 0.2, "again");
        println!("  {} acknowledged in the next 0.2 s", figures.count);
        println!("  {:.0} MiB of memory", memory(gateway.process.id()));
    }
}

struct Figures {
    count: u64,
    rate: f64,
    p50: u32,
    p99: u32,
}

impl Figures {
    /// Of sorted times in microseconds.
    fn of(each: &[u32], seconds: f64) -> Self {
        let at = |part: f64| each.get((each.len() as f64 * part) as usize).copied().unwrap_or(0);
        Self { count: each.len() as u64, rate: each.len() as f64 / seconds, p50: at(0.5), p99: at(0.99) }
    }

    fn print(&self, name: &str) {
        println!("{name:<26} {:>10.0} {:>10} {:>10}", self.rate, self.p50, self.p99);
    }
}

fn appends(path: &Path, size: usize) -> impl FnMut() {
    let (mut file, bytes) = (File::create(path).expect("a file"), vec![b'x'; size]);
    move || {
        file.write_all(&bytes).expect("room");
        file.sync_data().expect("a sync");
    }
}

/// What anybody would write first: an index of keys, a row an event, a commit each.
fn commits(path: &Path, size: usize) -> impl FnMut() {
    let connection = Connection::open(path).expect("a database");
    let pragmas = "PRAGMA journal_mode = wal; PRAGMA synchronous = full;";
    let tables = "CREATE TABLE seen (key BLOB PRIMARY KEY); CREATE TABLE queue (id INTEGER PRIMARY KEY, body BLOB);";
    connection.execute_batch(&format!("{pragmas}{tables}")).expect("tables");
    let (mut event, body) = (0_u64, vec![b'x'; size]);
    move || {
        // As random as a digest.
        let key = event.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        let mut seen = connection.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1)").expect("SQL");
        seen.execute([key]).expect("a row");
        let mut queue = connection.prepare_cached("INSERT INTO queue (body) VALUES (?1)").expect("SQL");
        queue.execute(params![body]).expect("a row");
        connection.execute_batch("COMMIT").expect("a commit");
        event += 1;
    }
}

/// A gateway on all cores whose app is down; killed when it is dropped.
struct Gateway {
    process: Child,
    address: SocketAddr,
}

impl Gateway {
    fn start(program: &Path, store: &Path) -> Self {
        let (address, app) = (free_address(), free_address());
        let config = format!(
            "inbound:\n  listen: {address}\n  sources:\n    lmif:\n      path: /hooks/lmif\n      scheme: lmif\n      \
             secrets: [{{env: SECRET}}]\n      upstream: app\n      delivery: queue\n      dedup: {{entries: 10000000}}\n\
             upstreams:\n  app: {{url: \"http://{app}\"}}\nstore: {{sqlite: {{path: {}}}}}\nlog: {{level: warn}}\n",
            store.display()
        );
        let path = store.with_extension("yaml");
        fs::write(&path, config).expect("the folder can be written");
        let process = Command::new(program)
            .args(["run", "--config"])
            .arg(&path)
            .env("SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let gateway = Self { process, address };
        let longest = Duration::from_secs(10);
        assert!(until_listening(address) < longest, "it listens in time");
        gateway
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
