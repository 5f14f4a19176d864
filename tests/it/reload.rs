//! Changes of the configuration while the gateway runs.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use crate::support::{Action, Answer, App, Connection, Gateway, GatewayBuilder, SECRET, Sender};

pub(crate) const RELOADED: &str = "the configuration was reloaded";

pub(crate) const NOT_RELOADED: &str = "the configuration was not reloaded";

/// The usual configuration with another source beside the usual one.
fn with_another_source(config: &str) -> String {
    let another =
        "  sources:\n    other: {path: /hooks/other, scheme: lmif, secrets: [{env: SECRET}], upstream: app}\n";
    config.replace("  sources:\n", another)
}

/// The usual configuration with its secret in a file.
pub(crate) fn with_secret_file(config: &str) -> String {
    config.replace("{env: SECRET}", "{file: \"{folder}/secret\"}")
}

async fn applied(gateway: &Gateway) -> f64 {
    gateway.metric(r#"countersign_config_reloads_total{outcome="applied"}"#).await
}

async fn refused(gateway: &Gateway) -> f64 {
    gateway.metric(r#"countersign_config_reloads_total{outcome="refused"}"#).await
}

#[tokio::test]
async fn a_changed_file_brings_a_new_source_and_open_connections_live_on() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open(gateway.address).await;
    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(gateway.post_to("/hooks/other", &Sender::lmif().event("evt_2")).await.status, 404);

    gateway.rewrite(&with_another_source(&Gateway::config(&app, "")));
    gateway.until_logged(&["INFO", RELOADED]).await;

    assert_eq!(gateway.post_to("/hooks/other", &Sender::lmif().event("evt_2")).await.status, 200);
    assert_eq!(connection.post(&Sender::lmif().event("evt_3")).await.status, 200);
    let on_the_same = crate::support::request("/hooks/other", &Sender::lmif().event("evt_4"));
    assert_eq!(connection.send(on_the_same).await.status, 200);
    assert_eq!((applied(&gateway).await, refused(&gateway).await), (1.0, 0.0));
}

#[tokio::test]
async fn a_hangup_signal_reloads_even_if_nothing_has_changed() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    gateway.signal("HUP");
    gateway.until_logged(&["INFO", RELOADED]).await;

    assert_eq!((applied(&gateway).await, refused(&gateway).await), (1.0, 0.0));
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_source_that_is_taken_out_is_not_found_and_one_that_returns_still_knows_its_duplicates() {
    let app = App::answering(200).await;
    let both = with_another_source(&Gateway::config(&app, ""));
    let gateway = GatewayBuilder::new(&both).start().await;
    let delivery = Sender::lmif().event("evt_1");
    assert_eq!(gateway.post_to("/hooks/other", &delivery).await.status, 200);

    gateway.rewrite(&Gateway::config(&app, ""));
    gateway.until_logged(&[RELOADED]).await;
    assert_eq!(gateway.post_to("/hooks/other", &delivery).await.status, 404);

    gateway.rewrite(&both);
    while gateway.post_to("/hooks/other", &delivery).await.status != 200 {}
    assert!(gateway.post_to("/hooks/other", &delivery).await.is_replayed());
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_configuration_that_is_a_link_follows_it() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let (path, real) = (gateway.config_path(), gateway.folder.path().join("real.yaml"));
    std::fs::write(&real, with_another_source(&Gateway::config(&app, ""))).unwrap();

    symlink(&real, gateway.folder.path().join("swap")).unwrap();
    std::fs::rename(gateway.folder.path().join("swap"), path).unwrap();
    gateway.until_logged(&[RELOADED]).await;

    assert_eq!(gateway.post_to("/hooks/other", &Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing_and_is_reported_with_its_place() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "");
    let gateway = GatewayBuilder::new(&config).start().await;

    gateway.rewrite(&config.replace("scheme: lmif", "scheme: lmfi").replace("upstream: app", "upstream: ap"));
    let line = gateway.until_logged(&["ERROR", NOT_RELOADED]).await;

    let path = gateway.config_path();
    assert!(line.contains(&format!("{}:8:15", path.display())), "{line}");
    assert!(line.contains(&format!("{}:10:17", path.display())), "{line}");
    assert!(line.contains("did you mean `app`?"), "{line}");
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!((applied(&gateway).await, refused(&gateway).await), (0.0, 1.0));

    gateway.rewrite(&with_another_source(&config));
    gateway.until_logged(&["INFO", RELOADED]).await;
    assert_eq!(gateway.post_to("/hooks/other", &Sender::lmif().event("evt_2")).await.status, 200);
    assert_eq!((applied(&gateway).await, refused(&gateway).await), (1.0, 1.0));
}

#[tokio::test]
async fn a_secret_that_is_emptied_or_a_file_that_is_gone_changes_nothing() {
    let app = App::answering(200).await;
    let config = with_secret_file(&Gateway::config(&app, ""));
    let gateway = GatewayBuilder::new(config).file("secret", SECRET).start().await;
    let secret = gateway.folder.path().join("secret");

    std::fs::write(&secret, "\n").unwrap();
    gateway.signal("HUP");
    gateway.until_logged(&["ERROR", NOT_RELOADED, "is empty"]).await;
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);

    std::fs::remove_file(&secret).unwrap();
    gateway.signal("HUP");
    gateway.until_logged(&["ERROR", NOT_RELOADED, "cannot be read"]).await;
    assert_eq!(gateway.post(&Sender::lmif().event("evt_2")).await.status, 200);

    std::fs::remove_file(gateway.config_path()).unwrap();
    gateway.signal("HUP");
    gateway.until_logged(&["ERROR", NOT_RELOADED, "the configuration cannot be read"]).await;
    assert_eq!(gateway.post(&Sender::lmif().event("evt_3")).await.status, 200);
    assert!(refused(&gateway).await >= 3.0);
    assert_eq!(applied(&gateway).await, 0.0);
}

#[tokio::test]
async fn a_change_that_needs_a_restart_is_refused_and_named() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "");
    let gateway = GatewayBuilder::new(&config).start().await;

    for (number, (from, to, key)) in [
        ("listen: 127.0.0.1:0\n  limits", "listen: 127.0.0.1:1\n  limits", "inbound.listen"),
        ("workers: 2", "workers: 1", "workers"),
        ("{memory: {}}", "{sqlite: {path: \"{folder}/store.db\"}}", "store"),
        ("admin: {listen: 127.0.0.1:0}", "admin: {listen: 127.0.0.1:1}", "admin.listen"),
    ]
    .into_iter()
    .enumerate()
    {
        // A source that would be there if any of it had been applied.
        gateway.rewrite(&with_another_source(&config.replace(from, to)));
        gateway.signal("HUP");
        gateway.until_logged(&["ERROR", NOT_RELOADED, "restart", key]).await;
        assert!(refused(&gateway).await > number as f64);
        assert_eq!(gateway.post_to("/hooks/other", &Sender::lmif().event("evt_1")).await.status, 404);
    }
    assert!(!gateway.folder.path().join("store.db").exists());
    assert_eq!(applied(&gateway).await, 0.0);
}

