//! What it costs to be seen: nanoseconds for a line, a count, a time.
//!
//! `cargo bench --bench telemetry` prints one line a measurement; the lowest of several rounds counts.

use std::io;
use std::time::{Duration, Instant};

use countersign::telemetry::access::Access;
use countersign::telemetry::log::{Format, Log};
use countersign::telemetry::metrics::Metrics;
use countersign::telemetry::words::Outcome;
use tracing::level_filters::LevelFilter;

const LINES: u32 = 2_000;
const ROUNDS: u32 = 50;

fn main() {
    let log = Log::to(Box::new(io::sink()), Format::Text, LevelFilter::INFO).expect("a thread");
    log.install().expect("there is no other");
    for (what, format, level) in [
        ("a request's line of text", Format::Text, LevelFilter::INFO),
        ("a request's line of JSON", Format::Json, LevelFilter::INFO),
        ("a request's line that is off", Format::Json, LevelFilter::WARN),
    ] {
        log.configure(format, level);
        time(what, line, || assert!(log.flush(Duration::from_secs(1))));
    }
    assert_eq!(log.dropped(), 0);

    let metrics = Metrics::new();
    let source = metrics.source("bench", ["0"]);
    time("a count", || source.outcome(Outcome::Delivered), || ());
    time("a time", || source.duration(Duration::from_micros(750)), || metrics.upkeep());
}

fn line() {
    Access {
        request: uuid::Uuid::from_u128(0x0198_b5a8_7e3c_7d4e_9a51_0c2f_6f0e_8a11),
        source: Some("lmif"),
        outcome: Outcome::Delivered,
        reason: None,
        status: Some(200),
        event: Some("evt_5f1c7c2e9b"),
        delivery: None,
        duration: Duration::from_micros(1_234),
        attempts: 1,
    }
    .log();
}

fn time(what: &str, act: impl Fn(), between: impl Fn()) {
    let round = |_| {
        let start = Instant::now();
        (0..LINES).for_each(|_| act());
        let spent = start.elapsed();
        between();
        spent
    };
    let best = (0..ROUNDS).map(round).min().expect("a round");
    println!("{what}: {:.1} ns", best.as_nanos() as f64 / f64::from(LINES));
}
