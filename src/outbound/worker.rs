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

use super::courier::EndpointCourier;
use super::handle;
use super::reply::Reply;
use super::route::Route;
use crate::config::{Egress, Endpoint, EndpointDelivery, Limits, Outbound};
use crate::delivery::Courier;
use crate::http::server::{self, Budget, Intake, ListeningSocket, Peer, Running, Service};
use crate::scheme::Secret;
use crate::store::ledger::Ledger;
use crate::store::{Scope, ScopeHandle, Store};
use crate::telemetry::metrics::Metrics;

/// How long the event ids of an endpoint are remembered, and how many.
const EVENTS: (Duration, usize) = (Duration::from_secs(72 * 3600), 1_000_000);

/// How long requests with an `Idempotency-Key` are remembered, and how many.
const REQUESTS: (Duration, usize) = (Duration::from_secs(24 * 3600), 1_000_000);

/// The scope of requests. No source can have this name, nor that of an endpoint's scope: theirs have no slash.
const REQUEST_SCOPE: &str = "outbound/requests";

/// The app's side of a running gateway, shared by all its workers.
pub struct Gateway {
    live: Mutex<Arc<Live>>,
    /// Grows with every change of `live`: workers look at it before each request.
    generation: AtomicU64,
    store: Arc<Store>,
    pub(super) ledger: Option<Arc<dyn Ledger>>,
    pub(super) metrics: Arc<Metrics>,
    intake: Arc<Intake>,
}

/// One configuration, as the workers need it.
pub(super) struct Live {
    pub(super) limits: Limits,
    pub(super) token: Option<Secret>,
    pub(super) routes: Vec<Arc<Route>>,
    /// What is known of requests with an `Idempotency-Key`.
    pub(super) requests: ScopeHandle,
    egress: Egress,
}

impl Gateway {
    /// A gateway for this configuration, not yet listening.
    pub fn new(outbound: &Outbound, store: Arc<Store>, metrics: Arc<Metrics>) -> Arc<Self> {
        let ledger = store.ledger();
        let live = Mutex::new(Live::new(outbound, &store, &metrics));
        Arc::new(Self { live, generation: AtomicU64::new(0), store, ledger, metrics, intake: Intake::new() })
    }

    /// Goes over to another configuration between two requests. What was seen,
    /// and open connections, live on.
    pub fn reload(&self, outbound: &Outbound) {
        let live = Live::new(outbound, &self.store, &self.metrics);
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = live;
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

    pub(super) fn live(&self) -> Arc<Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Live {
    fn new(outbound: &Outbound, store: &Store, metrics: &Metrics) -> Arc<Self> {
        store.configure(&scopes(outbound));
        let scope = |name: &str| store.scope(name).expect("it was configured just now");
        let route = |(place, endpoint): (usize, &Arc<Endpoint>)| {
            let (scope, metrics) = (scope(&scope_of(endpoint)), metrics.target(&endpoint.name));
            Arc::new(Route { endpoint: endpoint.clone(), scope, metrics, place })
        };
        Arc::new(Self {
            limits: outbound.limits,
            token: outbound.token.clone(),
            routes: outbound.endpoints.iter().enumerate().map(route).collect(),
            requests: scope(REQUEST_SCOPE),
            egress: outbound.egress.clone(),
        })
    }
}

fn scope_of(endpoint: &Endpoint) -> String {
    format!("endpoint/{}", endpoint.name)
}

fn scopes(outbound: &Outbound) -> Vec<Scope> {
    let scope = |name: String, (window, entries)| Scope { name: name.into(), window, entries };
    let endpoints = outbound.endpoints.iter().map(|endpoint| scope(scope_of(endpoint), EVENTS));
    endpoints.chain([scope(REQUEST_SCOPE.to_owned(), REQUESTS)]).collect()
}

/// Makes the couriers of the endpoints that are sent to while the app waits.
pub(super) type Couriers = Box<dyn Fn(&Arc<Endpoint>, &Egress) -> Rc<dyn Courier>>;

/// One thread that serves, with connections to the `sync` endpoints of its own.
pub struct Worker {
    pub(super) gateway: Arc<Gateway>,
    wired: RefCell<Rc<Wired>>,
    couriers: Couriers,
    pub(super) running: Rc<Running>,
}

/// One configuration, wired to what a worker has for itself.
pub(super) struct Wired {
    generation: u64,
    pub(super) live: Arc<Live>,
    /// For each endpoint, where it is a `sync` one.
    couriers: Vec<Option<Rc<dyn Courier>>>,
    pub(super) budget: Arc<Budget>,
}

impl Worker {
    /// A worker of this gateway, for the thread that calls.
    pub fn new(gateway: Arc<Gateway>) -> Rc<Self> {
        Self::with(gateway, Box::new(|endpoint, egress| EndpointCourier::new(endpoint.clone(), egress.clone())))
    }

    pub(super) fn with(gateway: Arc<Gateway>, couriers: Couriers) -> Rc<Self> {
        let wired = RefCell::new(Wired::new(&gateway, &couriers));
        Rc::new(Self { gateway, wired, couriers, running: Rc::default() })
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
            *wired = Wired::new(&self.gateway, &self.couriers);
        }
        wired.clone()
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

    fn is_proxy(&self, _: Option<IpAddr>) -> bool {
        false
    }

    fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        None
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
    fn new(gateway: &Gateway, couriers: &Couriers) -> Rc<Self> {
        // Read before `live`: a change in between is then seen at the next request.
        let generation = gateway.generation.load(Ordering::Acquire);
        let live = gateway.live();
        let courier = |route: &Arc<Route>| {
            let is_sync = route.endpoint.delivery == EndpointDelivery::Sync;
            is_sync.then(|| couriers(&route.endpoint, &live.egress))
        };
        let couriers = live.routes.iter().map(courier).collect();
        Rc::new(Self { generation, couriers, budget: gateway.intake.budget.clone(), live })
    }

    /// Who makes attempts at a `sync` endpoint of this configuration.
    pub(super) fn courier(&self, route: &Route) -> Rc<dyn Courier> {
        self.couriers[route.place].clone().expect("every `sync` endpoint has one")
    }
}
