//! Completes a part of a configuration to a whole one.

/// A part of the configuration file.
struct Place {
    name: &'static str,
    /// The part that it belongs to, and the line that introduces it there.
    parent: Option<(&'static str, &'static str)>,
    /// Keys that it must have and a document need not show; `|` parts alternatives.
    defaults: &'static [(&'static str, &'static str)],
}

const PLACES: &[Place] = &[
    Place {
        name: "top",
        parent: None,
        defaults: &[
            (
                "inbound",
                "inbound:\n  listen: 127.0.0.1:8080\n  sources:\n    example: {path: /, scheme: lmif, secrets: [{env: SECRET}], upstream: app}",
            ),
            ("upstreams", "upstreams:\n  app: {url: http://127.0.0.1:3000}"),
            ("store", "store: {sqlite: {path: countersign.db}}"),
        ],
    },
    Place {
        name: "inbound",
        parent: Some(("top", "inbound:")),
        defaults: &[
            ("listen", "listen: 127.0.0.1:8080"),
            ("sources", "sources:\n  example: {path: /, scheme: lmif, secrets: [{env: SECRET}], upstream: app}"),
        ],
    },
    Place {
        name: "tls",
        parent: Some(("inbound", "tls:")),
        defaults: &[("certificate", "certificate: /etc/countersign/tls.crt"), ("key", "key: /etc/countersign/tls.key")],
    },
    Place { name: "proxy_protocol", parent: Some(("inbound", "proxy_protocol:")), defaults: &[] },
    Place { name: "limits", parent: Some(("inbound", "limits:")), defaults: &[] },
    Place {
        name: "source",
        parent: Some(("inbound", "sources:\n  example:")),
        defaults: &[
            ("path", "path: /"),
            ("scheme", "scheme: lmif"),
            ("secrets|keys", "secrets: [{env: SECRET}]"),
            ("upstream", "upstream: app"),
        ],
    },
    Place { name: "secret", parent: Some(("source", "secrets:\n  -")), defaults: &[("env|file", "env: SECRET")] },
    Place {
        name: "key",
        parent: Some(("source", "scheme: discord\nkeys:\n  -")),
        defaults: &[("env|file", "env: KEY")],
    },
    Place { name: "sync_then_queue", parent: Some(("source", "delivery:\n  sync_then_queue:")), defaults: &[] },
    Place { name: "acknowledge", parent: Some(("source", "delivery: queue\nacknowledge:")), defaults: &[] },
    Place { name: "dedup", parent: Some(("source", "dedup:")), defaults: &[] },
    Place { name: "require", parent: Some(("source", "require:")), defaults: &[] },
    Place {
        name: "required-header",
        parent: Some(("require", "header:")),
        defaults: &[("name", "name: X-Hook-Token"), ("value", "value: {env: HOOK_TOKEN}")],
    },
    Place { name: "forward", parent: Some(("source", "forward:")), defaults: &[] },
    Place { name: "locator", parent: Some(("source", "event_id:")), defaults: &[] },
    Place {
        name: "upstream",
        parent: Some(("top", "upstreams:\n  app:")),
        defaults: &[("url", "url: https://app.example.com")],
    },
    Place {
        name: "sign",
        parent: Some(("upstream", "sign:")),
        defaults: &[("scheme", "scheme: lmif"), ("secrets", "secrets: [{env: SECRET}]")],
    },
    Place {
        name: "scheme",
        parent: Some(("top", "schemes:\n  example:")),
        defaults: &[("hmac|jws|public_key|token", "hmac: {header: X-Signature}")],
    },
    Place { name: "hmac", parent: Some(("scheme", "hmac:")), defaults: &[("header|json", "header: X-Signature")] },
    Place {
        name: "timestamp",
        parent: Some(("hmac", "signed: \"{timestamp}.{body}\"\ntimestamp:")),
        defaults: &[("from", "from: {header: X-Time}")],
    },
    Place { name: "jws", parent: Some(("scheme", "jws:")), defaults: &[] },
    Place { name: "token", parent: Some(("scheme", "token:")), defaults: &[("header", "header: X-Token")] },
    Place {
        name: "public_key",
        parent: Some(("scheme", "public_key:")),
        defaults: &[("algorithm", "algorithm: ed25519"), ("header|json", "header: X-Signature")],
    },
    Place { name: "retry", parent: Some(("upstream", "retry:")), defaults: &[] },
    Place {
        name: "outbound",
        parent: Some(("top", "outbound:")),
        defaults: &[
            ("listen", "listen: 127.0.0.1:8081"),
            (
                "endpoints",
                "endpoints:\n  example: {url: https://partner.example, scheme: lmif, secrets: [{env: SECRET}]}",
            ),
        ],
    },
    Place { name: "egress", parent: Some(("outbound", "egress:")), defaults: &[] },
    Place {
        name: "endpoint",
        parent: Some(("outbound", "endpoints:\n  example:")),
        defaults: &[
            ("url", "url: https://partner.example"),
            ("scheme", "scheme: lmif"),
            ("secrets", "secrets: [{env: SECRET}]"),
        ],
    },
    Place {
        name: "proxy",
        parent: Some(("endpoint", "proxy:")),
        defaults: &[("url", "url: http://proxy.internal:3128")],
    },
    Place {
        name: "store",
        parent: Some(("top", "store:")),
        defaults: &[("memory|sqlite|postgres", "sqlite: {path: countersign.db}")],
    },
    Place { name: "retention", parent: Some(("store", "retention:")), defaults: &[] },
    Place { name: "sqlite", parent: Some(("store", "sqlite:")), defaults: &[("path", "path: countersign.db")] },
    Place { name: "admin", parent: Some(("top", "admin:")), defaults: &[("listen", "listen: 127.0.0.1:9090")] },
    Place { name: "log", parent: Some(("top", "log:")), defaults: &[] },
];

