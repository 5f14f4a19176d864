//! What one gateway signs, another one verifies.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Request;
use http_body_util::Full;
use jiff::{SignedDuration, Timestamp};

use crate::reload::RELOADED;
use crate::support::{Action, Answer, App, Gateway, GatewayBuilder, Received, SECRET, source};

/// Every preset, and what else the language of schemes has: by name.
const SCHEMES: [(&str, &str); 24] = [
    ("lvconnect", "lvconnect"),
    ("loginradius", "loginradius"),
    ("lmif", "lmif"),
    ("jws", "jws"),
    ("github", "github"),
    ("stripe", "stripe"),
    ("slack", "slack"),
    ("shopify", "shopify"),
    ("standard-webhooks", "standard-webhooks"),
    ("numbered", "{hmac: {header: 'X-Sig-{n}', encoding: base64}}"),
    ("listed", "{hmac: {header: [X-A, X-B], encoding: HEX, algorithm: sha512}}"),
    ("milliseconds", "{hmac: {header: X-S, signed: '{timestamp}.{body}', timestamp: {from: {header: X-T}, unit: ms}}}"),
    ("rfc3339", "{hmac: {header: X-S, signed: '{timestamp}{body}', timestamp: {from: {header: X-T}, unit: rfc3339}}}"),
    (
        "separated",
        "{hmac: {header: X-S, format: 't={timestamp};s={signature}', separator: ';', signed: '{timestamp}:{body}', encoding: base64url}}",
    ),
    ("positional", "{hmac: {header: X-S, format: '{timestamp},{signature}', signed: '{timestamp}:{body}'}}"),
    ("url", "{hmac: {header: X-S, signed: '{method}{url}{body}', algorithm: sha384}}"),
    ("query", "{hmac: {header: X-S, signed: '{query:a}.{body}', algorithm: sha1}}"),
    ("host", "{hmac: {header: X-S, signed: '{header:Host}.{body}'}}"),
    ("tenant", "{hmac: {header: X-S, signed: '{header:X-Tenant}.{body}'}}"),
    ("field", "{hmac: {header: X-S, signed: '{json:/id}.{body}'}, event_id: {json: /id}}"),
    (
        "named",
        "{hmac: {header: X-S, signed: '{id}.{timestamp}.{body}', timestamp: {from: {header: X-T}}}, event_id: {header: X-Id}, event_type: {header: X-Type}}",
    ),
    ("key", "{hmac: {header: X-S, secret: base64}}"),
    ("hs384", "{jws: {algorithm: HS384}}"),
    ("hs512", "{jws: {algorithm: HS512}}"),
];

/// A secret that every scheme can use: text, and base64 too.
const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A gateway with these endpoints of `receiver`, each with more keys.
async fn sending(app: &App, endpoints: &str) -> Gateway {
    GatewayBuilder::new(sending_config(app, endpoints)).variable("KEY", KEY).start().await
}

fn sending_config(app: &App, endpoints: &str) -> String {
    let outbound =
        format!("outbound:\n  listen: 127.0.0.1:0\n  egress: {{allow: [127.0.0.0/8]}}\n  endpoints:\n{endpoints}");
    let inbound = Gateway::config_of(app, &source("lmif", "lmif", ""));
    inbound.replace("{memory: {}}", "{sqlite: {path: \"{folder}/data/store.db\"}}") + &outbound
}

async fn post(gateway: &Gateway, endpoint: &str, body: &str) -> Answer {
    let request = Request::post(format!("/endpoints/{endpoint}"))
        .header("Content-Type", "application/json")
        .header("Countersign-Event-Type", "user:created")
        .header("X-Tenant", "acme");
    gateway.app_sends(request.body(Full::from(body.to_owned())).unwrap()).await
}

/// A gateway that verifies all schemes for this app, and knows the URL that its senders have.
async fn receiving(app: &App) -> Gateway {
    let with_key = |(name, scheme): &(&str, &str)| source(name, scheme, "").replace("env: SECRET", "env: KEY");
    let sources: String = SCHEMES.iter().map(with_key).collect();
    let config = |url: &str| {
        Gateway::config_of(app, &sources).replace("  limits:", &format!("  public_url: \"{url}\"\n  limits:"))
    };
    let gateway = GatewayBuilder::new(config("http://127.0.0.1:1")).variable("KEY", KEY).start().await;
    gateway.rewrite(&config(&format!("http://{}", gateway.address)));
    gateway.until_logged(&[RELOADED]).await;
    gateway
}

