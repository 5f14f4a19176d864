//! Sources with public keys, and endpoints with private ones.

use countersign::scheme::{Head, KeySpec, Keyring, Rejection, Secret};
use http::{Method, Request};
use http_body_util::Full;
use jiff::Timestamp;

use crate::reload::{NOT_RELOADED, RELOADED};
use crate::support::{App, Cli, Gateway, GatewayBuilder, Received, Sender};

/// A file of `tests/keys`.
fn key(name: &str) -> String {
    std::fs::read_to_string(format!("tests/keys/{name}")).unwrap()
}

/// A gateway with a source that verifies by the key in its file `key`.
async fn gateway(app: &App, scheme: &str, key: &str) -> Gateway {
    GatewayBuilder::new(config(app, scheme)).file("key", key).start().await
}

fn config(app: &App, scheme: &str) -> String {
    let source = format!(
        "    signed:\n      path: /hooks/signed\n      scheme: {scheme}\n      keys: [{{file: \"{{folder}}/key\", id: theirs}}]\n      upstream: app\n"
    );
    Gateway::config_of(app, &source)
}

const DISCORD: &str = r#"{"id":"846462639134605312","type":2,"version":1}"#;

#[tokio::test]
async fn what_the_private_key_signed_reaches_the_app_and_nothing_else_does() {
    let app = App::answering(200).await;
    let gateway = gateway(&app, "discord", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n").await;
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let sender = Sender::new("discord", &format!("{seed}{public}"));
    let post = async |delivery| gateway.post_to("/hooks/signed", &delivery).await.status.as_u16();
    let good = sender.sign(DISCORD);

    assert_eq!(post(good.clone().tampered()).await, 401);
    assert_eq!(post(good.clone().changed("x-signature-timestamp", |time| format!("{time}0"))).await, 401);
    assert_eq!(post(good.clone().without("x-signature-ed25519")).await, 401);
    assert_eq!(post(Sender::new("discord", &key("ed25519-other.pem")).sign(DISCORD)).await, 401);
    assert_eq!(app.received().len(), 0);

    assert_eq!(post(good.clone()).await, 200);
    assert_eq!(post(good).await, 200);
    let received = app.received();
    assert_eq!(received.len(), 1, "the second was a duplicate");
    assert_eq!(received[0].body, DISCORD);
    assert_eq!(received[0].header("countersign-event-id"), "846462639134605312");
    assert_eq!(gateway.metric(r#"countersign_verified_total{source="signed",key="theirs"}"#).await, 2.0);
}

#[tokio::test]
async fn a_changed_key_file_rotates_the_key_and_a_private_one_is_not_taken() {
    let app = App::answering(200).await;
    let gateway = gateway(&app, "{jws: {algorithm: ES256}}", &key("p256.pub.pem")).await;
    let scheme = "jws: {algorithm: ES256}";
    let (old, new) = (Sender::new(scheme, &key("p256.pem")), Sender::new(scheme, &key("p256-other.pem")));
    let post = async |sender: &Sender, body: &'static str| {
        gateway.post_to("/hooks/signed", &sender.sign(body)).await.status.as_u16()
    };
    assert_eq!(post(&old, r#"{"a":1}"#).await, 200);
    assert_eq!(post(&new, r#"{"a":2}"#).await, 401);

    let file = gateway.folder.path().join("key");
    std::fs::write(&file, key("p256-other.pem")).unwrap();
    gateway.until_logged(&[NOT_RELOADED, "is a private one"]).await;
    assert_eq!(post(&old, r#"{"a":3}"#).await, 200);

    std::fs::write(&file, key("p256-other.pub.pem")).unwrap();
    gateway.until_logged(&[RELOADED]).await;
    assert_eq!(post(&new, r#"{"a":4}"#).await, 200);
    assert_eq!(post(&old, r#"{"a":5}"#).await, 401);
    let bodies: Vec<_> = app.received().into_iter().map(|received| received.body).collect();
    assert_eq!(bodies, [r#"{"a":1}"#, r#"{"a":3}"#, r#"{"a":4}"#], "the payloads, decoded");
}

#[tokio::test]
async fn a_detached_jws_stays_with_the_body_that_it_signs() {
    let app = App::answering(200).await;
    let scheme = "jws: {algorithm: RS256, header: X-Jws-Signature, payload: unencoded}";
    let gateway = gateway(&app, &format!("{{{scheme}}}"), &key("rsa2048.crt")).await;
    let delivery = Sender::new(scheme, &key("rsa2048.pem")).sign("{\"a\": \"$.02\"}\n");

    assert_eq!(gateway.post_to("/hooks/signed", &delivery.clone().tampered()).await.status, 401);
    assert_eq!(gateway.post_to("/hooks/signed", &delivery).await.status, 200);

    let received = &app.received()[0];
    assert_eq!(received.body, "{\"a\": \"$.02\"}\n");
    assert_eq!(received.header("x-jws-signature"), delivery.header("x-jws-signature"));
}

/// Whether the holder of a public key accepts a request that an endpoint was sent.
fn verify(scheme: &str, public: &str, received: &Received) -> Result<(), Rejection> {
    let scheme = countersign::config::scheme(scheme).unwrap();
    let secret = Secret::new(public.as_bytes().to_vec());
    let spec = KeySpec { id: "0".into(), secret, encoding: None, not_before: None, not_after: None };
    let keyring = Keyring::new(&scheme, vec![spec]).unwrap();
    let headers = &received.headers;
    let head = Head { method: &Method::POST, path: "/", query: None, headers, public_url: None };
    scheme.verify(&keyring, &head, received.body.clone(), Timestamp::now()).map(drop)
}

#[tokio::test]
async fn an_endpoint_signs_with_its_private_key() {
    let receiver = App::answering(200).await;
    let event = r#"{"id":"evt_1","type":"box.created"}"#;
    for (scheme, name) in [
        ("standard-webhooks-v1a", "ed25519"),
        ("jws: {algorithm: RS256}", "rsa2048"),
        ("jws: {algorithm: ES256}", "p256"),
        ("jws: {algorithm: PS256, header: X-Jws}", "rsa2048"),
        ("public_key: {algorithm: ecdsa-p384-sha384, header: X-Sig}", "p384"),
    ] {
        let written = if scheme.contains(':') { format!("{{{scheme}}}") } else { scheme.to_owned() };
        let outbound = format!(
            "outbound:\n  listen: 127.0.0.1:0\n  egress: {{allow: [127.0.0.0/8]}}\n  endpoints:\n    partner: {{url: \"http://{}/\", \
             scheme: {written}, secrets: [{{file: \"{{folder}}/key\"}}], delivery: sync}}\n",
            receiver.address,
        );
        let config = Gateway::config(&receiver, "") + &outbound;
        let gateway = GatewayBuilder::new(config).file("key", key(&format!("{name}.pem"))).start().await;

        let request = Request::post("/endpoints/partner").body(Full::from(event)).unwrap();
        assert_eq!(gateway.app_sends(request).await.status, 200, "{scheme}");

        let received = receiver.received().pop().unwrap();
        assert_eq!(verify(scheme, &key(&format!("{name}.pub.pem")), &received), Ok(()), "{scheme}");
        let other = key(&format!("{name}-other.pub.pem"));
        assert_eq!(verify(scheme, &other, &received), Err(Rejection::Mismatch), "{scheme}");
    }
}

#[test]
fn check_shows_which_sources_have_public_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.yaml");
    let keys = std::env::current_dir().unwrap().join("tests/keys/ed25519.pub.pem");
    let config = format!(
        "inbound:\n  listen: 127.0.0.1:0\n  sources:\n    bot: {{path: /bot, scheme: discord, upstream: app, \
         keys: [{{file: \"{}\", id: theirs}}]}}\nupstreams:\n  app: {{url: http://127.0.0.1:9}}\nstore: {{memory: {{}}}}\n",
        keys.display()
    );
    std::fs::write(&path, config).unwrap();

    let checked = Cli::new(["check", "--config", &path.display().to_string()]).run();

    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.stdout.contains("public key theirs"), "{}", checked.stdout);
}
