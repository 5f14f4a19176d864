//! Secrets: what is read, and that it is never shown.

use super::given::{SECRET, config, environment, errors, parse, with_source};
use crate::scheme::{Head, Keyring, Scheme};

fn with_secrets(secrets: &str) -> String {
    with_source(&format!("      path: /one\n      scheme: lmif\n      secrets: {secrets}\n      upstream: app\n"))
}

/// Whether a body signed with [`SECRET`] is accepted.
fn accepts(scheme: &Scheme, keyring: &Keyring) -> bool {
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(b"{}");
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut headers = http::HeaderMap::new();
    headers.insert("x-lmif-signature", format!("sha256={hex}").parse().expect("a value"));
    let head = Head { method: &http::Method::POST, path: "/one", query: None, headers: &headers, public_url: None };
    scheme.verify(keyring, &head, b"{}".to_vec(), super::given::now()).is_ok()
}

#[track_caller]
fn check(secrets: &str) {
    let inbound = config(&with_secrets(secrets)).inbound.expect("inbound");
    let source = &inbound.sources[0];
    assert!(accepts(&source.scheme, &source.keyring), "{secrets}");
}

#[test]
fn a_secret_comes_from_a_variable_or_a_file() {
    check("[{env: GOOD}]");
    check("[{file: /run/secret}]");
}

#[test]
fn one_final_newline_of_a_file_is_cut_off() {
    check("[{file: /run/secret-crlf}]");
    let world = environment().file("/run/two", format!("{SECRET}\n\n"));
    let (config, report) =
        crate::config::parse(&with_secrets("[{file: /run/two}]"), "x", &world, super::given::now()).expect("accepted");
    let inbound = config.inbound.expect("inbound");

    assert!(!accepts(&inbound.sources[0].scheme, &inbound.sources[0].keyring));
    assert!(report.to_string().contains("white space"), "{report}");
}

#[test]
fn a_secret_is_decoded_where_it_says_how() {
    check("[{env: BASE64, encoding: base64}]");
    check("[{env: BASE64, encoding: {base64: {strip_prefix: whsec_}}}]");
}

#[test]
fn any_of_several_secrets_may_match() {
    check("[{env: OTHER}, {env: GOOD}]");
}

#[test]
fn a_key_is_named_by_its_id_or_its_position() {
    let inbound = config(&with_secrets("[{env: OTHER, id: new}, {env: GOOD}]")).inbound.expect("inbound");

    assert_eq!(inbound.sources[0].keyring.key_ids().collect::<Vec<_>>(), ["new", "2"]);
}

#[test]
fn a_secret_counts_from_its_beginning_to_its_end() {
    let times = "[{env: GOOD, not_before: 2026-01-01T00:00:00Z, not_after: 2027-01-01T00:00:00Z}, \
                 {env: OTHER, not_before: 2027-01-01T00:00:00Z}]";
    let inbound = config(&with_secrets(times)).inbound.expect("inbound");

    assert_eq!(inbound.sources[0].keyring.valid_at(super::given::now()).collect::<Vec<_>>(), [0]);
}

#[test]
fn what_is_wrong_with_every_secret_is_told_at_once() {
    let errors =
        errors(&with_secrets("[{env: EMPTY}, hunter2, {env: NOT_SET}, {env: GOOD, encoding: hex}, {file: /no}]"));

    assert_eq!(errors.matches("error:").count(), 5, "{errors}");
}

#[test]
fn no_secret_is_shown_by_a_configuration() {
    let text = format!(
        "{}admin: {{listen: 127.0.0.1:9090, token: {{env: GOOD}}}}\n",
        with_secrets("[{env: GOOD}, {env: SHORT}]")
    );
    let shown = format!("{:?} {:?}", parse(&text).expect("a configuration"), environment());

    assert!(!shown.contains(SECRET) && !shown.contains("hunter2"), "{shown}");
}

