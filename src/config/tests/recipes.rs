//! Known senders, written in YAML: they mean what the presets mean, and accept
//! what the senders' own libraries and documents show.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;

use crate::config::scheme;
use crate::scheme::{
    Algorithm, Carrier, Cover, Head, KeySpec, Keyring, Locator, Mechanism, Pointer, Rejection, Scheme, Secret, preset,
};

const STRIPE: &str = r#"
hmac:
  header: Stripe-Signature
  format: "t={timestamp},v1={signature}"
  signed: "{timestamp}.{body}"
event_id: {json: /id}
event_type: {json: /type}
"#;

const PADDLE: &str = r#"
hmac:
  header: Paddle-Signature
  format: "ts={timestamp};h1={signature}"
  separator: ";"
  signed: "{timestamp}:{body}"
event_id: {json: /event_id}
event_type: {json: /event_type}
"#;

const PAGERDUTY: &str = r#"
hmac:
  header: X-PagerDuty-Signature
  format: "v1={signature}"
  separator: ","
event_id: {json: /event/id}
event_type: {json: /event/event_type}
"#;

const STANDARD_WEBHOOKS: &str = r#"
hmac:
  header: webhook-signature
  format: "v1,{signature}"
  separator: " "
  encoding: base64
  signed: "{id}.{timestamp}.{body}"
  timestamp: {from: {header: webhook-timestamp}, unit: s}
  tolerance: 5m
  secret: {base64: {strip_prefix: whsec_}}
event_id: {header: webhook-id}
event_type: {json: /type}
"#;

const DOCUSIGN: &str = r#"
hmac:
  header: "X-DocuSign-Signature-{n}"
  encoding: base64
event_id: [{json: /data/envelopeId}, {json: /event}, {json: /generatedDateTime}]
event_type: {json: /event}
"#;

const BOX: &str = r#"
hmac:
  header: [BOX-SIGNATURE-PRIMARY, BOX-SIGNATURE-SECONDARY]
  encoding: base64
  signed: "{body}{timestamp}"
  timestamp: {from: {header: BOX-DELIVERY-TIMESTAMP}, unit: rfc3339}
  tolerance: 10m
event_id: {header: BOX-DELIVERY-ID}
event_type: {json: /trigger}
"#;

const SLACK: &str = r#"
hmac:
  algorithm: sha256
  header: X-Slack-Signature
  format: "v0={signature}"
  encoding: hex
  signed: "v0:{timestamp}:{body}"
  timestamp: {from: {header: X-Slack-Request-Timestamp}}
event_id: {json: /event_id}
event_type: {json: /event/type}
"#;

/// A message as its sender made it.
struct Vector {
    scheme: &'static str,
    secrets: &'static [&'static str],
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    now: &'static str,
}

