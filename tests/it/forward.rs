//! What the app is sent.

use bytes::Bytes;
use http::HeaderValue;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{App, Connection, Delivery, Gateway, GatewayBuilder, SECRET, SOON, Sender, digest, source};

/// So many bytes, all values of a byte among them.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 256 + n / 256) as u8).collect()
}

/// Fault 19: a body cut off at a buffer's end, and its request refused.
#[tokio::test]
async fn a_body_is_forwarded_byte_for_byte_with_one_content_length() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let lengths = [0, 1, 2, 255, 256, 257, 1023, 4095, 4096, 8191, 8192, 8193, 16_384, 65_535, 65_537, 1 << 20];

    for (number, length) in lengths.into_iter().enumerate() {
        let delivery = Sender::lmif().sign(bytes(length));
        assert_eq!(gateway.post(&delivery).await.status, 200, "{length}");
        let seen = &app.received()[number];
        assert!(seen.body == delivery.body, "{length}");
        assert_eq!(seen.header("content-length"), length.to_string());
        assert_eq!(seen.method, "POST");
    }
}

#[tokio::test]
async fn a_body_that_comes_in_pieces_is_the_same_body() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().sign(bytes(10_000));
    let request = delivery.clone().with("connection", "close").bytes("/hooks/lmif");
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.set_nodelay(true).unwrap();

    for piece in request.chunks(777) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();

    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(app.received()[0].body == delivery.body);
}

/// Fault 23: a form rewritten before it is verified.
#[tokio::test]
async fn a_form_or_a_compressed_body_is_verified_and_forwarded_as_received() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let form = Sender::lmif().sign("payload=%7B%22id%22%3A1%7D&b=2&a=1+1");
    let gzip = Sender::lmif()
        .sign(&b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00"[..]);
    let deliveries = [
        form.changed("content-type", |_| "application/x-www-form-urlencoded".into()),
        gzip.with("content-encoding", "gzip"),
    ];

    for (number, delivery) in deliveries.iter().enumerate() {
        assert_eq!(gateway.post(delivery).await.status, 200);
        let seen = &app.received()[number];
        assert_eq!(seen.body, delivery.body);
        assert_eq!(seen.header("content-type"), delivery.header("content-type"));
    }
    assert_eq!(app.received()[1].header("content-encoding"), "gzip");
}

#[tokio::test]
async fn the_app_is_told_what_it_may_rely_on() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    for id in ["evt_1", "evt_2"] {
        assert_eq!(gateway.post(&Sender::lmif().event(id)).await.status, 200);
    }

    let seen = app.received();
    let of = |name: &str| [seen[0].header(name).to_owned(), seen[1].header(name).to_owned()];
    assert_eq!(of("countersign-source"), ["lmif", "lmif"]);
    assert_eq!(of("countersign-event-id"), ["evt_1", "evt_2"]);
    assert_eq!(of("countersign-event-type"), ["box.created", "box.created"]);
    assert_eq!(of("countersign-attempt"), ["1", "1"]);
    assert_eq!(of("countersign-verified"), ["true", "true"]);
    let deliveries = of("countersign-delivery");
    assert_ne!(deliveries[0], deliveries[1]);
    for delivery in deliveries {
        assert!(delivery.parse::<uuid::Uuid>().is_ok(), "{delivery}");
        gateway.until_logged(&[&format!("delivery={delivery}"), "outcome=delivered"]).await;
    }
}

