//! From the text of a key to the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::super::few::Few;
use super::super::{SecretEncoding, json};
use super::der::{self, Plain};
use super::engine::{SigningKey, VerifyingKey};
use super::{KeyFlaw, KeyForm, PublicAlgorithm, jwk, order, pem};

/// The keys of one text: one, or those of a set that fit.
pub(in crate::scheme) struct PublicKeys {
    /// At least one.
    keys: Vec<Named>,
    /// Where the text is a private key.
    signing: Option<SigningKey>,
}

/// A key, and the name by which messages may call it.
pub(super) struct Named {
    pub(super) kid: Option<String>,
    pub(super) key: VerifyingKey,
}

impl PublicKeys {
    /// Reads the keys of `text` that are of this algorithm.
    pub(in crate::scheme) fn read(text: &[u8], algorithm: PublicAlgorithm, form: &KeyForm) -> Result<Self, KeyFlaw> {
        if cfg!(not(feature = "public-keys")) {
            return Err(KeyFlaw::Unsupported);
        }
        let text = std::str::from_utf8(text).map_err(|_| KeyFlaw::Malformed)?.trim_ascii();
        if pem::is_pem(text) {
            in_pem(text, algorithm)
        } else if text.starts_with('{') {
            jwk::read(text, algorithm).map(|keys| Self { keys, signing: None })
        } else {
            plain_text(text, algorithm, form)
        }
    }

    pub(super) fn public(key: &Plain, algorithm: PublicAlgorithm) -> Result<Self, KeyFlaw> {
        Ok(Self { keys: vec![Named { kid: None, key: key.verifying(algorithm)? }], signing: None })
    }

    fn private(key: SigningKey, algorithm: PublicAlgorithm) -> Result<Self, KeyFlaw> {
        let public = VerifyingKey::new(algorithm, key.public())?;
        Ok(Self { keys: vec![Named { kid: None, key: public }], signing: Some(key) })
    }

    /// Whether one of the keys made one of the signatures. A message that names a key is held to it, as far as the
    /// keys have names. Nothing here is secret: the first that fits is enough.
    pub(in crate::scheme) fn verify(&self, message: &[u8], signatures: &Few<Vec<u8>>, kid: Option<&str>) -> bool {
        let called = |key: &&Named| match (&key.kid, kid) {
            (Some(own), Some(kid)) => own == kid,
            (None, _) | (_, None) => true,
        };
        let mut called = self.keys.iter().filter(called);
        called.any(|named| signatures.iter().any(|signature| named.key.verifies(message, signature)))
    }

    /// Whether the text was a private key.
    pub(in crate::scheme) fn can_sign(&self) -> bool {
        self.signing.is_some()
    }

    /// Signs; `None` where the text was no private key.
    pub(in crate::scheme) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.signing.as_ref()?.sign(message)
    }
}

impl Plain {
    /// The key as one of this algorithm.
    pub(super) fn verifying(&self, algorithm: PublicAlgorithm) -> Result<VerifyingKey, KeyFlaw> {
        VerifyingKey::new(algorithm, self.of(algorithm)?)
    }

    /// The key's bytes, where it is of the algorithm's type.
    pub(super) fn of(&self, algorithm: PublicAlgorithm) -> Result<&[u8], KeyFlaw> {
        match (self, algorithm) {
            (Self::Ed25519(key), PublicAlgorithm::Ed25519) if order::is_small(key) => Err(KeyFlaw::Weak),
            (Self::Ed25519(key), PublicAlgorithm::Ed25519)
            | (Self::P256(key), PublicAlgorithm::EcdsaP256Sha256(_))
            | (Self::P384(key), PublicAlgorithm::EcdsaP384Sha384(_)) => Ok(key),
            (Self::Rsa(key, 2048..=8192), PublicAlgorithm::RsaPkcs1Sha256 | PublicAlgorithm::RsaPssSha256) => Ok(key),
            (Self::Rsa(..), PublicAlgorithm::RsaPkcs1Sha256 | PublicAlgorithm::RsaPssSha256) => Err(KeyFlaw::Size),
            _ => Err(KeyFlaw::OtherType),
        }
    }
}

fn in_pem(text: &str, algorithm: PublicAlgorithm) -> Result<PublicKeys, KeyFlaw> {
    let block = pem::block(text)?;
    let key = match block.label {
        "PUBLIC KEY" => der::public_key(&block.content),
        "CERTIFICATE" => der::certificate_key(&block.content),
        "RSA PUBLIC KEY" => der::rsa(&block.content),
        "PRIVATE KEY" => return in_pkcs8(&block.content, algorithm),
        "ENCRYPTED PRIVATE KEY" => return Err(KeyFlaw::Encrypted),
        label if label.ends_with("PRIVATE KEY") => return Err(KeyFlaw::OtherPrivate),
        _ => None,
    };
    PublicKeys::public(&key.ok_or(KeyFlaw::Malformed)?, algorithm)
}

fn in_pkcs8(content: &[u8], algorithm: PublicAlgorithm) -> Result<PublicKeys, KeyFlaw> {
    der::private_type(content).ok_or(KeyFlaw::Malformed)?.of(algorithm)?;
    PublicKeys::private(SigningKey::from_pkcs8(algorithm, content).ok_or(KeyFlaw::Malformed)?, algorithm)
}

/// A key in the scheme's own form.
fn plain_text(text: &str, algorithm: PublicAlgorithm, form: &KeyForm) -> Result<PublicKeys, KeyFlaw> {
    let base64 = SecretEncoding::Base64 { strip_prefix: "".into() };
    let (encoding, text, is_private) = match form {
        KeyForm::Base64 { public, private } => match (text.strip_prefix(&**public), text.strip_prefix(&**private)) {
            (_, Some(rest)) if !private.is_empty() => (base64, rest, true),
            (rest, _) => (base64, rest.unwrap_or(text), false),
        },
        KeyForm::Hex => (SecretEncoding::Hex, text, false),
        KeyForm::Pem => return Err(KeyFlaw::Malformed),
    };
    let bytes = encoding.decode(text.as_bytes()).map(Zeroizing::new).ok_or(KeyFlaw::Malformed)?;
    let seed = |public| {
        Plain::Ed25519(Vec::new()).of(algorithm)?;
        let key = SigningKey::from_seed(&bytes[..32], public).ok_or(KeyFlaw::Malformed)?;
        PublicKeys::private(key, algorithm)
    };
    match (bytes.len(), is_private) {
        (32, true) => seed(None),
        (64, _) => seed(Some(&bytes[32..])),
        (_, true) => Err(KeyFlaw::Malformed),
        (32, false) => PublicKeys::public(&Plain::Ed25519(bytes.to_vec()), algorithm),
        (_, false) => match der::public_key(&bytes) {
            Some(key) => PublicKeys::public(&key, algorithm),
            None => in_pkcs8(&bytes, algorithm),
        },
    }
}

/// Whether these bytes, which are meant to be a secret, are a key of a pair: a PEM block, a JWK, or a public key in DER
/// or its base64. Such a "secret" is known to everybody, or was given to the wrong scheme. A JWK of the type `oct` is as
/// good a secret as any other text.
pub(in crate::scheme) fn holds_a_key(bytes: &[u8]) -> bool {
    let decoded = STANDARD.decode(bytes.trim_ascii()).unwrap_or_default();
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    pem::is_pem(text)
        || json::members(bytes).is_some_and(|members| jwk::is_of_a_pair(&members))
        || [bytes, &decoded].into_iter().any(|bytes| der::public_key(bytes).is_some())
}
