//! An app behind the gateway that is slow, broken, or odd.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::{Action, App, Connections, Delivery, Gateway, GatewayBuilder, SOON, Sender, response};

/// A gateway with one worker, which has all the connections to the app.
async fn alone_before(app: &App) -> Gateway {
    GatewayBuilder::new(Gateway::config(app, "").replace("workers: 2", "workers: 1")).start().await
}

/// A gateway that waits half a second for the app.
async fn impatient_before(app: &App) -> Gateway {
    GatewayBuilder::new(Gateway::config(app, "").replace("timeout: 3s", "timeout: 500ms")).start().await
}

fn event() -> Delivery {
    Sender::lmif().event("evt_1")
}

/// The retry of [`event`] passes, and is what settles it.
async fn assert_released(gateway: &Gateway) {
    let retry = gateway.post(&event()).await;
    assert_eq!((retry.status.as_u16(), retry.is_replayed()), (200, false), "{}", retry.text());
    assert!(gateway.post(&event()).await.is_replayed());
}

#[tokio::test]
async fn an_app_that_is_not_there_is_502_and_the_retry_passes_once_it_is() {
    // An address that no other test uses, so that nobody takes the port in the meantime.
    let gone = App::at("127.0.0.2:0".parse().unwrap(), [], Action::Hang).await;
    let gateway = Gateway::before(&gone).await;
    let address = gone.address;
    gone.stop().await;

    let answer = gateway.post(&event()).await;
    let _app = App::at(address, [], Action::Answer(200, "{}")).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_unreachable"}"#));
    assert_released(&gateway).await;
    assert_eq!(gateway.outcome("failed").await, 1.0);
}

