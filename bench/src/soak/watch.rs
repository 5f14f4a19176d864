//! What is seen of the gateway from outside, second by second and at rest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::operator::{Fate, look_after_the_dead, metrics};
use super::world::World;

/// The longest that everything may take to come to rest.
const LAST: Duration = Duration::from_secs(120);

/// A gateway that nobody uses.
#[derive(Default)]
pub(super) struct Rest {
    pub descriptors: BTreeMap<String, usize>,
    pub threads: usize,
    pub memory: f64,
    pub metrics: BTreeMap<String, f64>,
}

/// What a second was like.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub at: f64,
    pub memory: f64,
    pub file: u64,
    pub wal: u64,
}

/// Takes a sample each second.
pub(super) fn start(world: &Rc<World>, samples: &Rc<RefCell<Vec<Sample>>>) -> tokio::task::JoinHandle<()> {
    let (world, samples, begun) = (Rc::clone(world), Rc::clone(samples), Instant::now());
    tokio::task::spawn_local(async move {
        loop {
            sleep(Duration::from_secs(1)).await;
            let (at, memory) = (begun.elapsed().as_secs_f64(), world.machine.memory());
            samples.borrow_mut().push(Sample { at, memory, file: size(&world, ""), wal: size(&world, "-wal") });
        }
    })
}

fn size(world: &World, suffix: &str) -> u64 {
    let mut path = world.machine.store().into_os_string();
    path.push(suffix);
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Sends no more, waits until everything has arrived and all connections are closed, and looks.
///
/// `baseline` says what is to be there in the end; without it, it is what is there when nothing moves.
pub(super) async fn rest(world: &World, baseline: Option<&Rest>) -> Rest {
    world.is_open.send_replace(false);
    let begun = Instant::now();
    until(world, "everybody has finished", begun, async || world.busy.get() == 0).await;
    until(world, "the queue is empty", begun, async || {
        look_after_the_dead(world, |_| Fate::Replay).await;
        let metrics = metrics(world).await.unwrap_or_default();
        sum(&metrics, "queue_deliveries{") == 0.0 && !metrics.is_empty()
    })
    .await;
    let mut rest = look(world).await;
    let begun = Instant::now();
    until(world, "all connections are closed", begun, async || {
        let now = look(world).await;
        let is_closed = sum(&now.metrics, "inbound_connections") + sum(&now.metrics, "outbound_connections") == 0.0;
        let is_so = is_closed
            && match baseline {
                Some(baseline) => now.descriptors == baseline.descriptors,
                None => now.descriptors == rest.descriptors && begun.elapsed() > Duration::from_secs(6),
            };
        rest = now;
        is_so
    })
    .await;
    rest
}

async fn look(world: &World) -> Rest {
    sleep(Duration::from_millis(500)).await;
    let metrics = metrics(world).await.unwrap_or_default();
    // The connection that asked for the metrics is about to be closed.
    sleep(Duration::from_millis(100)).await;
    let machine = &world.machine;
    Rest { descriptors: machine.descriptors(), threads: machine.threads(), memory: machine.memory(), metrics }
}

/// Waits for something, or complains that it did not come.
async fn until(world: &World, what: &'static str, begun: Instant, mut is_so: impl AsyncFnMut() -> bool) {
    while !is_so().await {
        if begun.elapsed() > LAST {
            let metrics = metrics(world).await.unwrap_or_default();
            let waits: Vec<_> =
                metrics.iter().filter(|(name, value)| name.starts_with("queue_") && **value > 0.0).collect();
            let descriptors = world.machine.descriptors();
            let what = format!("{what}: busy {}, {waits:?}, {descriptors:?}", world.busy.get());
            return world.books.complain("came too late", what);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Adds up the metrics whose names begin like this.
pub(super) fn sum(metrics: &BTreeMap<String, f64>, beginning: &str) -> f64 {
    metrics.iter().filter(|(name, _)| name.starts_with(beginning)).map(|(_, value)| value).sum()
}
