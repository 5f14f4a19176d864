//! How messages are signed, for both directions.
//!
//! A [`Scheme`] is data: the presets are constants of it, the schemes of a configuration file are values of it. It signs
//! what is sent and verifies what is received, without I/O, a clock or an environment: time is an argument.
//!
//! What makes a message trusted is one function, [`Verifier::finish`]; only it makes a [`Verified`]. The argument that
//! it cannot be talked into one:
//!
//! - The algorithm, the place of the signature and what it covers come from the scheme. Nothing of a message chooses
//!   among them.
//! - What the message offers is decoded as strictly as it is written, to exactly the length of a MAC, before anything is
//!   compared: no prefix, no empty signature and no second spelling can match.
//! - Every part that is signed is there exactly once. Where two parsers could take different ones, neither is taken.
//! - Every key is compared with every signature in constant time, and a key without bytes cannot be made.
//! - Public keys and secrets are of different types: no message and no key's text makes one stand for the other.
//! - A timestamp counts only where the signature covers it; [`Scheme::covers`] says what else it does not cover.

mod body;
mod cover;
mod display;
mod encoding;
mod few;
mod format;
#[cfg(all(feature = "daemon", any(test, fuzzing)))]
pub(crate) mod fuzz;
mod given;
mod grammar;
mod handshake;
mod hashing;
mod head;
mod headers;
mod hmac;
mod identity;
mod json;
mod jws;
mod keyring;
mod locator;
mod offer;
pub mod preset;
mod public;
mod recipe;
mod rejection;
mod sign;
mod template;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, expect(dead_code, reason = "the tests use the rest"))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod timestamp;
mod token;
mod validate;
mod verify;

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderName;

pub use body::Body;
pub use cover::{Cover, Coverage};
pub use grammar::{GrammarError, GrammarErrorKind};
pub use handshake::{Acknowledge, Answer, Greeting, Handshake, Unfit};
pub use head::Head;
pub use identity::{EventId, Identity, type_header_value};
pub use keyring::{KeyError, KeySpec, Keyring, Secret};
pub use locator::{Locator, Pointer};
pub use preset::{PRESETS, preset};
pub use public::{EcdsaForm, KeyFlaw, KeyForm, PublicAlgorithm};
pub use recipe::{
    Algorithm, Carrier, Encoding, Format, Item, Part, Placeholder, PublicRecipe, Recipe, SecretEncoding, Template,
    Text, TimestampRule, TimestampSource, TimestampUnit,
};
pub use rejection::Rejection;
pub use sign::{Message, SignError, Signed};
pub use validate::Inconsistency;
pub use verify::{Verified, Verifier};

/// How messages of one sender are signed, named and typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// The preset's name, or the key under `schemes`.
    pub name: Text,
    /// The procedure that makes and checks signatures.
    pub mechanism: Mechanism,
    /// The parts that together identify an event; empty: the payload's digest does.
    pub event_id: Cow<'static, [Locator]>,
    /// Where the event's type stands.
    pub event_type: Option<Locator>,
    /// Whether the case of an event type counts.
    pub type_case: TypeCase,
    /// What becomes of a known, signed id that comes with another body.
    pub conflict: OnConflict,
    /// What is known of the sender.
    pub sender: Sender,
}

/// The procedure of a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// A JWS in a header whose payload is the body (RFC 7515, appendix F).
    DetachedJws(DetachedJws),
    /// An HMAC over parts of the request, carried beside the body.
    Hmac(Recipe),
    /// The body is a compact JWS (RFC 7515 §3.1) with this algorithm.
    Jws(JwsAlgorithm),
    /// A signature that a public key verifies, over parts of the request, carried beside the body.
    PublicKey(PublicRecipe),
    /// This header holds the secret itself. Nothing is signed: who knows the secret may send anything.
    Token(HeaderName),
}

/// A JWS in a header whose payload is the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachedJws {
    /// Its algorithm.
    pub algorithm: JwsAlgorithm,
    /// The header that carries it.
    pub header: HeaderName,
    /// How the body stands in what is signed.
    pub payload: JwsPayload,
}

/// How the payload of a detached JWS stands in what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsPayload {
    /// In base64url (RFC 7515 §5.1).
    Encoded,
    /// As it is, which the JWS must say by `b64` and `crit` (RFC 7797).
    Unencoded,
}

