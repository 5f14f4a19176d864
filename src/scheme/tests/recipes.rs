//! Schemes as users write them, with vectors that the senders' own material holds or their procedure makes.

use http::HeaderMap;
use jiff::Timestamp;

use crate::scheme::testing::{head, headers, keyring, message, seconds};
use crate::scheme::{
    Acknowledge, Algorithm, Carrier, Cover, Encoding, Events, Format, Head, Locator, Mechanism, OnConflict, Pointer,
    Recipe, Rejection, Retries, Scheme, SecretEncoding, Sender, SignError, Template, TimestampRule, TimestampSource,
    TimestampUnit, TypeCase, Verified,
};

/// A recipe as the configuration would make it of these texts, with SHA-256 and a tolerance of five minutes.
fn recipe(carrier: &str, format: &str, separator: Option<&str>, signed: &str) -> Recipe {
    Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::parse(carrier).unwrap(),
        format: Format::parse(format, separator).unwrap(),
        encoding: Encoding::HexLower,
        signed: Template::parse(signed).unwrap(),
        timestamp: None,
        tolerance: Some(std::time::Duration::from_secs(300)),
        secret: SecretEncoding::Utf8,
    }
}

fn scheme(recipe: Recipe, event_id: Vec<Locator>) -> Scheme {
    let scheme = Scheme {
        name: "test".into(),
        mechanism: Mechanism::Hmac(recipe),
        event_id: event_id.into(),
        event_type: None,
        type_case: TypeCase::Exact,
        conflict: OnConflict::Deliver,
        sender: Sender {
            title: "Test".into(),
            document: "".into(),
            retries: Retries::Unknown,
            content_type: "".into(),
            headers: &[],
            handshake: None,
            acknowledge: Acknowledge::ACCEPTED,
            events: Events::Distinct,
            notes: (&[]).into(),
        },
    };
    assert_eq!(scheme.validate(), Ok(()));
    scheme
}

fn from_format(unit: TimestampUnit) -> Option<TimestampRule> {
    Some(TimestampRule { from: TimestampSource::Format, unit })
}

fn from_header(name: &'static str, unit: TimestampUnit) -> Option<TimestampRule> {
    Some(TimestampRule { from: TimestampSource::Header(http::HeaderName::from_static(name)), unit })
}

fn from_json(pointer: &'static str, unit: TimestampUnit) -> Option<TimestampRule> {
    Some(TimestampRule { from: TimestampSource::Json(Pointer(pointer.into())), unit })
}

fn verify_as(
    scheme: &Scheme,
    secrets: &[&str],
    lines: &[(&str, &str)],
    body: &str,
    now: Timestamp,
) -> Result<Verified, Rejection> {
    scheme.verify(&keyring(scheme, secrets), &head(&headers(lines)), body.as_bytes().to_vec(), now)
}

#[test]
fn stripe() {
    let format = Format::parse("t={timestamp},v1={signature}", None).unwrap();
    let Mechanism::Hmac(preset) = &crate::scheme::preset("stripe").unwrap().mechanism else { panic!() };

    assert_eq!(preset.format, format);
    assert_eq!(preset.signed, Template::parse("{timestamp}.{body}").unwrap());
}

#[test]
fn slack() {
    let Mechanism::Hmac(preset) = &crate::scheme::preset("slack").unwrap().mechanism else { panic!() };

    assert_eq!(preset.carrier, Carrier::parse("X-Slack-Signature").unwrap());
    assert_eq!(preset.format, Format::parse("v0={signature}", None).unwrap());
    assert_eq!(preset.signed, Template::parse("v0:{timestamp}:{body}").unwrap());
}

#[test]
fn standard_webhooks() {
    let Mechanism::Hmac(preset) = &crate::scheme::preset("standard-webhooks").unwrap().mechanism else { panic!() };

    assert_eq!(preset.format, Format::parse("v1,{signature}", Some(" ")).unwrap());
    assert_eq!(preset.signed, Template::parse("{id}.{timestamp}.{body}").unwrap());
}