#[tokio::test]
async fn odd_ids_and_types_are_percent_encoded_and_long_ones_hashed() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let long = "x".repeat(257);
    let cases = [
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        ("é", "%C3%A9"),
        ("☕", "%E2%98%95"),
        (r"\ud83d\ude00", "%F0%9F%98%80"),
        (r"a\u0000b", "a%00b"),
        (r"a\r\nX-Evil: 1", "a%0D%0AX-Evil:%201"),
        (r"\u007f", "%7F"),
        (r#"~!@#$^&*()_+{}|:<>?,./;'[]=-`\""#, r#"~!@#$^&*()_+{}|:<>?,./;'[]=-`""#),
        (&long[1..], &long[1..]),
    ];

    for (number, (written, expected)) in cases.into_iter().enumerate() {
        let delivery = Sender::lmif().sign(format!(r#"{{"id":"{written}","type":"{written}"}}"#));
        assert_eq!(gateway.post(&delivery).await.status, 200, "{written}");
        assert_eq!(app.received()[number].header("countersign-event-id"), expected);
        assert_eq!(app.received()[number].header("countersign-event-type"), expected);
    }
    for text in [long, "é".repeat(43)] {
        let delivery = Sender::lmif().sign(format!(r#"{{"id":"{text}","type":"{text}"}}"#));
        assert_eq!(gateway.post(&delivery).await.status, 200);
        let seen = app.received().pop().unwrap();
        assert_eq!(seen.header("countersign-event-id"), digest(&delivery.body));
        assert_eq!(seen.header("countersign-event-type"), digest(&text));
        assert!(gateway.post(&delivery).await.is_replayed());
    }
}

#[tokio::test]
async fn numbers_are_ids_as_they_are_written_and_a_missing_type_is_no_header() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    for (number, id) in ["7", "-0.5e+10", "12345678901234567890123"].into_iter().enumerate() {
        assert_eq!(gateway.post(&Sender::lmif().sign(format!(r#"{{"id":{id}}}"#))).await.status, 200);
        assert_eq!(app.received()[number].header("countersign-event-id"), id);
        assert!(!app.received()[number].headers.contains_key("countersign-event-type"));
    }
}

#[tokio::test]
async fn an_id_in_a_header_may_hold_any_byte_that_a_header_may() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("lmif", "github", "")]).await;
    let mut delivery = Sender::of("github").sign("{}");
    for (name, value) in &mut delivery.headers {
        if name == "x-github-delivery" {
            *value = HeaderValue::from_bytes("é\tñ 1".as_bytes()).unwrap();
        }
    }

    assert_eq!(gateway.post(&delivery).await.status, 200);

    assert_eq!(app.received()[0].header("countersign-event-id"), "%C3%A9%09%C3%B1%201");
}

#[tokio::test]
async fn a_type_is_lower_case_where_its_sender_does_not_mind_case() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("lmif", "loginradius", "")]).await;

    gateway.post(&Sender::of("loginradius").sign(r#"{"HookId":"b2","HookName":"UpdateProfile"}"#)).await;

    assert_eq!(app.received()[0].header("countersign-event-type"), "updateprofile");
}

#[tokio::test]
async fn who_sent_it_is_told_and_what_was_claimed_before_is_gone() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif()
        .event("evt_1")
        .with("host", "Hooks.example:8080")
        .with("forwarded", "for=10.0.0.1;proto=https")
        .with("x-forwarded-for", "10.0.0.1")
        .with("x-forwarded-proto", "https")
        .with("x-forwarded-host", "evil.example")
        .with("x-forwarded-port", "443")
        .with("x-real-ip", "10.0.0.1");

    assert_eq!(gateway.post(&delivery).await.status, 200);

    let seen = &app.received()[0];
    assert_eq!(seen.header("forwarded"), r#"for=127.0.0.1;proto=http;host="Hooks.example:8080""#);
    assert_eq!(seen.header("x-forwarded-for"), "127.0.0.1");
    assert_eq!(seen.header("x-forwarded-proto"), "http");
    assert_eq!(seen.header("x-forwarded-host"), "Hooks.example:8080");
    assert!(!seen.headers.contains_key("x-forwarded-port"));
    assert!(!seen.headers.contains_key("x-real-ip"));
}

#[tokio::test]
async fn headers_of_the_sender_reach_the_app_as_they_are() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif()
        .event("evt_1")
        .with("user-agent", "sender/1.0 (+https://sender.example)")
        .with("authorization", "Bearer token")
        .with("cookie", "a=1")
        .with("x-many", "one")
        .with("x-many", "two, three")
        .with("x-empty", "")
        .with("accept-encoding", "gzip");

    assert_eq!(gateway.post(&delivery).await.status, 200);

    let seen = &app.received()[0];
    for name in ["user-agent", "authorization", "cookie", "x-empty", "accept-encoding", "x-lmif-signature"] {
        assert_eq!(seen.header(name), delivery.header(name));
    }
    assert_eq!(seen.headers.get_all("x-many").iter().collect::<Vec<_>>(), ["one", "two, three"]);
}

#[tokio::test]
async fn nothing_is_added_for_a_sender_that_says_little() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    assert_eq!(gateway.post(&Sender::lmif().event("evt_1").without("content-type")).await.status, 200);

    for name in ["content-type", "user-agent", "accept", "content-encoding", "transfer-encoding", "connection"] {
        assert!(!app.received()[0].headers.contains_key(name), "{name}");
    }
}

/// What the app is asked for, where the request is for `/hooks/lmif` and this query.
async fn target(url_path: &str, forward: &str, query: &str) -> String {
    let app = App::answering(200).await;
    let url = format!("http://{}", app.address);
    let config = Gateway::config(&app, forward).replace(&url, &format!("{url}{url_path}"));
    let gateway = GatewayBuilder::new(config).start().await;
    let answer = gateway.post_to(&format!("/hooks/lmif{query}"), &Sender::lmif().event("evt_1")).await;
    assert_eq!(answer.status, 200);
    app.received()[0].target.clone()
}

#[tokio::test]
async fn the_app_sees_the_upstreams_path_then_its_own_or_the_requests_and_the_query() {
    let path = "      forward: {path: /events/new}";

    assert_eq!(target("", "", "").await, "/hooks/lmif");
    assert_eq!(target("", "", "?a=1&b=%2F?/..").await, "/hooks/lmif?a=1&b=%2F?/..");
    assert_eq!(target("/", "", "").await, "/hooks/lmif");
    assert_eq!(target("/api", "", "?a=1").await, "/api/hooks/lmif?a=1");
    assert_eq!(target("/api/v1/", "", "").await, "/api/v1/hooks/lmif");
    assert_eq!(target("", path, "?a=1").await, "/events/new?a=1");
    assert_eq!(target("/api", path, "?").await, "/api/events/new?");
    assert_eq!(target("", "", "?").await, "/hooks/lmif?");
}

/// A payload with everything in it that a JSON writer could write in another way.
const PAYLOAD: &str =
    "{ \"webhook_request_id\" : \"r1\",\r\n\t\"name\":\"Zo\\u00e9 ☕\", \"n\": 1.0e3, \"a\":1, \"a\":1 }";

/// As risr/advance sends it: without a Content-Type, and perhaps with one.
#[tokio::test]
async fn of_a_jws_the_app_sees_the_payload_as_json() {
    let app = App::answering(200).await;
    let keys = "      event_type: {literal: user_logged_in}";
    let gateway = Gateway::with_sources(&app, &[&source("risr", "jws", keys)]).await;
    let delivery = Sender::of("jws").sign(PAYLOAD);
    assert!(delivery.headers.is_empty());
    let typed =
        Sender::of("jws").sign("{}").with("content-type", "application/jose").with("content-encoding", "identity");

    assert_eq!(gateway.post_to("/hooks/risr", &delivery).await.status, 200);
    assert_eq!(gateway.post_to("/hooks/risr", &typed).await.status, 200);

    let seen = app.received();
    assert_eq!(seen[0].body, PAYLOAD);
    assert_eq!(seen[0].header("content-length"), PAYLOAD.len().to_string());
    assert_eq!(seen[0].header("countersign-event-id"), "r1");
    assert_eq!(seen[0].header("countersign-event-type"), "user_logged_in");
    assert_eq!(seen[1].body, "{}");
    assert_eq!(seen[1].header("countersign-event-id"), digest("{}"));
    assert!(!seen[1].headers.contains_key("content-encoding"));
    for request in seen {
        assert_eq!(request.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn of_a_jws_the_app_sees_the_original_where_it_asks_for_it() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("risr", "jws", "      forward: {body: original}")]).await;
    let delivery = Sender::of("jws").sign(PAYLOAD);
    let typed = Sender::of("jws").sign("{}").with("content-type", "application/jose");

    assert_eq!(gateway.post_to("/hooks/risr", &delivery).await.status, 200);
    assert_eq!(gateway.post_to("/hooks/risr", &typed).await.status, 200);

    let seen = app.received();
    assert_eq!(seen[0].body, delivery.body);
    assert!(!seen[0].headers.contains_key("content-type"));
    assert_eq!(seen[0].header("countersign-event-id"), "r1");
    assert_eq!(seen[1].body, typed.body);
    assert_eq!(seen[1].header("content-type"), "application/jose");
}

#[tokio::test]
async fn an_empty_jws_payload_is_an_empty_body() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("risr", "jws", "")]).await;
    let delivery = Sender::of("jws").sign(Bytes::new());

    assert_eq!(gateway.post_to("/hooks/risr", &delivery).await.status, 200);

    assert_eq!(app.received()[0].header("content-length"), "0");
    assert_eq!(app.received()[0].header("countersign-event-id"), digest(""));
}

