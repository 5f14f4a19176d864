//! Client certificates, demanded and shown, and certificates that are renewed while the gateway runs.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use http::Request;
use http_body_util::Full;
use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};

use crate::reload::{NOT_RELOADED, RELOADED};
use crate::support::tls::{Authority, Issued, accepting, acceptor, connect, trusting};
use crate::support::{App, Connection, Gateway, GatewayBuilder, Sender, often};

/// A gateway that shows this certificate, with more keys of `tls`.
fn showing(app: &App, issued: &Issued, keys: &str) -> GatewayBuilder {
    let tls = format!("  tls: {{certificate: \"{{folder}}/tls.crt\", key: \"{{folder}}/tls.key\"{keys}}}\n  limits:");
    let config = Gateway::config(app, "").replace("  limits:", &tls);
    GatewayBuilder::new(config).file("tls.crt", &issued.certificate).file("tls.key", &issued.key)
}

/// A gateway that demands certificates of this authority.
async fn demanding(app: &App, own: &Authority, clients: &Authority) -> Gateway {
    let keys = ", client_ca: \"{folder}/clients.pem\"";
    showing(app, &own.issue("localhost"), keys).file("clients.pem", clients.pem()).start().await
}

/// What a client is answered, if it gets in: with TLS 1.3 it hears only afterwards that it does not.
async fn answered(address: SocketAddr, client: Arc<ClientConfig>, id: &str) -> Option<u16> {
    let is_http2 = client.alpn_protocols.iter().any(|name| name == b"h2");
    let stream = connect(address, client).await.ok()?;
    let connection = if is_http2 {
        Connection::http2(stream, "localhost").await
    } else {
        Connection::http1(stream, "localhost").await
    };
    let request = crate::support::request("/hooks/lmif", &Sender::lmif().event(id));
    connection.try_send(request).await.ok().map(|answer| answer.status.as_u16())
}

fn write(gateway: &Gateway, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(gateway.folder.path().join(name), content).unwrap();
}

async fn reloads(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric(&format!("countersign_config_reloads_total{{outcome=\"{outcome}\"}}")).await
}

#[tokio::test]
async fn a_sender_that_shows_a_certificate_of_the_authority_gets_in() {
    let (app, own, clients) = (App::answering(200).await, Authority::new(), Authority::new());
    let gateway = demanding(&app, &own, &clients).await;
    let shown = clients.issue("sender.example");

    for (number, (versions, alpn)) in
        [([&TLS12], "http/1.1"), ([&TLS12], "h2"), ([&TLS13], "http/1.1"), ([&TLS13], "h2")].into_iter().enumerate()
    {
        let client = own.client_showing(&shown, &versions, &[alpn]);
        assert_eq!(answered(gateway.address, client, &format!("evt_{number}")).await, Some(200), "{number}");
    }
    assert_eq!(app.received().len(), 4);
}

#[tokio::test]
async fn a_sender_without_a_certificate_or_with_another_authoritys_is_refused_before_it_is_heard() {
    let (app, own, clients) = (App::answering(200).await, Authority::new(), Authority::new());
    let keys = ", client_ca: \"{folder}/clients.pem\"";
    let builder = showing(&app, &own.issue("localhost"), keys).file("clients.pem", clients.pem());
    let gateway = builder.more("log: {level: debug}\n").start().await;
    let strangers = [
        ("none", None),
        ("another authority's", Some(Authority::new().issue("sender.example"))),
        // That the gateway's own authority vouches for it says nothing of its clients.
        ("the gateway's authority's", Some(own.issue("sender.example"))),
        ("an expired", Some(clients.issue_expired("sender.example"))),
    ];

    for (whose, shown) in &strangers {
        for versions in [[&TLS12], [&TLS13]] {
            let client = trusting(&[&own], &versions, &["http/1.1"], shown.as_ref());
            assert_eq!(answered(gateway.address, client, "evt_1").await, None, "{whose}");
        }
    }
    assert!(app.received().is_empty());
    assert_eq!(gateway.outcome("refused").await, 0.0);
    gateway.until_logged(&["DEBUG", "no TLS was agreed on", "127.0.0.1", "peer sent no certificates"]).await;
    gateway.until_logged(&["DEBUG", "no TLS was agreed on", "127.0.0.1", "certificate expired"]).await;
    let shown = clients.issue("sender.example");
    let client = own.client_showing(&shown, rustls::ALL_VERSIONS, &["http/1.1"]);
    assert_eq!(answered(gateway.address, client, "evt_1").await, Some(200));
}