#[test]
fn paddle() {
    // Made with Node 20.20.2 by the documented procedure; @paddle/paddle-node-sdk 3.10.0 accepts what is made so.
    let body = r#"{"event_id":"evt_01hv8x29kz0t586xy6zn1a62ny","event_type":"transaction.paid","occurred_at":"2024-04-12T10:18:49.621022Z","notification_id":"ntf_01hv8x2acma2gz7he8kg2s0hna","data":{"id":"txn_01hv8wptq8987qeep44cyrewp9","note":"Zoë"}}"#;
    let secret = "pdl_ntfset_01hv8x2acma2gz7he8kg2s0hna_secret";
    let value = "ts=1712917129;h1=7c72ca9dbef0e10d74eaaee37931064afcae257ef22e19a079b4bd410cf4030e";
    let recipe = recipe("Paddle-Signature", "ts={timestamp};h1={signature}", Some(";"), "{timestamp}:{body}");
    let scheme = scheme(Recipe { timestamp: from_format(TimestampUnit::Seconds), ..recipe }, vec![]);
    let verify =
        |value: &str| verify_as(&scheme, &[secret], &[("paddle-signature", value)], body, seconds(1_712_917_129));

    assert!(verify(value).is_ok());
    // While a secret is rotated there are two; the sender's library looks at the last only.
    assert!(verify(&format!("{value};h1={}", "0".repeat(64))).is_ok());
    assert_eq!(verify(&value.replace(';', ",")).err(), Some(Rejection::Malformed));

    let signed = scheme.sign(&keyring(&scheme, &[secret]), &message(body.into()), seconds(1_712_917_129)).unwrap();
    assert_eq!(signed.headers, [("paddle-signature".parse().unwrap(), value.parse().unwrap())]);
}

#[test]
fn pagerduty() {
    // Made with Node 20.20.2 by the documented procedure, with two secrets as during a rotation.
    let body = r#"{"event":{"id":"01DEN0V2VIFEN5871PQGX72URP","event_type":"incident.triggered","resource_type":"incident","occurred_at":"2020-10-02T18:45:22.169Z"}}"#;
    let value = "v1=510af8f561911c48e1bf7529fb5063076148f4740f81f1e8bc18848b4830378a,v1=804e2037553b9945bea13dc00b2ed54a0db0a310c6c9504bf3d5822c94de50c0";
    let scheme = scheme(recipe("X-PagerDuty-Signature", "v1={signature}", Some(","), "{body}"), vec![]);
    let lines = [("x-pagerduty-signature", value)];

    for secret in ["pd-secret-old", "pd-secret-new"] {
        assert!(verify_as(&scheme, &[secret], &lines, body, seconds(0)).is_ok(), "{secret}");
    }
    assert_eq!(verify_as(&scheme, &["else"], &lines, body, seconds(0)).err(), Some(Rejection::Mismatch));

    let keyring = keyring(&scheme, &["pd-secret-old", "pd-secret-new"]);
    let signed = scheme.sign(&keyring, &message(body.into()), seconds(0)).unwrap();
    assert_eq!(signed.headers, [("x-pagerduty-signature".parse().unwrap(), value.parse().unwrap())]);
}

#[test]
fn docusign() {
    // Made with Node 20.20.2 by the documented procedure: the key is the base64 text itself, a header for every key.
    let body = r#"{"event":"envelope-completed","apiVersion":"v2.1","uri":"/restapi/v2.1/accounts/x/envelopes/y","retryCount":0,"configurationId":10418598,"generatedDateTime":"2023-07-31T18:49:14.1234567Z","data":{"accountId":"a","envelopeId":"e"}}"#;
    let keys = ["lYIDiPv4yGbtmKqhGP4gEy7bXx0TVYhL4zuPDm7XWy0=", "0Ndf6kTQ7rCfsgA5oXEsnYyGZpJpH5GdCyJzcQTKp7E="];
    let (first, second) =
        ("PliAZ1+3u0RFKLDc6lALBDsLWlikCKP3/VYEyDvdAX0=", "3QMR+aO70MVZeALdCOHwr/o24Bi60ZkFzJ3p2db7cy8=");
    let recipe = recipe("X-DocuSign-Signature-{n}", "{signature}", None, "{body}");
    let scheme = scheme(Recipe { encoding: Encoding::Base64, ..recipe }, vec![]);
    let both = [("x-docusign-signature-1", first), ("X-DocuSign-Signature-2", second)];
    let verify = |key: &str, lines: &[(&str, &str)]| verify_as(&scheme, &[key], lines, body, seconds(0)).err();

    assert_eq!(verify(keys[0], &both), None);
    assert_eq!(verify(keys[1], &both), None);
    assert_eq!(verify("else", &both), Some(Rejection::Mismatch));
    assert_eq!(verify(keys[0], &[("x-docusign-signature-100", first)]), None);
    assert_eq!(verify(keys[0], &[("x-docusign-signature-101", first)]), Some(Rejection::Missing));
    assert_eq!(verify(keys[0], &[("x-docusign-signature-0", first)]), Some(Rejection::Missing));
    assert_eq!(verify(keys[0], &[both[0], both[0]]), Some(Rejection::Repeated));
    assert_eq!(verify(keys[0], &[both[0], ("x-docusign-signature-2", "x")]), Some(Rejection::Malformed));

    let signed = scheme.sign(&keyring(&scheme, &keys), &message(body.into()), seconds(0)).unwrap();
    let written: HeaderMap = signed.headers.into_iter().collect();
    assert_eq!(written, headers(&both));
}

