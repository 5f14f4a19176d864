//! How events are signed, and what is checked of those that the gateway has signed. Nothing here is the gateway's code.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::signature::Ed25519KeyPair;

/// Whose signatures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Style {
    Lmif,
    LoginRadius,
    LvConnect,
    /// A compact JWS that is the body.
    Jws,
    /// An HMAC scheme out of the configuration: `t=…,v1=…`, SHA-512.
    Acme,
    /// A public key scheme out of the configuration: Ed25519.
    Notary,
    StandardWebhooks,
}

/// What is sent beside the body.
pub(super) type Headers = Vec<(&'static str, String)>;

/// What the private key of the notary is made from.
const NOTARY_SEED: [u8; 32] = *b"a seed of the soak, of 32 bytes.";

impl Style {
    /// Whether the time is signed, so that a request grows old.
    pub(super) fn has_time(self) -> bool {
        matches!(self, Style::Acme | Style::Notary)
    }

    /// Signs a body, at this second of the gateway's clock.
    pub(super) fn sign(self, secret: &str, now: i64, id: &str, body: &[u8]) -> (Headers, Vec<u8>) {
        let headers = match self {
            Style::Jws => return (Vec::new(), jws(secret, body)),
            Style::Lmif => {
                vec![("x-lmif-signature", format!("sha256={}", hex(&mac(hmac::HMAC_SHA256, secret, &[body]))))]
            }
            Style::LoginRadius => {
                vec![("signature", hex(&mac(hmac::HMAC_SHA256, secret, &[body])).to_uppercase())]
            }
            Style::LvConnect => vec![
                (
                    "x-lvconnect-signature",
                    format!("sha1={}", hex(&mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, &[body]))),
                ),
                ("x-lvconnect-delivery", id.to_owned()),
                ("x-lvconnect-event", "user:created".to_owned()),
            ],
            Style::Acme => {
                let time = now.to_string();
                let signature = hex(&mac(hmac::HMAC_SHA512, secret, &[time.as_bytes(), b".", body]));
                vec![("x-acme-signature", format!("t={time},v1={signature}"))]
            }
            Style::Notary => {
                let time = now.to_string();
                let signature = notary().sign(&[time.as_bytes(), b".", body].concat());
                vec![("x-notary-signature", STANDARD.encode(signature)), ("x-notary-time", time)]
            }
            Style::StandardWebhooks => {
                let time = now.to_string();
                vec![
                    ("webhook-signature", standard(secret, id, &time, body)),
                    ("webhook-id", id.to_owned()),
                    ("webhook-timestamp", time),
                ]
            }
        };
        (headers, body.to_vec())
    }

    /// Whether what the gateway sent is signed with one of these secrets.
    pub(super) fn verifies(self, secrets: &[&str], header: impl Fn(&str) -> Option<String>, body: &[u8]) -> bool {
        secrets.iter().any(|secret| match self {
            Style::StandardWebhooks => {
                let (Some(id), Some(time)) = (header("webhook-id"), header("webhook-timestamp")) else { return false };
                let expected = standard(secret, &id, &time, body);
                header("webhook-signature").is_some_and(|value| value.split(' ').any(|item| item == expected))
            }
            _ => {
                let (headers, _) = self.sign(secret, 0, "", body);
                headers.first().is_some_and(|(name, value)| header(name).as_ref() == Some(value))
            }
        })
    }
}

/// The public key that the configuration gets.
pub(super) fn notary_key() -> String {
    use ring::signature::KeyPair;
    hex(notary().public_key().as_ref())
}

fn notary() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&NOTARY_SEED).expect("a seed of 32 bytes")
}

fn standard(secret: &str, id: &str, time: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(secret).expect("secrets are base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let mut context = hmac::Context::with_key(&key);
    for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
        context.update(part);
    }
    format!("v1,{}", STANDARD.encode(context.sign()))
}

fn jws(secret: &str, payload: &[u8]) -> Vec<u8> {
    let head = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(mac(hmac::HMAC_SHA256, secret, &[signed.as_bytes()]));
    format!("{signed}.{signature}").into_bytes()
}

fn mac(algorithm: hmac::Algorithm, secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, secret.as_bytes()));
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