/// The algorithm of a JWS (RFC 7518 §3.1), from the configuration only, never from a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsAlgorithm {
    /// EdDSA with Ed25519 (RFC 8037 §3.1).
    EdDsa,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// What a scheme verifies by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Public keys. They are no secret; what signs is a private key.
    Public,
    /// Secrets, which verify and sign.
    Secret,
}

/// What the keys of a scheme are made for.
enum Needs<'s> {
    Public(PublicAlgorithm, &'s KeyForm),
    Secret(Algorithm, &'s SecretEncoding),
}

impl Scheme {
    /// Whether it verifies by secrets or by public keys.
    pub fn key_kind(&self) -> KeyKind {
        match self.needs() {
            Needs::Public(..) => KeyKind::Public,
            Needs::Secret(..) => KeyKind::Secret,
        }
    }

    /// The parts that are signed, where the scheme names them: for an HMAC, or a signature beside the body.
    pub fn signed_parts(&self) -> &[Part] {
        match &self.mechanism {
            Mechanism::Hmac(recipe) => &recipe.signed.0,
            Mechanism::PublicKey(recipe) => &recipe.signed.0,
            Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => &[],
        }
    }

    /// What carries the signature, where that is not the body itself.
    pub fn carrier(&self) -> Option<Cow<'_, Carrier>> {
        match &self.mechanism {
            Mechanism::DetachedJws(jws) => Some(Cow::Owned(Carrier::Headers(vec![jws.header.clone()].into()))),
            Mechanism::Hmac(recipe) => Some(Cow::Borrowed(&recipe.carrier)),
            Mechanism::Jws(_) => None,
            Mechanism::PublicKey(recipe) => Some(Cow::Borrowed(&recipe.carrier)),
            Mechanism::Token(header) => Some(Cow::Owned(Carrier::Headers(vec![header.clone()].into()))),
        }
    }

    /// Where the time of signing stands, and how it is written.
    pub fn timestamp(&self) -> Option<&TimestampRule> {
        match &self.mechanism {
            Mechanism::Hmac(recipe) => recipe.timestamp.as_ref(),
            Mechanism::PublicKey(recipe) => recipe.timestamp.as_ref(),
            Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => None,
        }
    }

    fn needs(&self) -> Needs<'_> {
        match &self.mechanism {
            Mechanism::DetachedJws(jws) => jws.algorithm.needs(),
            Mechanism::Hmac(recipe) => Needs::Secret(recipe.algorithm, &recipe.secret),
            Mechanism::Jws(algorithm) => algorithm.needs(),
            Mechanism::PublicKey(recipe) => Needs::Public(recipe.algorithm, &recipe.secret),
            Mechanism::Token(_) => Needs::Secret(Algorithm::Sha256, &SecretEncoding::Utf8),
        }
    }
}

/// Whether the case of an event type counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeCase {
    /// As written.
    Exact,
    /// Compared, and passed on, in lower case.
    Ignored,
}

/// What becomes of a known, signed id that comes with another body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// It is delivered.
    Deliver,
    /// It is a duplicate: the sender names the id as its idempotency key.
    Duplicate,
}

/// What is known of a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its name, as it writes it.
    pub title: Text,
    /// The document that describes its signature; empty for a scheme of the configuration.
    pub document: Text,
    /// What it does when a delivery fails.
    pub retries: Retries,
    /// The `Content-Type` that it sends; empty: none.
    pub content_type: Text,
    /// Other headers that it always sends, in lower case: its own libraries ask for them.
    pub headers: &'static [(&'static str, &'static str)],
    /// What it asks of an address beside taking events.
    pub handshake: Option<Handshake>,
    /// How it is told that an event is on disk.
    pub acknowledge: Acknowledge,
    /// Whether its events differ.
    pub events: Events,
    /// What the signature leaves open and what else surprises, a sentence each.
    pub notes: Cow<'static, [&'static str]>,
}

/// Whether two genuine events of a sender differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// They may be the same, byte for byte, and have no ids: nothing tells a repeated one from another.
    Alike,
    /// They differ in their ids or in their bytes.
    Distinct,
}

/// What a sender does when a delivery fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    /// It tries again until this long after the first attempt.
    For(Duration),
    /// It never tries again: what the app misses is lost.
    Never,
    /// It has not published what it does.
    Unknown,
}
