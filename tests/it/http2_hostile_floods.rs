//! Floods of HTTP/2 frames: each ends its connection or costs little, and others are served meanwhile.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{App, Connection, Frames, Gateway, SOON, Sender, block, frame, goaway};

/// How often each flood says the same, at most.
const TIMES: u32 = 20_000;

/// So much is written at once.
const AT_ONCE: u32 = 100;

/// How long a good request may take while a flood comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the processor may be busy with one frame, on average, without optimisation and with other tests beside.
const EFFORT: Duration = Duration::from_micros(500);

/// What somebody sends without end.
struct Flood {
    name: &'static str,
    /// What comes once, before.
    before: Vec<u8>,
    each: fn(u32) -> Vec<u8>,
    ends: Ends,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// It may go on, or not.
    AsItMay,
    /// The gateway has had enough.
    Early,
    /// The same, as its own answers are not read.
    Unread,
}

/// The head of a request to nowhere in particular, without a signature.
fn head(stream: u32, flags: u8, more: &[(&str, &str)]) -> Vec<u8> {
    let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/hooks/lmif"), (":authority", "a")];
    frame(Frames::HEADERS, flags, stream, &block(&[&fields[..], more].concat()))
}

/// The stream of the request of this number.
fn stream(number: u32) -> u32 {
    2 * number + 1
}

const WHOLE: u8 = Frames::END_HEADERS | Frames::END_STREAM;
const PRIORITY: u8 = 2;
const PADDED: u8 = 8;

/// A request with these fields, compressed already (RFC 7541 §6).
fn compressed(stream: u32, fields: &[u8]) -> Vec<u8> {
    let start = block(&[(":method", "POST"), (":scheme", "http"), (":path", "/hooks/lmif"), (":authority", "a")]);
    frame(Frames::HEADERS, WHOLE, stream, &[&start, fields].concat())
}

/// A field of 4,000 bytes, which is put into the table.
fn large() -> Vec<u8> {
    [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'b'; 4000]].concat()
}

