//! Whatever stands in the file, the worst that happens is a message.

use proptest::prelude::*;

use super::given::{environment, now};

/// A text with something of everything.
const WHOLE: &str = r#"workers: auto
inbound:
  listen: 127.0.0.1:8080
  tls: {certificate: /run/tls.crt, key: /run/tls.key}
  public_url: https://hooks.example.com
  limits: {body: 1MiB, memory: 256MiB, connections: 10000, read_timeout: 10s}
  sources:
    lmif: &source
      path: /hooks/lmif
      host: "größe.example"
      scheme: acme
      secrets:
        - {env: GOOD, id: new}
        - {file: /run/secret, not_after: 2026-12-31T00:00:00Z, encoding: utf8}
      upstream: app
      dedup: {window: 72h, key: [{json: /id}, {digest: body}], conflict: deliver, also: body, entries: 10}
      event_type: {literal: 'é"x'}
      forward: {path: /in, body: payload, headers: [Cookie], host: keep}
      verification: report_only
      require: {bearer: {env: GOOD}, header: {name: X-T, value: {env: OTHER}}, from: [10.0.0.0/8, "fd00::/8"]}
      delivery: {sync_then_queue: {within: 3s}}
    copy: *source
upstreams:
  app: {url: "https://app.example.com/base", timeout: 10s, connect_timeout: 2s, ca: /run/tls.crt}
  other: {url: https://other.example, certificate: /run/tls.crt, key: /run/tls.key, retry: none, concurrency: 4, rate: 9/s}
outbound:
  listen: 127.0.0.1:8081
  token: {env: GOOD}
  limits: {body: 1MiB}
  egress: {allow: [10.20.0.0/16, "fd00::/8"]}
  endpoints:
    partner:
      url: "https://partner.example/hooks?key=a%20b"
      scheme: acme
      secrets: [{env: GOOD}]
      events: ["user:*", invoice.paid]
      delivery: queue
      retry: {schedule: [0s, 1m], jitter: 10%, timeout: 30s, success: [2xx, 410], give_up_on: [500-599]}
      envelope: lmif
      proxy: {url: "http://proxy.internal:3128", authorization: {env: GOOD}}
schemes:
  acme:
    hmac:
      algorithm: sha256
      header: [X-Acme-Signature, X-Other]
      format: "t={timestamp},v1={signature}"
      separator: ","
      encoding: hex
      signed: "{timestamp}.{body}"
      timestamp: {from: format, unit: s}
      tolerance: 5m
      secret: {base64: {strip_prefix: whsec_}}
    event_id: {json: /id}
store: {sqlite: {path: data/countersign.db}, bodies: digest, mask: [/a, /b], retention: {age: 30d, size: 10GiB}}
admin: {listen: 127.0.0.1:9090, token: {env: GOOD}}
log: {format: text, level: info}
shutdown: 30s
"#;

/// Reads a text and puts everything into words.
fn survive(text: &str) {
    match crate::config::parse(text, "x", &environment(), now()) {
        Ok((config, report)) => {
            let _ = format!("{config:?}{report}{}", crate::config::table(&config, now()));
        }
        Err(errors) => {
            let _ = errors.to_string();
        }
    }
}

/// Pieces that mean something to YAML, to the grammar, or to UTF-8.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,4}",
        Just("\t".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\u{2028}".to_owned()),
        Just("\0".to_owned()),
        Just("😀".to_owned()),
        "[\\[\\]{}:,&*!|>'\"%@`#~?\\\\ -]{1,3}",
        Just("secrets: ".to_owned()),
        Just("- ".to_owned()),
        Just("://a@b".to_owned()),
        Just("://a?b".to_owned()),
        Just("http://u:p@h?q@x?y".to_owned()),
        Just("<<: *source".to_owned()),
        Just("\"\\u00e9\\x41".to_owned()),
        Just("{json:/a~1".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_file_is_only_refused(edits in prop::collection::vec((0..2500_usize, 0..12_usize, piece()), 1..5)) {
        let mut text: Vec<char> = WHOLE.chars().collect();
        for (at, removed, inserted) in edits {
            let at = at.min(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        survive(&text.into_iter().collect::<String>());
    }

    #[test]
    fn a_scheme_of_any_text_is_only_refused(format in "\\PC{0,20}", signed in "[{}a-z:/.,]{0,30}", separator in "\\PC{0,3}") {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let text = format!(
            "hmac: {{header: X-Sig, format: {}, signed: {}, separator: {}}}",
            quoted(&format), quoted(&signed), quoted(&separator),
        );
        if let Err(errors) = crate::config::scheme(&text) {
            let _ = errors.to_string();
        }
    }
}

#[test]
fn the_undamaged_file_has_one_mistake() {
    let errors = super::given::errors(WHOLE);

    assert!(errors.starts_with("error: `größe.example` is not a host"), "{errors}");
}
