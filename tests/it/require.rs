//! What a source demands beside the signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use http_body_util::Full;

use crate::support::{App, Connection, Delivery, Gateway, GatewayBuilder, Sender, source};

const TOKEN: &str = "recognisable-token-of-the-sender";

const REJECTED: &str = r#"countersign_inbound_rejections_total{source="lmif",reason="requirement"}"#;

const REFUSED: &str = r#"countersign_inbound_deliveries_total{source="lmif",outcome="refused"}"#;

async fn start(app: &App, require: &str) -> Gateway {
    GatewayBuilder::new(Gateway::config(app, &format!("      require: {require}")))
        .variable("TOKEN", TOKEN)
        .variable("BASIC", &format!("sender:{TOKEN}"))
        .start()
        .await
}

fn event(id: &str) -> Delivery {
    Sender::lmif().event(id)
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

#[tokio::test]
async fn what_is_demanded_beside_the_signature_has_to_be_there() {
    let right = format!("Bearer {TOKEN}");
    let user = basic(&format!("sender:{TOKEN}"));
    for (require, name, right, wrong) in [
        ("{bearer: {env: TOKEN}}", "authorization", &*right, "Bearer another"),
        ("{basic: {env: BASIC}}", "authorization", &*user, &*basic("sender:another")),
        ("{header: {name: X-Hook-Token, value: {env: TOKEN}}}", "x-hook-token", TOKEN, "another"),
    ] {
        let app = App::answering(200).await;
        let gateway = start(&app, require).await;

        let passes = gateway.post(&event("evt_1").with(name, right)).await;
        let refused = [
            gateway.post(&event("evt_2")).await,
            gateway.post(&event("evt_2").with(name, wrong)).await,
            gateway.post(&event("evt_2").with(name, right).with(name, right)).await,
            gateway.post(&event("evt_2").with(name, right).tampered()).await,
        ];

        assert_eq!(passes.status, 200, "{require}");
        assert!(refused.iter().all(|answer| answer.status == 401 && answer.body.is_empty()), "{refused:?}");
        assert_eq!(app.received().len(), 1);
        assert_eq!(gateway.metric(REJECTED).await, 3.0);
        assert_eq!(gateway.metric(REFUSED).await, 4.0);
        gateway.until_logged(&["status=401", "reason=requirement", "source=lmif"]).await;
    }
}

#[tokio::test]
async fn all_of_several_demands_are_to_be_met_at_once() {
    let app = App::answering(200).await;
    let require = "{bearer: {env: TOKEN}, header: {name: X-Hook-Token, value: {env: TOKEN}}, from: [127.0.0.0/8]}";
    let gateway = start(&app, require).await;
    let bearer = |delivery: Delivery| delivery.with("authorization", &format!("Bearer {TOKEN}"));
    let header = |delivery: Delivery| delivery.with("x-hook-token", TOKEN);

    assert_eq!(gateway.post(&bearer(event("evt_1"))).await.status, 401);
    assert_eq!(gateway.post(&header(event("evt_1"))).await.status, 401);
    assert_eq!(gateway.post(&header(bearer(event("evt_1")))).await.status, 200);
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn only_senders_in_the_ranges_pass_whatever_they_say_of_themselves() {
    let app = App::answering(200).await;
    let far = start(&app, "{from: [203.0.113.0/24, \"::/0\"]}").await;
    let near = start(&app, "{from: [203.0.113.0/24, 127.0.0.0/8]}").await;
    let delivery = event("evt_1").with("x-forwarded-for", "203.0.113.7").with("forwarded", "for=203.0.113.7");

    assert_eq!(far.post(&delivery).await.status, 401);
    assert_eq!(far.metric(REJECTED).await, 1.0);
    assert!(app.received().is_empty());
    assert_eq!(near.post(&delivery).await.status, 200);
}

#[tokio::test]
async fn a_demand_holds_for_every_method_and_a_connection_goes_on_after_a_refusal() {
    let app = App::answering(200).await;
    let gateway = start(&app, "{bearer: {env: TOKEN}}").await;
    let connection = Connection::open(gateway.address).await;
    let get = Request::builder().method(Method::GET).uri("/hooks/lmif").body(Full::default()).unwrap();

    assert_eq!(connection.send(get).await.status, 401);
    assert_eq!(connection.post(&event("evt_1")).await.status, 401);
    assert_eq!(connection.post(&event("evt_1").with("authorization", &format!("Bearer {TOKEN}"))).await.status, 200);
    assert_eq!(gateway.metric(REJECTED).await, 2.0);
}

#[tokio::test]
async fn what_lets_a_sender_in_reaches_neither_the_app_nor_the_store_nor_the_log() {
    let app = App::answering(200).await;
    let keys = "      delivery: queue
      require: {bearer: {env: TOKEN}, header: {name: X-Hook-Token, value: {env: TOKEN}}}
      event_type: {header: X-Hook-Token}
";
    let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", keys), "[0s]") + "log: {level: trace}\n";
    let gateway = GatewayBuilder::new(config).variable("TOKEN", TOKEN).start().await;
    let delivery = event("evt_1").with("authorization", &format!("Bearer {TOKEN}")).with("x-hook-token", TOKEN);

    assert_eq!(gateway.post(&delivery).await.status, 202);
    app.until_received(1).await;
    gateway.until_queue_is_empty().await;

    let received = app.received().remove(0);
    assert!(!received.head.contains(TOKEN), "{}", received.head);
    assert!(!received.headers.contains_key("authorization") && !received.headers.contains_key("x-hook-token"));
    for entry in std::fs::read_dir(gateway.folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        assert!(!String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(TOKEN), "{}", path.display());
    }
    assert!(!gateway.log().join("\n").contains(TOKEN));
}

#[tokio::test]
async fn a_demanded_token_rotates_by_its_file() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "      require: {bearer: {file: \"{folder}/token\"}}");
    let gateway = GatewayBuilder::new(config).file("token", "the first token of the sender\n").start().await;
    let with = |id: &str, token: &str| event(id).with("authorization", &format!("Bearer {token}"));
    assert_eq!(gateway.post(&with("evt_1", "the first token of the sender")).await.status, 200);

    std::fs::write(gateway.folder.path().join("token"), "the second token of the sender\n").unwrap();
    gateway.until_metric(r#"countersign_config_reloads_total{outcome="applied"}"#, 1.0).await;

    assert_eq!(gateway.post(&with("evt_2", "the first token of the sender")).await.status, 401);
    assert_eq!(gateway.post(&with("evt_2", "the second token of the sender")).await.status, 200);
}

#[tokio::test]
async fn behind_a_proxy_that_is_believed_the_address_is_the_sender_s() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "      require: {from: [192.0.2.0/24]}")
        .replace("  limits:", "  proxy_protocol: {from: [127.0.0.0/8]}\n  limits:");
    let gateway = GatewayBuilder::new(config).start().await;
    let from = |address: &str, id: &str| {
        let head = format!("PROXY TCP4 {address} 198.51.100.1 56324 443\r\n").into_bytes();
        [head, event(id).with("connection", "close").bytes("/hooks/lmif")].concat()
    };

    let near = gateway.raw(from("192.0.2.7", "evt_1")).await;
    let far = gateway.raw(from("203.0.113.7", "evt_2")).await;

    assert!(near.starts_with("HTTP/1.1 200 ") && far.starts_with("HTTP/1.1 401 "), "{near}\n{far}");
    assert_eq!(app.received().len(), 1);
}
