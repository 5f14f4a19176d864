//! The thread that delivers from the store.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};

use crate::config::{Config, Egress, Endpoint, Pace, Retry, Upstream};
use crate::delivery::{Courier, Course, Engine};
use crate::inbound::UpstreamCourier;
use crate::outbound::EndpointCourier;
use crate::store::ledger::{Ledger, Target, TargetKind};
use crate::telemetry::metrics::Metrics;

/// Where deliveries go, in one configuration.
struct Plan {
    upstreams: Vec<Arc<Upstream>>,
    endpoints: Vec<Arc<Endpoint>>,
    egress: Egress,
}

/// The running thread. Dropping this ends it once what is being attempted has ended.
pub(crate) struct Delivering {
    plan: watch::Sender<Plan>,
    ledger: Arc<dyn Ledger>,
    _thread: JoinHandle<()>,
}

impl Delivering {
    /// Starts to deliver; `ended` is dropped when the last attempt has ended.
    pub(crate) fn start(
        config: &Config,
        ledger: Arc<dyn Ledger>,
        metrics: Arc<Metrics>,
        ended: mpsc::Sender<()>,
    ) -> io::Result<Self> {
        let (plan, plans) = watch::channel(Plan::of(config));
        let theirs = ledger.clone();
        let run = move || {
            let _ended = ended;
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => runtime.block_on(deliver(theirs, &metrics, plans)),
                Err(error) => tracing::error!(cause = %error, "nothing is delivered from the store"),
            }
        };
        let _thread = thread::Builder::new().name("delivery".into()).spawn(run)?;
        let delivering = Self { plan, ledger, _thread };
        delivering.tell_of_lost_targets(config);
        Ok(delivering)
    }

    /// Goes over to another configuration with the next attempts.
    pub(super) fn reload(&self, config: &Config) {
        self.plan.send_replace(Plan::of(config));
        self.tell_of_lost_targets(config);
    }

    /// Names what waits for targets that the configuration does not have.
    fn tell_of_lost_targets(&self, config: &Config) {
        let targets = Plan::of(config).targets();
        self.ledger.configure(&targets);
        for depth in self.ledger.depths().into_iter().filter(|depth| !targets.contains(&depth.target)) {
            let named = |kind| (depth.target.kind == kind).then_some(&*depth.target.name);
            let (endpoint, upstream) = (named(TargetKind::Endpoint), named(TargetKind::Upstream));
            // What is being attempted waits as well if it fails.
            let deliveries = depth.paused + depth.leased;
            if deliveries > 0 {
                tracing::warn!(endpoint, upstream, deliveries, "deliveries wait for a target that is not configured");
            }
        }
    }
}

async fn deliver(ledger: Arc<dyn Ledger>, metrics: &Arc<Metrics>, mut plans: watch::Receiver<Plan>) {
    let engine = Engine::new(ledger, metrics.clone());
    loop {
        let courses = plans.borrow_and_update().courses(metrics);
        engine.configure(courses);
        // An error means that the gateway stops.
        if plans.changed().await.is_err() {
            return engine.drain().await;
        }
    }
}

impl Plan {
    fn of(config: &Config) -> Self {
        let outbound = config.outbound.as_ref();
        Self {
            upstreams: config.upstreams.clone(),
            endpoints: outbound.map(|outbound| outbound.endpoints.clone()).unwrap_or_default(),
            egress: outbound.map(|outbound| outbound.egress.clone()).unwrap_or_default(),
        }
    }

    fn targets(&self) -> Vec<Target> {
        let upstreams = self.upstreams.iter().map(|upstream| target(TargetKind::Upstream, &upstream.name));
        let endpoints = self.endpoints.iter().map(|endpoint| target(TargetKind::Endpoint, &endpoint.name));
        upstreams.chain(endpoints).collect()
    }

    fn courses(&self, metrics: &Metrics) -> Vec<Course> {
        let upstreams = self.upstreams.iter().map(|upstream| {
            let courier = UpstreamCourier::new(upstream.clone(), metrics.upstream(&upstream.name));
            let target = target(TargetKind::Upstream, &upstream.name);
            course(target, &upstream.retry, upstream.pace, courier)
        });
        let endpoints = self.endpoints.iter().map(|endpoint| {
            let courier = EndpointCourier::new(endpoint.clone(), self.egress.clone());
            let target = target(TargetKind::Endpoint, &endpoint.name);
            course(target, &endpoint.retry, endpoint.pace, courier)
        });
        upstreams.chain(endpoints).collect()
    }
}

fn target(kind: TargetKind, name: &Arc<str>) -> Target {
    Target { kind, name: name.clone() }
}

fn course(target: Target, retry: &Retry, pace: Pace, courier: Rc<dyn Courier>) -> Course {
    Course { target, retry: retry.clone(), pace, courier }
}
