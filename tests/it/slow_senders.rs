//! Many senders that are slow, or hold connections and do nothing: they are ended in time, and delay nobody.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::support::{App, Connection, Delivery, Gateway, GatewayBuilder, SOON, Sender, Wild, source};

const MIB: usize = 1 << 20;

/// How many are slow in one way.
const SLOW: usize = 500;

/// How long they may be.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

async fn before(address: SocketAddr) -> Gateway {
    let config = Gateway::config_at(address, &source("lmif", "lmif", ""));
    GatewayBuilder::new(config.replace("read_timeout: 2s", "read_timeout: 1s")).start().await
}

/// Writes a few bytes at once and the rest byte by byte, until the gateway has had enough; returns its status and
/// after how long it was told.
async fn dribble(gateway: SocketAddr, request: Vec<u8>, at_once: usize) -> (String, Duration) {
    let start = Instant::now();
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.write_all(&request[..at_once]).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    let writing = async {
        let mut ticks = interval(READ_TIMEOUT / 10);
        for byte in &request[at_once..] {
            ticks.tick().await;
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = timeout(SOON, read.read_to_end(&mut answer)) => {}
        () = writing => {}
    }
    (String::from_utf8_lossy(&answer).chars().take(12).collect(), start.elapsed())
}

/// Sends good events, one after the other, until the value is dropped, and says how long each took.
async fn good(gateway: &Gateway, until: Duration) -> Vec<Duration> {
    let connection = Connection::open(gateway.address).await;
    let (start, mut took, sender) = (Instant::now(), Vec::new(), Sender::lmif());
    while start.elapsed() < until {
        let begun = Instant::now();
        let answer = connection.post(&sender.event(&format!("good_{}", took.len()))).await;
        assert_eq!(answer.status, 200);
        took.push(begun.elapsed());
    }
    took
}

fn longest(took: &[Duration]) -> Duration {
    *took.iter().max().unwrap()
}

#[tokio::test]
async fn five_hundred_slow_heads_and_bodies_are_ended_in_time_and_delay_nobody() {
    let app = App::answering(200).await;
    let gateway = before(app.address).await;
    let mut slow = JoinSet::new();
    let body = Sender::lmif().sign("x".repeat(64 * 1024)).bytes("/hooks/lmif");
    let head = body.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    for number in 0..2 * SLOW {
        let at_once = if number % 2 == 0 { 20 } else { head + 32 * 1024 };
        slow.spawn(dribble(gateway.address, body.clone(), at_once));
    }

    let took = good(&gateway, 2 * READ_TIMEOUT).await;

    for (status, after) in slow.join_all().await {
        assert_eq!(status, "HTTP/1.1 408");
        assert!(after >= READ_TIMEOUT && after < 8 * READ_TIMEOUT, "it was told after {after:?}");
    }
    assert!(longest(&took) < READ_TIMEOUT, "a good one took {:?}", longest(&took));
    // Half a thousand bodies of 32 KiB, and a thousand connections.
    assert!(gateway.most_memory() < 160 * MIB, "{} MiB", gateway.most_memory() / MIB);
    gateway.until_metric("countersign_body_bytes_in_use", 0.0).await;
    gateway.until_metric("countersign_inbound_connections", 0.0).await;
}

/// A delivery on a connection whose other end has little room, and reads no further than the answer's first words.
async fn unread(gateway: SocketAddr, delivery: Delivery) -> TcpStream {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(gateway).await.unwrap();
        stream.write_all(&delivery.bytes("/hooks/lmif")).await.unwrap();
        let mut answer = [0; 12];
        timeout(SOON, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        if answer == *b"HTTP/1.1 200" {
            return stream;
        }
        // So many at once may be more than the app of a test takes.
        assert_eq!(&answer, b"HTTP/1.1 503");
    }
}

#[tokio::test]
async fn five_hundred_that_do_not_read_their_answers_are_given_up() {
    const SIZE: usize = 3 * MIB;
    let app = Wild::doing(|mut stream| async move {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        let part = [b'x'; 64 * 1024];
        for _ in 0..SIZE / part.len() {
            let _ = stream.write_all(&part).await;
        }
    })
    .await;
    let gateway = before(app.address).await;
    let mut unreading = Vec::new();
    for first in (0..SLOW).step_by(20) {
        let mut sending = JoinSet::new();
        for number in first..first + 20 {
            sending.spawn(unread(gateway.address, Sender::lmif().event(&format!("evt_{number}"))));
        }
        unreading.extend(sending.join_all().await);
    }

    let delivered = r#"countersign_inbound_deliveries_total{source="lmif",outcome="delivered"}"#;
    gateway.until_metric(delivered, SLOW as f64).await;
    gateway.until_metric("countersign_inbound_connections", 0.0).await;

    assert!(gateway.most_memory() < 300 * MIB, "{} MiB", gateway.most_memory() / MIB);
    assert_eq!(app.events().len(), SLOW);
    drop(unreading);
}

/// How many connections there may be by default.
const CONNECTIONS: usize = 10_000;

/// How many a process may have here, with some for what else there is: in the test, and in the gateway.
fn allowed() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap();
    limit.maximum.map_or(usize::MAX, |limit| limit as usize).saturating_sub(200)
}

/// Opens a connection, is refused on it, and keeps it.
async fn refused(gateway: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.write_all(b"POST /hooks/lmif HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}").await.unwrap();
    let mut answer = [0; 12];
    timeout(SOON, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
    stream
}

#[tokio::test]
async fn ten_thousand_connections_are_held_and_served_and_one_more_is_told_to_come_again() {
    let (app, count) = (App::answering(200).await, CONNECTIONS.min(allowed()));
    let config = Gateway::config_at(app.address, &source("lmif", "lmif", ""));
    let gateway =
        GatewayBuilder::new(config.replace("read_timeout: 2s", &format!("connections: {count}"))).start().await;
    let used = Connection::open(gateway.address).await;
    assert_eq!(used.post(&Sender::lmif().event("evt_1")).await.status, 200);
    let fresh = gateway.memory();

    let start = Instant::now();
    let mut held = Vec::new();
    for _ in 0..(count - 1).div_ceil(64) {
        let mut opening = JoinSet::new();
        (held.len()..count - 1).take(64).for_each(|_| drop(opening.spawn(refused(gateway.address))));
        held.extend(opening.join_all().await);
    }
    gateway.until_metric("countersign_inbound_connections", count as f64).await;
    let each = (gateway.most_memory() - fresh) / count;
    println!("{count} in {:?}, {} MiB, then {each} bytes each", start.elapsed(), fresh / MIB);
    assert!(each < 32 * 1024, "a connection takes {each} bytes");

    let begun = Instant::now();
    assert_eq!(used.post(&Sender::lmif().event("evt_2")).await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let told = gateway.raw(Sender::lmif().event("evt_3").bytes("/hooks/lmif")).await;
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after: 1"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());

    drop(held.pop());
    gateway.until_metric("countersign_inbound_connections", (count - 1) as f64).await;
    assert_eq!(gateway.post(&Sender::lmif().event("evt_4")).await.status, 200);
}
