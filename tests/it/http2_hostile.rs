//! HTTP/2 peers that attack, stall or die.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::http2::OK;
use crate::support::{
    Action, App, Connection, Frames, Gateway, GatewayBuilder, Sender, block, frame, head, request, whole,
};

/// The error code of RFC 9113 §7 for a peer that asks for too much.
const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test]
async fn headers_that_http_2_forbids_end_the_stream_or_its_connection() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    for forbidden in [
        ("connection", "x-lmif-signature"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "1"),
        ("upgrade", "h2c"),
        ("proxy-connection", "close"),
        ("X-Upper", "1"),
        (":path", "/hooks/lmif"),
        ("content-length", "1"),
    ] {
        let mut frames = Frames::open(gateway.address).await;
        frames.write(whole(1, &delivery, "a", &[forbidden])).await;
        let refused = frames.until_one_of(&[Frames::RST_STREAM, Frames::GOAWAY]).await;
        assert!(refused.kind == Frames::GOAWAY || refused.stream == 1, "{forbidden:?}");
    }

    assert!(app.received().is_empty());
    assert_eq!(gateway.post(&delivery).await.status, 200);
}

/// Attacks a gateway, and shows that it serves others meanwhile and grows no fat.
async fn withstood(times: usize, bytes: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let good = Connection::open_http2(gateway.address).await;
    let (before, after) = (Sender::lmif().event("evt_before"), Sender::lmif().event("evt_after"));
    assert_eq!(good.post(&before).await.status, 200);

    let frames = Frames::open(gateway.address).await;
    let during = async {
        for number in 0..10 {
            assert_eq!(good.post(&Sender::lmif().event(&format!("evt_{number}"))).await.status, 200);
        }
    };
    let (goaway, ()) = tokio::join!(frames.flood(times, bytes), during);

    assert_eq!(good.post(&after).await.status, 200);
    assert_eq!(gateway.post(&after).await.status, 200);
    assert_eq!(app.received().len(), 12);
    let memory = gateway.memory();
    assert!(memory < 100 << 20, "{} MiB", memory >> 20);
    goaway
}

