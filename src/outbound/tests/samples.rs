//! Test events.

use super::*;
use crate::clock;
use crate::scheme::{Body, Head, Message};
use crate::store::ledger::LedgerError;
use http::Method;

#[tokio::test]
async fn a_test_event_is_one_that_the_receiver_accepts() {
    let with = |scheme: &str, envelope| Endpoint { envelope, ..endpoint(scheme, scheme) };
    for (endpoint, kind) in [
        (with("lvconnect", Envelope::None), "user:created"),
        (with("loginradius", Envelope::LoginRadius), "login"),
        (with("loginradius", Envelope::None), "login"),
        (with("lmif", Envelope::Lmif), "box.created"),
        (with("lmif", Envelope::None), "box.created"),
        (with("jws", Envelope::Jws), "profile_updated"),
        (with("jws", Envelope::None), "profile_updated"),
        (with("stripe", Envelope::None), "test"),
        (with("standard-webhooks", Envelope::None), "test"),
    ] {
        let (name, scheme) = (endpoint.name.clone(), endpoint.scheme.clone());
        play(vec![endpoint], async |play| {
            let now = clock::now();
            let id = play.gateway.test(&name, now).await.unwrap();

            let accepted = &play.ledger.accepted()[0];
            assert_eq!((accepted.id, accepted.event_type.as_deref()), (id, Some(kind)));
            let keyring = &play.gateway.live().routes[0].endpoint.keyring;
            let message = Message {
                body: accepted.message.body.clone(),
                event_id: Some(&accepted.event_id),
                event_type: accepted.event_type.as_deref(),
                method: &Method::POST,
                path: "/",
                query: None,
                public_url: None,
                headers: &accepted.message.headers,
            };
            let signed = scheme.sign(keyring, &message, now).unwrap();
            let headers: HeaderMap = signed.headers.into_iter().collect();
            let head = Head { method: &Method::POST, path: "/", query: None, headers: &headers, public_url: None };
            let verified = scheme.verify(keyring, &head, Body::from(signed.body), now).unwrap();
            let identity = scheme.identify(&verified, &head, None, None);
            if scheme.event_id.len() == 1 {
                assert_eq!(identity.id.header_value(), accepted.event_id);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_gets_none() {
    play(vec![endpoint("partner", "lmif")], async |play| {
        assert_eq!(play.gateway.test("other", clock::now()).await, Err(LedgerError::NotFound));
    })
    .await;
}
