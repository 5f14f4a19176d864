//! Requests that two parsers could read in two ways, and senders that take their time.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{App, Delivery, Gateway, SOON, Sender};

/// Every way to write a request that is refused before its source is looked for.
fn ambiguous(delivery: &Delivery) -> Vec<Vec<u8>> {
    let good = String::from_utf8(delivery.bytes("/hooks/lmif")).unwrap();
    let (length, body) = (delivery.body.len(), std::str::from_utf8(&delivery.body).unwrap());
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let content_length = format!("Content-Length: {length}\r\n");
    let mut requests = vec![
        good.replace("Host: hooks.example\r\n", ""),
        good.replace("Host: hooks.example\r\n", "Host: hooks.example\r\nHost: hooks.example\r\n"),
        good.replace("Host: hooks.example\r\n", "Host: hooks.example\r\nhost: other.example\r\n"),
        good.replace("Host: hooks.example\r\n", "Host:\r\n"),
        good.replace("Host: hooks.example\r\n", "Host : hooks.example\r\n"),
        good.replace("Host: hooks.example\r\n", "Host: hooks.example\n"),
        good.replace("HTTP/1.1", "HTTP/1.2"),
        good.replace("HTTP/1.1", "http/1.1"),
        good.replace("POST /hooks/lmif", "POST  /hooks/lmif"),
        good.replace("POST /hooks/lmif", "POST\t/hooks/lmif"),
        good.replace("/hooks/lmif", "/hooks/lmif#fragment"),
        good.replace("/hooks/lmif", "http://other.example/hooks/lmif"),
        good.replace("/hooks/lmif", "hooks/lmif"),
        good.replace(&content_length, &format!("{content_length}{content_length}")),
        good.replace(&content_length, &format!("{content_length}Content-Length: 0\r\n")),
        good.replace(&content_length, &format!("Content-Length: {length}, {length}\r\n")),
        good.replace(&content_length, &format!("Content-Length: +{length}\r\n")),
        good.replace(&content_length, &format!("Content-Length: 0x{length:x}\r\n")),
        good.replace(&content_length, &format!("Content-Length:{}{length}\r\n", '\u{b}')),
        good.replace(&content_length, &format!("Content-Length : {length}\r\n")),
        good.replace(&content_length, &format!("Content-Length:\r\n {length}\r\n")),
        good.replace(&content_length, "Content-Length: 99999999999999999999\r\n"),
        good.replace(&content_length, "Content-Length: -1\r\n"),
    ];
    for framing in [
        format!("{content_length}Transfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\n{content_length}"),
        "Transfer-Encoding: gzip, chunked\r\n".into(),
        "Transfer-Encoding: chunked, identity\r\n".into(),
        "Transfer-Encoding: xchunked\r\n".into(),
        "Transfer-Encoding: \u{b}chunked\r\n".into(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".into(),
        "Transfer-Encoding : chunked\r\n".into(),
        "Transfer-Encoding:\r\n chunked\r\n".into(),
    ] {
        requests.push(good.replace(&content_length, &framing).replace(body, &chunked));
    }
    requests.into_iter().map(String::into_bytes).collect()
}

#[tokio::test]
async fn an_ambiguous_request_is_400_and_the_connection_ends() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    for request in ambiguous(&Sender::lmif().event("evt_1")) {
        let shown = String::from_utf8_lossy(&request).into_owned();
        let answer = gateway.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{shown}\n=>\n{answer}");
        assert!(answer.ends_with(r#"{"error":"bad_request"}"#), "{shown}\n=>\n{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{shown}\n=>\n{answer}");
    }

    assert!(app.received().is_empty());
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_request_smuggled_into_a_body_is_never_served() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let inner = String::from_utf8(Sender::lmif().event("evt_smuggled").bytes("/hooks/lmif")).unwrap();
    let outer = format!(
        "POST /hooks/lmif HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        inner.len() + 5
    );

    let answer = gateway.raw(outer).await;

    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(app.received().is_empty());
}

#[tokio::test]
async fn pipelined_requests_are_each_judged_and_answered_in_order() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let sender = Sender::lmif();
    let mut requests = sender.event("evt_1").bytes("/hooks/lmif");
    requests.extend(sender.event("evt_2").tampered().bytes("/hooks/lmif"));
    requests.extend(sender.event("evt_3").bytes("/hooks/lmif"));
    requests.extend(b"POST /hooks/lmif HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    requests.extend(sender.event("evt_4").bytes("/hooks/lmif"));

    let answer = gateway.raw(requests).await;

    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["200", "401", "200", "400"]);
    assert_eq!(app.received().len(), 2);
}

#[tokio::test]
async fn a_chunked_body_is_verified_whole_and_forwarded_with_its_length_and_without_trailers() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let mut request =
        String::from("POST /hooks/lmif HTTP/1.1\r\nHost: a\r\nTrailer: X-Late\r\nTransfer-Encoding: chunked\r\n");
    for (name, value) in &delivery.headers {
        request += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    request += "\r\n";
    let mut request = request.into_bytes();
    for chunk in delivery.body.chunks(7) {
        request.extend_from_slice(format!("{:x};a=b\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\nX-Late: 1\r\n\r\n");

    let answer = gateway.raw(request).await;

    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = &app.received()[0];
    assert_eq!(seen.body, delivery.body);
    assert!(!seen.head.to_lowercase().contains("x-late"), "{}", seen.head);
}

#[tokio::test]
async fn only_the_very_path_of_a_source_reaches_it() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    for path in [
        "/hooks/lmif/",
        "//hooks/lmif",
        "/hooks//lmif",
        "/hooks/./lmif",
        "/hooks/x/../lmif",
        "/hooks%2flmif",
        "/hooks/%6cmif",
        "/hooks/lmif;a=b",
        "/hooks/lmif%00",
        "/hooks/lmif%20",
        "/hooks/LMIF",
        "/hooks/lmi",
        "/",
        "*",
    ] {
        let answer = gateway.raw([&delivery.bytes(path)[..], CLOSE].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }

    assert!(app.received().is_empty());
    assert_eq!(gateway.post_to("/hooks/lmif?a=/../b", &delivery).await.status, 200);
    assert_eq!(app.received()[0].target, "/hooks/lmif?a=/../b");
}

/// A request that ends the connection behind it.
const CLOSE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Fault 25: hop-by-hop headers and forged statements of verification passed on.
#[tokio::test]
async fn headers_of_the_hop_and_in_our_name_do_not_reach_the_app() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif()
        .event("evt_1")
        .with("connection", "x-private, x-lmif-signature, content-type")
        .with("x-private", "1")
        .with("keep-alive", "timeout=5")
        .with("te", "trailers")
        .with("upgrade", "h2c")
        .with("proxy-authorization", "Basic eA==")
        .with("countersign-verified", "forged")
        .with("countersign-source", "forged")
        .with("countersign-anything", "forged")
        .with("x_lmif_signature", "forged")
        .with("x-forwarded-for", "1.2.3.4")
        .with("forwarded", "for=1.2.3.4")
        .with("x-kept", "yes");

    assert_eq!(gateway.post(&delivery).await.status, 200);

    let seen = &app.received()[0];
    for gone in
        ["x-private", "keep-alive", "te", "upgrade", "proxy-authorization", "countersign-anything", "x_lmif_signature"]
    {
        assert!(!seen.headers.contains_key(gone), "{gone} in\n{}", seen.head);
    }
    assert_eq!(seen.header("countersign-verified"), "true");
    assert_eq!(seen.header("countersign-source"), "lmif");
    assert_eq!(seen.header("x-forwarded-for"), "127.0.0.1");
    assert_eq!(seen.header("x-kept"), "yes");
    assert_eq!(seen.header("content-type"), "application/json");
    assert!(seen.header("x-lmif-signature").starts_with("sha256="));
    assert_eq!(seen.header("host"), app.address.to_string());
}

#[tokio::test]
async fn an_oversized_head_is_431_and_an_oversized_body_413() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, "").await;
    let delivery = Sender::lmif().event("evt_1");

    let head = gateway.raw(delivery.clone().with("x-large", &"x".repeat(20_000)).bytes("/hooks/lmif")).await;
    let body = gateway.raw(Sender::lmif().sign(vec![b'x'; (1 << 20) + 1]).bytes("/hooks/lmif")).await;

    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    assert!(body.starts_with("HTTP/1.1 413 ") && body.ends_with(r#"{"error":"body_too_large"}"#), "{body}");
    assert!(app.received().is_empty());
    assert_eq!(gateway.post(&Sender::lmif().sign(vec![b'x'; 1 << 20])).await.status, 200);
}

#[tokio::test]
async fn operators_are_not_smuggled_to_and_old_probes_are_answered() {
    let gateway = Gateway::before(&App::answering(200).await).await;
    let ask = async |request: &str| {
        let mut stream = TcpStream::connect(gateway.admin).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(SOON, stream.read_to_string(&mut answer)).await.expect("the connection was not closed").unwrap();
        answer
    };

    let probe = ask("GET /livez HTTP/1.0\r\n\r\n").await;
    let smuggled = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let framing = "Content-Length: 4\r\nTransfer-Encoding: chunked";
    let outer = format!("POST /livez HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}");
    let refused = ask(&outer).await;

    assert!(probe.starts_with("HTTP/1.0 200 ") && probe.ends_with("ok\n"), "{probe}");
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains(r#""error":"bad_request""#), "{refused}");
    assert_eq!(refused.matches("HTTP/1.1").count(), 1, "{refused}");
}

/// Opens a connection, sends these bytes, and returns what comes until it is closed, and after how long.
async fn stalled(gateway: &Gateway, bytes: &[u8]) -> (String, Duration) {
    let start = Instant::now();
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await.expect("a silent connection is closed").unwrap();
    (String::from_utf8(answer).unwrap(), start.elapsed())
}

#[tokio::test]
async fn a_sender_that_stops_in_the_middle_is_told_so_in_time() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let whole = Sender::lmif().event("evt_1").bytes("/hooks/lmif");

    let (silent, one, preface, head, body) = tokio::join!(
        stalled(&gateway, b""),
        stalled(&gateway, b"P"),
        stalled(&gateway, b"PRI * HTT"),
        stalled(&gateway, b"POST /hooks/lmif HTTP/1.1\r\nHost: a\r\n"),
        stalled(&gateway, &whole[..whole.len() - 1]),
    );

    assert_eq!(silent.0, "");
    assert_eq!(one.0.get(..12).unwrap_or_default(), "");
    assert_eq!(preface.0.get(..12).unwrap_or_default(), "");
    assert!(head.0.starts_with("HTTP/1.1 408 "), "{}", head.0);
    assert!(body.0.starts_with("HTTP/1.1 408 "), "{}", body.0);
    for (_, duration) in [silent, one, preface, head, body] {
        assert!(duration < Duration::from_secs(8), "{duration:?}");
    }
    assert!(app.received().is_empty());
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_head_that_trickles_in_is_given_up_as_well() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let start = Instant::now();

    let trickle = async {
        stream.write_all(b"POST /hooks/lmif HTTP/1.1\r\nHost: a\r\n").await?;
        loop {
            stream.write_all(b"X: y\r\n").await?;
            let mut answer = [0; 64];
            if let Ok(read) = timeout(Duration::from_millis(100), stream.read(&mut answer)).await {
                return read.map(|count| String::from_utf8_lossy(&answer[..count]).into_owned());
            }
        }
    };
    let answer = timeout(SOON, trickle).await.expect("a trickling head is given up").unwrap();

    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn a_sender_that_closes_its_side_still_gets_its_answer() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(&Sender::lmif().event("evt_1").bytes("/hooks/lmif")).await.unwrap();
    stream.shutdown().await.unwrap();

    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();

    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