#[tokio::test]
async fn streams_that_are_reset_as_fast_as_they_are_opened_end_their_connection() {
    let delivery = Sender::lmif().event("evt_1");

    let goaway = withstood(20_000, |number| {
        let stream = 2 * number + 1;
        let mut bytes = frame(Frames::HEADERS, Frames::END_HEADERS, stream, &head(&delivery, "a", &[]));
        bytes.extend(frame(Frames::RST_STREAM, 0, stream, &8u32.to_be_bytes()));
        bytes
    })
    .await;

    assert_eq!(goaway, Some(ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn streams_that_make_the_gateway_reset_them_end_their_connection() {
    let delivery = Sender::lmif().event("evt_1");

    let goaway = withstood(20_000, |number| {
        let stream = 2 * number + 1;
        let mut bytes = frame(Frames::HEADERS, Frames::END_HEADERS, stream, &head(&delivery, "a", &[]));
        // A window of over 2^31-1 bytes is an error of the stream (RFC 9113 §6.9.1).
        bytes.extend(frame(Frames::WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes()));
        bytes
    })
    .await;

    assert_eq!(goaway, Some(ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn a_header_block_without_end_ends_its_connection() {
    let goaway = withstood(20_000, |number| match number {
        0 => frame(Frames::HEADERS, 0, 1, &block(&[(":method", "POST")])),
        _ => frame(Frames::CONTINUATION, 0, 1, &block(&[("x-more", "and more")])),
    })
    .await;

    assert_eq!(goaway, Some(ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn floods_of_pings_settings_and_empty_frames_hold_nobody_up() {
    let delivery = Sender::lmif().event("evt_1");
    let pings = frame(Frames::PING, 0, 0, &[0; 8]).repeat(100);
    let settings = frame(Frames::SETTINGS, 0, 0, b"").repeat(100);
    let windows = frame(Frames::WINDOW_UPDATE, 0, 0, &1u32.to_be_bytes()).repeat(100);
    let empty = frame(Frames::DATA, 0, 1, b"").repeat(100);

    withstood(200, |_| pings.clone()).await;
    withstood(200, |_| settings.clone()).await;
    withstood(200, |_| windows.clone()).await;
    withstood(200, |number| match number {
        0 => frame(Frames::HEADERS, Frames::END_HEADERS, 1, &head(&delivery, "a", &[])),
        _ => empty.clone(),
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_larger_than_any_senders_is_431_or_ends_its_stream() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;

    let large = request("/hooks/lmif", &Sender::lmif().event("evt_1").with("x-large", &"x".repeat(30_000)));
    let answer = connection.try_send(large).await;

    assert!(answer.is_err() || answer.unwrap().status == 431);
    assert!(app.received().is_empty());
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_peer_that_has_died_holds_the_drain_up_no_longer_than_shutdown_says() {
    let app = App::answering(200).await;
    let config = format!("{}shutdown: 1s\n", Gateway::config(&app, ""));
    let mut gateway = GatewayBuilder::new(config).start().await;
    let mut frames = Frames::open(gateway.address).await;
    frames.until(Frames::SETTINGS).await;

    gateway.signal("TERM");
    let goaway = frames.until(Frames::GOAWAY).await;

    assert_eq!(goaway.payload[4..8], [0; 4]);
    assert_eq!(gateway.until_ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_sender_that_resets_its_stream_loses_nothing_and_is_counted() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let mut frames = Frames::open(gateway.address).await;
    frames.write(whole(1, &delivery, "a", &[])).await;
    app.until_received(1).await;

    frames.write(frame(Frames::RST_STREAM, 0, 1, &8u32.to_be_bytes())).await;
    frames.write(frame(Frames::PING, 0, 0, &[0; 8])).await;
    frames.until(Frames::PING).await;
    app.release();
    gateway.until_logged(&["outcome=delivered", "event=evt_1"]).await;

    assert!(gateway.post(&delivery).await.is_replayed());
    assert_eq!(app.received().len(), 1);
}

/// The usual gateway with less patience.
async fn impatient(app: &App) -> Gateway {
    GatewayBuilder::new(Gateway::config(app, "").replace("read_timeout: 2s", "read_timeout: 500ms")).start().await
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408_and_other_streams_go_on() {
    let app = App::answering(200).await;
    let gateway = impatient(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let mut frames = Frames::open(gateway.address).await;

    frames.write(frame(Frames::HEADERS, Frames::END_HEADERS, 1, &head(&delivery, "a", &[]))).await;
    frames.write(frame(Frames::DATA, 0, 1, &delivery.body[..5])).await;
    let late = frames.until(Frames::HEADERS).await;
    frames.write(whole(3, &delivery, "a", &[])).await;
    let good = frames.until(Frames::HEADERS).await;

    assert_eq!((late.stream, good.stream, good.payload[0]), (1, 3, OK));
    let reason = r#"countersign_inbound_rejections_total{source="lmif",reason="body_timeout"}"#;
    assert_eq!(gateway.metric(reason).await, 1.0);
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_sender_that_does_not_read_its_answers_is_given_up() {
    let app = App::answering(200).await;
    let gateway = impatient(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let mut frames = Frames::open(gateway.address).await;
    // SETTINGS_INITIAL_WINDOW_SIZE of 0 (RFC 9113 §6.5.2): no answer's content may be sent.
    frames.write(frame(Frames::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;

    frames.write(whole(1, &delivery, "a", &[])).await;
    frames.until(Frames::HEADERS).await;

    frames.until_closed().await;
    assert!(gateway.post(&delivery).await.is_replayed());
}

#[tokio::test]
async fn a_slow_app_is_not_taken_for_a_sender_that_does_not_read() {
    let (app, slow) = (App::answering(200).await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let config = Gateway::config(&app, "").replace("read_timeout: 2s", "read_timeout: 500ms");
    let url = |address: SocketAddr| format!("http://{address}");
    let config = config.replace(&url(app.address), &url(slow.local_addr().unwrap()));
    let gateway = GatewayBuilder::new(config).start().await;
    let connection = Connection::open_http2(gateway.address).await;
    let delivery = Sender::lmif().event("evt_1");

    let (answer, ()) = tokio::join!(connection.post(&delivery), async {
        let mut stream = slow.accept().await.unwrap().0;
        stream.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlate\r\n").await.unwrap();
        // Twice as long as the gateway waits for a sender.
        sleep(Duration::from_secs(1)).await;
        stream.write_all(b"6\r\nr half\r\n0\r\n\r\n").await.unwrap();
    });

    assert_eq!((answer.status.as_u16(), answer.text()), (200, "later half"));
}