#[track_caller]
fn read(text: &str) -> Scheme {
    scheme(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn verify(vector: &Vector, body: &str, now: Timestamp) -> Result<(), Rejection> {
    let scheme = read(vector.scheme);
    let key = |(position, secret): (usize, &&str)| KeySpec {
        id: position.to_string(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        encoding: None,
        not_before: None,
        not_after: None,
    };
    let keyring = Keyring::new(&scheme, vector.secrets.iter().enumerate().map(key).collect()).expect("keys");
    let mut headers = HeaderMap::new();
    for (name, value) in vector.headers {
        headers.append(name.parse::<HeaderName>().expect("a name"), HeaderValue::from_static(value));
    }
    let head = Head { method: &Method::POST, path: "/hooks", query: None, headers: &headers, public_url: None };
    scheme.verify(&keyring, &head, body.as_bytes().to_vec(), now).map(|_| ())
}

#[track_caller]
fn accepts(vector: &Vector) {
    let now = vector.now.parse().expect("a moment");
    assert_eq!(verify(vector, vector.body, now), Ok(()));
    assert_eq!(verify(vector, &format!("{} ", vector.body), now), Err(Rejection::Mismatch));
}

#[track_caller]
fn means(text: &str, name: &str) {
    let (written, preset) = (read(text), preset(name).expect("a preset"));
    assert_eq!(written.mechanism, preset.mechanism);
    assert_eq!((&written.event_id, &written.event_type), (&preset.event_id, &preset.event_type));
}

#[test]
fn stripe_can_be_written_in_yaml() {
    means(STRIPE, "stripe");
    // Made with stripe 23.1.0 for Node.
    accepts(&Vector {
        scheme: STRIPE,
        secrets: &["whsec_test_secret"],
        headers: &[(
            "Stripe-Signature",
            "t=1492774577,v1=a7e58d19c66b23c387d3d34bcdd0f977375a17fa93ca8791c22345aec7c1d0ac",
        )],
        body: r#"{"id":"evt_1NG8Du2eZvKYlo2CUI79vXWy","object":"event","type":"payment_intent.succeeded","data":{"object":{"description":"Café ☕"}}}"#,
        now: "2017-04-21T11:36:20Z",
    });
}

#[test]
fn slack_can_be_written_in_yaml() {
    means(SLACK, "slack");
    // From Slack's document on verifying requests.
    accepts(&Vector {
        scheme: SLACK,
        secrets: &["8f742231b10e8888abcd99yyyzzz85a5"],
        headers: &[
            ("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
            ("X-Slack-Request-Timestamp", "1531420618"),
        ],
        body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        now: "2018-07-12T18:36:58Z",
    });
}

#[test]
fn standard_webhooks_can_be_written_in_yaml() {
    means(STANDARD_WEBHOOKS, "standard-webhooks");
    // From the documentation of Svix.
    accepts(&Vector {
        scheme: STANDARD_WEBHOOKS,
        secrets: &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        headers: &[
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ("webhook-timestamp", "1614265330"),
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ],
        body: r#"{"test": 2432232314}"#,
        now: "2021-02-25T15:02:10Z",
    });
}

#[test]
fn paddle_can_be_written_in_yaml() {
    // Accepted by `webhooks.isSignatureValid` of @paddle/paddle-node-sdk 3.10.0 at that moment.
    accepts(&Vector {
        scheme: PADDLE,
        secrets: &["pdl_ntfset_01gkdqz5hs5ge7yz2ew_Rq1Jm6pWbqXz"],
        headers: &[(
            "Paddle-Signature",
            "ts=1795439067;h1=8852908223d38e548ad1f3a18b9c1843786ee3f671e6aaf44fad222acfcd98b7",
        )],
        body: r#"{"event_id":"evt_01gkh2vnn9z9x2k0p3qk6h7t4a","event_type":"transaction.completed","occurred_at":"2026-11-23T12:00:00.000000Z","data":{"id":"txn_01gkh2","name":"Zoé"}}"#,
        now: "2026-11-23T13:04:30Z",
    });
}

#[test]
fn pagerduty_can_be_written_in_yaml() {
    // The vector of PagerDuty's own library for Go, webhookv3; and beside its signature one of a newer secret.
    accepts(&Vector {
        scheme: PAGERDUTY,
        secrets: &["lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK"],
        headers: &[(
            "X-PagerDuty-Signature",
            "v1=7020c8a7ec668a9b7012bc3dd82e483394b038f4230acc6785efbf2a7d8bcaf5,v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd",
        )],
        body: r#"{"event":{"id":"01BWDWL3NYY7LUFPZCC28QUCMK","event_type":"incident.priority_updated","resource_type":"incident","occurred_at":"2021-04-26T17:36:27.458Z","agent":{"html_url":"https://acme.pagerduty.com/users/PLH1HKV","id":"PLH1HKV","self":"https://api.pagerduty.com/users/PLH1HKV","summary":"Tenex Engineer","type":"user_reference"},"client":null,"data":{"id":"PGR0VU2","type":"incident","self":"https://api.pagerduty.com/incidents/PGR0VU2","html_url":"https://acme.pagerduty.com/incidents/PGR0VU2","number":2,"status":"triggered","title":"A little bump in the road","service":{"html_url":"https://acme.pagerduty.com/services/PF9KMXH","id":"PF9KMXH","self":"https://api.pagerduty.com/services/PF9KMXH","summary":"API Service","type":"service_reference"},"assignees":[{"html_url":"https://acme.pagerduty.com/users/PTUXL6G","id":"PTUXL6G","self":"https://api.pagerduty.com/users/PTUXL6G","summary":"User 123","type":"user_reference"}],"escalation_policy":{"html_url":"https://acme.pagerduty.com/escalation_policies/PUS0KTE","id":"PUS0KTE","self":"https://api.pagerduty.com/escalation_policies/PUS0KTE","summary":"Default","type":"escalation_policy_reference"},"teams":[{"html_url":"https://acme.pagerduty.com/teams/PFCVPS0","id":"PFCVPS0","self":"https://api.pagerduty.com/teams/PFCVPS0","summary":"Engineering","type":"team_reference"}],"priority":{"html_url":"https://acme.pagerduty.com/account/incident_priorities","id":"PSO75BM","self":"https://api.pagerduty.com/priorities/PSO75BM","summary":"P1","type":"priority_reference"},"urgency":"high","conference_bridge":{"conference_number":1000,"conference_url":"https://example.com"},"resolve_reason":null}}}"#,
        now: "2021-04-26T17:36:28Z",
    });
}

#[test]
fn docusign_can_be_written_in_yaml() {
    // Made with Node's crypto, as DocuSign's document on HMAC does it, with two keys.
    accepts(&Vector {
        scheme: DOCUSIGN,
        secrets: &["docusign-connect-key-2"],
        headers: &[
            ("X-DocuSign-Signature-1", "dWzW7DsJHh5uFNyYHWxCzE0u1DvhdjyZ/oMukGx8Xts="),
            ("X-DocuSign-Signature-2", "cZjlgnG7k/HsSyW0P8r6PWMCEeXYULgo2mOCINrPdt4="),
        ],
        body: r#"{"event":"envelope-completed","apiVersion":"v2.1","retryCount":0,"configurationId":10425015,"generatedDateTime":"2026-11-23T12:00:00.0000000Z","data":{"envelopeId":"93be49ab-0000-0000-0000-f752070d71ec"}}"#,
        now: "2026-11-23T12:00:01Z",
    });
}

#[test]
fn box_can_be_written_in_yaml() {
    // The sample message of Box's documents and libraries, signed with two keys.
    let sample = |secrets: &'static [&'static str]| Vector {
        scheme: BOX,
        secrets,
        headers: &[
            ("BOX-DELIVERY-ID", "f96bb54b-ee16-4fc5-aa65-8c2d9e5b546f"),
            ("BOX-DELIVERY-TIMESTAMP", "2020-01-01T00:00:00-07:00"),
            ("BOX-SIGNATURE-ALGORITHM", "HmacSHA256"),
            ("BOX-SIGNATURE-PRIMARY", "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI="),
            ("BOX-SIGNATURE-SECONDARY", "v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo="),
            ("BOX-SIGNATURE-VERSION", "1"),
        ],
        body: r#"{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}"#,
        now: "2020-01-01T07:09:00Z",
    };

    accepts(&sample(&["SamplePrimaryKey"]));
    accepts(&sample(&["SampleSecondaryKey"]));
    let late = "2020-01-01T07:11:00Z".parse().expect("a moment");
    assert_eq!(verify(&sample(&["SamplePrimaryKey"]), sample(&[]).body, late), Err(Rejection::Stale));
}

#[test]
fn a_scheme_is_a_preset_or_a_text() {
    assert_eq!(read("lmif\n"), preset("lmif").expect("a preset").clone());
    assert!(matches!(read("jws: {algorithm: HS384}").mechanism, Mechanism::Jws(crate::scheme::JwsAlgorithm::Hs384)));
    assert!(scheme("lmfi").is_err() && scheme("hmac: {}").is_err() && scheme("").is_err());
}

/// Every key of `hmac` changes the recipe.
#[test]
fn a_token_is_a_header_that_holds_the_secret() {
    let scheme = read("token: {header: X-Acme-Token}\nevent_id: {header: X-Id}\nevent_type: {json: /type}");

    assert_eq!(scheme.mechanism, Mechanism::Token(HeaderName::from_static("x-acme-token")));
    assert_eq!(*scheme.event_id, [Locator::Header(HeaderName::from_static("x-id"))]);
    assert_eq!(scheme.event_type, Some(Locator::Json(Pointer("/type".into()))));
    assert_eq!(scheme.covers().body, Cover::Unsigned);
}

#[test]
fn no_key_of_a_scheme_is_ignored() {
    let recipe = |keys: &str| match read(&format!("hmac: {{header: X-Sig, {keys}}}")).mechanism {
        Mechanism::Hmac(recipe) => recipe,
        _ => panic!("it is an HMAC"),
    };
    let usual = recipe("");

    assert_eq!((usual.algorithm, usual.tolerance), (Algorithm::Sha256, None));
    let stamped = "format: 't={timestamp},v1={signature}', signed: '{timestamp}.{body}'";
    for keys in [
        "algorithm: sha512",
        "format: 'v1={signature}'",
        "format: 'v1={signature}', separator: ','",
        "format: 'v1={signature}', separator: ' '",
        "encoding: base64",
        "encoding: HEX",
        "encoding: base64url",
        "signed: '{method}{body}'",
        "signed: '{header:X-Id}', covers_body: no",
        "timestamp: {from: {header: X-Time}}",
        "timestamp: {from: {header: X-Time}, unit: ms}",
        "timestamp: {from: {json: /time}, unit: rfc3339}",
        "secret: hex",
        "secret: base64",
        "secret: base64url",
        "secret: {base64: {strip_prefix: whsec_}}",
        stamped,
    ] {
        assert_ne!(recipe(keys), usual, "{keys}");
    }
    let minute = recipe(&format!("{stamped}, tolerance: 1m"));
    assert_eq!(minute.tolerance.map(|tolerance| tolerance.as_secs()), Some(60));
    assert_eq!(recipe(stamped).tolerance.map(|tolerance| tolerance.as_secs()), Some(300));
    assert_eq!(read("hmac: {json: /signature, signed: '{json:/a}', covers_body: no}").covers().body, Cover::Unsigned);
    assert!(
        matches!(read("hmac: {header: 'X-{n}'}").mechanism, Mechanism::Hmac(recipe) if matches!(recipe.carrier, Carrier::Numbered { .. }))
    );
}
