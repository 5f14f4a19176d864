//! What the store costs: nanoseconds of CPU for a claim and its settling, bytes for an event.
//!
//! `cargo bench --bench store` prints one line a measurement; the lowest of several rounds counts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use bytes::Bytes;
use countersign::clock;
use countersign::config::Keep;
use countersign::store::{DedupKey, Fingerprint, KeptAnswer, Scope, Seen, Store};
use http::{HeaderValue, StatusCode};

const EVENTS: u64 = 1_000_000;
const ROUNDS: u64 = 5;

fn main() {
    // First, while nothing that was freed can be used again.
    memory();
    uncontended();
    persisted();
}

fn uncontended() {
    let store = with_limit(Store::memory(), 10_000);
    let best = (0..ROUNDS).map(|round| settle_all(&store, 1, round * EVENTS, &answer(0))).min();
    report("claim + settle, 1 thread(s), no body, 10,000 events remembered", best, EVENTS);
    for threads in [1, 2] {
        let store = with_room(Store::memory());
        let best = (0..ROUNDS).map(|round| settle_all(&store, threads, round * EVENTS, &answer(0))).min();
        report(&format!("claim + settle, {threads} thread(s), no body"), best, EVENTS);
    }
    let store = with_room(Store::memory());
    let best = (0..ROUNDS).map(|round| settle_all(&store, 1, round * EVENTS, &answer(20))).min();
    report("claim + settle, 1 thread, 20 B of JSON", best, EVENTS);
    let best = (0..ROUNDS).map(|_| ask_all(&store, 4 * EVENTS)).min();
    report("claim of a duplicate, 20 B of JSON", best, EVENTS / 2);
}

/// At a pace that the writer keeps up with, in the time of the thread that settles.
fn persisted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let store = with_room(Store::open_sqlite(&path, &Keep::default(), clock::now()).expect("a store"));
    let (busy, start) = (cpu_of("store"), Instant::now());
    let mut spent = Duration::ZERO;
    for round in 0..40 {
        spent += settle_range(&store, round * 25_000..(round + 1) * 25_000, &answer(20));
        thread::sleep(Duration::from_millis(150));
    }
    report("claim + settle, 1 thread, 20 B of JSON, written behind", Some(spent), EVENTS);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(store.flush());
    let cpu = cpu_of("store") - busy;
    let totals = store.totals();
    println!("  {totals:?} in {:?}", start.elapsed());
    println!("  the writer took {:.2} µs of CPU an event", cpu.as_secs_f64() * 1e6 / totals.written as f64);
    drop(store);
    println!("  {} bytes of file an event", fs::metadata(&path).expect("a file").len() / totals.written);
    reopen(&path);
}

fn reopen(path: &Path) {
    let (start, busy) = (Instant::now(), cpu());
    let store = Store::open_sqlite(path, &Keep::default(), clock::now()).expect("the store");
    let entries: usize = store.stats().iter().map(|scope| scope.entries).sum();
    println!("reopening with {entries} events: {:?} of CPU, {:?}", cpu() - busy, start.elapsed());
}

fn memory() {
    // None is dropped before all are measured: the next one would use what it gave back.
    let mut stores = Vec::new();
    let another = |event| KeptAnswer { body: Some(Bytes::from(format!("{event:020}"))), ..answer(20) };
    let mut measure = |what, answer: &dyn Fn(u64) -> KeptAnswer| {
        let before = resident();
        let store = with_room(Store::memory());
        settle_each(&store, 0..EVENTS, answer);
        println!("{} bytes of memory an event, {what}", (resident() - before) / EVENTS as usize);
        stores.push(store);
    };
    measure("no body", &|_| answer(0));
    measure("20 B of JSON", &|_| answer(20));
    measure("20 B of JSON, another for each", &another);
}

fn with_room(store: Arc<Store>) -> Arc<Store> {
    with_limit(store, EVENTS as usize)
}

fn with_limit(store: Arc<Store>, entries: usize) -> Arc<Store> {
    store.configure(&[Scope { name: "bench".into(), window: Duration::from_secs(3600), entries }]);
    store
}

fn answer(length: usize) -> KeptAnswer {
    let content_type = (length > 0).then(|| HeaderValue::from_static("application/json"));
    KeptAnswer { status: StatusCode::OK, content_type, body: Some(Bytes::from(vec![b'x'; length])) }
}

fn settle_all(store: &Arc<Store>, threads: u64, first: u64, answer: &KeptAnswer) -> Duration {
    let share = EVENTS / threads;
    let run = |thread| {
        let (store, answer, first) = (Arc::clone(store), answer.clone(), first + thread * share);
        thread::spawn(move || settle_range(&store, first..first + share, &answer))
    };
    let running: Vec<_> = (0..threads).map(run).collect();
    running.into_iter().map(|thread| thread.join().expect("no panic")).max().expect("a thread")
}

fn settle_range(store: &Arc<Store>, events: std::ops::Range<u64>, answer: &KeptAnswer) -> Duration {
    settle_each(store, events, |_| answer.clone())
}

fn settle_each(store: &Arc<Store>, events: std::ops::Range<u64>, answer: impl Fn(u64) -> KeptAnswer) -> Duration {
    let scope = store.scope("bench").expect("it was configured");
    let now = clock::now();
    let start = cpu();
    for event in events {
        let Seen::New(claim) = scope.claim(key(event), Fingerprint(1), now, Duration::from_secs(10)) else {
            panic!("{event} is known")
        };
        claim.settle(answer(event), now);
    }
    cpu() - start
}

fn ask_all(store: &Arc<Store>, first: u64) -> Duration {
    let scope = store.scope("bench").expect("it was configured");
    let now = clock::now();
    let start = cpu();
    for event in first + EVENTS / 2..first + EVENTS {
        let seen = scope.claim(key(event), Fingerprint(1), now, Duration::from_secs(10));
        assert!(matches!(seen, Seen::Settled { .. }));
    }
    cpu() - start
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

fn report(what: &str, spent: Option<Duration>, events: u64) {
    println!("{what}: {} ns", spent.expect("a round").as_nanos() / u128::from(events));
}

fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

/// Time that this thread was running: the machine may be shared.
fn cpu() -> Duration {
    // The kernel accounts for it when the thread is scheduled.
    thread::yield_now();
    running("/proc/thread-self")
}

/// Time that this process' thread of that name was running.
fn cpu_of(name: &str) -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux").flatten().map(|task| task.path());
    let named = |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name);
    tasks.filter(named).map(running).sum()
}

fn running(task: impl AsRef<Path>) -> Duration {
    let stat = fs::read_to_string(task.as_ref().join("schedstat")).expect("Linux");
    Duration::from_nanos(stat.split(' ').next().and_then(|running| running.parse().ok()).expect("a number"))
}
