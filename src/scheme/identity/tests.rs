use http::{HeaderMap, HeaderName};

use super::*;
use crate::scheme::preset;
use crate::scheme::testing::{head, headers, keyring, message, seconds};

/// The identity of a message of LMIF with this body, by these locators.
fn identify(body: &str, lines: &[(&str, &str)], event_id: &[Locator], event_type: Option<&Locator>) -> Identity {
    let scheme = preset("lmif").unwrap();
    let keyring = keyring(scheme, &["k"]);
    let signed = scheme.sign(&keyring, &message(body.to_owned().into()), seconds(0)).unwrap();
    let mut lines = headers(lines);
    lines.extend(signed.headers);
    let head = Head { query: Some("q=a%20b&twice=1&twice=2&empty="), ..head(&lines) };
    let verified = scheme.verify(&keyring, &head, body.as_bytes().to_vec(), seconds(0)).unwrap();
    scheme.identify(&verified, &head, Some(event_id), event_type)
}

fn json(pointer: &'static str) -> Locator {
    Locator::Json(Pointer(pointer.into()))
}

fn by_id(body: &str) -> Identity {
    identify(body, &[], &[json("/id")], None)
}

/// The SHA-256 of `{}`.
const EMPTY: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

#[test]
fn a_missing_or_doubtful_id_never_switches_deduplication_off() {
    for body in [
        "{}",
        r#"{"id":""}"#,
        r#"{"id":null}"#,
        r#"{"id":true}"#,
        r#"{"id":{"id":1}}"#,
        r#"{"id":["x"]}"#,
        r#"{"id":"a","id":"b"}"#,
        r#"{"id":"a","\u0069d":"b"}"#,
        "not json",
        "",
    ] {
        let identity = by_id(body);
        assert!(identity.id.is_fallback() && identity.signed, "{body}");
        assert!(identity.id.header_value().as_bytes().starts_with(b"sha256:"), "{body}");
        assert_eq!(identity.id.key("s"), by_id(body).id.key("s"));
        assert_ne!(identity.id.key("s"), by_id(&format!("{body} ")).id.key("s"));
    }
    assert_eq!(by_id("{}").id.header_value(), EMPTY);
}

#[test]
fn a_number_is_never_a_string_and_each_spelling_is_its_own() {
    let key = |body: &str| by_id(body).id.key("s");

    assert_ne!(key(r#"{"id":1}"#), key(r#"{"id":"1"}"#));
    assert_ne!(key(r#"{"id":1}"#), key(r#"{"id":1.0}"#));
    assert_eq!(key(r#"{"id":"a/b"}"#), key(r#"{ "id" : "\u0061\/b", "x": 1}"#));
}

#[test]
fn a_key_belongs_to_its_scope_and_parts_do_not_run_together() {
    let two = |a: &str, b: &str| {
        identify(&format!(r#"{{"a":"{a}","b":"{b}"}}"#), &[], &[json("/a"), json("/b")], None).id.key("s")
    };
    let id = by_id(r#"{"id":"x"}"#).id;

    assert_ne!(id.key("one"), id.key("two"));
    assert_ne!(two("ab", "c"), two("a", "bc"));
    assert_ne!(two("a:b", "c"), two("a", "b:c"));
    // Without their lengths these two would be hashed alike.
    assert_ne!(two("xty", "z"), two("x", "ytz"));
}

#[test]
fn parts_come_from_everywhere() {
    let name = HeaderName::from_static("x-id");
    let parts = [
        json("/n"),
        Locator::Header(name.clone()),
        Locator::Query("q".into()),
        Locator::Literal("fixed".into()),
        Locator::DigestBody,
    ];
    let identity = identify(r#"{"n":-1.5}"#, &[("x-id", "100%\u{e9}")], &parts, Some(&Locator::Header(name)));

    let id = identity.id.header_value();
    let (parts, digest) = id.to_str().unwrap().split_at("-1.5:100%25%C3%A9:a%20b:fixed:".len());
    assert_eq!(parts, "-1.5:100%25%C3%A9:a%20b:fixed:");
    assert!(digest.starts_with("sha256:") && digest.len() == 7 + 64);
    assert_eq!(identity.kind.as_deref(), Some("100%é"));
    assert!(!identity.signed && !identity.id.is_fallback());
}

#[test]
fn a_part_that_is_there_twice_or_empty_is_missing() {
    let lines = [("x-two", "a"), ("x-two", "a"), ("x-empty", "")];
    for part in [
        Locator::Header(HeaderName::from_static("x-two")),
        Locator::Header(HeaderName::from_static("x-empty")),
        Locator::Header(HeaderName::from_static("x-none")),
        Locator::Query("twice".into()),
        Locator::Query("empty".into()),
        Locator::Query("none".into()),
    ] {
        let identity = identify("{}", &lines, &[json("/a"), part.clone()], Some(&part));
        assert!(identity.id.is_fallback(), "{part:?}");
        assert_eq!(identity.kind, None, "{part:?}");
    }
}

#[test]
fn without_parts_the_payload_s_digest_is_the_id() {
    let identity = identify("{}", &[], &[], None);

    assert!(identity.id.is_fallback() && identity.signed);
    assert_eq!(identity.id.header_value(), EMPTY);
}

#[test]
fn what_is_longer_than_256_bytes_is_named_by_a_digest() {
    let header = |text: &str| by_id(&format!(r#"{{"id":"{text}"}}"#)).id.header_value();

    assert_eq!(header(&"x".repeat(256)).len(), 256);
    assert_eq!(header(&"x".repeat(257)).len(), 7 + 64);
    assert_eq!(header(&"é".repeat(43)).len(), 7 + 64);
    assert_eq!(type_header_value(&"x".repeat(256)).len(), 256);
    assert_eq!(
        type_header_value(&"x".repeat(257)),
        "sha256:15eb95a462ee20bd91a415ae2d4aed341288186ddaa2b37908f7d592f0c3f85f"
    );
    // An id that is too long for the header is still the key.
    assert_ne!(by_id(&format!(r#"{{"id":"{}"}}"#, "x".repeat(300))).id.key("s"), by_id("{}").id.key("s"));
    assert!(!by_id(&format!(r#"{{"id":"{}"}}"#, "x".repeat(300))).id.is_fallback());
}

#[test]
fn a_type_is_lowered_where_its_case_is_ignored() {
    let scheme = preset("loginradius").unwrap();
    let keyring = keyring(scheme, &["k"]);
    let body = r#"{"HookName":"UpdateProfile","HookId":"h"}"#;
    let signed = scheme.sign(&keyring, &message(body.into()), seconds(0)).unwrap();
    let lines: HeaderMap = signed.headers.into_iter().collect();
    let verified = scheme.verify(&keyring, &head(&lines), body.as_bytes(), seconds(0)).unwrap();

    assert_eq!(scheme.identify(&verified, &head(&lines), None, None).kind.as_deref(), Some("updateprofile"));
}