#[tokio::test]
async fn what_is_sent_in_any_scheme_is_verified_at_the_first_attempt_and_at_a_retry() {
    let failing = vec![Action::Answer(500, "{}"); SCHEMES.len()];
    let app = App::doing(failing, Action::Answer(200, "{}")).await;
    let receiver = receiving(&app).await;
    let endpoint = |(name, scheme): &(&str, &str)| {
        format!(
            "    {name}: {{url: \"http://{}/hooks/{name}?a=%201&b\", scheme: {scheme}, secrets: [{{env: KEY}}], \
             retry: {{schedule: [0s, 2s], jitter: 0%}}}}\n",
            receiver.address
        )
    };
    let gateway = sending(&app, &SCHEMES.iter().map(endpoint).collect::<String>()).await;

    for (name, _) in SCHEMES {
        let body = r#"{"id":"evt_é","HookId":"7","HookName":"login","n":1.0}"#;
        assert_eq!(post(&gateway, name, body).await.status, 202, "{name}");
    }
    app.until_received(2 * SCHEMES.len()).await;

    let mut seen: BTreeMap<String, Vec<Received>> = BTreeMap::new();
    for received in app.received() {
        seen.entry(received.header("countersign-source").to_owned()).or_default().push(received);
    }
    for (name, _) in SCHEMES {
        let [first, second] = &seen[name][..] else { panic!("{name}: {} attempts", seen[name].len()) };
        assert_eq!(first.header("countersign-verified"), "true", "{name}");
        assert_eq!(first.header("countersign-event-id"), second.header("countersign-event-id"), "{name}");
        assert_eq!(first.body, second.body, "{name}");
        assert_eq!(first.target, format!("/hooks/{name}?a=%201&b"));
    }
    for (name, header) in [
        ("stripe", "stripe-signature"),
        ("slack", "x-slack-request-timestamp"),
        ("standard-webhooks", "webhook-timestamp"),
        ("milliseconds", "x-t"),
        ("rfc3339", "x-t"),
        ("separated", "x-s"),
        ("positional", "x-s"),
        ("named", "x-t"),
    ] {
        assert_ne!(seen[name][0].header(header), seen[name][1].header(header), "{name}");
    }
}

/// The statuses that receivers give which know only the new secret, and only the old one.
async fn accepted_by(received: &Received, name: &str, scheme: &str) -> [u16; 2] {
    let app = App::answering(200).await;
    let mut statuses = [0; 2];
    for (status, variable) in statuses.iter_mut().zip(["NEW", "OLD"]) {
        let source = source(name, scheme, "").replace("env: SECRET", &format!("env: {variable}"));
        let config = Gateway::config_of(&app, &source);
        let gateway = GatewayBuilder::new(config).variable("NEW", KEY).variable("OLD", SECRET).start().await;
        let mut request = Request::post(format!("/hooks/{name}"));
        *request.headers_mut().unwrap() = received.headers.clone();
        *status = gateway.send(request.body(Full::from(received.body.clone())).unwrap()).await.status.as_u16();
    }
    statuses
}

/// Fault 20: a rotation that overwrites the secret.
#[tokio::test]
async fn while_secrets_change_receivers_with_either_accept_what_can_carry_several_signatures() {
    let several = ["stripe", "numbered", "listed", "separated", "positional"];
    for (name, scheme) in SCHEMES.iter().filter(|(name, _)| several.contains(name) || *name == "lmif") {
        let receiver = App::answering(200).await;
        let endpoint = format!(
            "    {name}: {{url: \"http://{}/\", scheme: {scheme}, secrets: [{{env: KEY}}, {{env: SECRET}}]}}\n",
            receiver.address
        );
        let gateway = sending(&receiver, &endpoint).await;

        post(&gateway, name, r#"{"id":"evt_1"}"#).await;
        receiver.until_received(1).await;

        let expected = if several.contains(name) { [200, 200] } else { [200, 401] };
        assert_eq!(accepted_by(&receiver.received()[0], name, scheme).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_delivery_waits_for_a_secret_that_is_valid_and_is_never_sent_unsigned() {
    let receiver = App::answering(200).await;
    let endpoint = |secrets: &str| {
        let schedule = crate::support::often();
        let retry = format!("retry: {{schedule: {schedule}, jitter: 0%}}");
        format!("    partner: {{url: \"http://{}/\", scheme: lmif, secrets: [{secrets}], {retry}}}\n", receiver.address)
    };
    let end = Timestamp::now() + SignedDuration::from_secs(2);
    let gateway = sending(&receiver, &endpoint(&format!("{{env: KEY, not_after: {end:.0}}}"))).await;
    gateway.signal("CONT");
    // Nothing tells that a secret has ended.
    tokio::time::sleep(Duration::from_millis(2100)).await;

    let answer = post(&gateway, "partner", "{}").await;
    gateway.until_logged(&["ERROR", "no secret is valid", "partner"]).await;
    gateway.until_logged(&["attempt", "partner", "attempt=3", "no secret is valid at this time"]).await;
    let errors = gateway.log().iter().filter(|line| line.contains("ERROR")).count();
    let before = receiver.received().len();
    gateway.rewrite(&sending_config(&receiver, &endpoint("{env: SECRET}")));
    receiver.until_received(1).await;

    assert_eq!((answer.status.as_u16(), before, errors), (202, 0, 1));
    assert!(receiver.received()[0].header("x-lmif-signature").starts_with("sha256="));
}
