//! Proxies in front that say for whom they connect, by the PROXY protocol.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::reload::RELOADED;
use crate::support::tls::Authority;
use crate::support::{App, Connection, Gateway, GatewayBuilder, SOON, Sender};

/// How version 2 begins.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

const V4: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";

/// A gateway that believes whoever connects from here.
async fn believing(app: &App, from: &str) -> Gateway {
    GatewayBuilder::new(config(app, from)).start().await
}

fn config(app: &App, from: &str) -> String {
    let keys = format!("  proxy_protocol: {{from: [{from}]}}\n  limits: {{read_timeout: 1s}}");
    Gateway::config(app, "").replace("  limits: {read_timeout: 2s}", &keys)
}

/// A header of version 2: command and family, what follows.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    [BINARY, &[command, family], &u16::try_from(block.len()).unwrap().to_be_bytes(), block].concat()
}

/// A header of version 2 for 2001:db8::7, with something beside it.
fn v6() -> Vec<u8> {
    let source = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    binary(0x21, 0x21, &[&source[..], &[0; 16], &[0xdc, 4, 1, 0xbb], b"\x05\x00\x03abc"].concat())
}

/// A connection on which these bytes were sent first, in so many packets.
async fn begun(address: SocketAddr, bytes: &[u8], packets: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for packet in bytes.chunks(bytes.len().div_ceil(packets)) {
        stream.write_all(packet).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream
}

/// What is answered until the connection ends.
async fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end like another.
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("the connection was not closed");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_app_is_told_the_address_that_a_proxy_tells() {
    let app = App::answering(200).await;
    let gateway = believing(&app, "127.0.0.0/8").await;
    let said = [
        (V4.to_vec(), "192.0.2.7", "for=192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 443\r\n".to_vec(), "2001:db8::7", "for=\"[2001:db8::7]\""),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 443\r\n".to_vec(), "192.0.2.7", "for=192.0.2.7"),
        (v6(), "2001:db8::7", "for=\"[2001:db8::7]\""),
        // Its own connections, and those of which it knows nothing.
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1", "for=127.0.0.1"),
        (binary(0x20, 0, b""), "127.0.0.1", "for=127.0.0.1"),
        (binary(0x21, 0, b""), "127.0.0.1", "for=127.0.0.1"),
    ];

    for (number, (header, address, forwarded)) in said.iter().enumerate() {
        for packets in [1, 2, 7, header.len()] {
            let stream = begun(gateway.address, header, packets).await;
            let connection = Connection::http1(stream, "hooks.example").await;
            // On one connection it is said once.
            for request in 0..2 {
                let delivery = Sender::lmif().event(&format!("evt_{number}_{packets}_{request}"));
                assert_eq!(connection.post(&delivery.with("x-forwarded-for", "203.0.113.9")).await.status, 200);
                let seen = app.received().pop().unwrap();
                assert_eq!(seen.header("x-forwarded-for"), *address);
                assert!(seen.header("forwarded").starts_with(forwarded), "{}", seen.head);
            }
        }
    }
}

#[tokio::test]
async fn a_header_and_a_request_may_come_in_one_packet_and_in_many() {
    let app = App::answering(200).await;
    let gateway = believing(&app, "127.0.0.1/32").await;

    for (number, packets) in [1, 2, 3, 60].into_iter().enumerate() {
        let delivery = Sender::lmif().event(&format!("evt_{number}")).with("connection", "close");
        let bytes = [&v6()[..], &delivery.bytes("/hooks/lmif")].concat();
        let answer = answer(begun(gateway.address, &bytes, packets).await).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
        assert_eq!(app.received().pop().unwrap().header("x-forwarded-for"), "2001:db8::7");
    }
}

#[tokio::test]
async fn it_stands_before_http_2_and_before_tls() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let issued = authority.issue("localhost");
    let gateway = believing(&app, "127.0.0.1/32").await;
    let clear = Connection::http2(begun(gateway.address, V4, 1).await, "hooks.example").await;
    assert_eq!(clear.post(&Sender::lmif().event("evt_1")).await.status, 200);

    let tls = "  tls: {certificate: \"{folder}/tls.crt\", key: \"{folder}/tls.key\"}\n  limits:";
    let gateway = GatewayBuilder::new(config(&app, "127.0.0.1/32").replace("  limits:", tls))
        .file("tls.crt", &issued.certificate)
        .file("tls.key", &issued.key)
        .start()
        .await;
    for (number, alpn) in ["h2", "http/1.1"].into_iter().enumerate() {
        let connector = TlsConnector::from(authority.client(rustls::ALL_VERSIONS, &[alpn]));
        let stream = begun(gateway.address, &v6(), 1).await;
        let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        let connection = match alpn {
            "h2" => Connection::http2(stream, "localhost").await,
            _ => Connection::http1(stream, "localhost").await,
        };
        assert_eq!(connection.post(&Sender::lmif().event(&format!("evt_tls_{number}"))).await.status, 200);
        let seen = app.received().pop().unwrap();
        assert_eq!((seen.header("x-forwarded-for"), seen.header("x-forwarded-proto")), ("2001:db8::7", "https"));
    }
    // Without it, TLS does not begin.
    assert!(authority.connect(gateway.address, &["http/1.1"]).await.is_err());
}

