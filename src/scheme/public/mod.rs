//! Signatures that a public key verifies.
//!
//! What is accepted as a key, and for what, is decided when it is read: a key belongs to one algorithm, which the scheme
//! names, and nothing of a message or of a key's text chooses another. Keys come from the configuration alone. What a
//! message says of keys (`jwk`, `jku`, `x5c`, `x5u`) is not even looked at; its `kid` only chooses among those that are
//! configured.
//!
//! Public keys and the keys of HMACs are of different types and never stand in one keyring, so that a public key, which
//! everybody knows, cannot be taken for a secret. From the other side, [`holds_a_key`] tells a secret that is no secret.

mod assembly;
mod der;
#[cfg(feature = "public-keys")]
mod engine;
#[cfg(not(feature = "public-keys"))]
#[path = "absent.rs"]
mod engine;
mod jwk;
mod order;
mod pem;
#[cfg(test)]
mod tests;
mod text;

use std::ops::RangeInclusive;

use super::Encoding;
use super::offer::Offered;
use super::recipe::{PublicRecipe, Text};

pub(super) use assembly::Assembly;
pub(super) use text::{PublicKeys, holds_a_key};

/// How many signatures of a message are looked at. Each costs as much as verifying a message.
const MOST_SIGNATURES: usize = 8;

/// How many keys one text may hold.
const MOST_KEYS: usize = 16;

/// An algorithm that signs with a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicAlgorithm {
    /// ECDSA over P-256 with SHA-256 (FIPS 186-5).
    EcdsaP256Sha256(EcdsaForm),
    /// ECDSA over P-384 with SHA-384 (FIPS 186-5).
    EcdsaP384Sha384(EcdsaForm),
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2), keys of 2048 to 8192 bits.
    RsaPkcs1Sha256,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and 32 bytes of salt (RFC 8017 §8.1), keys of 2048 to 8192 bits.
    RsaPssSha256,
}

/// How the two numbers of an ECDSA signature become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcdsaForm {
    /// A DER sequence of two integers (RFC 3279 §2.2.3), canonical.
    Der,
    /// One behind the other, each as long as the curve's order (IEEE P1363).
    P1363,
}

/// How the text of a key is written, where it is neither PEM nor a JWK nor a set of JWKs: those are always understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// Base64 of a `SubjectPublicKeyInfo` (RFC 5280) or of the 32 bytes of an Ed25519 key, behind a prefix that may be
    /// there. A private key is an Ed25519 seed, 32 bytes or 64 with the public key behind it.
    Base64 {
        /// What stands before a public key, such as `whpk_`; may be empty.
        public: Text,
        /// What stands before a private key, such as `whsk_`; may be empty.
        private: Text,
    },
    /// As [`KeyForm::Base64`] without prefixes, in hexadecimal digits of either case.
    Hex,
    /// In no other way.
    Pem,
}

impl PublicAlgorithm {
    /// The lengths that a signature can have, in bytes.
    fn sizes(self) -> RangeInclusive<usize> {
        match self {
            Self::EcdsaP256Sha256(EcdsaForm::Der) => 8..=72,
            Self::EcdsaP384Sha384(EcdsaForm::Der) => 8..=104,
            Self::EcdsaP256Sha256(EcdsaForm::P1363) | Self::Ed25519 => 64..=64,
            Self::EcdsaP384Sha384(EcdsaForm::P1363) => 96..=96,
            Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => 256..=1024,
        }
    }

    fn is_der(self) -> bool {
        matches!(self, Self::EcdsaP256Sha256(EcdsaForm::Der) | Self::EcdsaP384Sha384(EcdsaForm::Der))
    }

    /// The signature that `text` spells, where it can be one.
    pub(super) fn decode(self, text: &[u8], encoding: Encoding) -> Option<Vec<u8>> {
        let sizes = self.sizes();
        encoding
            .decode_any(text, *sizes.end())
            .filter(|bytes| sizes.contains(&bytes.len()) && (!self.is_der() || der::is_pair(bytes)))
    }
}

impl Offered for PublicRecipe {
    type Signature = Vec<u8>;

    fn decode(&self, text: &[u8]) -> Option<Vec<u8>> {
        self.algorithm.decode(text, self.encoding)
    }

    fn most(&self) -> usize {
        MOST_SIGNATURES
    }
}

/// Why the text of a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFlaw {
    /// A private key behind a password.
    #[error("is encrypted; it is needed as it is, in PKCS#8")]
    Encrypted,
    /// It is neither PEM nor a JWK, nor as the scheme says, or it is damaged.
    #[error("cannot be read as a key")]
    Malformed,
    /// Its members `alg`, `use` or `key_ops` say that it is meant for something else.
    #[error("is meant for something else: see its `alg`, `use` and `key_ops`")]
    Misused,
    /// A set in which no key is one for the scheme.
    #[error("holds no key for the scheme's algorithm")]
    NoneFits,
    /// A key of another type or curve.
    #[error("is of another type than the scheme's algorithm needs")]
    OtherType,
    /// A private key in another form than PKCS#8.
    #[error("is a private key in another form than PKCS#8; `openssl pkcs8 -topk8 -nocrypt` converts it")]
    OtherPrivate,
    /// A private key in a set of keys, or in a JWK of a type that cannot sign here.
    #[error("holds a private key where only public ones belong")]
    PrivateJwk,
    /// A set in which two keys have the same `kid`.
    #[error("holds two keys with the same `kid`")]
    RepeatedKid,
    /// Several PEM blocks.
    #[error("holds several PEM blocks; only one key is read from it")]
    SeveralBlocks,
    /// An RSA key that is too short, or too long to verify quickly.
    #[error("is an RSA key of fewer than 2048 or more than 8192 bits")]
    Size,
    /// More keys than are worth trying.
    #[error("holds more than 16 keys that fit")]
    TooMany,
    /// An Ed25519 key for which anybody can sign.
    #[error("is an Ed25519 key of small order: anybody can sign for it")]
    Weak,
    /// The program was built without public keys.
    #[error("cannot be used: this build has no public keys (feature `public-keys`)")]
    Unsupported,
}
