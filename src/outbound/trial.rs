//! An event of an endpoint's style, to see whether it arrives.

use bytes::Bytes;
use http::HeaderMap;
use uuid::Uuid;

use super::Gateway;
use super::message::{Given, prepare};
use super::sample::{self, Occasion, Sample, Samples};
use crate::clock::Timestamp;
use crate::config::{Endpoint, Envelope};
use crate::store::ledger::{Accept, DeliveryId, LedgerError, Pending};

impl Gateway {
    /// Accepts the sample event of this endpoint's style, to be delivered like any other.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no such endpoint, `State` where its scheme signs something that no sample has, and
    /// `Unavailable` where nothing could be accepted.
    pub fn test(&self, endpoint: &str, now: Timestamp) -> Pending<DeliveryId> {
        let accepted = self.sample(endpoint, now);
        Box::pin(async { accepted?.await })
    }

    fn sample(&self, endpoint: &str, now: Timestamp) -> Result<Pending<DeliveryId>, LedgerError> {
        let live = self.live();
        let route = live.routes.iter().find(|route| &*route.endpoint.name == endpoint).ok_or(LedgerError::NotFound)?;
        let ledger = self.ledger.clone().ok_or(LedgerError::Unavailable)?;
        let sample = Samples::of(style(&route.endpoint)).usual();
        let (body, headers) = (body(sample, &route.endpoint, now).ok_or(LedgerError::State)?, HeaderMap::new());
        let given = Given { id: None, kind: Some(sample.kind), headers: &headers, body: &body, at: now };
        let prepared = prepare(&route.endpoint, &given).map_err(|_| LedgerError::State)?;
        let delivery = prepared.delivery(route, ledger.next_id(now), now);
        let id = delivery.id;
        let accepted = ledger.accept(Accept { deliveries: vec![(delivery, None)], answered: None });
        Ok(Box::pin(async move { accepted.await.map(|_| id) }))
    }
}

/// The scheme whose sender the endpoint's receiver knows: its envelope tells, or else how it is signed.
fn style(endpoint: &Endpoint) -> &str {
    match endpoint.envelope {
        Envelope::Jws => "jws",
        Envelope::Lmif => "lmif",
        Envelope::LoginRadius => "loginradius",
        Envelope::None => &endpoint.scheme.name,
    }
}

/// What the app would give: where the endpoint makes no envelope, the app makes it.
fn body(sample: &Sample, endpoint: &Endpoint, now: Timestamp) -> Option<Bytes> {
    let unique = Uuid::new_v4();
    if endpoint.envelope != Envelope::None {
        return Some(sample.data(unique));
    }
    let id = sample::new_id(&endpoint.scheme.name);
    let occasion = Occasion { id: &id, kind: sample.kind, hook: &endpoint.name, at: now, unique };
    sample.event(&endpoint.scheme, &occasion)
}
