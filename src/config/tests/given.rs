//! The world that the tests' configurations refer to.

use std::sync::LazyLock;

use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};

use crate::config::{Config, Diagnostics, GivenEnvironment, Report};
use crate::scheme::testing::key_file;

/// A value that must never be seen in any output.
pub(super) const SECRET: &str = "correct-horse-battery-staple";

pub(super) fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().expect("a moment")
}

/// Two certificates that do not belong together, made once.
struct Certificates {
    certificate: String,
    key: String,
    other_key: String,
}

static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(|| {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|params| params.self_signed(&key))
        .expect("a certificate");
    let other_key = KeyPair::generate().expect("a key").serialize_pem();
    Certificates { certificate: certificate.pem(), key: key.serialize_pem(), other_key }
});

/// Secrets, certificates and keys, right ones and wrong ones.
pub(super) fn environment() -> GivenEnvironment {
    GivenEnvironment::default()
        .variable("GOOD", SECRET)
        .variable("OTHER", format!("{SECRET}-2"))
        .variable("EMPTY", "")
        .variable("SHORT", "hunter2")
        .variable("SPACED", format!("{SECRET}\n"))
        .variable("BASE64", "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==")
        .variable("SHORT_BASIC", "a-rather-long-user:hunter2")
        .variable("BASIC", format!("sender:{SECRET}"))
        .variable("HEX", "636f72726563742d686f7273652d62617474657279")
        .file("/run/secret", format!("{SECRET}\n"))
        .file("/run/secret-crlf", format!("{SECRET}\r\n"))
        .file("/run/empty", "\n")
        .file("/run/two-lines", format!("Basic {SECRET}\nX: y"))
        .file("/run/tls.crt", CERTIFICATES.certificate.as_str())
        .file("/run/tls.key", CERTIFICATES.key.as_str())
        .file("/run/other.key", CERTIFICATES.other_key.as_str())
        .file("/run/nonsense", "nonsense")
        .file("/run/keys/repeated.json", format!(r#"{{"keys":[{0},{0}]}}"#, jwk("")))
        .file("/run/keys/encryption.json", format!(r#"{{"keys":[{}]}}"#, jwk(r#","use":"enc""#)))
        .file("/run/keys/private.json", jwk(&format!(r#","d":"{SECRET}""#)))
        .file("/run/keys/es256.json", jwk(r#","alg":"ES256""#))
        .file("/run/keys/two.pem", key_file("ed25519.pub.pem").repeat(2))
        .keys()
}

/// The public key of RFC 8037, appendix A.2, with more members.
fn jwk(more: &str) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"{more}}}"#)
}

trait Keys {
    /// The files of `tests/keys`.
    fn keys(self) -> Self;
}

impl Keys for GivenEnvironment {
    fn keys(self) -> Self {
        [
            "ed25519.pem",
            "ed25519.pub.pem",
            "p256.enc.pem",
            "p256.pem",
            "p256.pub.pem",
            "p256.sec1.pem",
            "rsa1024.pub.pem",
            "rsa2048.pem",
            "rsa2048.pub.pem",
        ]
        .into_iter()
        .fold(self, |world, name| world.file(format!("/run/keys/{name}"), key_file(name)))
    }
}

pub(super) fn parse(text: &str) -> Result<(Config, Report), Diagnostics> {
    crate::config::parse(text, "countersign.yaml", &environment(), now())
}

/// The meaning of a text that must be right.
#[track_caller]
pub(super) fn config(text: &str) -> Config {
    match parse(text) {
        Ok((config, _)) => config,
        Err(errors) => panic!("{errors}"),
    }
}

/// What is said about a text that must be wrong.
#[track_caller]
pub(super) fn errors(text: &str) -> String {
    match parse(text) {
        Ok(_) => panic!("this was accepted:\n{text}"),
        Err(errors) => errors.to_string(),
    }
}

/// What is warned about in a text that must be right.
#[track_caller]
pub(super) fn warnings(text: &str) -> String {
    match parse(text) {
        Ok((_, report)) => report.to_string(),
        Err(errors) => panic!("{errors}"),
    }
}

/// A small configuration around the text of one source, indented by six spaces.
pub(super) fn with_source(source: &str) -> String {
    format!(
        "inbound:\n  listen: 127.0.0.1:0\n  sources:\n    one:\n{source}\nupstreams:\n  \
         app: {{url: http://127.0.0.1:3000}}\nstore: {{memory: {{}}}}\n"
    )
}

/// A small configuration with a scheme named `acme`, indented by four spaces, and a source that has it.
pub(super) fn with_scheme(scheme: &str) -> String {
    let source = "      {path: /one, scheme: acme, secrets: [{env: GOOD}], upstream: app}";
    format!("{}schemes:\n  acme:\n{scheme}\n", with_source(source))
}

/// A small configuration around the keys of one endpoint, indented by six spaces, without a receiving side.
pub(super) fn with_endpoint(endpoint: &str) -> String {
    format!(
        "outbound:\n  listen: 127.0.0.1:0\n  endpoints:\n    partner:\n{endpoint}store: {{sqlite: {{path: a.db}}}}\n"
    )
}
