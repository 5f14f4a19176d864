//! A request for every mistake, made by the mistake, and what is said about it.

mod bodies;
mod contents;
mod secrets;
mod values;

use std::collections::BTreeSet;

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;

use super::*;
use crate::scheme::{Carrier, Format, Mechanism, Message, PRESETS, Recipe, Secret, SecretEncoding, Template, preset};

/// What no explanation may hold.
const SECRET: &str = "hunter2-and-then-some-more";

const BODY: &str = r#"{"id":"evt_1","type":"box.created","url":"https://a.example/b","name":"Zoë <1>","amount":1.50}"#;

const NOW: i64 = 1_700_000_000;

/// A request, and what is to be said about it.
struct Case {
    expected: Vec<&'static str>,
    scheme: Scheme,
    secrets: Vec<KeySpec>,
    method: Method,
    path: &'static str,
    query: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
    public_url: &'static str,
    body: Vec<u8>,
    now: i64,
}

impl Case {
    fn of(expected: &[&'static str], scheme: &str) -> Case {
        Case {
            expected: expected.to_vec(),
            scheme: preset(scheme).unwrap().clone(),
            secrets: vec![key(SECRET)],
            method: Method::POST,
            path: "/hooks/x",
            query: None,
            headers: Vec::new(),
            public_url: "https://hooks.example.com",
            body: BODY.into(),
            now: NOW,
        }
    }

    /// As LMIF signs it: the hexadecimal of SHA-256 over these bytes, under this key.
    fn lmif(expected: &[&'static str], key: &[u8], signed: &[u8]) -> Case {
        let value = format!("sha256={}", hex(&sha256(key, signed)));
        Case { headers: vec![("x-lmif-signature", value)], ..Case::of(expected, "lmif") }
    }

    fn explain(&self) -> Explanation {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        explain(&Captured {
            scheme: &self.scheme,
            secrets: &self.secrets,
            method: &self.method,
            path: self.path,
            query: self.query,
            headers: &headers,
            public_url: self.public_url,
            body: &self.body,
            now: Timestamp::from_second(self.now).unwrap(),
        })
    }

    /// The names of what was found, or of what looks odd.
    #[track_caller]
    fn check(&self) {
        let explanation = self.explain();
        let found = match &explanation {
            Explanation::Verified(_) => vec!["verified"],
            Explanation::Found { mistakes, .. } => mistakes.iter().map(|mistake| mistake.name).collect(),
            Explanation::Unknown { odd, .. } => odd.iter().map(|mistake| mistake.name).collect(),
        };
        assert_eq!(found, self.expected, "{explanation:#?}\n{:?}", self.headers);
        let said = format!("{explanation:?}");
        assert!(!said.contains("hunter2"), "{said}");
        let Explanation::Found { mistakes, .. } = &explanation else { return };
        for mistake in mistakes {
            assert!(!mistake.what.is_empty() && !mistake.what.contains("{}"), "{mistake:?}");
            assert!(mistake.advice.ends_with(['.', '?']) && !mistake.advice.contains("  "), "{mistake:?}");
        }
    }
}

fn key(secret: &str) -> KeySpec {
    let secret = Secret::new(secret.as_bytes().to_vec());
    KeySpec { id: "LMIF_SECRET".to_owned(), secret, encoding: None, not_before: None, not_after: None }
}

/// A bare signature in `X-Signature`, of what `signed` says.
fn bare(signed: &str) -> Scheme {
    let lmif = preset("lmif").unwrap();
    let Mechanism::Hmac(recipe) = &lmif.mechanism else { panic!("it signs with an HMAC") };
    let recipe = Recipe {
        carrier: Carrier::parse("X-Signature").unwrap(),
        format: Format::parse("{signature}", None).unwrap(),
        signed: Template::parse(signed).unwrap(),
        ..recipe.clone()
    };
    Scheme { name: "acme".into(), mechanism: Mechanism::Hmac(recipe), ..lmif.clone() }
}

macro_rules! maker {
    ($name:ident, $hash:ty) => {
        fn $name(key: &[u8], bytes: &[u8]) -> Vec<u8> {
            let mut mac = Hmac::<$hash>::new_from_slice(key).unwrap();
            mac.update(bytes);
            mac.finalize().into_bytes().to_vec()
        }
    };
}

maker!(sha1, sha1::Sha1);
maker!(sha256, sha2::Sha256);
maker!(sha384, sha2::Sha384);
maker!(sha512, sha2::Sha512);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_request_that_is_right_is_said_to_be() {
    for scheme in PRESETS {
        let secrets = vec![key("whsec_aHVudGVyMi1hbmQtdGhlbi1zb21lLW1vcmU=")];
        let Ok(keyring) = Keyring::new(scheme, secrets.clone()) else { continue };
        let none = HeaderMap::new();
        let message = Message {
            body: BODY.into(),
            event_id: Some("evt_1"),
            event_type: Some("box.created"),
            method: &Method::POST,
            path: "/hooks/x",
            query: None,
            public_url: Some("https://hooks.example.com"),
            headers: &none,
        };
        let Ok(signed) = scheme.sign(&keyring, &message, Timestamp::from_second(NOW).unwrap()) else { continue };
        let headers = HeaderMap::from_iter(signed.headers);
        let captured = Captured {
            scheme,
            secrets: &secrets,
            method: &Method::POST,
            path: "/hooks/x",
            query: None,
            headers: &headers,
            public_url: "https://hooks.example.com",
            body: &signed.body,
            now: Timestamp::from_second(NOW).unwrap(),
        };

        assert!(matches!(explain(&captured), Explanation::Verified(0)), "{}", scheme.name);
    }
}

#[test]
fn every_mistake_of_the_tables_has_a_request_that_shows_it() {
    let cases = [secrets::cases(), bodies::cases(), values::cases(), contents::cases()].into_iter().flatten();
    let shown: BTreeSet<&str> = cases.flat_map(|case| case.expected).collect();
    let known: BTreeSet<&str> = body::names()
        .chain(clock::names())
        .chain(content::names())
        .chain(offer::names())
        .chain(search::names())
        .chain(secret::names())
        .chain(sight::names())
        .chain(token::names())
        .collect();

    assert_eq!(known.difference(&shown).collect::<Vec<_>>(), [] as [&&str; 0]);
}

#[test]
fn where_nothing_fits_it_is_said_how_much_was_tried() {
    let case = Case::lmif(&[], b"another secret", BODY.as_bytes());

    case.check();
    let Explanation::Unknown { refused, tried, .. } = case.explain() else { panic!("it is wrong") };
    assert_eq!(refused, Refused::Signature(Rejection::Mismatch));
    assert!(tried > 1000, "{tried}");
}

#[test]
fn a_large_body_is_explained_in_bounded_time() {
    let body = format!("[{}1]", "1.0, \"/é\", ".repeat(50_000)).into_bytes();
    let unknown = Case { body: body.clone(), ..Case::lmif(&[], b"another secret", &body) };
    let compact = String::from_utf8(body.clone()).unwrap().replace(", ", ",");
    let known = Case { body, ..Case::lmif(&["json-compact"], SECRET.as_bytes(), compact.as_bytes()) };

    unknown.check();
    known.check();
}

#[test]
fn what_comes_from_a_request_does_not_steer_a_terminal() {
    let mistake = Known { name: "x", what: "a {} b", advice: "" }.with(&[&"\u{1b}[2J\n".repeat(100)]);

    assert!(mistake.what.chars().all(|c| !c.is_control()));
    assert!(mistake.what.len() < 120);
}