#[tokio::test]
async fn with_a_signature_over_the_url_it_is_the_public_one_that_counts() {
    let scheme = "{hmac: {algorithm: sha256, header: X-Sig, signed: \"{method}{url}{body}\"}}";
    let app = App::answering(200).await;
    let config = Gateway::config_of(&app, &source("lmif", scheme, ""))
        .replace("  limits:", "  public_url: https://hooks.example.com\n  limits:");
    let gateway = GatewayBuilder::new(config).start().await;
    let sign = |url: &str| {
        use hmac::{Hmac, KeyInit as _, Mac as _};
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("POST{url}body").as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Delivery { headers: Vec::new(), body: "body".into() }.with("x-sig", &hex)
    };
    let good = sign("https://hooks.example.com/hooks/lmif?b=2&a=%31");

    assert_eq!(gateway.post_to("/hooks/lmif?b=2&a=%31", &good).await.status, 200);
    assert_eq!(gateway.post_to("/hooks/lmif?b=2&a=1", &good).await.status, 401);
    assert_eq!(gateway.post_to("/hooks/lmif", &good).await.status, 401);
    let by_host = sign(&format!("http://{}/hooks/lmif", gateway.address));
    assert_eq!(gateway.post_to("/hooks/lmif", &by_host).await.status, 401);
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn a_host_that_breaks_out_of_its_quotes_is_400_over_http_2_as_well() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let stream = TokioIo::new(TcpStream::connect(gateway.address).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);

    for host in ["a\";for=\"10.0.0.1", "a b", "a,b", "a/b", "a\\b", ""] {
        let request = Sender::lmif().event("evt_1").with("host", host).request("/hooks/lmif");
        assert_eq!(client.send_request(request).await.unwrap().status(), 400, "{host}");
    }

    let request = Sender::lmif().event("evt_1").with("host", "hooks.example").request("/hooks/lmif");
    assert_eq!(client.send_request(request).await.unwrap().status(), 200);
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn the_app_sees_the_host_of_its_own_url_unless_the_sender_s_is_kept() {
    let app = App::answering(200).await;
    let sources = [source("lmif", "lmif", ""), source("kept", "lmif", "      forward: {host: keep}\n")].concat();
    let gateway = GatewayBuilder::new(Gateway::config_of(&app, &sources)).start().await;
    let send = async |target: &str, id: &str| {
        let mut request = Sender::lmif().event(id).request(target);
        request.headers_mut().insert("host", HeaderValue::from_static("Hooks.Example:8443"));
        assert_eq!(gateway.send(request).await.status, 200);
    };

    send("/hooks/lmif", "evt_1").await;
    send("/hooks/kept", "evt_2").await;

    let received = app.received();
    assert_eq!(received[0].header("host"), app.address.to_string());
    assert_eq!(received[1].header("host"), "Hooks.Example:8443");
    for seen in received {
        assert_eq!(seen.header("x-forwarded-host"), "Hooks.Example:8443");
    }
}

#[tokio::test]
async fn a_kept_host_is_the_authority_of_an_http_2_request() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, "      forward: {host: keep}\n").await;
    let connection = Connection::open_http2(gateway.address).await;

    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);

    let received = app.received();
    assert_eq!(received[0].header("host"), received[0].header("x-forwarded-host"));
    assert_ne!(received[0].header("host"), app.address.to_string());
}