#[test]
fn box_() {
    // The message and the signatures of Box's guide, under the keys of its libraries' tests.
    // ref: https://developer.box.com/guides/webhooks/v2/signatures-v2/
    let body = r#"{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}"#;
    let lines = [
        ("box-delivery-timestamp", "2020-01-01T00:00:00-07:00"),
        ("box-signature-primary", "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI="),
        ("box-signature-secondary", "v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo="),
    ];
    let [primary, secondary] = ["box-signature-primary", "box-signature-secondary"].map(http::HeaderName::from_static);
    let recipe = Recipe {
        carrier: Carrier::Headers(vec![primary, secondary].into()),
        encoding: Encoding::Base64,
        timestamp: from_header("box-delivery-timestamp", TimestampUnit::Rfc3339),
        ..recipe("unused", "{signature}", None, "{body}{header:BOX-DELIVERY-TIMESTAMP}")
    };
    let scheme = scheme(recipe, vec![]);
    let sent: Timestamp = "2020-01-01T07:00:00Z".parse().unwrap();
    let verify = |keys: &[&str], lines: &[(&str, &str)], now| verify_as(&scheme, keys, lines, body, now).err();

    assert_eq!(scheme.covers().timestamp, Cover::Signed);
    for keys in [&["SamplePrimaryKey"][..], &["SampleSecondaryKey"], &["else", "SampleSecondaryKey"]] {
        assert_eq!(verify(keys, &lines, sent), None, "{keys:?}");
    }
    assert_eq!(verify(&["SamplePrimaryKey"], &lines[..2], sent), None);
    assert_eq!(verify(&["SamplePrimaryKey"], &lines[1..], sent), Some(Rejection::Missing));
    assert_eq!(verify(&["SamplePrimaryKey"], &lines[..1], sent), Some(Rejection::Missing));
    assert_eq!(
        verify(&["SamplePrimaryKey"], &lines, sent + jiff::SignedDuration::from_mins(6)),
        Some(Rejection::Stale)
    );

    let keyring = keyring(&scheme, &["SamplePrimaryKey", "SampleSecondaryKey"]);
    let signed = scheme.sign(&keyring, &message(body.into()), sent).unwrap();
    let written: HeaderMap = signed.headers.into_iter().collect();
    assert_eq!(written["box-delivery-timestamp"], "2020-01-01T07:00:00Z");
    assert!(scheme.verify(&keyring, &head(&written), body.as_bytes(), sent).is_ok());
}

