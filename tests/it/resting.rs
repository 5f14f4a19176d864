//! Connections that are kept open and not used: what they cost, and what they still do.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::reload::RELOADED;
use crate::support::tls::Authority;
use crate::support::{Action, App, Delivery, Gateway, GatewayBuilder, SOON, Sender};

/// The line of the log that tells of a connection at rest.
const RESTS: &str = "a connection rests";

/// The usual configuration, with a log that tells when a connection rests.
fn config(app: &App) -> String {
    format!("{}log: {{level: debug}}\n", Gateway::config(app, ""))
}

async fn started(app: &App) -> Gateway {
    GatewayBuilder::new(config(app)).start().await
}

/// A connection by hand, so that it is known in which pieces its bytes are sent.
struct Wire<T>(T);

impl Wire<TcpStream> {
    async fn open(gateway: &Gateway) -> Self {
        let stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Sends a delivery to the LMIF source and reads the answer's head and body.
    async fn post(&mut self, delivery: &Delivery) -> String {
        self.write(&delivery.bytes("/hooks/lmif")).await;
        self.answer().await
    }

    /// Reads one answer with a length, not a byte more.
    async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(SOON, self.0.read_u8()).await.expect("no answer came").unwrap());
        }
        let head = String::from_utf8(answer.clone()).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        timeout(SOON, self.0.read_exact(&mut body)).await.expect("the answer did not end").unwrap();
        answer.extend(body);
        String::from_utf8(answer).unwrap()
    }

    /// What is sent until the other side closes.
    async fn rest(mut self) -> String {
        let mut rest = String::new();
        let _ = timeout(SOON, self.0.read_to_string(&mut rest)).await.expect("the connection was not closed");
        rest
    }
}

