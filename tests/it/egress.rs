//! Where endpoints may be, and how they are reached.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::reload::RELOADED;
use crate::support::tls::{Authority, accepting, in_front_of};
use crate::support::{Action, Answer, App, Gateway, GatewayBuilder, Proxy, Sender, often, response};

/// How loopback may be written, as far as a URL can hold it.
const SPELLINGS: [&str; 9] = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0x7f000001",
    "127.1",
    "127.0.1",
    "[::ffff:127.0.0.1]",
];

const ANYWHERE: &str = "127.0.0.0/8, \"::1/128\"";

/// An endpoint called `partner` at this URL, with more keys.
fn partner(url: &str, keys: &str) -> String {
    endpoint("partner", url, &format!("delivery: sync{keys}"))
}

fn endpoint(name: &str, url: &str, keys: &str) -> String {
    format!("    {name}: {{url: \"{url}\", scheme: lvconnect, secrets: [{{env: SECRET}}], {keys}}}\n")
}

/// A gateway before an app, which sends to these endpoints.
fn sending(app: &App, allow: &str, endpoints: &str) -> GatewayBuilder {
    let outbound =
        format!("outbound:\n  listen: 127.0.0.1:0\n  egress: {{allow: [{allow}]}}\n  endpoints:\n{endpoints}");
    GatewayBuilder::new(format!("{}{outbound}", Gateway::config(app, "")))
}

async fn send(gateway: &Gateway, endpoint: &str) -> Answer {
    let body = Full::new(Bytes::from_static(b"{\"user\":{\"id\":\"1\"}}"));
    let request = Request::post(format!("/endpoints/{endpoint}")).header("countersign-event-type", "user:created");
    gateway.app_sends(request.body(body).unwrap()).await
}

fn assert_refused(answer: &Answer, word: &str) {
    assert_eq!((answer.status.as_u16(), answer.text()), (502, format!("{{\"error\":\"{word}\"}}").as_str()));
}

fn spelled(receiver: &App) -> String {
    let url = |host| format!("http://{host}:{}/hooks", receiver.address.port());
    let spellings = SPELLINGS.iter().enumerate();
    spellings.map(|(at, host)| endpoint(&format!("e{at}"), &url(host), "delivery: sync")).collect()
}

/// Fault 18: the address judged by how the URL is written.
///
/// Fault 17: an app on this machine that needs the check switched off.
#[tokio::test]
async fn loopback_is_refused_in_every_spelling_and_the_upstream_there_is_not() {
    let (app, receiver) = (App::answering(200).await, App::answering(200).await);
    let gateway = sending(&app, "10.0.0.0/8", &spelled(&receiver)).start().await;

    for at in 0..SPELLINGS.len() {
        assert_refused(&send(&gateway, &format!("e{at}")).await, "egress_denied");
    }

    assert_eq!(receiver.connections().opened, 0);
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(app.received().len(), 1);
}

/// Fault 17: a receiver in a private network that needs the check switched off.
#[tokio::test]
async fn loopback_that_is_allowed_is_reached_in_every_spelling() {
    let (app, receiver) = (App::answering(200).await, App::answering(204).await);
    let gateway = sending(&app, ANYWHERE, &spelled(&receiver)).start().await;

    for (at, spelling) in SPELLINGS.iter().enumerate() {
        assert_eq!(send(&gateway, &format!("e{at}")).await.status, 204, "{spelling}");
    }

    assert_eq!(receiver.received().len(), SPELLINGS.len());
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let app = App::answering(200).await;
    let hosts = [
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "0.0.0.0",
        "0",
        "[::]",
        "[::1]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[64:ff9b::169.254.169.254]",
        "[2002:7f00:1::]",
        "224.0.0.1",
        "255.255.255.255",
    ];
    let endpoints: String = hosts
        .iter()
        .enumerate()
        .map(|(at, host)| endpoint(&format!("e{at}"), &format!("http://{host}/latest"), "delivery: sync"))
        .collect();
    let gateway = sending(&app, "10.20.0.0/16", &endpoints).start().await;

    for at in 0..hosts.len() {
        assert_refused(&send(&gateway, &format!("e{at}")).await, "egress_denied");
    }
}

