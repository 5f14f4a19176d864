use bytes::Bytes;

use super::*;
use crate::config::{UpstreamUrl, UrlScheme};
use crate::delivery::Tried;
use crate::http::testing::{Act, Received, Receiver, SECRET, endpoint, url};
use crate::scheme::preset::PRESETS;
use crate::scheme::{Head, KeySpec, Keyring, Secret};
use crate::store::ledger::{self, DeliveryId, TargetKind};

const BODY: &str = r#"{"id":"evt_1","type":"box.created","data":{"name":"Zoé"}}"#;

fn leased(body: &str, headers: &[(&'static str, &str)]) -> Leased {
    let mut stored = HeaderMap::new();
    for (name, value) in headers {
        stored.append(*name, value.parse().unwrap());
    }
    Leased {
        id: DeliveryId::new(Timestamp::UNIX_EPOCH, 1),
        target: ledger::Target { kind: TargetKind::Endpoint, name: "partner".into() },
        source: None,
        event_id: "evt_1".to_owned(),
        event_type: Some("box.created".to_owned()),
        attempts: 0,
        message: ledger::Message { headers: stored, body: Bytes::from(body.to_owned()), ..Default::default() }.into(),
    }
}

fn here(receiver: &Receiver, path: &str) -> UpstreamUrl {
    UpstreamUrl { path: path.to_owned(), ..url(UrlScheme::Http, "127.0.0.1", receiver.address.port()) }
}

fn courier(endpoint: Endpoint) -> Rc<EndpointCourier> {
    EndpointCourier::new(endpoint.into(), Egress { allow: vec!["127.0.0.0/8".parse().unwrap()] })
}

/// What comes of an attempt, and what the receiver saw of it.
async fn attempt(courier: &EndpointCourier, receiver: &Receiver, leased: &Leased) -> (Tried, Received) {
    let tried = courier.attempt(leased, 1).await;
    (tried, Received::read(receiver.requests().last().expect("something was received")))
}

fn keyring(scheme: &crate::scheme::Scheme, secrets: &[(&str, &str, &str)]) -> Keyring {
    let key = |(secret, from, to): &(&str, &str, &str)| KeySpec {
        id: "key".to_owned(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        encoding: None,
        not_before: Some(from.parse().unwrap()),
        not_after: Some(to.parse().unwrap()),
    };
    Keyring::new(scheme, secrets.iter().map(key).collect()).unwrap()
}

#[tokio::test(flavor = "local")]
async fn what_every_preset_sends_is_what_its_receiver_accepts() {
    let receiver = Receiver::ok().await;
    let url = format!("http://{}", receiver.address);
    // Linear's has its time in it.
    let sent = format!(r#"{{"webhookTimestamp":{},{}"#, clock::now().as_millisecond(), &BODY[1..]);
    for scheme in PRESETS {
        let courier = courier(endpoint(&scheme.name, here(&receiver, "/hooks")));

        let (tried, received) = attempt(&courier, &receiver, &leased(&sent, &[])).await;

        assert_eq!(tried.unwrap().status, 200, "{}", scheme.name);
        assert_eq!(received.line, "POST /hooks HTTP/1.1");
        let (headers, public_url) = (&received.headers, Some(url.as_str()));
        let head = Head { method: &Method::POST, path: "/hooks", query: None, headers, public_url };
        let body = Bytes::from(received.body.clone());
        let verified = scheme.verify(&courier.endpoint.keyring, &head, body, clock::now());
        assert_eq!(verified.expect(&scheme.name).payload().contiguous(), sent.as_bytes(), "{}", scheme.name);
        assert_eq!(received.header("content-length"), received.body.len().to_string());
    }
}

#[tokio::test(flavor = "local")]
async fn an_lvconnect_receiver_sees_what_lvconnect_sends() {
    let receiver = Receiver::ok().await;

    let (_, received) =
        attempt(&courier(endpoint("lvconnect", here(&receiver, ""))), &receiver, &leased(BODY, &[])).await;

    assert_eq!((received.line.as_str(), received.body.as_str()), ("POST / HTTP/1.1", BODY));
    assert_eq!(received.header("host"), receiver.address.to_string());
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("x-lvconnect-event"), "box.created");
    assert_eq!(received.header("x-lvconnect-delivery"), "evt_1");
    assert!(received.header("x-lvconnect-signature").starts_with("sha1="));
    assert_eq!(received.header("accept"), "*/*");
    assert!(received.header("user-agent").starts_with("countersign/"));
    assert_eq!(received.headers.len(), 8, "{:?}", received.headers);
}

#[tokio::test(flavor = "local")]
async fn the_body_of_a_jws_is_the_compact_token_and_nothing_says_its_type() {
    let receiver = Receiver::ok().await;

    let (_, received) =
        attempt(&courier(endpoint("jws", here(&receiver, ""))), &receiver, &leased(r#"{"a":"b"}"#, &[])).await;

    assert!(received.body.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoiYiJ9."), "{}", received.body);
    assert!(!received.headers.contains_key("content-type"));
    assert_eq!(received.header("content-length"), received.body.len().to_string());
}

#[tokio::test(flavor = "local")]
async fn a_scheme_that_signs_the_url_signs_the_endpoint_s_own() {
    let receiver = Receiver::ok().await;
    let recipe = r#"{hmac: {algorithm: sha256, header: X-Acme, encoding: hex, signed: "{method}.{url}.{body}"}}"#;
    let plain = endpoint(recipe, here(&receiver, "/hooks"));
    let courier = courier(Endpoint { query: Some("a=1&b=%2F".to_owned()), ..plain });
    let Endpoint { scheme, keyring, .. } = &*courier.endpoint;

    let (_, received) = attempt(&courier, &receiver, &leased(BODY, &[])).await;

    assert_eq!(received.line, "POST /hooks?a=1&b=%2F HTTP/1.1");
    let (headers, origin) = (&received.headers, format!("http://{}", receiver.address));
    let mut head =
        Head { method: &Method::POST, path: "/hooks", query: Some("a=1&b=%2F"), headers, public_url: Some(&origin) };
    let body = Bytes::from(BODY);
    assert!(scheme.verify(keyring, &head, body.clone(), clock::now()).is_ok());
    head.query = None;
    assert!(scheme.verify(keyring, &head, body, clock::now()).is_err());
}

#[test]
fn each_attempt_has_a_fresh_timestamp_and_the_same_id() {
    let courier = courier(endpoint("standard-webhooks", url(UrlScheme::Http, "127.0.0.1", 80)));
    let header = |now: &str, name| {
        let request = courier.request(&leased(BODY, &[]), now.parse().unwrap()).unwrap();
        request.headers()[name].to_str().unwrap().to_owned()
    };
    let (first, second) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");

    assert_eq!((header(first, "webhook-id"), header(second, "webhook-id")), ("evt_1".into(), "evt_1".into()));
    assert_eq!(header(first, "webhook-timestamp"), "1767225600");
    assert_eq!(header(second, "webhook-timestamp"), "1767312000");
    assert_ne!(header(first, "webhook-signature"), header(second, "webhook-signature"));
}

#[test]
fn during_a_rotation_all_valid_secrets_sign_where_the_scheme_can_carry_several() {
    let at = |scheme: &str, header: &str, now: &str| {
        let plain = endpoint(scheme, url(UrlScheme::Http, "127.0.0.1", 80));
        let (old, new) = ("b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQ=", SECRET);
        let secrets = [
            (old, "2025-01-01T00:00:00Z", "2026-06-01T00:00:00Z"),
            (new, "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),
        ];
        let rotating = Endpoint { keyring: keyring(&plain.scheme, &secrets), ..plain };
        let request = courier(rotating).request(&leased(BODY, &[]), now.parse().unwrap()).unwrap();
        request.headers()[header].to_str().unwrap().to_owned()
    };
    let (before, during, after) = ("2025-12-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-12-01T00:00:00Z");

    let carried = |now| at("standard-webhooks", "webhook-signature", now).split(' ').count();
    assert_eq!((carried(before), carried(during), carried(after)), (1, 2, 1));
    let single = |now| at("lmif", "x-lmif-signature", now);
    assert_eq!(single(before), single(during));
    assert_ne!(single(during), single(after));
}

#[tokio::test(flavor = "local")]
async fn without_a_valid_secret_nothing_is_sent() {
    let receiver = Receiver::ok().await;
    let plain = endpoint("lmif", here(&receiver, ""));
    let expired = [(SECRET, "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z")];
    let expired = Endpoint { keyring: keyring(&plain.scheme, &expired), ..plain };

    let tried = courier(expired).attempt(&leased(BODY, &[]), 1).await;

    let unanswered = tried.unwrap_err();
    assert_eq!(unanswered.outcome, AttemptOutcome::Connect);
    assert_eq!(unanswered.error, "no secret is valid at this time");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test(flavor = "local")]
async fn a_large_body_arrives_whole() {
    let receiver = Receiver::ok().await;
    let body = format!("\"{}\"", "x".repeat(3 << 20));

    let (tried, received) =
        attempt(&courier(endpoint("lmif", here(&receiver, ""))), &receiver, &leased(&body, &[])).await;

    assert_eq!(tried.unwrap().status, 200);
    assert!(received.body == body);
}

#[tokio::test(flavor = "local")]
async fn stored_headers_are_sent_and_cannot_change_the_framing() {
    let receiver = Receiver::ok().await;
    let stored = [
        ("content-type", "application/cloudevents+json"),
        ("x-app", "1"),
        ("user-agent", "the app"),
        ("host", "elsewhere"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
        ("connection", "x-app-only"),
        ("x-app-only", "1"),
        ("proxy-authorization", "Basic x"),
        ("x-lmif-signature", "sha256=forged"),
        ("countersign-event-id", "evt_1"),
    ];

    let (_, received) =
        attempt(&courier(endpoint("lmif", here(&receiver, ""))), &receiver, &leased(BODY, &stored)).await;

    assert_eq!(received.header("content-type"), "application/cloudevents+json");
    assert_eq!((received.header("x-app"), received.header("user-agent")), ("1", "the app"));
    assert_eq!(received.header("host"), receiver.address.to_string());
    assert_eq!((received.header("content-length"), received.body.as_str()), (BODY.len().to_string().as_str(), BODY));
    assert_ne!(received.header("x-lmif-signature"), "sha256=forged");
    assert_eq!(received.headers.len(), 7, "{:?}", received.headers);
}

#[tokio::test(flavor = "local")]
async fn an_attempt_ends_when_the_schedule_says() {
    let receiver = Receiver::doing(Act::Repeat(Vec::new(), Vec::new(), Duration::from_secs(1))).await;
    let plain = endpoint("lmif", here(&receiver, ""));
    let mut retry = plain.retry.clone();
    retry.timeout = Some(Duration::from_millis(200));

    let (tried, _) = attempt(&courier(Endpoint { retry, ..plain }), &receiver, &leased(BODY, &[])).await;

    let unanswered = tried.unwrap_err();
    assert_eq!((unanswered.outcome, unanswered.error.as_str()), (AttemptOutcome::Timeout, "no whole answer in time"));
}