/// A whole configuration that holds `fragment` at `place`; a scheme is used by its source.
pub(super) fn embed(place: &str, fragment: &str) -> String {
    if place == "file" {
        return fragment.to_owned();
    }
    let found = PLACES.iter().find(|other| other.name == place).unwrap_or_else(|| panic!("there is no place {place}"));
    let missing = found.defaults.iter().filter(|(keys, _)| !keys.split('|').any(|key| has_key(fragment, key)));
    let whole = missing.map(|(_, text)| format!("{text}\n")).collect::<String>() + fragment.trim_end() + "\n";
    match found.parent {
        None if whole.contains("schemes:\n  example:") => match key_for(&whole) {
            None => whole.replace("scheme: lmif", "scheme: example"),
            Some(key) => whole.replace(
                "scheme: lmif, secrets: [{env: SECRET}]",
                &format!("scheme: example, keys: [{{file: /etc/countersign/keys/{key}.pem}}]"),
            ),
        },
        None => whole,
        Some((parent, opening)) => embed(parent, &format!("{opening}\n{}", indented(&whole))),
    }
}

/// The key for a scheme that has public keys.
fn key_for(config: &str) -> Option<&'static str> {
    let algorithms = [
        ("ed25519", &["ed25519", "EdDSA"][..]),
        ("p256", &["ecdsa-p256-sha256", "ES256"]),
        ("p384", &["ecdsa-p384-sha384", "ES384"]),
        ("rsa2048", &["rsa-pkcs1-sha256", "rsa-pss-sha256", "RS256", "PS256"]),
    ];
    let named = |words: &[&str]| words.iter().any(|word| config.contains(&format!("algorithm: {word}")));
    algorithms.into_iter().find(|(_, words)| named(words)).map(|(key, _)| key)
}

fn has_key(text: &str, key: &str) -> bool {
    text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("      {line}\n")).collect()
}
