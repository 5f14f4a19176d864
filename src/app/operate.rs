//! What the operator's address is given of the gateway.

use std::sync::Arc;

use jiff::Timestamp;

use super::App;
use crate::admin::{Listening, State, Testing};
use crate::store::ledger::{DeliveryId, Pending};
use crate::{inbound, outbound};

impl App {
    /// All that the operator may ask about, and change.
    pub(super) fn operated(&self) -> State {
        let inbound = self.inbound.as_ref().map(|inbound| inbound.gateway.clone());
        let outbound = self.outbound.as_ref().map(|outbound| outbound.gateway.clone());
        State {
            view: self.view.clone(),
            store: self.store.clone(),
            ledger: self.store.ledger(),
            metrics: self.metrics.clone(),
            log: self.log.clone(),
            inbound: inbound.map(|inbound| inbound as Arc<dyn Listening>),
            outbound: outbound.clone().map(|outbound| outbound as Arc<dyn Listening>),
            testing: outbound.map(|outbound| outbound as Arc<dyn Testing>),
        }
    }
}

impl Listening for inbound::Gateway {
    fn is_draining(&self) -> bool {
        self.draining()
    }

    fn connections(&self) -> usize {
        self.connections()
    }

    fn body_bytes(&self) -> usize {
        self.body_bytes()
    }
}

impl Listening for outbound::Gateway {
    fn is_draining(&self) -> bool {
        self.draining()
    }

    fn connections(&self) -> usize {
        self.connections()
    }

    fn body_bytes(&self) -> usize {
        self.body_bytes()
    }
}

impl Testing for outbound::Gateway {
    fn test(&self, endpoint: &str, now: Timestamp) -> Pending<DeliveryId> {
        self.test(endpoint, now)
    }
}
