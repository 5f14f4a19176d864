//! TLS towards senders and towards apps.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::tls::{Authority, Issued, acceptor, connect, in_front_of};
use crate::support::{App, Connection, Delivery, Gateway, GatewayBuilder, SOON, Sender};

/// A gateway that shows senders this certificate.
async fn showing(app: &App, issued: &Issued) -> Gateway {
    let tls = "limits: {read_timeout: 1s}\n  tls: {certificate: \"{folder}/tls.crt\", key: \"{folder}/tls.key\"}";
    let config = Gateway::config(app, "").replace("limits: {read_timeout: 2s}", tls);
    GatewayBuilder::new(config).file("tls.crt", &issued.certificate).file("tls.key", &issued.key).start().await
}

/// A gateway whose app speaks TLS at this address, vouched for by this authority.
async fn trusting(app: &App, address: SocketAddr, authority: &Authority) -> Gateway {
    let url = format!("{{url: \"https://localhost:{}\", ca: \"{{folder}}/ca.pem\"", address.port());
    let config = Gateway::config(app, "").replace(&format!("{{url: \"http://{}\"", app.address), &url);
    GatewayBuilder::new(config).file("ca.pem", authority.pem()).start().await
}

#[tokio::test]
async fn a_sender_is_served_over_whichever_protocol_it_negotiates() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let gateway = showing(&app, &authority.issue("localhost")).await;

    for (offered, negotiated) in [
        (&["http/1.1"][..], Some(&b"http/1.1"[..])),
        (&[], None),
        (&["h2", "http/1.1"], Some(b"h2")),
        (&["http/1.1", "h2"], Some(b"h2")),
    ] {
        let stream = authority.connect(gateway.address, offered).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), negotiated, "{offered:?}");
        let connection = match negotiated {
            Some(b"h2") => Connection::http2(stream, "localhost").await,
            _ => Connection::http1(stream, "localhost").await,
        };
        let delivery = Sender::lmif().event(&format!("evt_{offered:?}"));
        assert_eq!(connection.post(&delivery).await.status, 200, "{offered:?}");
        let seen = app.received().pop().unwrap();
        assert_eq!(seen.body, delivery.body);
        assert_eq!(seen.header("x-forwarded-proto"), "https");
        assert_eq!(connection.post(&delivery.tampered()).await.status, 401, "{offered:?}");
    }
    assert_eq!(app.received().len(), 4);
}

#[tokio::test]
async fn a_sender_that_offers_an_unknown_protocol_alone_is_refused() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let gateway = showing(&app, &authority.issue("localhost")).await;

    assert!(authority.connect(gateway.address, &["spdy/3"]).await.is_err());
    assert!(authority.connect(gateway.address, &["h2"]).await.is_ok());
}

