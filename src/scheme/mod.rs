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
//! - A timestamp counts only where the signature covers it; [`Scheme::covers`] says what else it does not cover.

mod body;
mod cover;
mod display;
mod encoding;
mod few;
mod format;
mod given;
mod grammar;
mod hashing;
mod head;
mod hmac;
mod identity;
mod json;
mod jws;
mod keyring;
mod locator;
mod offer;
pub mod preset;
mod recipe;
mod rejection;
mod sign;
mod template;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timestamp;
mod validate;
mod verify;

use std::borrow::Cow;
use std::time::Duration;

pub use body::Body;
pub use cover::{Cover, Coverage};
pub use grammar::{GrammarError, GrammarErrorKind};
pub use head::Head;
pub use identity::{EventId, Identity, type_header_value};
pub use keyring::{KeyError, KeySpec, Keyring, Secret};
pub use locator::{Locator, Pointer};
pub use preset::{PRESETS, preset};
pub use recipe::{
    Algorithm, Carrier, Encoding, Format, Item, Part, Placeholder, Recipe, SecretEncoding, Template, Text,
    TimestampRule, TimestampSource, TimestampUnit,
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
#[expect(clippy::large_enum_variant, reason = "a preset is a constant, which cannot hold a box")]
pub enum Mechanism {
    /// An HMAC over parts of the request, carried beside the body.
    Hmac(Recipe),
    /// The body is a compact JWS (RFC 7515 §3.1) with this HMAC algorithm (RFC 7518 §3.2).
    Jws(JwsAlgorithm),
}

/// The algorithm of a JWS, from the configuration only, never from a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
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
    /// What the signature leaves open and what else surprises, a sentence each.
    pub notes: Cow<'static, [&'static str]>,
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
