//! What no line of the log ever holds.

use crate::support::{Action, App, Delivery, Gateway, GatewayBuilder, SECRET, Sender};

/// What must never be in a log: secrets, bodies, signatures, headers, answers.
const SECRETS: [&str; 6] = [
    SECRET,
    "recognisable-body",
    "recognisable-header",
    "recognisable-answer",
    "recognisable-query",
    "recognisable-garbage",
];

/// A delivery in which all but the id, the type and the signature's name is recognisable.
fn recognisable(number: u32) -> Delivery {
    let body = format!(r#"{{"id":"evt_{number}","type":"box.created","data":"recognisable-body"}}"#);
    Sender::lmif()
        .sign(body)
        .with("authorization", "Bearer recognisable-header")
        .with("cookie", "session=recognisable-header")
        .with("x-other", "recognisable-header")
}

#[tokio::test]
async fn no_line_at_any_level_holds_a_secret_a_body_a_header_or_a_signature() {
    let answer = |status: &str, more: &str| {
        let head =
            format!("HTTP/1.1 {status}\r\nSet-Cookie: a=recognisable-answer\r\nX-A: recognisable-answer\r\n{more}");
        format!("{head}Content-Length: 19\r\n\r\nrecognisable-answer").into_bytes()
    };
    let app = App::doing(
        [
            Action::Raw(answer("200 OK", "")),
            Action::Raw(answer("500 Broken", "")),
            Action::Raw(answer("307 recognisable-answer", "Location: http://recognisable-answer/\r\n")),
            Action::RawThenClose(b"HTTP/1.1 200 OK\r\nrecognisable-answer: recogn".to_vec()),
            Action::RawThenClose(b"recognisable-answer recognisable-answer\r\n\r\n".to_vec()),
            Action::RawThenClose(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nrecognisable-answer".to_vec()),
            Action::Hang,
        ],
        Action::Answer(200, r#""recognisable-answer""#),
    )
    .await;
    for format in ["text", "json"] {
        let config = Gateway::config(&app, "").replace("read_timeout: 2s", "read_timeout: 300ms");
        let jws = "  sources:\n    jws: {path: /hooks/jws, scheme: jws, secrets: [{file: \"{folder}/key\"}], upstream: app}\n";
        let config = config.replace("timeout: 3s", "timeout: 300ms").replace("  sources:\n", jws);
        let config = format!("{config}log: {{level: trace, format: {format}}}\n");
        let gateway = GatewayBuilder::new(&config).file("key", SECRET).start().await;

        let mut signatures = Vec::new();
        for number in 0..8 {
            let delivery = recognisable(number);
            signatures.extend(delivery.headers.iter().map(|(_, value)| value.to_str().unwrap()[7..].to_owned()));
            gateway.post_to("/hooks/lmif?q=recognisable-query", &delivery).await;
        }
        provoke(&gateway).await;
        std::fs::write(gateway.folder.path().join("key"), "").unwrap();
        gateway.signal("HUP");
        gateway.until_logged(&["not reloaded"]).await;
        gateway.rewrite(&config.replace("scheme: lmif", "scheme: unknown"));
        gateway.signal("HUP");
        gateway.until_logged(&["not reloaded", "unknown"]).await;
        gateway.post(&Sender::lmif().event("evt_last")).await;
        gateway.until_logged(&["evt_last"]).await;

        let log = gateway.log().join("\n");
        signatures.retain(|signature| signature.len() == 64);
        assert!(signatures.len() >= 8);
        for secret in SECRETS.into_iter().chain(signatures.iter().map(String::as_str)) {
            assert!(!log.contains(secret), "{secret} in\n{log}");
        }
    }
}

/// Every way to be refused, with something recognisable in it.
async fn provoke(gateway: &Gateway) {
    let delivery = recognisable(100);
    let garbage = |value: &str| delivery.clone().without("x-lmif-signature").with("x-lmif-signature", value);
    for delivery in [
        delivery.clone().tampered(),
        delivery.clone().without("x-lmif-signature"),
        garbage("recognisable-garbage"),
        garbage("sha256=recognisable-garbage"),
        delivery.clone().with("x-lmif-signature", "recognisable-garbage"),
    ] {
        assert_eq!(gateway.post(&delivery).await.status, 401);
    }
    for body in ["recognisable-garbage", "a.recognisable-garbage.b", "eyJhbGciOiJub25lIn0.recognisable-garbage."] {
        let jws = Delivery { headers: Vec::new(), body: body.into() };
        assert_eq!(gateway.post_to("/hooks/jws", &jws).await.status, 401);
    }
    assert_eq!(gateway.post(&Sender::lmif().sign("recognisable-body".repeat(100_000))).await.status, 413);
    assert_eq!(gateway.post_to("/recognisable-query?recognisable-query", &delivery).await.status, 404);
    let whole = delivery.bytes("/hooks/lmif");
    assert!(gateway.raw(&whole[..whole.len() - 3]).await.contains(" 408 "));
    assert!(gateway.raw("POST /recognisable-query HTTP/1.1\r\nrecognisable-header\r\n\r\n").await.contains(" 400 "));
    assert!(gateway.raw("POST /recognisable-query HTTP/1.1\r\nHost: recognisable-header\r\n").await.contains(" 408 "));
    gateway.raw("recognisable-garbage\r\n\r\n").await;
    gateway.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrecognisable-garbage recognisable-garbage").await;
    gateway.raw("\x16\x03\x01\x00\x20recognisable-garbage recognisable-garbage").await;
    let chunks =
        "POST /hooks/lmif HTTP/1.1\r\nHost: a\r\nx-lmif-signature: sha256=00\r\nTransfer-Encoding: chunked\r\n\r\n";
    gateway.raw(format!("{chunks}recognisable-garbage\r\n")).await;
}
