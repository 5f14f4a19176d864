//! HTTP/2, as senders speak it.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;

use crate::support::{Action, App, Connection, Frames, Gateway, Sender, block, frame, head, request};

#[tokio::test]
async fn a_delivery_with_prior_knowledge_is_verified_and_forwarded_as_http_1() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;
    let delivery = Sender::lmif().event("evt_1");

    let answer = connection.post(&delivery).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (200, r#"{"ok":true}"#));
    let seen = app.received().pop().unwrap();
    assert_eq!((seen.target.as_str(), &seen.body), ("/hooks/lmif", &delivery.body));
    assert_eq!(seen.header("host"), app.address.to_string());
    assert_eq!(seen.header("x-forwarded-host"), gateway.address.to_string());
    assert_eq!(seen.header("x-forwarded-proto"), "http");
    let again = connection.post(&delivery).await;
    assert!(again.is_replayed());
    assert_eq!(again.text(), r#"{"ok":true}"#);
}

#[tokio::test]
async fn what_is_refused_is_refused_alike_and_the_connection_goes_on() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;
    let delivery = Sender::lmif().event("evt_1");
    let mut get = request("/hooks/lmif", &delivery);
    *get.method_mut() = Method::GET;

    let forged = connection.post(&delivery.clone().tampered()).await;
    let lost = connection.send(request("/hooks/nowhere", &delivery)).await;
    let got = connection.send(get).await;
    let large = connection.post(&Sender::lmif().sign(vec![b'x'; (1 << 20) + 1])).await;

    assert_eq!((forged.status.as_u16(), forged.text()), (401, ""));
    assert_eq!((lost.status.as_u16(), lost.text()), (404, r#"{"error":"not_found"}"#));
    assert_eq!((got.status.as_u16(), got.text()), (405, r#"{"error":"method_not_allowed"}"#));
    assert_eq!(got.headers["allow"], "POST");
    assert_eq!((large.status.as_u16(), large.text()), (413, r#"{"error":"body_too_large"}"#));
    for answer in [forged, lost, got, large] {
        assert!(!answer.headers.contains_key("connection"));
    }
    assert!(app.received().is_empty());
    assert_eq!(connection.post(&delivery).await.status, 200);
}

#[tokio::test]
async fn streams_of_one_connection_do_not_wait_for_each_other() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;
    let sender = Sender::lmif();

    let (held, slow) = (sender.event("evt_slow"), sender.event("evt_1"));
    let (first, ()) = tokio::join!(connection.post(&held), async {
        app.until_received(1).await;
        assert_eq!(connection.post(&slow).await.status, 200);
        let posts = (2..20).map(|number| {
            let delivery = sender.event(&format!("evt_{number}"));
            let connection = &connection;
            async move { connection.post(&delivery).await.status.as_u16() }
        });
        let mut statuses = Vec::new();
        for status in futures(posts).await {
            statuses.push(status);
        }
        assert_eq!(statuses, [200; 18]);
        app.release();
    });

    assert_eq!(first.status, 200);
    assert_eq!(app.received().len(), 20);
}

/// Runs futures side by side, and returns what they return in their order.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = all.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |cx| {
        for (future, output) in &mut running {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(cx)
            {
                *output = Some(ready);
            }
        }
        if running.iter().any(|(_, output)| output.is_none()) {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(running.iter_mut().map(|(_, output)| output.take().unwrap()).collect())
    })
    .await
}

#[tokio::test]
async fn a_host_that_contradicts_the_authority_is_400() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;
    let delivery = Sender::lmif().event("evt_1");

    for other in ["other.example", ""] {
        let answer = connection.send(request("/hooks/lmif", &delivery.clone().with("host", other))).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (400, r#"{"error":"bad_request"}"#), "{other:?}");
    }
    let twice = delivery.clone().with("host", "hooks.example").with("host", "hooks.example");
    assert_eq!(connection.send(request("http://hooks.example/hooks/lmif", &twice)).await.status, 400);
    assert!(app.received().is_empty());

    let same = delivery.with("host", "Hooks.example");
    assert_eq!(connection.send(request("http://hooks.example/hooks/lmif", &same)).await.status, 200);
    assert_eq!(app.received()[0].header("x-forwarded-host"), "hooks.example");
}

#[tokio::test]
async fn only_the_very_path_of_a_source_reaches_it_over_http_2_as_well() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;
    let delivery = Sender::lmif().event("evt_1");

    for path in ["/hooks/lmif/", "//hooks/lmif", "/hooks/./lmif", "/hooks%2flmif", "/hooks/lmif;a", "/hooks/LMIF"] {
        let answer = connection.send(request(&format!("http://a{path}"), &delivery)).await;
        assert_eq!(answer.status, 404, "{path}");
    }

    assert_eq!(connection.send(request("/hooks/lmif?a=%2e./b", &delivery)).await.status, 200);
    assert_eq!(app.received()[0].target, "/hooks/lmif?a=%2e./b");
}

#[tokio::test]
async fn headers_of_the_hop_and_in_our_name_do_not_reach_the_app_from_http_2() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;
    let delivery = Sender::lmif()
        .event("evt_1")
        .with("te", "trailers")
        .with("countersign-verified", "forged")
        .with("countersign-event-id", "forged")
        .with("x_lmif_signature", "forged")
        .with("x-forwarded-for", "1.2.3.4")
        .with("x-kept", "yes");

    assert_eq!(connection.post(&delivery).await.status, 200);

    let seen = app.received().pop().unwrap();
    assert!(!seen.headers.contains_key("te") && !seen.headers.contains_key("x_lmif_signature"), "{}", seen.head);
    assert_eq!(seen.header("countersign-verified"), "true");
    assert_eq!(seen.header("countersign-event-id"), "evt_1");
    assert_eq!(seen.header("x-forwarded-for"), "127.0.0.1");
    assert_eq!(seen.header("x-kept"), "yes");
}

#[tokio::test]
async fn trailers_do_not_reach_the_app() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let mut frames = Frames::open(gateway.address).await;

    frames.write(frame(Frames::HEADERS, Frames::END_HEADERS, 1, &head(&delivery, "a", &[("te", "trailers")]))).await;
    frames.write(frame(Frames::DATA, 0, 1, &delivery.body)).await;
    let trailers = block(&[("x-late", "1"), ("x-lmif-signature", "sha256=00")]);
    frames.write(frame(Frames::HEADERS, Frames::END_HEADERS | Frames::END_STREAM, 1, &trailers)).await;
    let answer = frames.until(Frames::HEADERS).await;

    assert_eq!((answer.stream, answer.payload[0]), (1, OK));
    let seen = app.received().pop().unwrap();
    assert!(!seen.head.to_lowercase().contains("x-late"), "{}", seen.head);
    assert_eq!(seen.body, delivery.body);
}

