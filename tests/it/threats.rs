//! What an attacker would try that no other suite does: from a browser, a terminal, an environment, a crash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{
    Action, App, Cli, Connection, Gateway, GatewayBuilder, Operated, SECRET, SOON, Sender, TOKEN, source,
};

/// A gateway with an endpoint, whose address for the app is on loopback and demands no token.
async fn without_a_token(receiver: &App) -> Gateway {
    let outbound = format!(
        "outbound:
  listen: 127.0.0.1:0
  egress: {{allow: [127.0.0.0/8]}}
  endpoints:
    partner: {{url: \"http://{}/\", scheme: lmif, secrets: [{{env: SECRET}}], events: [\"*\"]}}
",
        receiver.address
    );
    let inbound = Gateway::config_of(receiver, &source("lmif", "lmif", ""));
    let stored = inbound.replace("{memory: {}}", "{sqlite: {path: \"{folder}/store.db\"}}");
    GatewayBuilder::new(stored + &outbound).start().await
}

/// An event as a page posts one that asks nobody: plain text, whatever is in it.
fn event(id: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let request = Request::post("/events/box.created").header("content-type", "text/plain");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::from(format!("{{\"id\":\"{id}\",\"type\":\"box.created\"}}"))).unwrap()
}

#[tokio::test]
async fn no_page_in_a_browser_sends_events_as_the_app() {
    let receiver = App::answering(200).await;
    let gateway = without_a_token(&receiver).await;

    for given in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://localhost:3000")],
        [("sec-fetch-site", "cross-site")],
    ] {
        let answer = gateway.app_sends(event("evt_forged", &given)).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (403, r#"{"error":"foreign"}"#), "{given:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let over_http2 = event("evt_forged", &[("origin", "https://evil.example")]);
    assert_eq!(Connection::open_http2(gateway.outbound).await.send(over_http2).await.status, 403);

    assert_eq!(gateway.app_sends(event("evt_1", &[])).await.status, 202);
    receiver.until_received(1).await;
    assert!(String::from_utf8_lossy(&receiver.received()[0].body).contains("evt_1"));
}

#[tokio::test]
async fn no_page_learns_by_asking_first_that_it_may_send() {
    let receiver = App::answering(200).await;
    let gateway = without_a_token(&receiver).await;
    for address in [gateway.address, gateway.outbound, gateway.admin] {
        for path in ["/hooks/lmif", "/events/box.created", "/api/v1/deliveries/replay", "/metrics"] {
            let asked = Request::options(path)
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "POST")
                .body(Full::default())
                .unwrap();
            let answer = Connection::open(address).await.send(asked).await;
            assert!(answer.status.is_client_error(), "{address} {path}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{address} {path}");
        }
    }
}

#[tokio::test]
async fn who_holds_connections_to_the_admin_address_takes_none_from_senders() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(Gateway::config(&app, "")).descriptors(400).start().await;

    let mut held = Vec::new();
    for _ in 0..450 {
        held.push(TcpStream::connect(gateway.admin).await.unwrap());
    }
    for number in 0..20 {
        let delivery = Sender::lmif().event(&format!("evt_{number}"));
        assert_eq!(Connection::open(gateway.address).await.post(&delivery).await.status, 200);
    }

    drop(held);
    assert_eq!(gateway.admin("/livez").await.status, 200);
}

#[tokio::test]
async fn a_filter_of_the_api_is_never_a_piece_of_sql() {
    let app = App::answering(200).await;
    let operated = Operated::before(&app).await;
    operated.gateway.post(&Sender::lmif().event("evt_1")).await;
    operated.until("delivered", 1).await;

    for hostile in ["' OR 1=1 --", "evt_1' --", "\"; DROP TABLE delivery; --", "%", "evt%", "evt_1\0"] {
        let encoded: String = hostile.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for filter in ["event_id", "source", "upstream", "endpoint"] {
            let answer = operated.ask(Method::GET, &format!("/deliveries?{filter}={encoded}"), "").await;
            let found = answer.status == StatusCode::OK && answer.text().contains("evt_1");
            assert!(!found && !answer.status.is_server_error(), "{filter}={hostile}: {answer:?}");
        }
        let body = json!({ "event_id": hostile }).to_string();
        let replayed = operated.ask(Method::POST, "/deliveries/replay", &body).await;
        assert!(replayed.status.is_client_error() || replayed.text() == "{\"changed\":0}\n", "{replayed:?}");
    }
    operated.until("delivered", 1).await;
    assert_eq!(app.received().len(), 1);
}

/// Bytes that clear a screen, and characters that do as much or turn what stands around them.
const STEERING: [char; 4] = ['\u{1b}', '\u{9b}', '\u{7f}', '\u{202e}'];

fn steers(text: &str) -> bool {
    text.contains(STEERING)
}