#[tokio::test]
async fn the_authority_of_senders_is_replaced_for_new_connections() {
    let (app, own, old, new) = (App::answering(200).await, Authority::new(), Authority::new(), Authority::new());
    let gateway = demanding(&app, &own, &old).await;
    let (of_old, of_new) = (old.issue("sender.example"), new.issue("sender.example"));
    // One client each, which remembers its sessions as senders do: they do not let it in again.
    let old_client = own.client_showing(&of_old, rustls::ALL_VERSIONS, &["http/1.1"]);
    let new_client = own.client_showing(&of_new, rustls::ALL_VERSIONS, &["http/1.1"]);
    let open = Connection::http1(connect(gateway.address, old_client.clone()).await.unwrap(), "localhost").await;
    assert_eq!(open.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(answered(gateway.address, new_client.clone(), "evt_2").await, None);

    write(&gateway, "clients.pem", new.pem());
    gateway.until_logged(&["INFO", RELOADED]).await;

    assert_eq!(answered(gateway.address, new_client, "evt_2").await, Some(200));
    assert_eq!(answered(gateway.address, old_client, "evt_3").await, None);
    assert_eq!(open.post(&Sender::lmif().event("evt_4")).await.status, 200);
}

#[tokio::test]
async fn a_new_file_that_cannot_be_used_changes_nothing_and_is_reported() {
    let (app, own, clients) = (App::answering(200).await, Authority::new(), Authority::new());
    let gateway = demanding(&app, &own, &clients).await;
    let shown = clients.issue("sender.example");
    let client = || own.client_showing(&shown, rustls::ALL_VERSIONS, &["http/1.1"]);
    let before = std::fs::read(gateway.folder.path().join("tls.crt")).unwrap();

    write(&gateway, "tls.crt", "nonsense");
    gateway.until_logged(&["ERROR", NOT_RELOADED, "tls.crt` holds no certificate"]).await;
    assert_eq!(answered(gateway.address, client(), "evt_1").await, Some(200));

    write(&gateway, "tls.crt", before);
    gateway.until_logged(&["INFO", RELOADED]).await;
    write(&gateway, "clients.pem", "");
    gateway.until_logged(&["ERROR", NOT_RELOADED, "clients.pem` holds no certificate"]).await;
    assert_eq!(answered(gateway.address, client(), "evt_2").await, Some(200));
    let stranger = own.client(rustls::ALL_VERSIONS, &["http/1.1"]);
    assert_eq!(answered(gateway.address, stranger, "evt_3").await, None);
    assert_eq!((reloads(&gateway, "applied").await, reloads(&gateway, "refused").await), (1.0, 2.0));
}

#[tokio::test]
async fn a_certificate_is_renewed_under_traffic_without_a_request_that_fails() {
    let (app, old, new) = (App::answering(200).await, Authority::new(), Authority::new());
    let gateway = showing(&app, &old.issue("localhost"), "").start().await;
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let sending: Vec<_> = ["http/1.1", "h2"]
        .into_iter()
        .flat_map(|alpn| [(alpn, false), (alpn, true)])
        .map(|(alpn, keeps)| {
            let client = trusting(&[&old, &new], rustls::ALL_VERSIONS, &[alpn], None);
            tokio::spawn(traffic(gateway.address, client, keeps, stop.clone(), sent.clone()))
        })
        .collect();
    let until_sent_more = async || {
        let before = sent.load(Relaxed);
        while sent.load(Relaxed) < before + 40 {
            tokio::task::yield_now().await;
        }
    };

    until_sent_more().await;
    let renewed = new.issue("localhost");
    write(&gateway, "tls.key", &renewed.key);
    // In the middle of the change, key and certificate do not belong together.
    gateway.until_logged(&["ERROR", "the key does not fit the certificate"]).await;
    until_sent_more().await;
    assert!(old.connect(gateway.address, &["http/1.1"]).await.is_ok());
    replace(&gateway.folder.path().join("tls.crt"), &renewed.certificate);
    gateway.until_logged(&["INFO", RELOADED]).await;
    until_sent_more().await;
    stop.store(true, Relaxed);

    for sent in sending {
        sent.await.unwrap();
    }
    assert!(new.connect(gateway.address, &["http/1.1"]).await.is_ok());
    assert!(old.connect(gateway.address, &["http/1.1"]).await.is_err());
    assert_eq!(app.received().len(), sent.load(Relaxed) as usize);
    assert_eq!((reloads(&gateway, "applied").await, reloads(&gateway, "refused").await), (1.0, 1.0));
}

/// Sends until it is told to stop, over one connection or each time over another.
async fn traffic(
    address: SocketAddr,
    client: Arc<ClientConfig>,
    keeps: bool,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU32>,
) {
    let is_http2 = client.alpn_protocols[0] == b"h2";
    let open = async || {
        let stream = connect(address, client.clone()).await.unwrap();
        if is_http2 {
            Connection::http2(stream, "localhost").await
        } else {
            Connection::http1(stream, "localhost").await
        }
    };
    let mut connection = open().await;
    let mut number = 0;
    while !stop.load(Relaxed) {
        if !keeps {
            connection = open().await;
        }
        number += 1;
        let delivery = Sender::lmif().event(&format!("evt_{keeps}_{is_http2}_{number}"));
        assert_eq!(connection.post(&delivery).await.status, 200);
        sent.fetch_add(1, Relaxed);
    }
}

/// Replaces a file in one step.
fn replace(path: &Path, content: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, content).unwrap();
    std::fs::rename(beside, path).unwrap();
}