#[tokio::test]
async fn a_sender_that_knows_only_tls_1_2_is_served() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let gateway = showing(&app, &authority.issue("localhost")).await;

    let client = authority.client(&[&rustls::version::TLS12], &["http/1.1"]);
    let stream = connect(gateway.address, client).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    let connection = Connection::http1(stream, "localhost").await;

    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn clear_text_to_the_tls_port_gets_no_answer_from_the_app_and_is_closed() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let gateway = showing(&app, &authority.issue("localhost")).await;

    let answer = gateway.raw(Sender::lmif().event("evt_1").bytes("/hooks/lmif")).await;

    assert!(!answer.contains("HTTP/1.1 2"), "{answer:?}");
    assert!(app.received().is_empty());
    let stream = authority.connect(gateway.address, &["http/1.1"]).await.unwrap();
    let connection = Connection::http1(stream, "localhost").await;
    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_handshake_that_stops_is_given_up_in_time() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let gateway = showing(&app, &authority.issue("localhost")).await;
    let start = Instant::now();

    let stopped = |bytes: &'static [u8]| {
        let address = gateway.address;
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let closed = timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
            // A reset is an end like another.
            let _ = closed.expect("the connection was not closed");
        }
    };
    // The beginning of a record that would be 512 bytes long.
    tokio::join!(stopped(b""), stopped(b"\x16\x03\x01\x02\x00\x01"));

    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_connection_that_says_nothing_after_its_handshake_is_closed_in_time() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let gateway = showing(&app, &authority.issue("localhost")).await;
    let mut stream = authority.connect(gateway.address, &["http/1.1"]).await.unwrap();
    let start = Instant::now();

    let closed = timeout(SOON, stream.read_to_end(&mut Vec::new())).await.expect("the connection was not closed");

    // With a close_notify: without it this would be an error.
    closed.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_and_old_ones_live_on() {
    let (app, old, new) = (App::answering(200).await, Authority::new(), Authority::new());
    let gateway = showing(&app, &old.issue("localhost")).await;
    let before = Connection::http1(old.connect(gateway.address, &["http/1.1"]).await.unwrap(), "localhost").await;
    assert_eq!(before.post(&Sender::lmif().event("evt_0")).await.status, 200);
    assert!(new.connect(gateway.address, &["http/1.1"]).await.is_err());

    let issued = new.issue("localhost");
    std::fs::write(gateway.folder.path().join("tls.key"), issued.key).unwrap();
    std::fs::write(gateway.folder.path().join("tls.crt"), issued.certificate).unwrap();
    gateway.until_logged(&["INFO", "the configuration was reloaded"]).await;

    let after = Connection::http1(new.connect(gateway.address, &["http/1.1"]).await.unwrap(), "localhost").await;
    assert!(old.connect(gateway.address, &["http/1.1"]).await.is_err());
    assert_eq!(after.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(before.post(&Sender::lmif().event("evt_2")).await.status, 200);
}

#[tokio::test]
async fn a_key_that_does_not_fit_its_certificate_changes_nothing() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let gateway = showing(&app, &authority.issue("localhost")).await;

    std::fs::write(gateway.folder.path().join("tls.key"), authority.issue("localhost").key).unwrap();
    gateway.until_logged(&["ERROR", "the key does not fit the certificate"]).await;

    let stream = authority.connect(gateway.address, &["http/1.1"]).await.unwrap();
    let connection = Connection::http1(stream, "localhost").await;
    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn idle_tls_connections_do_not_hold_up_the_drain() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let mut gateway = showing(&app, &authority.issue("localhost")).await;
    let http1 = Connection::http1(authority.connect(gateway.address, &["http/1.1"]).await.unwrap(), "localhost").await;
    let http2 = Connection::http2(authority.connect(gateway.address, &["h2"]).await.unwrap(), "localhost").await;
    let _silent = TcpStream::connect(gateway.address).await.unwrap();
    assert_eq!(http1.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(http2.post(&Sender::lmif().event("evt_2")).await.status, 200);
    let start = Instant::now();

    gateway.signal("TERM");

    http1.until_closed().await;
    http2.until_closed().await;
    assert_eq!(gateway.until_ended().await.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_app_behind_tls_is_reached_where_its_authority_is_the_configured_one() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let address = in_front_of(&app, &authority.issue("localhost")).await;
    let gateway = trusting(&app, address, &authority).await;
    let delivery = Sender::lmif().event("evt_1");

    let answer = gateway.post(&delivery).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (200, r#"{"ok":true}"#));
    let seen = app.received().pop().unwrap();
    assert_eq!(seen.body, delivery.body);
    assert_eq!(seen.header("host"), format!("localhost:{}", address.port()));
}

#[tokio::test]
async fn an_app_that_cannot_prove_who_it_is_gets_nothing_and_the_sender_502() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let issued = [
        ("another authority's", Authority::new().issue("localhost")),
        ("another name's", authority.issue("other.example")),
        ("an expired", authority.issue_expired("localhost")),
    ];

    for (whose, issued) in issued {
        let gateway = trusting(&app, in_front_of(&app, &issued).await, &authority).await;
        let answer = gateway.post(&Sender::lmif().event("evt_1")).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_unreachable"}"#), "{whose}");
        gateway.until_logged(&["WARN", "the upstream refuses the connection", "certificate"]).await;
        // It is released: the retry is tried anew.
        assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 502, "{whose}");
    }
    assert!(app.received().is_empty());
}

#[tokio::test]
async fn an_answer_that_tls_shows_to_be_cut_off_settles_nothing() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = trusting(&app, listener.local_addr().unwrap(), &authority).await;
    let acceptor = acceptor(&authority.issue("localhost"));
    let delivery = Sender::lmif().event("evt_1");
    // Its length is told by the end of the connection, and that end by a close_notify.
    let answers = async |ends: &[bool]| {
        for whole in ends {
            let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            stream.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nanswer").await.unwrap();
            stream.flush().await.unwrap();
            if *whole {
                stream.shutdown().await.unwrap();
            }
        }
    };

    let (cut, ()) = tokio::join!(gateway.raw(closing(&delivery)), answers(&[false]));
    let (whole, ()) = tokio::join!(gateway.raw(closing(&delivery)), answers(&[true]));
    let again = gateway.raw(closing(&delivery)).await;

    assert!(cut.starts_with("HTTP/1.1 200 ") && !cut.ends_with("0\r\n\r\n"), "{cut:?}");
    assert!(whole.starts_with("HTTP/1.1 200 ") && whole.ends_with("0\r\n\r\n"), "{whole:?}");
    assert!(!whole.contains("countersign-replayed") && again.contains("countersign-replayed: true"), "{again:?}");
}

/// The delivery's request, on a connection that ends with its answer.
fn closing(delivery: &Delivery) -> Vec<u8> {
    delivery.clone().with("connection", "close").bytes("/hooks/lmif")
}

#[tokio::test]
async fn an_authority_that_is_replaced_is_trusted_from_the_next_request_on() {
    let (app, old, new) = (App::answering(200).await, Authority::new(), Authority::new());
    let gateway = trusting(&app, in_front_of(&app, &old.issue("localhost")).await, &old).await;
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);

    std::fs::write(gateway.folder.path().join("ca.pem"), new.pem()).unwrap();
    gateway.until_logged(&["INFO", "the configuration was reloaded"]).await;

    assert_eq!(gateway.post(&Sender::lmif().event("evt_2")).await.status, 502);
}

#[tokio::test]
async fn an_app_in_clear_text_where_tls_is_configured_is_502() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let gateway = trusting(&app, app.address, &authority).await;

    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 502);
    assert!(app.received().is_empty());
}

#[tokio::test]
async fn an_app_whose_handshake_hangs_is_502_after_the_time_to_connect() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let url =
        format!("{{url: \"https://localhost:{}\", ca: \"{{folder}}/ca.pem\", connect_timeout: 300ms", address.port());
    let config = Gateway::config(&app, "").replace(&format!("{{url: \"http://{}\"", app.address), &url);
    let gateway = GatewayBuilder::new(config).file("ca.pem", authority.pem()).start().await;
    let start = Instant::now();

    let answer = gateway.post(&Sender::lmif().event("evt_1")).await;

    assert_eq!(answer.status, 502);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}
