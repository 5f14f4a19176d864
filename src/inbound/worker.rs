//! What the workers share, and what each has for itself.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};

use super::handle;
use super::refusal::Refusal;
use super::reply::Reply;
use super::route::{Route, Routes};
use crate::clock;
use crate::config::{Dedup, Delivery, Inbound, Limits, Proxies, Source, Upstream};
use crate::http::balance::UpstreamClient;
use crate::http::gate::Gate;
use crate::http::server::{self, Budget, Intake, ListeningSocket, Peer, Running, Service};
use crate::store::{Scope, Store};
use crate::telemetry::metrics::Metrics;

/// The inbound side of a running gateway, shared by all its workers.
pub struct Gateway {
    live: Mutex<Arc<Live>>,
    /// Grows with every change of `live`: workers look at it before each request.
    generation: AtomicU64,
    pub(super) store: Arc<Store>,
    pub(super) metrics: Arc<Metrics>,
    /// The way of events to the store.
    pub(super) way_to_store: Gate,
    intake: Arc<Intake>,
}

/// What is no time for an app, on a machine that has little else to do.
const SHORT: Duration = Duration::from_millis(25);

/// What is no time for a disk that syncs what many have left at once.
const SHORT_TO_SYNC: Duration = Duration::from_millis(20);

/// One configuration, as the workers need it.
pub(super) struct Live {
    pub limits: Limits,
    pub public_url: Option<String>,
    pub proxies: Proxies,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    sources: Vec<Arc<Source>>,
    upstreams: Vec<Arc<Upstream>>,
    /// The ways to them, for those that a sender waits for.
    ways: Vec<Arc<Gate>>,
}

impl Gateway {
    /// A gateway for this configuration, not yet listening.
    pub fn new(inbound: &Inbound, upstreams: &[Arc<Upstream>], store: Arc<Store>, metrics: Arc<Metrics>) -> Arc<Self> {
        let live = Mutex::new(Live::new(inbound, upstreams, None));
        let (generation, way_to_store) = (AtomicU64::new(0), Gate::new(SHORT_TO_SYNC, clock::instant()));
        let gateway = Self { live, generation, store, metrics, way_to_store, intake: Intake::new() };
        gateway.store.configure(&scopes(inbound));
        Arc::new(gateway)
    }

