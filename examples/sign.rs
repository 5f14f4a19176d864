//! Signs a webhook as a sender would, by a preset and by a scheme of one's own.
//!
//! `cargo run --no-default-features --example sign`

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use countersign::scheme::{
    Acknowledge, Algorithm, Carrier, Encoding, Events, Format, KeySpec, Keyring, Locator, Mechanism, Message,
    OnConflict, Pointer, Recipe, Retries, Scheme, Secret, SecretEncoding, Sender, Template, TimestampRule,
    TimestampSource, TimestampUnit, TypeCase, preset,
};
use http::{HeaderMap, Method};
use jiff::Timestamp;

fn main() -> Result<(), Box<dyn Error>> {
    show(
        preset("standard-webhooks").expect("Standard Webhooks is a preset"),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )?;
    show(&acme()?, "a secret that Acme gave to us")
}

fn show(scheme: &Scheme, secret: &str) -> Result<(), Box<dyn Error>> {
    let secret = Secret::new(secret.as_bytes().to_vec());
    let key = KeySpec { id: "1".to_owned(), secret, encoding: None, not_before: None, not_after: None };
    let keyring = Keyring::new(scheme, vec![key])?;
    let message = Message {
        body: r#"{"id":"evt_1","type":"box.created"}"#.into(),
        event_id: Some("evt_1"),
        event_type: Some("box.created"),
        method: &Method::POST,
        path: "/hooks",
        query: None,
        public_url: None,
        headers: &HeaderMap::new(),
    };

    let signed = scheme.sign(&keyring, &message, Timestamp::now())?;

    println!("{}", scheme.sender.title);
    for (name, value) in &signed.headers {
        println!("{name}: {}", value.to_str()?);
    }
    println!("\n{}\n", String::from_utf8_lossy(&signed.body));
    Ok(())
}

/// What this YAML describes:
///
/// ```yaml
/// hmac:
///   algorithm: sha512
///   header: X-Acme-Signature
///   format: "t={timestamp},v1={signature}"
///   signed: "{timestamp}.{body}"
///   timestamp: {from: format, unit: s}
///   tolerance: 5m
/// event_id: {json: /id}
/// event_type: {json: /type}
/// ```
fn acme() -> Result<Scheme, Box<dyn Error>> {
    let recipe = Recipe {
        algorithm: Algorithm::Sha512,
        carrier: Carrier::parse("X-Acme-Signature")?,
        format: Format::parse("t={timestamp},v1={signature}", None)?,
        encoding: Encoding::HexLower,
        signed: Template::parse("{timestamp}.{body}")?,
        timestamp: Some(TimestampRule { from: TimestampSource::Format, unit: TimestampUnit::Seconds }),
        tolerance: Some(Duration::from_secs(300)),
        secret: SecretEncoding::Utf8,
    };
    let scheme = Scheme {
        name: "acme".into(),
        mechanism: Mechanism::Hmac(recipe),
        event_id: vec![Locator::Json(Pointer::parse("/id")?)].into(),
        event_type: Some(Locator::Json(Pointer::parse("/type")?)),
        type_case: TypeCase::Exact,
        conflict: OnConflict::Deliver,
        sender: Sender {
            title: "Acme".into(),
            document: "".into(),
            retries: Retries::Unknown,
            content_type: "application/json".into(),
            headers: &[],
            handshake: None,
            acknowledge: Acknowledge::ACCEPTED,
            events: Events::Distinct,
            notes: Cow::Borrowed(&[]),
        },
    };
    scheme.validate()?;
    Ok(scheme)
}