#[tokio::test]
async fn a_connection_that_is_not_accepted_in_time_is_502() {
    // A listener that accepts nothing, and whose queue is full.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        queued.push(stream);
    }
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "").replace(&app.address.to_string(), &address.to_string());
    let gateway = GatewayBuilder::new(config.replace("timeout: 3s", "connect_timeout: 200ms")).start().await;

    let start = Instant::now();
    let answer = gateway.post(&event()).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_unreachable"}"#));
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_answer_that_breaks_off_before_its_head_is_whole_is_502_and_the_claim_is_released() {
    let heads = ["", "HTTP/1.1", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Ty"];
    let breaking = heads.map(|head| Action::RawThenClose(head.into()));
    let app = App::doing(breaking, Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;

    for head in heads {
        let answer = gateway.post(&event()).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_broken"}"#), "{head:?}");
    }

    assert_released(&gateway).await;
    assert_eq!(app.received().len(), heads.len() + 1);
    assert_eq!(gateway.outcome("failed").await, heads.len() as f64);
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_502_and_the_claim_is_released() {
    let answers = [
        "garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/3 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{0}\u{5}hello",
        "{\"ok\":true}\r\n\r\n",
    ];
    let actions = answers.map(|answer| Action::Raw(answer.into()));
    let app = App::doing(actions, Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;

    for shown in answers {
        let answer = gateway.post(&event()).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_broken"}"#), "{shown:?}");
    }

    assert_released(&gateway).await;
    assert_eq!(app.received().len(), answers.len() + 1);
}

#[tokio::test]
async fn a_head_without_end_is_502() {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(2 << 20));
    let app = App::doing([Action::Raw(endless.into())], Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;

    let answer = gateway.post(&event()).await;

    assert_eq!(answer.status, 502);
    assert_released(&gateway).await;
}

#[tokio::test]
async fn a_late_answer_is_504_and_the_claim_is_released() {
    for first in [vec![Action::Hang], vec![Action::Part(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()), Action::Hang]] {
        let app = App::doing(first, Action::Answer(200, "{}")).await;
        let gateway = impatient_before(&app).await;

        let start = Instant::now();
        let answer = gateway.post(&event()).await;
        let duration = start.elapsed();

        assert_eq!((answer.status.as_u16(), answer.text()), (504, r#"{"error":"upstream_late"}"#));
        assert!(duration > Duration::from_millis(450) && duration < Duration::from_millis(1500), "{duration:?}");
        assert_released(&gateway).await;
        // The late connection is not used again.
        app.until_closed(1).await;
        assert_eq!(app.received().len(), 2);
    }
}

#[tokio::test]
async fn a_short_answer_that_stalls_is_504_and_the_claim_is_released() {
    let part = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ".to_vec();
    let app = App::doing([Action::Part(part), Action::Hang], Action::Answer(200, "{}")).await;
    let gateway = impatient_before(&app).await;

    let answer = gateway.post(&event()).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (504, r#"{"error":"upstream_late"}"#));
    assert_released(&gateway).await;
}

#[tokio::test]
async fn a_long_answer_that_stalls_breaks_the_senders_connection_and_the_claim_is_released() {
    for head in ["Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186a0\r\n"] {
        let part = format!("HTTP/1.1 200 OK\r\n{head}{}", "x".repeat(50_000));
        let app = App::doing([Action::Part(part.into()), Action::Hang], Action::Answer(200, "{}")).await;
        let gateway = impatient_before(&app).await;

        let answer = gateway.raw(event().bytes("/hooks/lmif")).await;

        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(!answer.ends_with("0\r\n\r\n") && answer.len() < 100_000);
        assert_eq!(gateway.outcome("failed").await, 1.0);
        gateway.until_logged(&["outcome=failed", "upstream_late"]).await;
        assert_released(&gateway).await;
    }
}

#[tokio::test]
async fn a_long_answer_that_breaks_off_breaks_the_senders_connection_and_the_claim_is_released() {
    for head in ["Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nc350\r\n"] {
        let part = format!("HTTP/1.1 200 OK\r\n{head}{}", "x".repeat(50_000));
        let app = App::doing([Action::RawThenClose(part.into())], Action::Answer(200, "{}")).await;
        let gateway = Gateway::before(&app).await;

        let answer = gateway.raw(event().bytes("/hooks/lmif")).await;

        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(!answer.ends_with("0\r\n\r\n") && answer.len() < 100_000);
        gateway.until_logged(&["outcome=failed", "upstream_broken"]).await;
        assert_released(&gateway).await;
    }
}

#[tokio::test]
async fn a_short_answer_that_breaks_off_is_502_and_the_claim_is_released() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ".to_vec();
    let app = App::doing([Action::RawThenClose(half)], Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;

    let answer = gateway.post(&event()).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_broken"}"#));
    assert_released(&gateway).await;
}

#[tokio::test]
async fn a_redirect_is_502_and_is_neither_followed_nor_shown() {
    let elsewhere = App::answering(200).await;
    let statuses = [300, 301, 302, 303, 304, 307, 308];
    let redirects = statuses.map(|status| {
        let head = format!("HTTP/1.1 {status} Moved\r\nLocation: http://{}/hooks/lmif\r\n", elsewhere.address);
        Action::Raw(if status == 304 { format!("{head}\r\n").into() } else { response(&head, "moved") })
    });
    let app = App::doing(redirects, Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;

    for status in statuses {
        let answer = gateway.post(&event()).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_redirected"}"#), "{status}");
        assert!(!answer.headers.contains_key("location"));
    }

    assert_released(&gateway).await;
    assert!(elsewhere.received().is_empty());
    assert_eq!(app.received().len(), statuses.len() + 1);
}

#[tokio::test]
async fn one_connection_to_the_app_is_kept_for_the_next_request() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let answers = [
        response("HTTP/1.1 200 OK\r\n", "{}"),
        response("HTTP/1.1 200 OK\r\n", "x".repeat(1 << 20)),
        b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        chunked.into(),
        response("HTTP/1.1 500 X\r\n", "{}"),
    ];
    let app = App::doing(answers.iter().cycle().take(20).cloned().map(Action::Raw), Action::Hang).await;
    let gateway = alone_before(&app).await;

    for n in 0..20 {
        let answer = gateway.post(&Sender::lmif().event(&format!("evt_{n}"))).await;
        assert!(answer.status != 502, "{n}: {}", answer.text());
    }

    assert_eq!(app.connections(), Connections { opened: 1, closed: 0 });
}

#[tokio::test]
async fn a_kept_connection_that_the_app_closed_is_replaced_by_a_fresh_one() {
    let app = App::doing([], Action::RawThenClose(response("HTTP/1.1 200 OK\r\n", "{}"))).await;
    let gateway = alone_before(&app).await;

    for n in 1..=20 {
        assert_eq!(gateway.post(&Sender::lmif().event(&format!("evt_{n}"))).await.status, 200);
        app.until_closed(n).await;
    }

    assert_eq!(app.received().len(), 20);
}

#[tokio::test]
async fn what_was_written_to_a_connection_that_then_breaks_is_not_sent_again() {
    let app =
        App::doing([Action::Answer(200, "{}"), Action::RawThenClose(Vec::new())], Action::Answer(200, "{}")).await;
    let gateway = alone_before(&app).await;

    let first = gateway.post(&Sender::lmif().event("evt_0")).await;
    let broken = gateway.post(&event()).await;

    assert_eq!((first.status.as_u16(), broken.status.as_u16()), (200, 502));
    assert_eq!(app.connections().opened, 1);
    assert_eq!(app.received().len(), 2);
    assert_released(&gateway).await;
    assert_eq!(app.received().len(), 3);
}

#[tokio::test]
async fn bytes_behind_an_answer_are_not_taken_for_the_next_one() {
    let stale = response("HTTP/1.1 201 Created\r\n", "stale");
    let two = [response("HTTP/1.1 200 OK\r\n", "{}"), stale].concat();
    let app = App::doing([Action::Raw(two)], Action::Answer(200, r#"{"own":true}"#)).await;
    let gateway = alone_before(&app).await;

    let first = gateway.post(&Sender::lmif().event("evt_0")).await;
    let second = gateway.post(&event()).await;

    assert_eq!(first.text(), "{}");
    assert_eq!((second.status.as_u16(), second.text()), (200, r#"{"own":true}"#));
}

#[tokio::test]
async fn informational_answers_before_the_answer_are_passed_over() {
    let hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
    let answer = [hints.as_bytes(), &response("HTTP/1.1 201 Created\r\n", "made")].concat();
    let app = App::doing([], Action::Raw(answer)).await;
    let gateway = Gateway::before(&app).await;

    let answer = gateway.post(&event()).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (201, "made"));
    assert!(!answer.headers.contains_key("link"));
    assert!(gateway.post(&event()).await.is_replayed());
}

#[tokio::test]
async fn an_app_that_wants_to_switch_protocols_is_502() {
    let switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec();
    let app = App::doing([Action::Raw(switching)], Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;

    assert_eq!(gateway.post(&event()).await.status, 502);
    assert_released(&gateway).await;
}

#[tokio::test]
async fn an_answer_that_does_not_wait_for_the_body_is_passed_on_and_the_next_request_passes() {
    let early = Action::Early(response("HTTP/1.1 413 Too Large\r\nContent-Type: text/plain\r\n", "too much"));
    let app = App::doing([early], Action::Answer(200, "{}")).await;
    let config = Gateway::config(&app, "").replace("workers: 2", "workers: 1");
    let gateway = GatewayBuilder::new(config.replace("{read_timeout: 2s}", "{body: 64MiB}")).start().await;
    let large = Sender::lmif().sign(vec![b'x'; 32 << 20]);

    let answer = gateway.post(&large).await;
    let start = Instant::now();
    let next = gateway.post(&event()).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (413, "too much"));
    assert_eq!(next.status, 200);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    gateway.until_metric("countersign_body_bytes_in_use", 0.0).await;
}

#[tokio::test]
async fn an_answer_of_20_mib_is_streamed_whole() {
    let body: Vec<u8> = (0..20_u32 << 18).flat_map(u32::to_le_bytes).collect();
    let app = App::doing([], Action::Raw(response("HTTP/1.1 200 OK\r\n", &body))).await;
    let gateway = Gateway::before(&app).await;

    let answer = gateway.post(&event()).await;

    assert_eq!(answer.header("content-length"), Some("20971520"));
    assert!(answer.body == body);
    assert!(gateway.post(&event()).await.is_replayed());
}

/// Reads until what came ends so.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let ended = async {
        while !read.ends_with(end.as_bytes()) {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0, "it ended before {end:?}");
        }
    };
    timeout(SOON, ended).await.expect("it did not come");
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn an_answer_in_chunks_reaches_the_sender_chunk_by_chunk() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n5\r\nfirst\r\n".to_vec();
    let last = b"4\r\nlast\r\n0\r\nX-Late: 1\r\n\r\n".to_vec();
    let first = [Action::Part(head), Action::Wait, Action::Part(b"6\r\nsecond\r\n".to_vec()), Action::Wait];
    let app = App::doing(first.into_iter().chain([Action::Raw(last)]), Action::Answer(500, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();

    stream.write_all(&event().bytes("/hooks/lmif")).await.unwrap();
    let head = read_until(&mut stream, "5\r\nfirst\r\n").await;
    app.release_one();
    read_until(&mut stream, "6\r\nsecond\r\n").await;
    app.release_one();
    let end = read_until(&mut stream, "\r\n0\r\n\r\n").await;

    assert!(head.to_lowercase().contains("transfer-encoding: chunked\r\n"), "{head}");
    assert!(!end.contains("X-Late"), "{end}");
    let again = gateway.post(&event()).await;
    assert_eq!((again.is_replayed(), again.text()), (true, "firstsecondlast"));
}

#[tokio::test]
async fn an_answer_may_take_longer_than_the_timeout_as_long_as_it_moves() {
    let part = |number: u32| [Action::Wait, Action::Part(format!("5\r\npart{number}\r\n").into())];
    let head = Action::Part(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec());
    let first: Vec<Action> = [head].into_iter().chain((0..4).flat_map(part)).collect();
    let app = App::doing(first, Action::Raw(b"0\r\n\r\n".to_vec())).await;
    let gateway = impatient_before(&app).await;

    let answering = gateway.posting(&event());
    app.until_received(1).await;
    for _ in 0..4 {
        // The time that passes is what is tested.
        tokio::time::sleep(Duration::from_millis(250)).await;
        app.release_one();
    }

    assert_eq!(answering.await.unwrap().text(), "part0part1part2part3");
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole_at_the_end() {
    for head in ["HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"]
    {
        let app = App::doing([], Action::RawThenClose(format!("{head}until the end").into())).await;
        let gateway = Gateway::before(&app).await;

        let first = gateway.post(&event()).await;
        let second = gateway.post(&event()).await;

        assert_eq!((first.status.as_u16(), first.text()), (200, "until the end"));
        assert_eq!((second.is_replayed(), second.text()), (true, "until the end"));
        assert_eq!(app.received().len(), 1);
    }
}

#[tokio::test]
async fn a_host_name_with_several_addresses_is_tried_address_by_address() {
    // `localhost` may be ::1 first, where nobody listens.
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "").replace("http://127.0.0.1:", "http://localhost:");
    let gateway = GatewayBuilder::new(config).start().await;

    assert_eq!(gateway.post(&event()).await.status, 200);
    assert_eq!(app.received()[0].header("host"), format!("localhost:{}", app.address.port()));
}

#[tokio::test]
async fn a_listener_that_takes_connections_and_says_nothing_is_504() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "").replace(&app.address.to_string(), &address.to_string());
    let gateway = GatewayBuilder::new(config.replace("timeout: 3s", "timeout: 300ms")).start().await;

    assert_eq!(gateway.post(&event()).await.status, 504);
}

#[tokio::test]
async fn the_apps_time_is_counted_from_the_request_to_the_end_of_its_answer_also_when_it_fails() {
    let part = response("HTTP/1.1 200 OK\r\n", "x".repeat(40_000));
    let first = [Action::Answer(200, "{}"), Action::Part(part[..20_000].into()), Action::Wait];
    let app = App::doing(first.into_iter().chain([Action::Raw(part[20_000..].into())]), Action::Hang).await;
    let gateway = impatient_before(&app).await;
    let seconds = async || gateway.metric(r#"countersign_upstream_duration_seconds_sum{upstream="app"}"#).await;
    let count = async || gateway.metric(r#"countersign_upstream_duration_seconds_count{upstream="app"}"#).await;

    // A slow sender. The time that passes is what is tested.
    let request = Sender::lmif().event("evt_slow").with("connection", "close").bytes("/hooks/lmif");
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(&request[..request.len() - 1]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    stream.write_all(&request[request.len() - 1..]).await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    assert!(seconds().await < 0.3, "{}", seconds().await);

    // An app that takes its time for the end of its answer.
    let answering = gateway.posting(&Sender::lmif().event("evt_streamed"));
    app.until_received(2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    app.release();
    assert_eq!(answering.await.unwrap().status, 200);
    assert!(seconds().await >= 0.3, "{}", seconds().await);

    assert_eq!(gateway.post(&event()).await.status, 504);
    assert!(seconds().await >= 0.8, "{}", seconds().await);
    assert_eq!(count().await, 3.0);
}
