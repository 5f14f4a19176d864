//! An app that stalls, resets, answers without end, or hangs up at the worst moment: it costs the gateway neither
//! memory nor time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Gateway, GatewayBuilder, Rush, SOON, Sender, Wild, source};

const MIB: usize = 1 << 20;

/// What a gateway under test has in use at the most, where nothing is kept that should not be.
const LITTLE: usize = 96 * MIB;

/// A gateway that waits for the app for half a second.
async fn before(app: &Wild) -> Gateway {
    let config = Gateway::config_at(app.address, &source("lmif", "lmif", ""));
    GatewayBuilder::new(config.replace("timeout: 3s", "timeout: 500ms")).start().await
}

/// Ends a connection so that the other side hears of it by a reset.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

/// Writes the same bytes until nobody reads them.
async fn write_on(mut stream: TcpStream, first: &str, on: Vec<u8>) {
    let _ = stream.write_all(first.as_bytes()).await;
    while stream.write_all(&on).await.is_ok() {}
}

#[tokio::test]
async fn an_app_that_resets_its_connection_is_502_wherever_it_does_it() {
    for part in ["", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let app = Wild::doing(move |mut stream| async move {
            stream.write_all(part.as_bytes()).await.unwrap();
            reset(stream);
        })
        .await;
        let gateway = before(&app).await;

        let answer = gateway.post(&Sender::lmif().event("evt_1")).await;

        assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_broken"}"#), "{part:?}");
        assert_eq!(app.events().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_whose_head_never_ends_takes_neither_memory_nor_time() {
    for (first, on) in [
        ("HTTP/1.1 200 OK\r\n", "X: y\r\n".repeat(10_000)),
        ("HTTP/1.1 200 OK\r\nX: ", "x".repeat(64 * 1024)),
        ("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(2000)),
        ("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(2000)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x".repeat(64 * 1024)),
    ] {
        let app = Wild::doing(move |stream| write_on(stream, first, on.clone().into())).await;
        let gateway = before(&app).await;

        let start = Instant::now();
        // Informational answers were read for seventeen seconds once, before anybody looked at the time.
        let answer = gateway.raw(Sender::lmif().event("evt_1").with("connection", "close").bytes("/hooks/lmif")).await;

        assert!(!answer.starts_with("HTTP/1.1 200 ") || first.contains("chunked"), "{first:?} =>\n{answer}");
        assert!(start.elapsed() < Duration::from_secs(5), "{first:?} took {:?}", start.elapsed());
        assert!(gateway.most_memory() < LITTLE, "{first:?} took {} MiB", gateway.most_memory() / MIB);
    }
}

#[tokio::test]
async fn an_answer_of_a_gib_passes_through_without_being_kept() {
    const SIZE: usize = 1 << 30;
    let app = Wild::doing(|mut stream| async move {
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes()).await.unwrap();
        let part = vec![b'x'; MIB];
        for _ in 0..SIZE / MIB {
            stream.write_all(&part).await.unwrap();
        }
    })
    .await;
    let gateway = before(&app).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(&Sender::lmif().event("evt_1").bytes("/hooks/lmif")).await.unwrap();

    let start = Instant::now();
    let (mut buffer, mut read) = (vec![0; MIB], 0);
    while read < SIZE {
        let count = timeout(SOON, stream.read(&mut buffer)).await.expect("it goes on").unwrap();
        assert!(count > 0, "{read} bytes came");
        read += count;
    }

    assert!(start.elapsed() < Duration::from_secs(30), "it took {:?}", start.elapsed());
    assert!(gateway.most_memory() < LITTLE, "it took {} MiB", gateway.most_memory() / MIB);
    gateway.until_metric(r#"countersign_inbound_deliveries_total{source="lmif",outcome="delivered"}"#, 1.0).await;
}

#[tokio::test]
async fn a_kept_connection_that_ends_just_when_it_is_used_again_delivers_nothing_twice() {
    let app = Wild::doing(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await.unwrap();
        // Now and then the next request is on its way already.
        for _ in 0..fastrand::u32(..8) {
            tokio::task::yield_now().await;
        }
        match fastrand::bool() {
            true => reset(stream),
            false => drop(stream),
        }
    })
    .await;
    let gateway = before(&app).await;
    let mut rush = Rush::at(gateway.address, "/hooks/lmif");

    let sent = rush.of(400, Duration::from_secs(2)).await;

    let mut came = HashMap::<String, usize>::new();
    app.events().into_iter().for_each(|event| *came.entry(event).or_default() += 1);
    for one in &sent {
        let times = came.get(&one.id).copied().unwrap_or_default();
        assert!(one.status == 200 && times == 1 || one.status == 502 && times <= 1, "{one:?} came {times} times");
    }
}

#[tokio::test]
async fn an_app_that_takes_all_and_answers_nothing_holds_up_few_and_serves_again_at_once() {
    let (stalls, stalled) = tokio::sync::watch::channel(false);
    let app = Wild::doing(move |mut stream| {
        let mut stalled = stalled.clone();
        async move {
            if *stalled.borrow() {
                let _ = stalled.wait_for(|stalled| !stalled).await;
                return;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        }
    })
    .await;
    let gateway = before(&app).await;
    let mut rush = Rush::at(gateway.address, "/hooks/lmif");

    rush.of(50, Duration::from_secs(1)).await;
    stalls.send_replace(true);
    let sent = rush.of(300, Duration::from_secs(3)).await;
    stalls.send_replace(false);
    let after = rush.of(50, Duration::from_secs(1)).await;

    let (late, told): (Vec<_>, Vec<_>) = sent.iter().partition(|sent| sent.status == 504);
    assert!(told.iter().all(|sent| (sent.status, sent.retry_after.as_deref()) == (503, Some("1"))));
    assert!(late.len() < sent.len() / 2, "{} of {} waited in vain", late.len(), sent.len());
    assert!(sent.iter().all(|sent| sent.took < Duration::from_secs(2)));
    assert!(gateway.most_memory() < LITTLE);
    assert!(after.iter().filter(|sent| sent.is_taken()).count() * 10 > after.len() * 9);
}
