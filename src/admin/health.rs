//! Whether the gateway is ready, and its numbers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use tokio::time::timeout;

use super::answer::{Answer, of, text};
use super::state::{Listening, State};
use crate::store::ledger::{Depth, Target};
use crate::telemetry::words::QueueState;

/// The content type of the Prometheus text format, version 0.0.4.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long the store may take to say what waits longest; a scrape has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Health {
    state: Rc<State>,
    /// Every target that was ever shown, with what the store last said of it.
    waiting: RefCell<BTreeMap<Arc<str>, Waiting>>,
}

/// What waits for the targets of one name.
#[derive(Clone, Copy, Default)]
struct Waiting {
    /// In the order of [`QueueState::ALL`].
    deliveries: [u64; 4],
    oldest: Option<Timestamp>,
}

impl Health {
    pub(super) fn new(state: Rc<State>) -> Health {
        Health { state, waiting: RefCell::default() }
    }

    pub(super) fn ready(&self) -> Answer {
        if self.sides().any(|side| side.is_draining()) {
            text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else if !self.is_store_healthy() {
            text(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be written\n")
        } else {
            text(StatusCode::OK, "ok\n")
        }
    }

    pub(super) async fn metrics(&self, now: Timestamp) -> Answer {
        self.gather();
        self.gather_queue(now).await;
        of(StatusCode::OK, PROMETHEUS, self.state.metrics.render())
    }

    fn sides(&self) -> impl Iterator<Item = &Arc<dyn Listening>> {
        self.state.inbound.iter().chain(&self.state.outbound)
    }

    fn is_store_healthy(&self) -> bool {
        self.state.store.healthy() && self.state.ledger.as_ref().is_none_or(|ledger| ledger.healthy())
    }

    /// Shows what is counted where it happens, and not in the metrics themselves.
    fn gather(&self) {
        let State { inbound, outbound, store, metrics, log, .. } = &*self.state;
        if let Some(inbound) = inbound {
            metrics.body_bytes.set(inbound.body_bytes() as f64);
            metrics.connections.set(inbound.connections() as f64);
        }
        if let Some(outbound) = outbound {
            metrics.outbound_body_bytes.set(outbound.body_bytes() as f64);
            metrics.outbound_connections.set(outbound.connections() as f64);
        }
        metrics.log_lines_dropped.absolute(log.dropped());
        let totals = store.totals();
        metrics.store.show(totals.written, totals.unwritten, totals.failures, totals.answer_bytes);
        metrics.store.healthy(self.is_store_healthy());
        for scope in store.stats() {
            metrics.scope(&scope.name).show(scope.entries, scope.in_flight, scope.evictions);
        }
    }

    /// Shows what waits for every target, also for those for which nothing does.
    async fn gather_queue(&self, now: Timestamp) {
        let seen = self.state.view.seen();
        let upstreams = seen.upstreams.iter().map(|upstream| upstream.name.clone());
        let names: Vec<_> = upstreams.chain(seen.endpoints.iter().map(|endpoint| endpoint.name.clone())).collect();
        let depths = self.state.ledger.as_ref().map(|ledger| ledger.depths()).unwrap_or_default();
        let oldest = self.oldest().await;
        let mut waiting = self.waiting.borrow_mut();
        for name in names {
            waiting.entry(name).or_default();
        }
        note_depths(&mut waiting, &depths);
        if let Some(oldest) = oldest {
            note_oldest(&mut waiting, oldest);
        }
        for (name, waiting) in &*waiting {
            let age = waiting.oldest.and_then(|oldest| Duration::try_from(now.duration_since(oldest)).ok());
            self.state.metrics.queue(name).show(waiting.deliveries, age.unwrap_or_default());
        }
    }

    /// `None`: the store does not say, and what it said last goes on to age.
    async fn oldest(&self) -> Option<Vec<(Target, Timestamp)>> {
        let oldest = self.state.ledger.as_ref().map(|ledger| ledger.oldest())?;
        timeout(PATIENCE, oldest).await.ok()?.ok()
    }
}

/// An upstream and an endpoint of one name are one label, and are summed.
fn note_depths(waiting: &mut BTreeMap<Arc<str>, Waiting>, depths: &[Depth]) {
    waiting.values_mut().for_each(|waiting| waiting.deliveries = [0; 4]);
    for depth in depths {
        let all = &mut waiting.entry(depth.target.name.clone()).or_default().deliveries;
        all[QueueState::Dead as usize] += depth.dead;
        all[QueueState::Due as usize] += depth.due;
        all[QueueState::Leased as usize] += depth.leased;
        all[QueueState::Paused as usize] += depth.paused;
    }
}

fn note_oldest(waiting: &mut BTreeMap<Arc<str>, Waiting>, oldest: Vec<(Target, Timestamp)>) {
    waiting.values_mut().for_each(|waiting| waiting.oldest = None);
    for (target, at) in oldest {
        let known = &mut waiting.entry(target.name).or_default().oldest;
        *known = Some(known.map_or(at, |known| known.min(at)));
    }
}
