//! What the workers share, and what each has for itself.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::budget::Budget;
use super::route::{Route, Routes};
use crate::config::{Dedup, Inbound, Limits, Source, Upstream};
use crate::http::client::Client;
use crate::store::{Scope, Store};
use crate::telemetry::metrics::Metrics;

/// The inbound side of a running gateway, shared by all its workers.
pub struct Gateway {
    live: Mutex<Arc<Live>>,
    /// Grows with every change of `live`: workers look at it before each request.
    generation: AtomicU64,
    store: Arc<Store>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) budget: Arc<Budget>,
    /// Open connections of all workers.
    pub(super) connections: AtomicUsize,
    draining: AtomicBool,
    drain: watch::Sender<bool>,
}

/// One configuration, as the workers need it.
pub(super) struct Live {
    pub limits: Limits,
    pub public_url: Option<String>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    sources: Vec<Arc<Source>>,
    upstreams: Vec<Arc<Upstream>>,
}

impl Gateway {
    /// A gateway for this configuration, not yet listening.
    pub fn new(inbound: &Inbound, upstreams: &[Arc<Upstream>], store: Arc<Store>, metrics: Arc<Metrics>) -> Arc<Self> {
        let live = Mutex::new(Live::new(inbound, upstreams));
        let (drain, _) = watch::channel(false);
        let (budget, connections) = (Arc::default(), AtomicUsize::new(0));
        let (generation, draining) = (AtomicU64::new(0), AtomicBool::new(false));
        let gateway = Self { live, generation, store, metrics, budget, connections, draining, drain };
        gateway.store.configure(&scopes(inbound));
        Arc::new(gateway)
    }

    /// Goes over to another configuration between two requests. What was seen,
    /// and open connections, live on.
    pub fn reload(&self, inbound: &Inbound, upstreams: &[Arc<Upstream>]) {
        self.store.configure(&scopes(inbound));
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Live::new(inbound, upstreams);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Accepts nothing more, and ends each connection with its last answer.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.drain.send_replace(true);
    }

    /// Whether the gateway accepts nothing more.
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Bytes of request bodies that are held.
    pub fn body_bytes(&self) -> usize {
        self.budget.used()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn live(&self) -> Arc<Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Live {
    fn new(inbound: &Inbound, upstreams: &[Arc<Upstream>]) -> Arc<Self> {
        Arc::new(Self {
            limits: inbound.limits,
            public_url: inbound.public_url.clone(),
            tls: inbound.tls.as_ref().map(|tls| tls.config.clone()),
            sources: inbound.sources.clone(),
            upstreams: upstreams.to_vec(),
        })
    }
}

/// What a source that does not deduplicate may remember, should it begin to: the defaults.
const DEDUP_OFF: (Duration, usize) = (Duration::from_secs(72 * 3600), 1_000_000);

/// Every source has a scope, so that one that stops deduplicating and begins again finds what it knew.
fn scopes(inbound: &Inbound) -> Vec<Scope> {
    let scope = |source: &Arc<Source>| {
        let (window, entries) = match source.dedup {
            Dedup::Off => DEDUP_OFF,
            Dedup::On { window, entries, .. } => (window, entries),
        };
        Scope { name: source.name.clone(), window, entries }
    };
    inbound.sources.iter().map(scope).collect()
}

/// One thread that serves, with connections to the upstreams of its own.
pub struct Worker {
    pub(super) gateway: Arc<Gateway>,
    wired: RefCell<Rc<Wired>>,
    pub(super) drain: watch::Receiver<bool>,
    pub(super) running: Rc<Running>,
}

/// One configuration, wired to what a worker has for itself.
pub(super) struct Wired {
    generation: u64,
    pub live: Arc<Live>,
    pub routes: Routes,
    pub clients: Vec<Rc<Client>>,
    pub budget: Arc<Budget>,
}

impl Worker {
    /// A worker of this gateway, for the thread that calls.
    pub fn new(gateway: Arc<Gateway>) -> Rc<Self> {
        let drain = gateway.drain.subscribe();
        let wired = RefCell::new(Wired::new(&gateway, &[]));
        Rc::new(Self { gateway, wired, drain, running: Rc::default() })
    }

    /// The configuration to serve the next request with.
    pub(super) fn wired(&self) -> Rc<Wired> {
        let mut wired = self.wired.borrow_mut();
        if wired.generation != self.gateway.generation.load(Ordering::Acquire) {
            *wired = Wired::new(&self.gateway, &wired.clients);
        }
        wired.clone()
    }

    pub(super) fn draining(&self) -> bool {
        self.gateway.draining()
    }

    /// A request came for no source.
    pub(super) fn unrouted(&self) {
        self.gateway.metrics.unrouted.increment(1);
    }
}

impl Wired {
    fn new(gateway: &Gateway, kept: &[Rc<Client>]) -> Rc<Self> {
        // Read before `live`: a change in between is then seen at the next request.
        let generation = gateway.generation.load(Ordering::Acquire);
        let live = gateway.live();
        let clients = live.upstreams.iter().map(|upstream| client(upstream, kept)).collect();
        let routes = Routes::new(live.sources.iter().map(|source| {
            let upstream = live.upstreams.iter().position(|upstream| Arc::ptr_eq(upstream, &source.upstream));
            let upstream = upstream.expect("config resolves a source's upstream from its own list");
            let scope = gateway.store.scope(&source.name).expect("every source was configured as a scope");
            let metrics = gateway.metrics.source(&source.name, source.keyring.key_ids());
            let upstream_metrics = gateway.metrics.upstream(&source.upstream.name);
            Rc::new(Route::new(source.clone(), scope, metrics, upstream, upstream_metrics))
        }));
        let budget = gateway.budget.clone();
        Rc::new(Self { generation, live, routes, clients, budget })
    }
}

/// The client of an upstream; one that has not changed keeps its connections.
fn client(upstream: &Arc<Upstream>, kept: &[Rc<Client>]) -> Rc<Client> {
    let same = kept.iter().find(|client| is_same(client.upstream(), upstream));
    same.cloned().unwrap_or_else(|| Client::new(upstream.clone()))
}

/// Whether connections to `old` serve for `new`. Over TLS they never do: what is trusted may have changed.
fn is_same(old: &Upstream, new: &Upstream) -> bool {
    old.url == new.url
        && old.timeout == new.timeout
        && old.connect_timeout == new.connect_timeout
        && old.tls.is_none()
        && new.tls.is_none()
}

/// The connections and requests of one worker that are not over.
#[derive(Default)]
pub(super) struct Running {
    count: Cell<usize>,
    none: Notify,
}

/// One of them, until it is dropped.
pub(super) struct Run(Rc<Running>);

impl Running {
    pub(super) fn one_more(self: &Rc<Self>) -> Run {
        self.count.set(self.count.get() + 1);
        Run(self.clone())
    }

    /// Ready when there is none.
    pub(super) async fn until_none(&self) {
        while self.count.get() > 0 {
            self.none.notified().await;
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        if self.0.count.get() == 0 {
            self.0.none.notify_one();
        }
    }
}