/// `:status: 200`, as an index of the static table (RFC 7541 appendix A).
pub(crate) const OK: u8 = 0x88;

#[tokio::test]
async fn a_request_to_upgrade_to_http_2_is_answered_as_http_1() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif()
        .event("evt_1")
        .with("connection", "Upgrade, HTTP2-Settings, close")
        .with("upgrade", "h2c")
        .with("http2-settings", "AAMAAABkAAQAAP__");

    let answer = gateway.raw(delivery.bytes("/hooks/lmif")).await;

    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = app.received().pop().unwrap();
    assert!(!seen.headers.contains_key("upgrade") && !seen.headers.contains_key("http2-settings"), "{}", seen.head);
}

#[tokio::test]
async fn a_stream_in_flight_is_answered_in_the_drain_and_a_new_one_is_not_begun() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let mut gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;
    let delivery = Sender::lmif().event("evt_1");

    let (answer, ()) = tokio::join!(connection.post(&delivery), async {
        app.until_received(1).await;
        gateway.signal("TERM");
        gateway.until_logged(&["draining"]).await;
        app.release();
    });

    assert_eq!(answer.status, 200);
    connection.until_closed().await;
    assert_eq!(gateway.until_ended().await.code(), Some(0));
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_connection_without_streams_is_told_to_go_and_does_not_hold_up_the_drain() {
    let app = App::answering(200).await;
    let mut gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;
    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);

    gateway.signal("TERM");

    connection.until_closed().await;
    assert_eq!(gateway.until_ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_connection_that_was_opened_before_a_reload_is_served_with_what_came_with_it() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;
    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);

    gateway.rewrite(&Gateway::config(&app, "").replace("/hooks/lmif", "/hooks/moved"));
    gateway.until_logged(&["the configuration was reloaded"]).await;

    assert_eq!(connection.post(&Sender::lmif().event("evt_2")).await.status, 404);
    assert_eq!(connection.send(request("/hooks/moved", &Sender::lmif().event("evt_2"))).await.status, 200);
}

#[tokio::test]
async fn a_request_that_names_no_host_or_one_that_cannot_be_is_400() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");
    let signed: Vec<_> =
        delivery.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let start = [(":method", "POST"), (":scheme", "http"), (":path", "/hooks/lmif")];

    for host in [
        None,
        Some(("host", "")),
        Some(("host", "hooks.example, other.example")),
        // What would say something of its own in `Forwarded`.
        Some(("host", r#"hooks.example";for="192.0.2.1"#)),
        Some(("host", "hooks.example;for=192.0.2.1 ")),
        Some(("host", "user@hooks.example")),
        Some(("host", "hooks.example/other")),
        Some((":authority", "user@hooks.example")),
        Some((":authority", "user:password@hooks.example")),
    ] {
        let mut fields = start.to_vec();
        fields.extend(host);
        fields.extend(&signed);
        let mut frames = Frames::open(gateway.address).await;
        frames.write(frame(Frames::HEADERS, Frames::END_HEADERS, 1, &block(&fields))).await;
        frames.write(frame(Frames::DATA, Frames::END_STREAM, 1, &delivery.body)).await;
        let answer = frames.until_one_of(&[Frames::HEADERS, Frames::RST_STREAM, Frames::GOAWAY]).await;
        assert!(answer.kind != Frames::HEADERS || answer.payload[0] == BAD_REQUEST, "{host:?}: {answer:?}");
    }

    assert!(app.received().is_empty(), "{}", app.received()[0].head);
}

/// `:status: 400`, as an index of the static table.
const BAD_REQUEST: u8 = 0x8c;

#[tokio::test]
async fn methods_that_are_no_deliveries_do_no_harm() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let connection = Connection::open_http2(gateway.address).await;

    for method in [Method::GET, Method::PUT, Method::OPTIONS, Method::HEAD, Method::TRACE] {
        let other = Request::builder().method(&method).uri("/hooks/lmif").body(Full::<Bytes>::default()).unwrap();
        let answer = connection.try_send(other).await.unwrap_or_else(|error| panic!("{method}: {error:?}"));
        assert_eq!(answer.status, 405, "{method}");
    }
    assert!(app.received().is_empty());
}