#[tokio::test]
async fn a_queued_delivery_to_a_forbidden_address_is_counted_as_that() {
    let (app, receiver) = (App::answering(200).await, App::answering(200).await);
    let endpoint = endpoint("partner", &format!("http://{}/", receiver.address), "retry: none");
    let config = format!("{}outbound:\n  listen: 127.0.0.1:0\n  endpoints:\n{endpoint}", Gateway::config(&app, ""));
    let config = config.replace("{memory: {}}", "{sqlite: {path: \"{folder}/data/store.db\"}}");
    let gateway = GatewayBuilder::new(config).start().await;

    assert_eq!(send(&gateway, "partner").await.status, 202);

    gateway.until_metric("countersign_attempts_total{target=\"partner\",outcome=\"egress_denied\"}", 1.0).await;
    gateway.until_metric("countersign_queue_deliveries{target=\"partner\",state=\"dead\"}", 1.0).await;
    assert_eq!(receiver.connections().opened, 0);
}

/// Faults 13 and 18: a reload that the couriers do not hear of, and a check that an open connection passes by.
#[tokio::test]
async fn a_range_that_is_allowed_no_more_is_refused_from_the_next_attempt_on_also_on_a_kept_connection() {
    let (app, receiver) = (App::answering(200).await, App::answering(500).await);
    let url = format!("http://{}/", receiver.address);
    let retry = format!("retry: {{schedule: {}, jitter: 0%}}", often());
    let endpoints = format!("{}{}", partner(&url, ""), endpoint("queued", &url, &retry));
    let config = |allow| {
        let outbound = format!(
            "outbound:\n  listen: 127.0.0.1:0\n  egress: {{allow: [{allow}]}}\n  endpoints:\n{endpoints}{}",
            Gateway::config(&app, "")
        );
        outbound.replace("{memory: {}}", "{sqlite: {path: \"{folder}/data/store.db\"}}")
    };
    let gateway = GatewayBuilder::new(config(ANYWHERE)).start().await;
    assert_eq!(send(&gateway, "partner").await.status, 500);
    assert_eq!(send(&gateway, "queued").await.status, 202);
    receiver.until_received(4).await;

    gateway.rewrite(&config("10.0.0.0/8"));
    gateway.until_logged(&[RELOADED]).await;
    assert_refused(&send(&gateway, "partner").await, "egress_denied");
    gateway.until_logged(&["attempt", "queued", "egress_denied"]).await;
    let before = receiver.received().len();
    let denied = "countersign_attempts_total{target=\"queued\",outcome=\"egress_denied\"}";
    gateway.until_metric_is(denied, |count| count >= 3.0).await;

    assert_eq!(receiver.received().len(), before);
    gateway.rewrite(&config(ANYWHERE));
    receiver.until_received(before + 1).await;
}

#[tokio::test]
async fn a_redirect_to_the_metadata_service_is_the_receiver_s_answer_and_no_more() {
    let (app, inside) = (App::answering(200).await, App::answering(200).await);
    for location in ["http://169.254.169.254/latest/meta-data/".to_owned(), format!("http://{}/", inside.address)] {
        let head = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\n");
        let receiver = App::doing([], Action::Raw(response(&head, ""))).await;
        let gateway =
            sending(&app, ANYWHERE, &partner(&format!("http://{}/hooks", receiver.address), "")).start().await;

        let answer = send(&gateway, "partner").await;

        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, None));
        assert_eq!((receiver.received().len(), inside.connections().opened), (1, 0));
    }
}

