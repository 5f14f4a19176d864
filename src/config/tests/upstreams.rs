//! Apps at several addresses, and apps that are signed for.

use super::given::{config, warnings};
use crate::config::{Config, UrlScheme};
use crate::scheme::{KeySpec, Keyring, Message, Secret};

fn with_upstream(keys: &str) -> String {
    format!(
        "inbound:
  listen: 127.0.0.1:0
  sources:
    one: {{path: /one, scheme: lmif, secrets: [{{env: GOOD}}], upstream: app}}
upstreams:
  app:
    {keys}
schemes:
  own: {{hmac: {{header: 'X-Own-{{n}}'}}, event_id: {{header: X-Own-Id}}}}
store: {{memory: {{}}}}
"
    )
}

fn addresses(keys: &str) -> Vec<String> {
    let config: Config = config(&with_upstream(keys));
    config.upstreams[0].addresses().map(ToString::to_string).collect()
}

#[test]
fn an_app_has_one_address_or_several_of_one_form() {
    assert_eq!(addresses("url: http://127.0.0.1:3000"), ["http://127.0.0.1:3000"]);
    assert_eq!(addresses("url: [http://127.0.0.1:3000]"), ["http://127.0.0.1:3000"]);
    assert_eq!(
        addresses("url: [https://a.example/base, https://b.example:8443/base/]"),
        ["https://a.example/base", "https://b.example:8443/base"]
    );
    assert_eq!(
        addresses("url: [\"unix:/run/a.sock\", \"unix:/run/b.sock\"]"),
        ["unix:/run/a.sock", "unix:/run/b.sock"]
    );
}

#[test]
fn all_addresses_trust_the_same_authorities() {
    let config = config(&with_upstream("url: [https://a.example, https://b.example]\n    ca: /run/tls.crt"));
    let upstream = &config.upstreams[0];

    assert!(upstream.tls.is_some());
    assert!(upstream.addresses().all(|url| url.scheme == UrlScheme::Https));
}

#[test]
fn an_app_is_signed_for_by_a_preset_or_a_scheme_of_the_file() {
    let sign = "url: http://127.0.0.1:3000\n    sign: {scheme: standard-webhooks, secrets: [{env: BASE64}]}";
    let preset = config(&with_upstream(sign));
    let written = config(&with_upstream(
        "url: http://127.0.0.1:3000\n    sign: {scheme: own, secrets: [{env: GOOD}, {file: /run/secret, id: old}]}",
    ));

    let signing = preset.upstreams[0].sign.as_ref().unwrap();
    assert_eq!(signing.scheme.name, "standard-webhooks");
    assert_eq!(signing.written, ["webhook-id", "webhook-signature", "webhook-timestamp"]);
    let signing = written.upstreams[0].sign.as_ref().unwrap();
    assert_eq!(signing.keyring.key_ids().collect::<Vec<_>>(), ["1", "old"]);
    assert_eq!((signing.written.len(), signing.written[0].as_str()), (101, "x-own-id"));
    assert!(signing.written.iter().any(|name| name == "x-own-100"));
    // A change of the file is a reload.
    assert!(written.files.iter().any(|file| file.ends_with("secret")));
}

#[test]
fn the_keys_of_an_app_are_those_of_its_secrets() {
    let sign = "url: http://127.0.0.1:3000\n    sign: {scheme: lmif, secrets: [{env: GOOD}]}";
    let config = config(&with_upstream(sign));
    let signing = config.upstreams[0].sign.as_ref().unwrap();
    let secret = Secret::new(super::given::SECRET.into());
    let key = KeySpec { id: "1".to_owned(), secret, encoding: None, not_before: None, not_after: None };
    let same = Keyring::new(&signing.scheme, vec![key]).unwrap();
    let headers = http::HeaderMap::new();
    let message = Message {
        body: "{}".into(),
        event_id: None,
        event_type: None,
        method: &http::Method::POST,
        path: "/",
        query: None,
        public_url: None,
        headers: &headers,
    };

    let signed = |keyring| signing.scheme.sign(keyring, &message, super::given::now()).unwrap().headers;
    assert_eq!(signed(&signing.keyring), signed(&same));
}

#[test]
fn a_secret_of_an_app_is_weighed_like_any_other() {
    let sign = |secret| format!("url: http://127.0.0.1:3000\n    sign: {{scheme: lmif, secrets: [{secret}]}}");
    let short = warnings(&with_upstream(&sign("{env: SHORT}")));
    let ending = warnings(&with_upstream(&sign("{env: GOOD, not_after: 2026-06-03T00:00:00Z}")));

    assert!(short.contains("a key of only 7 bytes"), "{short}");
    assert!(ending.contains("the app needs another by then"), "{ending}");
}
