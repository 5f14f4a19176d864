//! What an operator may ask about, and change.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::{Config, Endpoint, Source, Upstream};
use crate::store::Store;
use crate::store::ledger::{DeliveryId, Ledger, Pending};
use crate::telemetry::log::Log;
use crate::telemetry::metrics::Metrics;

/// What the operator may ask about.
pub struct State {
    /// The configuration in force.
    pub view: View,
    /// What was seen.
    pub store: Arc<Store>,
    /// The deliveries; a store in memory has none.
    pub ledger: Option<Arc<dyn Ledger>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The log.
    pub log: Log,
    /// The receiving side, if there is one.
    pub inbound: Option<Arc<dyn Listening>>,
    /// The sending side, if there is one.
    pub outbound: Option<Arc<dyn Listening>>,
    /// Who makes test events, where there is a sending side.
    pub testing: Option<Arc<dyn Testing>>,
}

/// A listener, as far as an operator asks about it.
pub trait Listening {
    /// Whether it takes no new work.
    fn is_draining(&self) -> bool;

    /// Connections that are open.
    fn connections(&self) -> usize;

    /// Bytes of bodies that are held.
    fn body_bytes(&self) -> usize;
}

/// Who makes test events.
pub trait Testing {
    /// Accepts a sample event, in the style of the endpoint of this name, as a delivery to it.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no such endpoint, `State` where there is no sample for its scheme.
    fn test(&self, endpoint: &str, now: Timestamp) -> Pending<DeliveryId>;
}

/// The configuration in force, as the operator sees it; clones are the same one.
#[derive(Clone, Default)]
pub struct View(Rc<RefCell<Seen>>);

#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) sources: Vec<Arc<Source>>,
    pub(super) upstreams: Vec<Arc<Upstream>>,
    pub(super) endpoints: Vec<Arc<Endpoint>>,
}

impl View {
    /// The view of this configuration.
    pub fn new(config: &Config) -> View {
        let view = View::default();
        view.set(config);
        view
    }

    /// Shows another one from the next request on.
    pub fn set(&self, config: &Config) {
        let sources = config.inbound.iter().flat_map(|inbound| inbound.sources.clone()).collect();
        let endpoints = config.outbound.iter().flat_map(|outbound| outbound.endpoints.clone()).collect();
        self.0.replace(Seen { sources, upstreams: config.upstreams.clone(), endpoints });
    }

    /// Shows these receivers beside what the configuration has.
    #[cfg(test)]
    pub(super) fn show_endpoints(&self, endpoints: Vec<Arc<Endpoint>>) {
        self.0.borrow_mut().endpoints = endpoints;
    }

    pub(super) fn seen(&self) -> Seen {
        self.0.borrow().clone()
    }
}