    /// Goes over to another configuration between two requests. What was seen,
    /// and open connections, live on.
    pub fn reload(&self, inbound: &Inbound, upstreams: &[Arc<Upstream>]) {
        self.store.configure(&scopes(inbound));
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        *live = Live::new(inbound, upstreams, Some(&live));
        drop(live);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Accepts nothing more, and ends each connection with its last answer.
    pub fn drain(&self) {
        self.intake.drain();
    }

    /// Whether the gateway accepts nothing more.
    pub fn draining(&self) -> bool {
        self.intake.draining()
    }

    /// Bytes of request bodies that are held.
    pub fn body_bytes(&self) -> usize {
        self.intake.budget.used()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.intake.connections()
    }

    fn live(&self) -> Arc<Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Live {
    fn new(inbound: &Inbound, upstreams: &[Arc<Upstream>], before: Option<&Live>) -> Arc<Self> {
        let way = |upstream: &Arc<Upstream>| {
            let kept = before.and_then(|before| before.way(&upstream.name));
            kept.unwrap_or_else(|| Arc::new(Gate::new(SHORT, clock::instant())))
        };
        Arc::new(Self {
            limits: inbound.limits,
            public_url: inbound.public_url.clone(),
            proxies: inbound.proxies.clone(),
            tls: inbound.tls.as_ref().map(|tls| tls.config.clone()),
            sources: inbound.sources.clone(),
            upstreams: upstreams.to_vec(),
            ways: upstreams.iter().map(way).collect(),
        })
    }

    /// The way to the upstream of this name.
    fn way(&self, name: &str) -> Option<Arc<Gate>> {
        let place = self.upstreams.iter().position(|upstream| &*upstream.name == name)?;
        Some(self.ways[place].clone())
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
    pub(super) running: Rc<Running>,
}

/// One configuration, wired to what a worker has for itself.
pub(super) struct Wired {
    generation: u64,
    pub live: Arc<Live>,
    pub routes: Routes,
    pub clients: Vec<Rc<UpstreamClient>>,
    pub budget: Arc<Budget>,
}

impl Worker {
    /// A worker of this gateway, for the thread that calls.
    pub fn new(gateway: Arc<Gateway>) -> Rc<Self> {
        let wired = RefCell::new(Wired::new(&gateway, &[]));
        Rc::new(Self { gateway, wired, running: Rc::default() })
    }

    /// Accepts until the gateway drains, then waits for the last answer.
    ///
    /// # Errors
    ///
    /// If the socket cannot be registered with this thread's runtime.
    pub async fn serve(self: Rc<Self>, socket: ListeningSocket) -> io::Result<()> {
        server::serve(self, socket).await
    }

    /// The configuration to serve the next request with.
    pub(super) fn wired(&self) -> Rc<Wired> {
        let mut wired = self.wired.borrow_mut();
        if wired.generation != self.gateway.generation.load(Ordering::Acquire) {
            *wired = Wired::new(&self.gateway, &wired.clients);
        }
        wired.clone()
    }

    /// Why a request for this source is not looked at: more are under way already than are answered soon.
    pub(super) fn crowded(&self, route: &Route) -> Option<Refusal> {
        match route.source.delivery {
            Delivery::Sync => route.way.is_full().then_some(Refusal::UpstreamBusy),
            Delivery::Queue | Delivery::SyncThenQueue { .. } => {
                self.gateway.way_to_store.is_full().then_some(Refusal::StoreBusy)
            }
        }
    }

    /// A request came for no source.
    pub(super) fn unrouted(&self) {
        self.gateway.metrics.unrouted.increment(1);
    }
}

impl Service for Worker {
    type Answer = Reply;

    fn intake(&self) -> &Arc<Intake> {
        &self.gateway.intake
    }

    fn running(&self) -> &Rc<Running> {
        &self.running
    }

    fn limits(&self) -> Limits {
        self.wired().live.limits
    }

    fn is_proxy(&self, address: Option<IpAddr>) -> bool {
        self.wired().live.proxies.include(address)
    }

    fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        self.wired().live.tls.clone()
    }

    fn answer(
        self: Rc<Self>,
        peer: Rc<Peer>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Reply>> + 'static {
        handle(self, peer, request)
    }
}

impl Wired {
    fn new(gateway: &Gateway, kept: &[Rc<UpstreamClient>]) -> Rc<Self> {
        // Read before `live`: a change in between is then seen at the next request.
        let generation = gateway.generation.load(Ordering::Acquire);
        let live = gateway.live();
        let clients = live.upstreams.iter().map(|upstream| client(upstream, kept)).collect();
        let routes = Routes::new(live.sources.iter().map(|source| {
            let upstream = live.upstreams.iter().position(|upstream| Arc::ptr_eq(upstream, &source.upstream));
            let upstream = upstream.expect("config resolves a source's upstream from its own list");
            let scope = gateway.store.scope(&source.name).expect("every source was configured as a scope");
            let way = (upstream, live.ways[upstream].clone());
            Rc::new(Route::new(source.clone(), scope, way, &gateway.metrics))
        }));
        let budget = gateway.intake.budget.clone();
        Rc::new(Self { generation, live, routes, clients, budget })
    }
}

/// The client of an upstream; one that has not changed keeps its connections.
fn client(upstream: &Arc<Upstream>, kept: &[Rc<UpstreamClient>]) -> Rc<UpstreamClient> {
    let same = kept.iter().find_map(|client| client.serving(upstream));
    same.unwrap_or_else(|| UpstreamClient::new(upstream.clone()))
}