/// Every place and form in which somebody might put the secret itself.
#[test]
fn a_secret_in_the_wrong_place_is_never_repeated() {
    let source =
        |keys: &str| with_source(&format!("      path: /one\n      scheme: lmif\n      upstream: app\n{keys}"));
    let texts = [
        source("      secrets: hunter2\n"),
        source("      secrets: [hunter2, 'hunter2', \"hunter2\"]\n"),
        source("      secrets:\n        - hunter2\n        - {hunter2: hunter2}\n"),
        source("      secrets: [{env: [hunter2]}, {file: {a: hunter2}}, {id: \"hunter2 \"}]\n"),
        source("      secrets: [{env: \"hunter2 \"}, {secret: hunter2, password: hunter2}]\n"),
        source("      secrets: [{env: GOOD, encoding: hunter2}, {env: GOOD, not_befor: hunter2}]\n"),
        source("      secrets: >\n        hunter2\n        hunter2\n"),
        source("      secrets: |\n        hunter2\n"),
        source("      secrets: &a [hunter2]\n      secert: *a\n"),
        source("      secret: hunter2\n"),
        source("      secerts: [hunter2]\n"),
        source("      SECRETS: [hunter2]\n"),
        source("      token: hunter2\n      password: hunter2\n      api_token: {a: [hunter2]}\n"),
        source("      secrets: [hunter2\n"),
        source("      secrets: [{env: A, env: hunter2}, \"hunter2]\n"),
        source("      secrets:\n      - hunter2\n\t- hunter2\n"),
        source("      secrets:\n        - \"hunter2\n"),
        source("      secrets: hunter2: hunter2\n"),
        source("      require: {basic: hunter2, bearer: hunter2, header: {name: X, value: hunter2}}\n"),
        source("      secrets: [{env: GOOD}] # hunter2\n      dedup: of # hunter2\n"),
        source("      secrets: &hunter2\n"),
        source("      secrets: [&hunter2 , !hunter2 , {env: &hunter2 A}]\n"),
        source("      secrets: *hunter2\n      dedup: {window: 0s}\n"),
        source("      secrets:\n        - &hunter2\n        - !hunter2 a\n        - @hunter2\n"),
        source("      secrets: [{env: GOOD}]\n      secrets: [hunter2]\n"),
        source("      secrets: [{env: GOOD, env: \"hunter2!\"}]\n"),
        source("      secret: a\n      secret: hunter2\n"),
        source("      <<: {secrets: [hunter2], token: hunter2}\n"),
        source("      [a]: hunter2\n      ? {b: hunter2}\n      : hunter2\n"),
        source("      scheme: {hmac: {header: X, secret: {hunter2: hunter2, base64: {hunter2: hunter2}}}}\n"),
        "x: &s hunter2\nshared: &t [hunter2]\ninbound: {sources: {a: {secrets: [*s, *t, }}}\n".to_owned(),
        source("      path: x # hunter2\n      secrets: [*hunter2]\n"),
        "x: &s hunter2\ninbound: {sources: {a: {secrets: [*s]}}}\n".to_owned(),
        "admin: {token: hunter2}\noutbound: {token: hunter2}\n".to_owned(),
        "inbound: {tls: {key: \"-----BEGIN PRIVATE KEY-----hunter2\"}}\n".to_owned(),
        "upstreams: {a: {url: \"https://me:hunter2@host/\"}, b: {url: \"ftp://me:hunter2@host\"}}\n".to_owned(),
        "inbound: {public_url: \"https://hunter2@host\"}\n".to_owned(),
        "store: {postgres: {url: \"postgres://me:hunter2@db/x\", password: hunter2}}\n".to_owned(),
        "schemes: {a: {hmac: {header: X, secret: hunter2}}, b: {hmac: {secret: {base64: hunter2}}}}\n".to_owned(),
        "schemes:\n  a:\n    hmac: {header: X, secret: hunter2, algorithm: [}\n".to_owned(),
    ];

    for text in texts {
        let errors = errors(&text);
        assert!(!errors.contains("hunter2"), "{text}\n{errors}");
    }
}