#[test]
fn a_timestamp_in_the_body_is_checked_where_the_body_is_signed() {
    // As Linear does: milliseconds in the body, which is hashed before they are read.
    let recipe = recipe("Linear-Signature", "{signature}", None, "{body}");
    let recipe = Recipe { timestamp: from_json("/t", TimestampUnit::Milliseconds), ..recipe };
    let careless = scheme(Recipe { tolerance: None, ..recipe.clone() }, vec![]);
    let scheme = scheme(recipe, vec![]);
    let keyring = keyring(&scheme, &["k"]);
    let check = |body: &'static str, now| {
        let signed = careless.sign(&keyring, &message(body.into()), seconds(now)).unwrap();
        let lines: HeaderMap = signed.headers.into_iter().collect();
        scheme.verify(&keyring, &head(&lines), body.as_bytes(), seconds(now)).err()
    };

    assert_eq!(check(r#"{"t":1700000000123}"#, 1_700_000_300), None);
    assert_eq!(check(r#"{"t":1700000000123}"#, 1_700_000_301), Some(Rejection::Stale));
    assert_eq!(check(r#"{"t":1700000000123}"#, 1_699_999_700), Some(Rejection::TooNew));
    assert_eq!(check(r#"{"t":"x"}"#, 1_700_000_000), Some(Rejection::Malformed));
    assert_eq!(check(r#"{"t":1,"t":1700000000123}"#, 1_700_000_000), Some(Rejection::Missing));
    assert_eq!(check("{}", 1_700_000_000), Some(Rejection::Missing));
    let unsigned = scheme.sign(&keyring, &message("{}".into()), seconds(1_700_000_000));
    assert_eq!(unsigned.err(), Some(SignError::PartMissing));
}

#[test]
fn a_timestamp_outside_the_signature_is_never_trusted() {
    let recipe = recipe("X-Sig", "{signature}", None, "{body}");
    let scheme = scheme(Recipe { timestamp: from_header("x-time", TimestampUnit::Seconds), ..recipe }, vec![]);
    let keyring = keyring(&scheme, &["k"]);
    let signed = scheme.sign(&keyring, &message("b".into()), seconds(1)).unwrap();
    let mut lines: HeaderMap = signed.headers.into_iter().collect();

    assert_eq!(scheme.covers().timestamp, Cover::Unsigned);
    for time in ["1", "9999999999", "whenever"] {
        lines.insert("x-time", time.parse().unwrap());
        assert!(scheme.verify(&keyring, &head(&lines), &b"b"[..], seconds(1_700_000_000)).is_ok(), "{time}");
    }
}

#[test]
fn a_timestamp_beside_the_signature_is_not_trusted_where_it_is_not_signed() {
    let recipe = recipe("X-Sig", "t={timestamp},v1={signature}", None, "{body}");
    let scheme = scheme(Recipe { timestamp: from_format(TimestampUnit::Seconds), ..recipe }, vec![]);
    let signed = scheme.sign(&keyring(&scheme, &["k"]), &message("b".into()), seconds(1)).unwrap();
    let value = signed.headers[0].1.to_str().unwrap();
    let verify = |value: &str| verify_as(&scheme, &["k"], &[("x-sig", value)], "b", seconds(1_700_000_000)).err();

    assert_eq!(scheme.covers().timestamp, Cover::Unsigned);
    assert_eq!(verify(value), None);
    assert_eq!(verify(&value.replace("t=1,", "t=9,")), None);
    assert_eq!(verify(&value.replace("t=1,", "t=x,")), Some(Rejection::Malformed));
}

#[test]
fn fields_of_the_body_may_be_signed_instead_of_the_body() {
    // As Mailgun does: the signature stands in the body and covers two of its fields.
    let recipe = Recipe {
        carrier: Carrier::Json(Pointer("/signature/signature".into())),
        timestamp: from_json("/signature/timestamp", TimestampUnit::Seconds),
        ..recipe("unused", "{signature}", None, "{timestamp}{json:/signature/token}")
    };
    let scheme = scheme(recipe, vec![Locator::Json(Pointer("/signature/token".into()))]);
    // Made with Python 3.11.7: `hmac.new(b'key', b'1529006854a8ce0edb2dd8', 'sha256').hexdigest()`.
    let signature = "cb3622c0e585e9f86017d24636f3ff870cd895a5ae9b27e81344afb85be77cf6";
    let body = |signature: &str, token: &str| {
        format!(r#"{{"signature":{{"timestamp":"1529006854","token":"{token}","signature":"{signature}"}},"x":1}}"#)
    };
    let verify = |body: &str| verify_as(&scheme, &["key"], &[], body, seconds(1_529_006_854)).err();

    assert_eq!(scheme.covers().body, Cover::Unsigned);
    assert_eq!(scheme.covers().id, Cover::Signed);
    assert_eq!(scheme.covers().timestamp, Cover::Signed);
    assert_eq!(verify(&body(signature, "a8ce0edb2dd8")), None);
    assert_eq!(verify(&body(signature, "a8ce0edb2dd9")), Some(Rejection::Mismatch));
    assert_eq!(verify(&body("", "a8ce0edb2dd8")), Some(Rejection::Missing));
    assert_eq!(verify(&body("00", "a8ce0edb2dd8")), Some(Rejection::Malformed));
    assert_eq!(verify(r#"{"signature":{}}"#), Some(Rejection::Missing));
    assert_eq!(verify("not json"), Some(Rejection::Missing));

    let error = scheme.sign(&keyring(&scheme, &["key"]), &message(body(signature, "x").into()), seconds(0)).err();
    assert_eq!(error, Some(SignError::InBody));
}

#[test]
fn url_method_and_parameters_may_be_signed() {
    // As HubSpot (v3) does, with a parameter beside it.
    let recipe = Recipe {
        encoding: Encoding::Base64,
        timestamp: from_header("x-time", TimestampUnit::Milliseconds),
        ..recipe("X-Sig", "{signature}", None, "{method}{url}{body}{timestamp}{query:data.id}")
    };
    let scheme = scheme(recipe, vec![Locator::Query("data.id".into())]);
    let keyring = keyring(&scheme, &["k"]);
    let sent = crate::scheme::Message { query: Some("data.id=7&x=%20"), ..message("b".into()) };
    let signed = scheme.sign(&keyring, &sent, seconds(1)).unwrap();
    let lines: HeaderMap = signed.headers.into_iter().collect();
    let good = Head { query: Some("data.id=7&x=%20"), ..head(&lines) };
    let verify = |head: &Head<'_>| scheme.verify(&keyring, head, &b"b"[..], seconds(1)).err();

    assert_eq!(scheme.covers().id, Cover::Signed);
    assert_eq!(lines["x-time"], "1000");
    assert_eq!(verify(&good), None);
    assert_eq!(verify(&Head { method: &http::Method::PUT, ..good }), Some(Rejection::Mismatch));
    assert_eq!(verify(&Head { path: "/hooks/y", ..good }), Some(Rejection::Mismatch));
    assert_eq!(verify(&Head { query: Some("data.id=7&x=+"), ..good }), Some(Rejection::Mismatch));
    assert_eq!(verify(&Head { query: Some("data.id=7&x=%20&data%2eid=7"), ..good }), Some(Rejection::Repeated));
    assert_eq!(verify(&Head { query: None, ..good }), Some(Rejection::Missing));
    assert_eq!(verify(&Head { public_url: Some("https://other.example.com"), ..good }), Some(Rejection::Mismatch));
    assert_eq!(verify(&Head { public_url: None, ..good }), Some(Rejection::Missing));
}

#[test]
fn items_may_go_by_position() {
    // As Recurly does: `<time>,<signature>[,<signature>]`.
    let recipe = recipe("Recurly-Signature", "{timestamp},{signature}", None, "{timestamp}.{body}");
    let scheme = scheme(Recipe { timestamp: from_format(TimestampUnit::Milliseconds), ..recipe }, vec![]);
    let keys = ["a", "b"];
    let signed = scheme.sign(&keyring(&scheme, &keys), &message("x".into()), seconds(1)).unwrap();
    let value = signed.headers[0].1.to_str().unwrap();
    let verify =
        |key: &str, value: &str| verify_as(&scheme, &[key], &[("recurly-signature", value)], "x", seconds(1)).err();

    assert_eq!(value.split(',').map(str::len).collect::<Vec<_>>(), [4, 64, 64]);
    for key in keys {
        assert_eq!(verify(key, value), None);
    }
    assert_eq!(verify("a", &value[..4]), Some(Rejection::Malformed));
    assert_eq!(verify("a", &value.replace("1000", "1001")), Some(Rejection::Mismatch));
    assert_eq!(verify("a", &format!("{value},")), Some(Rejection::Malformed));
}

#[test]
fn two_headers_with_times_of_their_own_are_refused() {
    let [first, second] = ["x-a", "x-b"].map(http::HeaderName::from_static);
    let recipe = Recipe {
        carrier: Carrier::Headers(vec![first, second].into()),
        timestamp: from_format(TimestampUnit::Seconds),
        ..recipe("unused", "t={timestamp},v1={signature}", None, "{timestamp}.{body}")
    };
    let scheme = scheme(recipe, vec![]);
    let value = |time: i64| {
        let signed = scheme.sign(&keyring(&scheme, &["k"]), &message("x".into()), seconds(time)).unwrap();
        signed.headers[0].1.to_str().unwrap().to_owned()
    };
    let (now, later) = (value(100), value(101));
    let verify = |a: &str, b: &str| verify_as(&scheme, &["k"], &[("x-a", a), ("x-b", b)], "x", seconds(100)).err();

    assert_eq!(verify(&now, &now), None);
    assert_eq!(verify(&now, &later), Some(Rejection::Malformed));
}

#[test]
fn every_hash_and_encoding_signs_and_verifies() {
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        for encoding in [Encoding::Base64, Encoding::Base64Url, Encoding::HexLower, Encoding::HexUpper] {
            let scheme =
                scheme(Recipe { algorithm, encoding, ..recipe("X-Sig", "{signature}", None, "{body}") }, vec![]);
            let keyring = keyring(&scheme, &["k"]);
            let signed = scheme.sign(&keyring, &message("x".into()), seconds(1)).unwrap();
            let lines: HeaderMap = signed.headers.into_iter().collect();
            assert!(scheme.verify(&keyring, &head(&lines), &b"x"[..], seconds(1)).is_ok());
            assert!(scheme.verify(&keyring, &head(&lines), &b"y"[..], seconds(1)).is_err());
        }
    }
}