#[tokio::test]
async fn of_an_answer_of_a_gibibyte_the_first_100_kb_come_through() {
    let app = App::answering(200).await;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1 << 30);
    let answer = [head.as_bytes(), &vec![b'x'; 1 << 20]].concat();
    let receiver = App::doing([], Action::Raw(answer)).await;
    let gateway = sending(&app, ANYWHERE, &partner(&format!("http://{}/", receiver.address), "")).start().await;

    let answer = send(&gateway, "partner").await;

    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 102_400));
    receiver.until_closed(1).await;
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_waited_for_no_longer_than_the_schedule_says() {
    let app = App::answering(200).await;
    let receiver = App::doing([], Action::Hang).await;
    let keys = ", retry: {schedule: [0s], timeout: 1s}";
    let gateway = sending(&app, ANYWHERE, &partner(&format!("http://{}/", receiver.address), keys)).start().await;
    let start = Instant::now();

    let answer = send(&gateway, "partner").await;

    assert_eq!((answer.status.as_u16(), answer.text()), (504, "{\"error\":\"endpoint_late\"}"));
    assert!(start.elapsed() >= Duration::from_secs(1) && start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_receiver_that_is_not_who_it_should_be_gets_nothing() {
    let (app, receiver) = (App::answering(200).await, App::answering(200).await);
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (issued, expected) in [
        (authority.issue("localhost"), 200),
        (authority.issue("other.example"), 502),
        (authority.issue_expired("localhost"), 502),
        (stranger.issue("localhost"), 502),
    ] {
        let before = receiver.received().len();
        let address = in_front_of(&receiver, &issued).await;
        let url = format!("https://localhost:{}/", address.port());
        let endpoint = partner(&url, ", ca: \"{folder}/ca.pem\"");
        let gateway = sending(&app, ANYWHERE, &endpoint).file("ca.pem", authority.pem()).start().await;

        let answer = send(&gateway, "partner").await;

        assert_eq!(answer.status, expected, "{}", answer.text());
        if expected == 502 {
            assert_refused(&answer, "endpoint_tls");
            assert_eq!(receiver.received().len(), before);
        }
    }
}

#[tokio::test]
async fn a_receiver_that_demands_a_certificate_is_shown_one() {
    let (app, receiver, authority) = (App::answering(200).await, App::answering(200).await, Authority::new());
    let address = accepting(&receiver, authority.demanding(&authority.issue("localhost"))).await;
    let shown = authority.issue("countersign");
    let url = format!("https://localhost:{}/", address.port());
    let keys = ", ca: \"{folder}/ca.pem\", certificate: \"{folder}/own.crt\", key: \"{folder}/own.key\"";
    let endpoints = endpoint("mute", &url, "delivery: sync, ca: \"{folder}/ca.pem\"");
    let gateway = sending(&app, ANYWHERE, &format!("{endpoints}{}", partner(&url, keys)))
        .file("ca.pem", authority.pem())
        .file("own.crt", &shown.certificate)
        .file("own.key", &shown.key)
        .start()
        .await;

    assert_refused(&send(&gateway, "mute").await, "endpoint_tls");
    assert_eq!(send(&gateway, "partner").await.status, 200);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_proxy_is_given_addresses_that_were_checked_and_none_that_are_refused() {
    let (app, receiver, proxy) = (App::answering(200).await, App::answering(200).await, Proxy::start().await);
    let authority = Authority::new();
    let secure = in_front_of(&receiver, &authority.issue("localhost")).await;
    let way = format!("proxy: {{url: \"http://{}\", authorization: {{env: PROXY}}}}", proxy.address);
    let plain = format!("http://localhost:{}/", receiver.address.port());
    let endpoints = [
        endpoint("plain", &plain, &format!("delivery: sync, {way}")),
        endpoint(
            "secure",
            &format!("https://localhost:{}/", secure.port()),
            &format!("delivery: sync, ca: \"{{folder}}/ca.pem\", {way}"),
        ),
        endpoint("metadata", "http://169.254.169.254/", &format!("delivery: sync, {way}")),
    ];
    let gateway = sending(&app, ANYWHERE, &endpoints.concat())
        .variable("PROXY", "Basic dXNlcjpwYXNz")
        .file("ca.pem", authority.pem())
        .start()
        .await;

    assert_eq!(send(&gateway, "plain").await.status, 200);
    assert_eq!(send(&gateway, "secure").await.status, 200);
    assert_refused(&send(&gateway, "metadata").await, "egress_denied");

    assert_eq!(receiver.received().len(), 2);
    let asked = proxy.asked();
    for address in [receiver.address, secure] {
        assert!(asked.iter().any(|head| head.starts_with(&format!("connect {address} "))), "{asked:?}");
    }
    assert!(asked.iter().all(|head| head.contains("\r\nproxy-authorization: basic dxnlcjpwyxnz\r\n")), "{asked:?}");
    assert!(!asked.concat().contains("localhost") && !asked.concat().contains("169.254"), "{asked:?}");
}
