//! An event of an endpoint's style, to see whether it arrives.

use bytes::Bytes;
use http::HeaderMap;
use uuid::Uuid;

use super::Gateway;
use super::envelope::{self, Plain};
use super::identity::new_id;
use super::message::{Given, prepare};
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
        let sample = Sample::of(&route.endpoint);
        let (body, headers) = (sample.body(&route.endpoint, now).ok_or(LedgerError::State)?, HeaderMap::new());
        let given = Given { id: None, kind: Some(sample.kind), headers: &headers, body: &body, at: now };
        let prepared = prepare(&route.endpoint, &given).map_err(|_| LedgerError::State)?;
        let delivery = prepared.delivery(route, ledger.next_id(now), now);
        let id = delivery.id;
        let accepted = ledger.accept(Accept { deliveries: vec![(delivery, None)], answered: None });
        Ok(Box::pin(async move { accepted.await.map(|_| id) }))
    }
}

/// An event as an app would give it.
struct Sample {
    kind: &'static str,
    body: &'static str,
    /// What the style puts it into.
    envelope: Envelope,
}

/// After LVConnect's document: a user that was created, and who created it.
const LVCONNECT: Sample = Sample {
    kind: "user:created",
    envelope: Envelope::None,
    body: r#"{"user":{"id":"5c9a0f0e8b1f4d0012a3b4c5","firstName":"Zoé","lastName":"Dupont","email":"zoe.dupont@example.com","createdAt":"2026-01-15T10:00:00.000Z"},"sender":{"id":"5c9a0f0e8b1f4d0012a3b4c6","firstName":"Jean","lastName":"Martin","email":"jean.martin@example.com"}}"#,
};

/// After LoginRadius' document: the profile of somebody who has logged in.
const LOGINRADIUS: Sample = Sample {
    kind: "login",
    envelope: Envelope::LoginRadius,
    body: r#"{"Uid":"793fb102948e48c0bac4382200cc50a8","ID":"25bea1b2c3d47257a1b28b5e93c29eea","Provider":"Email","FirstName":"René","LastName":"Doe","FullName":"René Doe","Email":[{"Type":"Primary","Value":"rene@example.com"}],"EmailVerified":true,"IsActive":true,"IsDeleted":false,"NoOfLogins":38,"CreatedDate":"2019-04-29T21:41:38.122Z"}"#,
};

/// What LMIF's envelope is made around.
const LMIF: Sample = Sample {
    kind: "box.created",
    envelope: Envelope::Lmif,
    body: r#"{"boxId":"box_abc123","name":"Example","createdBy":"user_def456","status":"active"}"#,
};

/// risr/advance's example, but for its id.
const RISR: Sample = Sample {
    kind: "profile_updated",
    envelope: Envelope::Jws,
    body: r#"{"auditLog":[],"id":"profile_org_id","email":"john@doe.com","rev":"1-1324","firstName":"John","lastName":"Doe","userFields":[]}"#,
};

/// For all others.
const PLAIN: Sample = Sample {
    kind: "test",
    envelope: Envelope::None,
    body: r#"{"type":"test","message":"a test event from countersign"}"#,
};

impl Sample {
    fn of(endpoint: &Endpoint) -> Sample {
        match (endpoint.envelope, &*endpoint.scheme.name) {
            (Envelope::Lmif, _) | (Envelope::None, "lmif") => LMIF,
            (Envelope::LoginRadius, _) | (Envelope::None, "loginradius") => LOGINRADIUS,
            (Envelope::Jws, _) | (Envelope::None, "jws") => RISR,
            (Envelope::None, "lvconnect") => LVCONNECT,
            (Envelope::None, _) => PLAIN,
        }
    }

    /// What the app would give: where the endpoint makes no envelope, the app makes it.
    fn body(&self, endpoint: &Endpoint, now: Timestamp) -> Option<Bytes> {
        let body = Bytes::from_static(self.body.as_bytes());
        if endpoint.envelope != Envelope::None {
            return Some(body);
        }
        let (id, kind, unique) = (new_id(endpoint), Some(self.kind), Uuid::new_v4());
        let plain = Plain { body: &body, id: &id, kind, endpoint: &endpoint.name, at: now, unique };
        envelope::wrap(self.envelope, &plain).ok()
    }
}