#[tokio::test]
async fn an_app_that_demands_a_certificate_is_shown_the_renewed_one() {
    let (app, own, old, new) = (App::answering(200).await, Authority::new(), Authority::new(), Authority::new());
    let address = accepting(&app, new.demanding(&own.issue("localhost"))).await;
    let keys = "ca: \"{folder}/ca.pem\", certificate: \"{folder}/own.crt\", key: \"{folder}/own.key\"";
    let url = format!("{{url: \"https://localhost:{}\", {keys}", address.port());
    let config = Gateway::config(&app, "").replace(&format!("{{url: \"http://{}\"", app.address), &url);
    let refused = old.issue("countersign");
    let gateway = GatewayBuilder::new(config)
        .file("ca.pem", own.pem())
        .file("own.crt", &refused.certificate)
        .file("own.key", &refused.key)
        .start()
        .await;
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 502);
    assert!(app.received().is_empty());

    let renewed = new.issue("countersign");
    write(&gateway, "own.key", &renewed.key);
    write(&gateway, "own.crt", &renewed.certificate);
    gateway.until_logged(&["INFO", RELOADED]).await;

    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn an_event_that_waits_is_delivered_once_the_receivers_authority_is_trusted() {
    let (app, receiver) = (App::answering(200).await, App::answering(200).await);
    let (old, new) = (Authority::new(), Authority::new());
    let address = accepting(&receiver, acceptor(&new.issue("localhost"))).await;
    let outbound = format!(
        "outbound:
  listen: 127.0.0.1:0
  egress: {{allow: [127.0.0.0/8, \"::1/128\"]}}
  endpoints:
    partner: {{url: \"https://localhost:{}/\", ca: \"{{folder}}/ca.pem\", scheme: lmif, secrets: [{{env: SECRET}}],
      retry: {{schedule: {}, jitter: 0%}}}}
",
        address.port(),
        often()
    );
    let config = Gateway::config(&app, "").replace("{memory: {}}", "{sqlite: {path: \"{folder}/data/store.db\"}}");
    let gateway = GatewayBuilder::new(config + &outbound).file("ca.pem", old.pem()).start().await;
    let event = Request::post("/endpoints/partner").body(Full::from(r#"{"id":"evt_1"}"#)).unwrap();
    assert_eq!(gateway.app_sends(event).await.status, 202);
    let failed = r#"countersign_attempts_total{target="partner",outcome="tls"}"#;
    gateway.until_metric_is(failed, |attempts| attempts >= 1.0).await;
    assert!(receiver.received().is_empty());

    write(&gateway, "ca.pem", new.pem());

    receiver.until_received(1).await;
}