#[tokio::test]
async fn nothing_from_outside_steers_an_operators_terminal() {
    let hostile = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}hostile";
    let answer = format!("HTTP/1.1 500 Broken\r\nContent-Length: {}\r\n\r\n{hostile}", hostile.len());
    let app = App::doing([Action::Raw(answer.into_bytes())], Action::Answer(200, "")).await;
    let operated = Operated::before(&app).await;
    let body = json!({ "id": hostile, "type": hostile, "data": hostile }).to_string();
    let delivery = Sender::lmif().sign(body.clone()).with("x-other", "\u{9b}31mhostile");
    operated.gateway.post(&delivery).await;
    let id = operated.until("dead", 1).await.remove(0);

    for command in
        ["deliveries list".to_owned(), format!("deliveries show {id}"), format!("deliveries show --json {id}")]
    {
        let ended = operated.run(&command).await;
        assert!(ended.code == 0 && ended.stdout.contains(&id), "{ended:?}");
        assert!(command.contains("list") || ended.stdout.contains("hostile"), "{ended:?}");
        assert!(!steers(&ended.all()), "{command}: {ended:?}");
    }

    let verify = ["verify", "--scheme", "lmif", "--secret-env", "KEY", "-H"];
    let signature = format!("X-LMIF-Signature: {}", delivery.header("x-lmif-signature"));
    let verified = Cli::new(verify).argument(signature).variable("KEY", SECRET).run_on(body.as_bytes());
    assert!(verified.code == 0 && verified.stdout.contains("hostile"), "{verified:?}");
    assert!(!steers(&verified.all()), "{verified:?}");
}

#[test]
fn an_explanation_of_a_hostile_request_steers_no_terminal() {
    let explain = |scheme| Cli::new(["explain", "--scheme", scheme, "--secret-env", "KEY"]).variable("KEY", SECRET);
    let head = json!({ "alg": "\u{1b}[2J\u{202e}hostile", "typ": "\u{9b}hostile", "\u{1b}crit": ["\u{1b}hostile"] })
        .to_string();
    let token = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(head));
    let lmif = explain("lmif").argument("-H").argument("X-LMIF-Signature: <\u{9b}31m\u{202e}hostile>");

    for ended in [explain("jws").run_on(token.as_bytes()), lmif.run_on(b"{\"\x1b[2J\":1}")] {
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stdout.contains("hostile"), "nothing of the request is shown: {ended:?}");
        assert!(!steers(&ended.all()), "{ended:?}");
    }
}

#[tokio::test]
async fn a_crash_leaves_no_core_dump() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.process_id())).unwrap();

    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

#[tokio::test]
async fn no_address_tells_strangers_a_secret_or_the_right_signature() {
    let app = App::answering(200).await;
    let operated = Operated::with_endpoint(&app).await;
    let gateway = &operated.gateway;
    let delivery = Sender::lmif().event("evt_1");
    let right = delivery.header("x-lmif-signature")["sha256=".len()..].to_owned();
    let wrong = delivery.clone().without("x-lmif-signature").with("x-lmif-signature", "sha256=00");

    let mut told = vec![gateway.post(&wrong).await, gateway.post(&delivery.clone().tampered()).await];
    for path in ["/livez", "/readyz", "/metrics", "/", "/api/v1/deliveries", "/api/v1/openapi.json"] {
        let answer = gateway.admin(path).await;
        let kept = (answer.header("cache-control"), answer.header("x-content-type-options"));
        assert_eq!(kept, (Some("no-store"), Some("nosniff")), "{path}");
        told.push(answer);
    }
    for path in ["/endpoints/partner", "/endpoints/none", "/events/t", "/"] {
        let request = Request::get(path).body(Full::default()).unwrap();
        told.push(gateway.app_sends(request).await);
    }
    told.push(gateway.post_to("/hooks/none", &delivery).await);

    for answer in &told {
        let all = format!("{:?} {}", answer.headers, answer.text());
        for secret in [SECRET, TOKEN, &right] {
            assert!(!all.contains(secret), "{all}");
        }
    }
    assert!(told.iter().all(|answer| answer.header("server").is_none()), "the version is nobody's business");
}

#[tokio::test]
async fn a_body_of_a_mebibyte_of_brackets_is_a_body_like_others() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let limit = 1 << 20;
    let deep = |open: &str, close: &str| {
        let depth = (limit - 64) / (open.len() + close.len());
        format!("{{\"id\":\"evt_{depth}\",\"type\":\"t\",\"x\":{}1{}}}", open.repeat(depth), close.repeat(depth))
    };

    for body in [deep("[", "]"), deep("{\"id\":", "}"), deep("\"\\u005c,", ""), deep("[[[", "")] {
        let answer = tokio::time::timeout(SOON, gateway.post(&Sender::lmif().sign(body))).await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    assert_eq!(app.received().len(), 4);
}