/// Waits until connections have come to rest so many times.
async fn until_at_rest(gateway: &Gateway, times: usize) {
    let start = Instant::now();
    while gateway.log().iter().filter(|line| line.contains(RESTS)).count() < times {
        assert!(start.elapsed() < SOON, "not {times} times:\n{}", gateway.log().join("\n"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn is_ok(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200 ")
}

#[tokio::test]
async fn a_connection_that_rested_serves_whatever_comes_next_in_whatever_pieces() {
    let app = App::answering(200).await;
    let gateway = started(&app).await;
    let mut wire = Wire::open(&gateway).await;
    assert!(is_ok(&wire.post(&Sender::lmif().event("evt_first")).await));

    // In one piece, several at once, byte by byte in the head, and cut where head and body meet.
    until_at_rest(&gateway, 1).await;
    assert!(is_ok(&wire.post(&Sender::lmif().event("evt_whole")).await));

    until_at_rest(&gateway, 2).await;
    let three = ["evt_a", "evt_b", "evt_c"].map(|id| Sender::lmif().event(id).bytes("/hooks/lmif"));
    wire.write(&three.concat()).await;
    for _ in &three {
        assert!(is_ok(&wire.answer().await));
    }

    until_at_rest(&gateway, 3).await;
    let split = Sender::lmif().event("evt_split").bytes("/hooks/lmif");
    for byte in split.chunks(1) {
        wire.write(byte).await;
        tokio::task::yield_now().await;
    }
    assert!(is_ok(&wire.answer().await));

    until_at_rest(&gateway, 4).await;
    let large = Sender::lmif().sign(format!(r#"{{"id":"evt_large","type":"t","pad":"{}"}}"#, "x".repeat(300_000)));
    let bytes = large.bytes("/hooks/lmif");
    let (head, body) = bytes.split_at(bytes.len() - large.body.len());
    wire.write(head).await;
    wire.write(body).await;
    assert!(is_ok(&wire.answer().await));

    until_at_rest(&gateway, 5).await;
    assert!(is_ok(&wire.post(&Sender::lmif().event("evt_whole")).await));
    let bodies: Vec<_> = app.received().iter().map(|received| received.body.clone()).collect();
    assert_eq!(bodies.len(), 7, "each once, and the repeat not at all");
    assert_eq!(bodies[6], large.body);
}

#[tokio::test]
async fn an_ambiguous_head_is_refused_after_a_rest_as_before() {
    let app = App::answering(200).await;
    let gateway = started(&app).await;
    let mut wire = Wire::open(&gateway).await;
    assert!(is_ok(&wire.post(&Sender::lmif().event("evt_1")).await));
    until_at_rest(&gateway, 1).await;

    let smuggling = "POST /hooks/lmif HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n";
    wire.write(&[smuggling.as_bytes(), &Sender::lmif().event("evt_2").bytes("/hooks/lmif")].concat()).await;

    let answer = wire.rest().await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn after_a_rest_a_head_must_still_be_whole_in_time() {
    let app = App::answering(200).await;
    let gateway = started(&app).await;
    let mut wire = Wire::open(&gateway).await;
    assert!(is_ok(&wire.post(&Sender::lmif().event("evt_1")).await));
    until_at_rest(&gateway, 1).await;

    let start = Instant::now();
    wire.write(b"POST /hooks/lmif HTT").await;

    let answer = wire.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(start.elapsed() >= Duration::from_millis(1900), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_answer_that_takes_its_time_is_not_cut_short_by_a_rest() {
    let app = App::doing([Action::Wait], Action::Answer(200, r#"{"ok":true}"#)).await;
    let gateway = started(&app).await;
    let (mut slow, mut other) = (Wire::open(&gateway).await, Wire::open(&gateway).await);
    slow.write(&Sender::lmif().event("evt_slow").bytes("/hooks/lmif")).await;
    app.until_received(1).await;

    // Another one has had time to come to rest meanwhile; it began later.
    assert!(is_ok(&other.post(&Sender::lmif().event("evt_other")).await));
    until_at_rest(&gateway, 1).await;
    app.release();

    assert!(is_ok(&slow.answer().await));
    until_at_rest(&gateway, 2).await;
    assert!(is_ok(&slow.post(&Sender::lmif().event("evt_next")).await));
}

#[tokio::test]
async fn connections_at_rest_are_closed_by_a_drain_and_by_a_sender_that_leaves() {
    let app = App::answering(200).await;
    let mut gateway = started(&app).await;
    let (mut leaving, mut staying) = (Wire::open(&gateway).await, Wire::open(&gateway).await);
    assert!(is_ok(&leaving.post(&Sender::lmif().event("evt_1")).await));
    assert!(is_ok(&staying.post(&Sender::lmif().event("evt_2")).await));
    until_at_rest(&gateway, 2).await;

    leaving.0.shutdown().await.unwrap();
    assert_eq!(leaving.rest().await, "");

    let start = Instant::now();
    gateway.signal("TERM");
    assert_eq!(staying.rest().await, "");
    assert!(gateway.until_ended().await.success());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_sender_that_says_close_after_a_rest_is_answered_and_left() {
    let app = App::answering(200).await;
    let gateway = started(&app).await;
    let mut wire = Wire::open(&gateway).await;
    assert!(is_ok(&wire.post(&Sender::lmif().event("evt_1")).await));
    until_at_rest(&gateway, 1).await;

    let last = Sender::lmif().event("evt_2").with("connection", "close");
    wire.write(&last.bytes("/hooks/lmif")).await;

    let answer = wire.rest().await;
    assert!(is_ok(&answer) && answer.to_lowercase().contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn what_a_reload_changes_holds_for_a_connection_that_rested_meanwhile() {
    let app = App::answering(200).await;
    let gateway = started(&app).await;
    let mut wire = Wire::open(&gateway).await;
    assert!(is_ok(&wire.post(&Sender::lmif().event("evt_1")).await));
    until_at_rest(&gateway, 1).await;

    gateway.rewrite(&config(&app).replace("path: /hooks/lmif", "path: /hooks/moved"));
    gateway.until_logged(&[RELOADED]).await;

    assert!(wire.post(&Sender::lmif().event("evt_2")).await.starts_with("HTTP/1.1 404 "));
    wire.write(&Sender::lmif().event("evt_2").bytes("/hooks/moved")).await;
    assert!(is_ok(&wire.answer().await));
}

#[tokio::test]
async fn what_was_said_of_a_connection_at_its_beginning_is_known_after_a_rest() {
    let app = App::answering(200).await;
    let proxied = "  proxy_protocol: {from: [127.0.0.0/8]}\n  limits: {read_timeout: 2s}";
    let config = config(&app).replace("  limits: {read_timeout: 2s}", proxied);
    let gateway = GatewayBuilder::new(config).start().await;
    let mut wire = Wire::open(&gateway).await;
    wire.write(b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n").await;

    for (rests, id) in ["evt_1", "evt_2"].into_iter().enumerate() {
        until_at_rest(&gateway, rests).await;
        assert!(is_ok(&wire.post(&Sender::lmif().event(id)).await));
        let seen = app.received().pop().unwrap();
        assert_eq!(seen.header("x-forwarded-for"), "192.0.2.7");
        assert_eq!(seen.header("forwarded"), "for=192.0.2.7;proto=http;host=\"hooks.example\"");
    }
}

#[tokio::test]
async fn connections_rest_over_tls_and_at_a_unix_socket_as_well() {
    let (app, authority) = (App::answering(200).await, Authority::new());
    let issued = authority.issue("localhost");
    let tls = "limits: {read_timeout: 2s}\n  tls: {certificate: \"{folder}/tls.crt\", key: \"{folder}/tls.key\"}";
    let over_tls = config(&app).replace("limits: {read_timeout: 2s}", tls);
    let over_tls = GatewayBuilder::new(over_tls).file("tls.crt", &issued.certificate).file("tls.key", &issued.key);
    let over_tls = over_tls.start().await;
    let at_socket = config(&app).replacen("127.0.0.1:0", "unix:{folder}/in.sock", 1);
    let at_socket = GatewayBuilder::new(at_socket).start().await;

    // Silent at first: it is at rest before its first request, too.
    let mut wire = Wire(authority.connect(over_tls.address, &["http/1.1"]).await.unwrap());
    for (rests, id) in ["evt_1", "evt_2", "evt_3"].into_iter().enumerate() {
        until_at_rest(&over_tls, rests + 1).await;
        assert!(is_ok(&wire.post(&Sender::lmif().event(id)).await));
        assert_eq!(app.received().pop().unwrap().header("x-forwarded-proto"), "https");
    }
    let mut wire = Wire(UnixStream::connect(at_socket.socket("in.sock")).await.unwrap());
    for (rests, id) in ["evt_4", "evt_5", "evt_6"].into_iter().enumerate() {
        until_at_rest(&at_socket, rests).await;
        assert!(is_ok(&wire.post(&Sender::lmif().event(id)).await));
    }
    assert_eq!(app.received().len(), 6);
}

#[tokio::test]
async fn a_connection_at_rest_costs_no_more_than_a_few_kibibytes() {
    const MANY: usize = 1000;
    let app = App::answering(200).await;
    let gateway = started(&app).await;
    let sender = Sender::lmif();
    // What is allocated for the first requests is not what a connection costs.
    for n in 0..50 {
        assert!(is_ok(&Wire::open(&gateway).await.post(&sender.event(&format!("evt_warm_{n}"))).await));
    }
    let before = gateway.memory();

    let mut wires = Vec::new();
    for n in 0..MANY {
        let mut wire = Wire::open(&gateway).await;
        assert!(is_ok(&wire.post(&sender.event(&format!("evt_{n}"))).await));
        wires.push(wire);
    }
    until_at_rest(&gateway, MANY).await;

    let each = gateway.memory().saturating_sub(before) / MANY;
    assert!(each < 8 * 1024, "{each} bytes for each connection at rest");
    for (n, wire) in wires.iter_mut().enumerate().step_by(100) {
        assert!(is_ok(&wire.post(&sender.event(&format!("evt_again_{n}"))).await));
    }
}
