//! Secrets that change while the gateway runs.

use std::os::unix::fs::symlink;
use std::time::Duration;

use http::Request;
use http_body_util::Full;

use crate::reload::{NOT_RELOADED, RELOADED, with_secret_file};
use crate::support::{App, Connection, Gateway, GatewayBuilder, Received, Sender, often};

/// Waits until the sender is answered with this status.
async fn until_status(gateway: &Gateway, sender: &Sender, status: u16) {
    let mut number = 0;
    let answered = async {
        loop {
            number += 1;
            if gateway.post(&sender.event(&format!("evt_until_{status}_{number}"))).await.status == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::support::SOON, answered).await.unwrap_or_else(|_| panic!("never answered {status}"));
}

#[tokio::test]
async fn a_changed_secret_file_rotates_the_secret() {
    let app = App::answering(200).await;
    let config = with_secret_file(&Gateway::config(&app, ""));
    let gateway = GatewayBuilder::new(config).file("secret", "the old secret of the sender\n").start().await;
    let (old, new) =
        (Sender::new("lmif", "the old secret of the sender"), Sender::new("lmif", "the new secret, at last"));
    assert_eq!(gateway.post(&old.event("evt_1")).await.status, 200);
    assert_eq!(gateway.post(&new.event("evt_2")).await.status, 401);

    std::fs::write(gateway.folder.path().join("secret"), "the new secret, at last").unwrap();
    gateway.until_logged(&[RELOADED]).await;

    assert_eq!(gateway.post(&new.event("evt_2")).await.status, 200);
    assert_eq!(gateway.post(&old.event("evt_3")).await.status, 401);
}

#[tokio::test]
async fn while_both_secrets_are_listed_both_are_accepted_and_the_metric_tells_which_one_matched() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "");
    let both = "{env: NEW, id: new}, {env: SECRET, id: old, not_after: 2999-01-01T00:00:00Z}";
    let gateway = GatewayBuilder::new(&config).variable("NEW", "the new secret of the sender").start().await;
    let (old, new) = (Sender::lmif(), Sender::new("lmif", "the new secret of the sender"));

    gateway.rewrite(&config.replace("{env: SECRET}", both));
    gateway.until_logged(&[RELOADED]).await;
    assert_eq!(gateway.post(&old.event("evt_1")).await.status, 200);
    assert_eq!(gateway.post(&new.event("evt_2")).await.status, 200);
    assert_eq!(gateway.post(&new.event("evt_3")).await.status, 200);
    assert_eq!(gateway.metric(r#"countersign_verified_total{source="lmif",key="old"}"#).await, 1.0);
    assert_eq!(gateway.metric(r#"countersign_verified_total{source="lmif",key="new"}"#).await, 2.0);

    let ended = both.replace("2999-01-01", "2020-01-01");
    gateway.rewrite(&config.replace("{env: SECRET}", &ended));
    until_status(&gateway, &old, 401).await;
    assert_eq!(gateway.post(&new.event("evt_4")).await.status, 200);
    assert!(
        gateway.metric(r#"countersign_inbound_rejections_total{source="lmif",reason="secret_expired"}"#).await >= 1.0
    );
}

#[tokio::test]
async fn what_waits_is_signed_with_the_secret_that_its_file_holds_by_then() {
    let receiver = App::answering(500).await;
    let outbound = format!(
        "outbound:\n  listen: 127.0.0.1:0\n  egress: {{allow: [127.0.0.0/8]}}\n  endpoints:\n    partner: {{url: \"http://{}/\", \
         scheme: lmif, secrets: [{{file: \"{{folder}}/secret\"}}], retry: {{schedule: {}, jitter: 0%}}}}\n",
        receiver.address,
        often()
    );
    let inbound =
        Gateway::config(&receiver, "").replace("{memory: {}}", "{sqlite: {path: \"{folder}/data/store.db\"}}");
    let gateway =
        GatewayBuilder::new(inbound + &outbound).file("secret", "the old secret of the partner").start().await;
    let signed_by = |secret, received: &Received| {
        let signature = Sender::new("lmif", secret).sign(r#"{"id":"evt_1"}"#).header("x-lmif-signature").to_owned();
        received.header("x-lmif-signature") == signature
    };

    let event = Request::post("/endpoints/partner").body(Full::from(r#"{"id":"evt_1"}"#)).unwrap();
    assert_eq!(gateway.app_sends(event).await.status, 202);
    receiver.until_received(1).await;
    std::fs::write(gateway.folder.path().join("secret"), "the new secret of the partner").unwrap();
    gateway.until_logged(&[RELOADED]).await;
    // One attempt may have been under way.
    receiver.until_received(receiver.received().len() + 2).await;

    let received = receiver.received();
    assert!(signed_by("the old secret of the partner", &received[0]));
    assert!(signed_by("the new secret of the partner", received.last().unwrap()));
}

#[tokio::test]
async fn a_link_that_is_swapped_as_kubernetes_does_is_a_change() {
    let app = App::answering(200).await;
    let config = with_secret_file(&Gateway::config(&app, "")).replace("/secret", "/mounted/secret");
    let folder = tempfile::tempdir().unwrap();
    for (version, secret) in [("v1", "the first secret of the sender"), ("v2", "the second secret of the sender")] {
        std::fs::create_dir(folder.path().join(version)).unwrap();
        std::fs::write(folder.path().join(version).join("secret"), secret).unwrap();
    }
    let link = |version: &str| {
        symlink(folder.path().join(version), folder.path().join("swap")).unwrap();
        std::fs::rename(folder.path().join("swap"), folder.path().join("mounted")).unwrap();
    };
    link("v1");
    let gateway = GatewayBuilder::new(config.replace("{folder}", folder.path().to_str().unwrap())).start().await;
    assert_eq!(gateway.post(&Sender::new("lmif", "the first secret of the sender").event("evt_1")).await.status, 200);

    link("v2");
    gateway.until_logged(&[RELOADED]).await;

    assert_eq!(gateway.post(&Sender::new("lmif", "the second secret of the sender").event("evt_2")).await.status, 200);
    assert_eq!(gateway.post(&Sender::new("lmif", "the first secret of the sender").event("evt_3")).await.status, 401);
}

#[tokio::test]
async fn a_file_that_a_mistaken_configuration_named_is_taken_up_when_it_is_there() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "");
    let gateway = GatewayBuilder::new(&config).start().await;
    gateway.rewrite(&with_secret_file(&config));
    gateway.until_logged(&["ERROR", NOT_RELOADED, "cannot be read"]).await;

    std::fs::write(gateway.folder.path().join("secret"), "the secret that came later").unwrap();
    gateway.until_logged(&["INFO", RELOADED]).await;

    assert_eq!(gateway.post(&Sender::new("lmif", "the secret that came later").event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn the_token_of_the_admin_address_rotates() {
    let app = App::answering(200).await;
    let token = "admin: {listen: 127.0.0.1:0, token: {file: \"{folder}/token\"}}";
    let config = Gateway::config(&app, "").replace("admin: {listen: 127.0.0.1:0}", token);
    let gateway = GatewayBuilder::new(config).file("token", "the old token").start().await;
    let status = |token: &'static str| {
        let request = Request::get("/api/v1/sources").header("authorization", format!("Bearer {token}"));
        let connection = Connection::open(gateway.admin);
        async move { connection.await.send(request.body(Full::default()).unwrap()).await.status.as_u16() }
    };
    assert_eq!((status("the old token").await, status("the new token").await), (200, 401));

    std::fs::write(gateway.folder.path().join("token"), "the new token").unwrap();
    gateway.until_logged(&[RELOADED]).await;

    assert_eq!((status("the old token").await, status("the new token").await), (401, 200));
}