#[tokio::test]
async fn the_first_bytes_of_tls_may_come_with_the_header() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let issued = authority.issue("localhost");
    let tls = "  tls: {certificate: \"{folder}/tls.crt\", key: \"{folder}/tls.key\"}\n  limits:";
    let gateway = GatewayBuilder::new(config(&app, "127.0.0.1/32").replace("  limits:", tls))
        .file("tls.crt", &issued.certificate)
        .file("tls.key", &issued.key)
        .start()
        .await;
    // What a client writes first is kept back, and sent behind the header in one piece.
    let (client, mut between) = tokio::io::duplex(64 * 1024);
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    tokio::spawn(async move {
        let mut first = v6();
        between.read_buf(&mut first).await?;
        stream.write_all(&first).await?;
        tokio::io::copy_bidirectional(&mut between, &mut stream).await
    });

    let connector = TlsConnector::from(authority.client(rustls::ALL_VERSIONS, &["http/1.1"]));
    let stream = connector.connect("localhost".try_into().unwrap(), client).await.unwrap();
    let connection = Connection::http1(stream, "localhost").await;

    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(app.received()[0].header("x-forwarded-for"), "2001:db8::7");
}

#[tokio::test]
async fn a_proxy_that_says_nothing_or_nonsense_is_refused_and_that_is_logged() {
    let app = App::answering(200).await;
    let gateway = believing(&app, "127.0.0.0/8").await;
    let delivery = Sender::lmif().event("evt_1").bytes("/hooks/lmif");
    let endless = [b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat();
    let refused: [(&[u8], &str); 10] = [
        (b"", "there is no PROXY header"),
        (b"\r\n", "there is no PROXY header"),
        (b"proxy TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "there is no PROXY header"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n", "the PROXY header is malformed"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\n", "the PROXY header is malformed"),
        (b"PROXY TCP4 192.0.2.007 198.51.100.1 56324 443\r\n", "the PROXY header is malformed"),
        (&endless, "the PROXY header is too long"),
        (&binary(0x21, 0x11, &[0; 11]), "the PROXY header is malformed"),
        (&binary(0x31, 0x11, &[0; 12]), "the PROXY header is malformed"),
        (&binary(0x21, 0x11, &[0; 4097]), "the PROXY header is too long"),
    ];

    for (number, (header, cause)) in refused.into_iter().enumerate() {
        let bytes = [header, &delivery[..]].concat();
        assert_eq!(answer(begun(gateway.address, &bytes, 1).await).await, "", "{number}");
        let logged = gateway.until_logged(&["WARN", "a proxy does not say for whom it connects", cause]).await;
        assert!(logged.contains("127.0.0.1"), "{logged}");
    }
    assert!(app.received().is_empty());
}

#[tokio::test]
async fn a_proxy_has_to_say_it_in_time_and_one_that_only_looks_in_is_not_logged() {
    let app = App::answering(200).await;
    let gateway = believing(&app, "127.0.0.0/8").await;
    drop(TcpStream::connect(gateway.address).await.unwrap());
    let start = Instant::now();

    for bytes in [&b""[..], &V4[..20], &v6()[..30]] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        assert_eq!(answer(stream).await, "");
    }

    assert!(start.elapsed() >= Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(!gateway.log().iter().any(|line| line.contains("PROXY")), "{:?}", gateway.log());
}

#[tokio::test]
async fn who_is_not_configured_as_a_proxy_is_not_believed() {
    let app = App::answering(200).await;
    let gateway = believing(&app, "10.0.0.0/8, \"::/0\"").await;
    let delivery = Sender::lmif().event("evt_1").with("connection", "close").bytes("/hooks/lmif");

    for header in [V4.to_vec(), v6(), binary(0x20, 0, b"")] {
        let answer = answer(begun(gateway.address, &[&header[..], &delivery].concat(), 1).await).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    }
    assert!(app.received().is_empty());

    assert!(gateway.raw(&delivery).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(app.received()[0].header("x-forwarded-for"), "127.0.0.1");
}

#[tokio::test]
async fn what_a_source_demands_of_an_address_is_what_the_proxy_says() {
    let app = App::answering(200).await;
    let required = "upstream: app\n      require: {from: [192.0.2.0/24]}";
    let at_address = config(&app, "127.0.0.0/8").replace("upstream: app", required);
    let at_socket = at_address.replacen("listen: 127.0.0.1:0", "listen: \"unix:{folder}/in.sock\"", 1);
    let gateway = GatewayBuilder::new(at_address).start().await;
    let other = GatewayBuilder::new(at_socket.replace("127.0.0.0/8", "unix")).start().await;
    let near = b"PROXY TCP4 192.0.2.255 198.51.100.1 56324 443\r\n";
    let far = b"PROXY TCP4 192.0.3.0 198.51.100.1 56324 443\r\n";

    for (number, (header, status)) in
        [(&near[..], 200), (far, 401), (b"PROXY UNKNOWN\r\n", 401)].into_iter().enumerate()
    {
        let connection = Connection::http1(begun(gateway.address, header, 1).await, "hooks.example").await;
        assert_eq!(connection.post(&Sender::lmif().event(&format!("evt_{number}"))).await.status, status);

        let mut stream = UnixStream::connect(other.socket("in.sock")).await.unwrap();
        stream.write_all(header).await.unwrap();
        let connection = Connection::http1(stream, "hooks.example").await;
        assert_eq!(connection.post(&Sender::lmif().event(&format!("evt_{number}"))).await.status, status);
    }
    assert_eq!(app.received().len(), 2);
}

#[tokio::test]
async fn at_a_unix_socket_whoever_connects_has_to_say_it() {
    let app = App::answering(200).await;
    let config = config(&app, "unix").replacen("listen: 127.0.0.1:0", "listen: \"unix:{folder}/in.sock\"", 1);
    let gateway = GatewayBuilder::new(config).start().await;
    let begun = async |header: &[u8]| {
        let mut stream = UnixStream::connect(gateway.socket("in.sock")).await.unwrap();
        stream.write_all(header).await.unwrap();
        stream
    };

    for (id, header, address, forwarded) in [
        ("evt_1", V4.to_vec(), Some("192.0.2.7"), "for=192.0.2.7"),
        ("evt_2", binary(0x21, 0x31, &[0; 216]), None, "for=unknown"),
        ("evt_3", binary(0x20, 0, b""), None, "for=unknown"),
    ] {
        let connection = Connection::http1(begun(&header).await, "hooks.example").await;
        let delivery = Sender::lmif().event(id).with("x-forwarded-for", "203.0.113.9");
        assert_eq!(connection.post(&delivery).await.status, 200);
        let seen = app.received().pop().unwrap();
        assert_eq!(seen.headers.get("x-forwarded-for").map(|value| value.to_str().unwrap()), address);
        assert!(seen.header("forwarded").starts_with(forwarded), "{}", seen.head);
    }
    let mut silent = begun(&Sender::lmif().event("evt_1").bytes("/hooks/lmif")).await;
    let mut answer = Vec::new();
    let _ = timeout(SOON, silent.read_to_end(&mut answer)).await.expect("the connection was not closed");
    assert!(answer.is_empty());
    gateway.until_logged(&["WARN", "there is no PROXY header"]).await;
}

#[tokio::test]
async fn who_is_believed_changes_with_a_reload() {
    let app = App::answering(200).await;
    let gateway = believing(&app, "10.0.0.0/8").await;
    let open = Connection::open(gateway.address).await;
    assert_eq!(open.post(&Sender::lmif().event("evt_1")).await.status, 200);

    gateway.rewrite(&config(&app, "127.0.0.0/8"));
    gateway.until_logged(&["INFO", RELOADED]).await;

    let connection = Connection::http1(begun(gateway.address, V4, 1).await, "hooks.example").await;
    assert_eq!(connection.post(&Sender::lmif().event("evt_2")).await.status, 200);
    assert_eq!(app.received()[1].header("x-forwarded-for"), "192.0.2.7");
    assert_eq!(open.post(&Sender::lmif().event("evt_3")).await.status, 200);
    assert_eq!(app.received()[2].header("x-forwarded-for"), "127.0.0.1");
}
