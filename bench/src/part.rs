//! The parts of the comparison, and what they have in common.

mod cost;
mod growth;
mod queue;
mod start;
mod wire;
mod workers;

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::load::{Load, Way};
use crate::peer::{Peer, Stage};
use crate::report::Report;

pub(crate) const NAMES: [&str; 6] = ["cost", "start", "workers", "wire", "queue", "growth"];

pub(crate) fn run(name: &str, plan: &Plan<'_>, report: &mut Report) {
    match name {
        "cost" => cost::run(plan, report),
        "start" => start::run(plan, report),
        "workers" => workers::run(plan, report),
        "wire" => wire::run(plan, report),
        "queue" => queue::run(plan, report),
        "growth" => growth::run(plan, report),
        _ => unreachable!("clap takes no other"),
    }
}

pub(crate) struct Plan<'a> {
    pub stage: &'a Stage,
    pub rounds: usize,
    pub seconds: f64,
    pub connections: usize,
    pub is_quick: bool,
}

impl Plan<'_> {
    /// Valid requests with distinct bodies, of no other run.
    fn load(&self, peer: &Peer, size: usize) -> Load {
        Load {
            target: peer.address,
            size,
            connections: self.connections,
            seconds: self.seconds,
            forge: false,
            run: run_name(),
            status: 200,
        }
    }
}

/// What no run had before.
fn run_name() -> String {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Relaxed))
}

/// One peer in one round.
struct Sample {
    /// Microseconds of CPU a request, user and system, of all threads and processes of the peer.
    cpu: f64,
    /// Requests a second.
    rate: f64,
    p50: f64,
    p99: f64,
}

/// How much of a peer's CPU time `load` took.
fn measure(peer: &Peer, load: &Load, way: Way) -> Sample {
    let before = Cell::new(0.0);
    let done = load.over(way, || before.set(peer.process.cpu()));
    let used = peer.process.cpu() - before.get();
    assert!(done.requests > 0 && done.unexpected == 0, "{}: {}", peer.name, done.line());
    Sample {
        cpu: used / done.requests as f64,
        rate: done.requests as f64 / done.seconds,
        p50: f64::from(done.percentile(0.5)) / 1e3,
        p99: f64::from(done.percentile(0.99)) / 1e3,
    }
}

/// The samples of each contestant, in the order of the rounds.
struct Rounds(Vec<Vec<Sample>>);

impl Rounds {
    /// Every contestant in turn, in each round.
    fn play(rounds: usize, contestants: usize, mut one: impl FnMut(usize) -> Sample) -> Self {
        let mut samples: Vec<Vec<Sample>> = (0..contestants).map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (contestant, samples) in samples.iter_mut().enumerate() {
                samples.push(one(contestant));
            }
        }
        Self(samples)
    }

    fn median(&self, contestant: usize, figure: impl Fn(&Sample) -> f64) -> f64 {
        median(self.0[contestant].iter().map(figure).collect())
    }

    /// The median of the ratios within a round.
    fn ratio(&self, contestant: usize, to: usize, figure: impl Fn(&Sample) -> f64) -> f64 {
        median(self.0[contestant].iter().zip(&self.0[to]).map(|(a, b)| figure(a) / figure(b)).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
