//! What becomes of an event of the app's own, which a partner verifies.

use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Context;
use http::{HeaderMap, HeaderValue, Method};

use super::app::{App, Check};
use super::gateway::Running;
use super::report::{Expected, Line};
use super::secret;
use super::sender::Delivery;
use crate::clock;
use crate::scheme::{Body, Head, KeySpec, Keyring, Scheme, Secret, preset};

/// The variable that holds the secret shared with the partner.
pub(super) const VARIABLE: &str = "PARTNER_SECRET";

/// A receiver that takes nothing but what LVConnect's signature proves.
pub(super) struct Partner(Rc<App>);

impl Partner {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let scheme = preset("lvconnect").context("LVConnect is a preset")?;
        let secret = Secret::new(secret(VARIABLE).into_bytes());
        let key = KeySpec { id: "demo".into(), secret, encoding: None, not_before: None, not_after: None };
        let verifying = Verifying { scheme, keyring: Keyring::new(scheme, vec![key])? };
        Ok(Self(App::checking(Box::new(move |headers, body| verifying.verify(headers, body))).await?))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }
}

struct Verifying {
    scheme: &'static Scheme,
    keyring: Keyring,
}

impl Verifying {
    /// Verifies as a receiver would that has the request, and knows neither the gateway nor its clock.
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Check {
        let head = Head { method: &Method::POST, path: "/partner", query: None, headers, public_url: None };
        let verified = self.scheme.verifier(&self.keyring, &head, clock::now()).and_then(|mut verifier| {
            verifier.update(body);
            verifier.finish(&head, Body::from(bytes::Bytes::copy_from_slice(body)))
        });
        match verified {
            Ok(_) => Check::Good("signature verified"),
            Err(_) => Check::Bad("signature rejected"),
        }
    }
}

/// The app sends an event, which is signed as LVConnect signs.
pub(super) async fn story(running: &Running, partner: &Partner) -> anyhow::Result<Vec<Line>> {
    let receiver = &partner.0;
    let headers = [("countersign-event-type", "user:created"), ("countersign-event-id", "evt_of_the_app")];
    let event = Delivery {
        path: "/endpoints/partner".into(),
        headers: headers.map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value))).into(),
        body: r#"{"user":{"id":"5c9a0008","firstName":"Zoé"},"sender":{"id":"1"}}"#.into(),
    };
    let line = |what, answer, seen, expected| Line { sender: "the app", what, answer, seen, expected };

    receiver.fail_next(1);
    let answer = event.send(running.outbound).await?;
    let failed = line("sends, and the partner fails", Some(answer), receiver.next_seen().await?, Expected::queued());
    let recovered = line("the partner recovers", None, receiver.next_seen().await?, Expected::later());
    let answer = event.send(running.outbound).await?;
    let again = line("sends the same event id again", Some(answer), receiver.take_seen(), Expected::replayed(202));
    Ok(vec![failed, recovered, again])
}