fn floods() -> Vec<Flood> {
    let flood = |name, ends, each| Flood { name, before: Vec::new(), each, ends };
    let after = |before, flood: Flood| Flood { before, ..flood };
    vec![
        flood("requests that are reset at once", Ends::Early, |number| {
            [head(stream(number), WHOLE, &[]), frame(Frames::RST_STREAM, 0, stream(number), &[0, 0, 0, 8])].concat()
        }),
        flood("requests whose length is a lie", Ends::Early, |number| {
            let lie = head(stream(number), Frames::END_HEADERS, &[("content-length", "9")]);
            [lie, frame(Frames::DATA, Frames::END_STREAM, stream(number), b"x")].concat()
        }),
        flood("requests with what HTTP/2 forbids", Ends::Early, |number| {
            head(stream(number), WHOLE, &[("connection", "close")])
        }),
        flood("more streams than there may be", Ends::Early, |number| head(stream(number), Frames::END_HEADERS, &[])),
        after(
            head(1, 0, &[]),
            flood("a header block that goes on with nothing", Ends::Early, |_| frame(Frames::CONTINUATION, 0, 1, b"")),
        ),
        after(
            head(1, 0, &[]),
            flood("a header block that goes on and on", Ends::Early, |_| {
                frame(Frames::CONTINUATION, 0, 1, &block(&[("x-more", "and more")]))
            }),
        ),
        after(
            compressed(1, &large()),
            flood("fields that grow as they are decompressed", Ends::AsItMay, |number| {
                compressed(stream(number + 1), &[0xbe; 400])
            }),
        ),
        flood("pings whose answers nobody reads", Ends::Unread, |_| frame(Frames::PING, 0, 0, b"12345678")),
        flood("settings whose answers nobody reads", Ends::Unread, |_| frame(Frames::SETTINGS, 0, 0, b"")),
        flood("pings", Ends::AsItMay, |_| frame(Frames::PING, 0, 0, b"12345678")),
        flood("settings that change the table's size", Ends::AsItMay, |number| {
            frame(Frames::SETTINGS, 0, 0, &[0, 1, 0, 0, (number % 2 * 16) as u8, 0])
        }),
        after(
            (0..100).flat_map(|number| head(stream(number), Frames::END_HEADERS, &[])).collect(),
            flood("settings that change the windows of many streams", Ends::AsItMay, |number| {
                frame(Frames::SETTINGS, 0, 0, &[0, 4, 0, 0, (number % 2) as u8, 0])
            }),
        ),
        flood("priorities of streams that never come", Ends::AsItMay, |number| {
            frame(PRIORITY, 0, stream(number), &[0, 0, 0, 0, 16])
        }),
        flood("frames of a kind that nobody knows", Ends::AsItMay, |_| frame(66, 255, 7, b"unknown")),
        flood("farewells", Ends::AsItMay, |_| frame(Frames::GOAWAY, 0, 0, &[0; 8])),
        after(
            head(1, Frames::END_HEADERS, &[]),
            flood("data without content", Ends::AsItMay, |_| frame(Frames::DATA, 0, 1, b"")),
        ),
        after(
            head(1, Frames::END_HEADERS, &[]),
            flood("data that is padding", Ends::AsItMay, |_| frame(Frames::DATA, PADDED, 1, &[3, 0, 0, 0])),
        ),
        after(
            head(1, Frames::END_HEADERS, &[]),
            flood("data of a byte each", Ends::AsItMay, |_| frame(Frames::DATA, 0, 1, b"x")),
        ),
        after(
            head(1, Frames::END_HEADERS, &[]),
            flood("windows that grow by a byte", Ends::AsItMay, |_| frame(Frames::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
        ),
    ]
}

/// Sends a flood until the gateway has had enough or it is over; whether it had.
async fn sent(gateway: &Gateway, flood: &Flood) -> bool {
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let reads = flood.ends != Ends::Unread;
    let reading = tokio::spawn(async move {
        let mut answers = Vec::new();
        while reads && reader.read_buf(&mut answers).await.is_ok_and(|count| count > 0) {}
        (reader, answers)
    });
    let beginning =
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(Frames::SETTINGS, 0, 0, b"")[..], &flood.before].concat();
    writer.write_all(&beginning).await.unwrap();
    let mut number = 0;
    // Who does not read the answers is not read for ever either: it fills the buffers of the system first.
    let most = if reads { TIMES } else { u32::MAX };
    while number < most {
        let bytes: Vec<u8> = (number..number + AT_ONCE).flat_map(flood.each).collect();
        match timeout(SOON, writer.write_all(&bytes)).await {
            Ok(Ok(())) => number += AT_ONCE,
            Ok(Err(_)) => return true,
            Err(_) => panic!("{}: neither read nor given up", flood.name),
        }
    }
    let _ = writer.shutdown().await;
    let read = timeout(SOON, reading).await.unwrap_or_else(|_| panic!("{} does not end", flood.name));
    goaway(&read.unwrap().1).is_some_and(|code| code > 0)
}

/// The processor's time that the gateway has used.
fn busy(gateway: &Gateway) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", gateway.process_id())).unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    // User and system, in hundredths of a second, as Linux counts for programs everywhere.
    Duration::from_millis(10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()))
}

#[tokio::test]
async fn floods_end_their_connection_or_cost_little_and_others_are_served() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let good = Connection::open_http2(gateway.address).await;
    let mut delivered = 0;

    for flood in floods() {
        let (before, start) = (busy(&gateway), Instant::now());
        let served = async {
            for _ in 0..3 {
                delivered += 1;
                let delivery = Sender::lmif().event(&format!("evt_{delivered}"));
                let answer = timeout(PATIENCE, good.post(&delivery)).await;
                assert_eq!(answer.unwrap_or_else(|_| panic!("{} holds others up", flood.name)).status, 200);
            }
        };
        let (early, ()) = tokio::join!(sent(&gateway, &flood), served);
        assert!(early || flood.ends == Ends::AsItMay, "{} goes on and on", flood.name);
        gateway.until_metric("countersign_inbound_connections", 1.0).await;
        let (effort, memory) = (busy(&gateway) - before, gateway.memory());
        println!("{}: {effort:?} in {:?}, {} MiB, early: {early}", flood.name, start.elapsed(), memory >> 20);
        assert!(effort < EFFORT * TIMES, "{} cost {effort:?}", flood.name);
        assert!(memory < 100 << 20, "{}: {} MiB", flood.name, memory >> 20);
    }

    assert_eq!(app.received().len(), delivered);
    assert!(!gateway.log().iter().any(|line| line.contains("panic")));
}
