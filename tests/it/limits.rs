//! What is refused before anybody looks at its signature, and what is refused for lack of room.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Action, App, Delivery, Gateway, GatewayBuilder, SOON, Sender, response};

/// A gateway with these limits.
async fn limited(app: &App, limits: &str) -> Gateway {
    GatewayBuilder::new(Gateway::config(app, "").replace("{read_timeout: 2s}", limits)).start().await
}

/// The head of a delivery, chunked.
fn chunked_head(delivery: &Delivery) -> String {
    let head = String::from_utf8(delivery.bytes("/hooks/lmif")).unwrap();
    let (head, _) = head.split_once("Content-Length").unwrap();
    format!("{head}Transfer-Encoding: chunked\r\n\r\n")
}

/// Sends bytes, and returns the answer: its status, its headers in lower case, and its body.
async fn ask(gateway: &Gateway, bytes: impl AsRef<[u8]>) -> (u16, String, String) {
    let answer = gateway.raw(bytes).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_with_one_word_as_json() {
    let app = App::answering(200).await;
    let gateway = limited(&app, "{body: 1KiB, read_timeout: 300ms}").await;
    let good = Sender::lmif().event("evt_1").with("connection", "close");
    let text = String::from_utf8(good.bytes("/hooks/lmif")).unwrap();
    let large = Sender::lmif().sign("x".repeat(1025));
    let chunked = format!("{}401\r\n{}\r\n0\r\n\r\n", chunked_head(&large), "x".repeat(1025));
    let broken = format!("{}xyz\r\n", chunked_head(&good));

    for (request, status, word) in [
        (good.bytes("/hooks/other"), 404, "not_found"),
        (good.bytes("/hooks/lmif/"), 404, "not_found"),
        (text.replace("POST", "GET").into(), 405, "method_not_allowed"),
        (text.replace("POST", "PUT").into(), 405, "method_not_allowed"),
        (text.replace("POST", "DELETE").into(), 405, "method_not_allowed"),
        (text.replace("POST", "OPTIONS").into(), 405, "method_not_allowed"),
        (text.replace("POST", "post").into(), 405, "method_not_allowed"),
        (text.replace("POST /hooks/lmif", "GET /hooks/other").into(), 404, "not_found"),
        (large.bytes("/hooks/lmif"), 413, "body_too_large"),
        (chunked.into(), 413, "body_too_large"),
        (broken.into(), 400, "body_broken"),
        (text.replace("Host: hooks.example\r\n", "").into(), 400, "bad_request"),
        (good.clone().with("x-large", &"x".repeat(17_000)).bytes("/hooks/lmif"), 431, "head_too_large"),
        (text[..text.len() - 1].into(), 408, "body_timeout"),
        (text[..text.len() / 2].into(), 408, "head_timeout"),
    ] {
        let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
        let (got, head, body) = ask(&gateway, request).await;
        assert_eq!((got, body.as_str()), (status, &*format!("{{\"error\":\"{word}\"}}")), "{shown}\n=>\n{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert_eq!(head.contains("allow: post"), status == 405, "{head}");
    }
    assert!(app.received().is_empty());
    let rejections = |reason| format!(r#"countersign_inbound_rejections_total{{source="lmif",reason="{reason}"}}"#);
    assert_eq!(gateway.metric(&rejections("body_too_large")).await, 2.0);
    assert_eq!(gateway.metric(&rejections("body_timeout")).await, 1.0);
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_head_request_is_405_without_a_body() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    let (status, head, body) = ask(&gateway, "HEAD /hooks/lmif HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;

    assert_eq!((status, body.as_str()), (405, ""));
    assert!(head.contains("allow: post"), "{head}");
}

#[tokio::test]
async fn after_a_refusal_the_next_request_on_the_connection_passes() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let good = Sender::lmif().event("evt_1");
    let put = String::from_utf8(good.bytes("/hooks/lmif")).unwrap().replace("POST", "PUT");
    let last = good.clone().with("connection", "close").bytes("/hooks/lmif");

    for (refused, status) in [(good.bytes("/elsewhere"), "404"), (put.into_bytes(), "405")] {
        let answer = gateway.raw([refused, last.clone()].concat()).await;
        let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
        assert_eq!(statuses, [status, "200"]);
    }
}

#[tokio::test]
async fn who_asks_before_sending_a_body_is_told_whether_to_send_it() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let expecting = |delivery: Delivery| {
        let request = delivery.with("expect", "100-continue").with("connection", "close").bytes("/hooks/lmif");
        let head = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        (request[..head].to_vec(), request[head..].to_vec())
    };
    let (head, body) = expecting(Sender::lmif().event("evt_1"));
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();

    stream.write_all(&head).await.unwrap();
    let mut answer = vec![0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    timeout(SOON, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&body).await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!app.received()[0].headers.contains_key("expect"));

    let (head, _) = expecting(Sender::lmif().sign(vec![b'x'; (1 << 20) + 1]));
    let (status, _, body) = ask(&gateway, head).await;
    assert_eq!((status, body.as_str()), (413, r#"{"error":"body_too_large"}"#));
}

/// Begins to send a delivery, and stops before its last byte.
async fn all_but_one_byte(gateway: &Gateway, delivery: &Delivery) -> TcpStream {
    let request = delivery.bytes("/hooks/lmif");
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(&request[..request.len() - 1]).await.unwrap();
    stream
}

const IN_USE: &str = "countersign_body_bytes_in_use";

#[tokio::test]
async fn when_bodies_fill_the_memory_others_come_again_and_find_room_later() {
    let app = App::answering(200).await;
    let gateway = limited(&app, "{memory: 4MiB}").await;
    let large = |n: u8| Sender::lmif().sign(vec![n; 1 << 20]);
    let other = Sender::lmif().event("evt_1");

    let mut slow = Vec::new();
    for n in 0..4 {
        slow.push(all_but_one_byte(&gateway, &large(n)).await);
    }
    gateway.until_metric(IN_USE, f64::from((4 << 20) - 4)).await;
    for _ in 0..3 {
        let shed = gateway.post(&other).await;
        assert_eq!((shed.status.as_u16(), shed.text()), (503, r#"{"error":"overloaded"}"#));
        assert_eq!(shed.header("retry-after"), Some("1"));
    }
    assert_eq!(gateway.metric(IN_USE).await, f64::from((4 << 20) - 4));
    for (n, stream) in slow.iter_mut().enumerate() {
        stream.write_all(&[n as u8]).await.unwrap();
        let mut answer = [0; 12];
        timeout(SOON, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }

    gateway.until_metric(IN_USE, 0.0).await;
    assert_eq!(gateway.post(&other).await.status, 200);
    assert_eq!(app.received().len(), 5);
    assert_eq!(gateway.outcome("shed").await, 3.0);
}

#[tokio::test]
async fn bodies_that_are_given_up_give_their_memory_back() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = limited(&app, "{memory: 4MiB, read_timeout: 1s}").await;
    let large = Sender::lmif().sign(vec![b'x'; 1 << 20]);

    // One sender leaves, one is too slow, one is forged, one is too large, and the app takes its time for one.
    let leaving = all_but_one_byte(&gateway, &large).await;
    let mut slow = all_but_one_byte(&gateway, &large).await;
    gateway.until_metric(IN_USE, f64::from((2 << 20) - 2)).await;
    drop(leaving);
    assert_eq!(gateway.post(&large.clone().tampered()).await.status, 401);
    assert_eq!(gateway.post(&Sender::lmif().sign(vec![b'x'; (1 << 20) + 1])).await.status, 413);
    let mut answer = String::new();
    timeout(SOON, slow.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    gateway.until_metric(IN_USE, 0.0).await;
    let waiting = gateway.posting(&large);
    gateway.until_metric(IN_USE, f64::from(1 << 20)).await;
    app.release();

    assert_eq!(waiting.await.unwrap().status, 200);
    gateway.until_metric(IN_USE, 0.0).await;
}

#[tokio::test]
async fn many_large_bodies_at_once_are_shed_or_delivered_and_leave_nothing_behind() {
    let app = App::answering(200).await;
    let gateway = limited(&app, "{memory: 3MiB}").await;

    let posting: Vec<_> = (0..24).map(|n| gateway.posting(&Sender::lmif().sign(vec![n; 1 << 20]))).collect();
    let mut delivered = 0;
    for answer in posting {
        let answer = answer.await.unwrap();
        match answer.status.as_u16() {
            200 => delivered += 1,
            status => assert_eq!((status, answer.header("retry-after")), (503, Some("1"))),
        }
    }

    assert!(delivered > 0);
    assert_eq!(app.received().len(), delivered);
    gateway.until_metric(IN_USE, 0.0).await;
    assert_eq!(gateway.post(&Sender::lmif().sign(vec![b'z'; 1 << 20])).await.status, 200);
}

#[tokio::test]
async fn a_connection_over_the_limit_is_503_until_another_ends() {
    let app = App::answering(200).await;
    let gateway = limited(&app, "{connections: 3}").await;

    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(gateway.address).await.unwrap());
    }
    gateway.until_metric("countersign_inbound_connections", 3.0).await;
    let (status, head, body) = ask(&gateway, Sender::lmif().event("evt_1").bytes("/hooks/lmif")).await;
    assert_eq!((status, body.as_str()), (503, r#"{"error":"overloaded"}"#));
    assert!(head.contains("retry-after: 1") && head.contains("connection: close"), "{head}");
    drop(held.pop());
    gateway.until_metric("countersign_inbound_connections", 2.0).await;

    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_sender_that_does_not_read_its_answer_is_given_up_and_the_delivery_settled() {
    let app = App::doing([], Action::Raw(response("HTTP/1.1 200 OK\r\n", vec![b'x'; 40 << 20]))).await;
    let gateway = limited(&app, "{read_timeout: 500ms}").await;
    let delivery = Sender::lmif().event("evt_1");
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();

    let start = Instant::now();
    stream.write_all(&delivery.bytes("/hooks/lmif")).await.unwrap();
    gateway.until_metric(r#"countersign_inbound_deliveries_total{source="lmif",outcome="delivered"}"#, 1.0).await;

    assert!(start.elapsed() < Duration::from_secs(3));
    gateway.until_metric("countersign_inbound_connections", 0.0).await;
    assert!(gateway.post(&delivery).await.is_replayed());
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_head_that_is_no_http_is_400_or_431_with_one_word() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let good = String::from_utf8(Sender::lmif().event("evt_1").bytes("/hooks/lmif")).unwrap();
    let with = |line: &str| good.replace("Host: hooks.example\r\n", &format!("Host: hooks.example\r\n{line}\r\n"));
    let many = vec!["X: y"; 120].join("\r\n");

    let mut requests: Vec<(Vec<u8>, &str)> = vec![(with(&many).into(), "head_too_large")];
    for separator in "(),/;<=>?@[\\]{}\"".chars() {
        requests.push((with(&format!("X{separator}: y")).into(), "bad_request"));
    }
    for control in (0..=31).chain([127]).filter(|control| !b"\t\n\r".contains(control)) {
        requests.push((with(&format!("X: y{}z", char::from(control))).into(), "bad_request"));
    }
    for target in
        ["/hooks/\"lmif\"", "/<hooks>", "/hooks/l^mif", "/hooks/`lmif`", "/hooks/{lmif}", "/hooks|lmif", "/a\\b"]
    {
        requests.push((good.replace("/hooks/lmif", target).into(), ""));
    }
    for method in ["P(ST", "P@ST", "PÖST", ""] {
        requests.push((good.replace("POST /", &format!("{method} /")).into(), "bad_request"));
    }

    for (request, word) in requests {
        let shown = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
        let request = [&request[..], b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"].concat();
        let (status, head, body) = ask(&gateway, request).await;
        let error = body.split_once("HTTP/1.1").map_or(body.as_str(), |(first, _)| first);
        let words = ["bad_request", "head_too_large", "not_found"];
        assert!(words.iter().any(|word| error == format!("{{\"error\":\"{word}\"}}")), "{shown:?}\n=>\n{head}\n{body}");
        assert!(error.contains(word), "{shown:?}\n=>\n{status} {body}");
    }
    assert!(app.received().is_empty());
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_hundred_header_fields_pass_and_one_more_is_431() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let with = |count: usize| {
        // Host, Content-Type, Content-Length, Connection and the signature are there already.
        let delivery = Sender::lmif().event("evt_1").with("connection", "close");
        (5..count).fold(delivery, |delivery, _| delivery.with("x", "y")).bytes("/hooks/lmif")
    };

    assert_eq!(ask(&gateway, with(100)).await.0, 200);
    let (status, _, body) = ask(&gateway, with(101)).await;
    assert_eq!((status, body.as_str()), (431, r#"{"error":"head_too_large"}"#));
    assert_eq!(app.received()[0].headers.get_all("x").iter().count(), 95);
}