#[tokio::test]
async fn what_was_delivered_before_a_reload_is_a_duplicate_after_it() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let first = gateway.post(&delivery).await;

    gateway.signal("HUP");
    gateway.until_logged(&[RELOADED]).await;
    let second = gateway.post(&delivery).await;

    assert!(second.is_replayed());
    assert_eq!(second.text(), first.text());
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_duplicate_that_comes_after_a_reload_waits_for_a_delivery_from_before_it() {
    let app = App::doing([Action::Wait], Action::Answer(500, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let (first, second) = tokio::join!(gateway.post(&delivery), async {
        app.until_received(1).await;
        gateway.signal("HUP");
        gateway.until_logged(&[RELOADED]).await;
        let release = async {
            while gateway.metric(r#"countersign_verified_total{source="lmif",key="1"}"#).await < 2.0 {}
            app.release();
        };
        tokio::join!(gateway.post(&delivery), release).0
    });

    assert_eq!((first.status.as_u16(), second.status.as_u16()), (500, 500));
}

#[tokio::test]
async fn the_level_and_the_format_of_the_log_change() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "");
    let quiet = format!("{config}log: {{level: warn, format: json}}\n");
    let gateway = GatewayBuilder::new(&config).start().await;
    gateway.post(&Sender::lmif().event("evt_1")).await;
    gateway.until_logged(&["event=evt_1"]).await;

    gateway.rewrite(&quiet);
    while applied(&gateway).await < 1.0 {}
    gateway.post(&Sender::lmif().event("evt_2")).await;
    gateway.rewrite(&quiet.replace("warn", "info"));
    while applied(&gateway).await < 2.0 {}
    gateway.post(&Sender::lmif().event("evt_3")).await;

    let line = gateway.until_logged(&["evt_3"]).await;
    assert!(line.contains(r#""event":"evt_3""#), "{line}");
    assert!(!gateway.log().iter().any(|line| line.contains("evt_2")));
}

#[tokio::test]
async fn the_limits_and_the_upstream_change_for_connections_that_are_open() {
    let (first, second) = (App::answering(200).await, App::answering(201).await);
    let config = Gateway::config(&first, "");
    let gateway = GatewayBuilder::new(&config).start().await;
    let connection = Connection::open(gateway.address).await;
    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);

    let changed = Gateway::config(&second, "").replace("read_timeout: 2s", "read_timeout: 2s, body: 100B");
    gateway.rewrite(&changed);
    gateway.until_logged(&[RELOADED]).await;

    assert_eq!(connection.post(&Sender::lmif().event("evt_2")).await.status, 201);
    let large = Sender::lmif().sign(vec![b'x'; 101]);
    assert_eq!(gateway.post(&large).await.status, 413);
    assert_eq!((first.received().len(), second.received().len()), (1, 1));
}

/// Sends one event after the other on a connection of its own until it is told to stop.
async fn steadily(gateway: Arc<Gateway>, name: usize, stop: Arc<AtomicBool>, sent: Arc<AtomicU32>) -> Vec<Answer> {
    let connection = Connection::open(gateway.address).await;
    let (sender, mut answers) = (Sender::lmif(), Vec::new());
    while !stop.load(Relaxed) {
        answers.push(connection.post(&sender.event(&format!("evt_{name}_{}", answers.len()))).await);
        sent.fetch_add(1, Relaxed);
    }
    answers
}

#[tokio::test]
async fn reloads_under_load_drop_no_request() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "");
    let gateway = Arc::new(GatewayBuilder::new(&config).start().await);
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let senders: Vec<_> =
        (0..8).map(|name| tokio::spawn(steadily(gateway.clone(), name, stop.clone(), sent.clone()))).collect();

    // Each one has another source, other limits and other connections to the app than the one before.
    let other =
        with_another_source(&config.replace("timeout: 3s", "timeout: 4s").replace("timeout: 2s", "timeout: 5s"));
    for reload in 1..=20 {
        let before = sent.load(Relaxed);
        gateway.rewrite([&config, &other][reload % 2]);
        gateway.signal("HUP");
        while applied(&gateway).await < reload as f64 || sent.load(Relaxed) < before + 50 {}
    }
    stop.store(true, Relaxed);

    let mut answered = 0;
    for sender in senders {
        let answers = sender.await.expect("no connection broke");
        assert!(answers.iter().all(|answer| answer.status == 200 && !answer.is_replayed()));
        answered += answers.len();
    }
    assert!(answered >= 1000, "{answered}");
    assert_eq!(app.received().len(), answered);
}
