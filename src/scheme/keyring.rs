//! Secrets, and the keys made of them.

use std::fmt;

use jiff::Timestamp;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::few::Few;
use super::hmac::Mac;
use super::public::{PublicKeys, holds_a_key};
use super::token::Token;
use super::{
    Algorithm, KeyFlaw, KeyForm, KeyKind, Mechanism, Needs, PublicAlgorithm, Rejection, Scheme, SecretEncoding,
};

/// Bytes that sign, or that let somebody in. Overwritten when dropped; `Debug` does not show them.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether `offered` is this secret, in a time that depends on the lengths only.
    pub fn matches(&self, offered: &[u8]) -> bool {
        self.0.as_slice().ct_eq(offered).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A secret, and when it counts.
#[derive(Clone, Debug)]
pub struct KeySpec {
    /// How metrics and logs name it: its `id:`, else its position. Never made from its value.
    pub id: String,
    /// Its text, as configured: a secret, or a public or private key.
    pub secret: Secret,
    /// How its text becomes the key, where the scheme's own way does not fit.
    pub encoding: Option<SecretEncoding>,
    /// It counts from this moment on.
    pub not_before: Option<Timestamp>,
    /// It counts up to this moment, inclusive.
    pub not_after: Option<Timestamp>,
}

/// Why a keyring cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key has no bytes: everybody could sign with it.
    #[error("the secret is empty")]
    Empty {
        /// Its position in the list.
        index: usize,
    },
    /// There is no key at all.
    #[error("there is no secret")]
    None,
    /// The secret of an HMAC is the text of a key, such as a public one that everybody knows.
    #[error("the secret is a PEM block, a JWK or a public key, which is no secret of an HMAC")]
    NoSecret {
        /// Its position in the list.
        index: usize,
    },
    /// The text is not written in the encoding that is expected of it.
    #[error("the secret is not {}", encoding.expected())]
    Undecodable {
        /// Its position in the list.
        index: usize,
        /// What it should have been.
        encoding: SecretEncoding,
    },
    /// The text of a public or private key cannot be used.
    #[error("the key {flaw}")]
    Unusable {
        /// Its position in the list.
        index: usize,
        /// What is wrong with it.
        flaw: KeyFlaw,
    },
}

impl SecretEncoding {
    fn expected(&self) -> &'static str {
        match self {
            Self::Base64 { .. } => "base64",
            Self::Base64Url => "base64url",
            Self::Hex => "hexadecimal",
            Self::Utf8 => "a text",
        }
    }
}

/// The keys of one scheme at one source or endpoint, prepared for use, in configured order.
pub struct Keyring {
    slots: Vec<Slot>,
    /// One for each slot.
    keys: Keys,
}

/// A key's name, and when it counts.
struct Slot {
    id: String,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

/// All of one kind: what verifies by one can never be taken for the other.
enum Keys {
    Public(Vec<PublicKeys>),
    Secret(Vec<SecretKey>),
}

struct SecretKey {
    /// A MAC that has hashed the key and nothing else.
    mac: Mac,
    /// The key itself, where it is sent as it is.
    token: Option<Token>,
    len: usize,
}

impl Keyring {
    /// Decodes the secrets or keys as `scheme` says and prepares them.
    ///
    /// Where the scheme has public keys, a private one is taken as well, and signs.
    ///
    /// # Errors
    ///
    /// Where there is none, or where one is empty or not written as it should be.
    pub fn new(scheme: &Scheme, specs: Vec<KeySpec>) -> Result<Self, KeyError> {
        if specs.is_empty() {
            return Err(KeyError::None);
        }
        let is_token = matches!(scheme.mechanism, Mechanism::Token(_));
        let numbered = specs.iter().enumerate();
        let keys = match scheme.needs() {
            Needs::Public(algorithm, form) => Keys::Public(
                numbered.map(|(index, spec)| spec.public(index, algorithm, form)).collect::<Result<_, _>>()?,
            ),
            Needs::Secret(algorithm, encoding) => Keys::Secret(
                numbered
                    .map(|(index, spec)| SecretKey::new(index, spec, algorithm, encoding, is_token))
                    .collect::<Result<_, _>>()?,
            ),
        };
        let slot = |spec: KeySpec| Slot { id: spec.id, not_before: spec.not_before, not_after: spec.not_after };
        Ok(Self { slots: specs.into_iter().map(slot).collect(), keys })
    }

    /// A MAC for every secret, in order.
    pub(super) fn macs(&self) -> Few<Mac> {
        match &self.keys {
            Keys::Secret(keys) => keys.iter().map(|key| key.mac.clone()).collect(),
            Keys::Public(_) => Few::new(),
        }
    }

    /// The first valid key that made one of `signatures` over `message`.
    pub(super) fn verify(
        &self,
        message: &[u8],
        signatures: &Few<Vec<u8>>,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<usize, Rejection> {
        let Keys::Public(keys) = &self.keys else { return Err(Rejection::Mismatch) };
        let matches = |index: &usize| keys[*index].verify(message, signatures, kid);
        if let Some(valid) = self.valid_at(now).find(matches) {
            return Ok(valid);
        }
        let lapsed = (0..keys.len()).filter(|index| !self.is_valid(*index, now)).any(|index| matches(&index));
        Err(if lapsed { Rejection::SecretExpired } else { Rejection::Mismatch })
    }

    /// The signature that the key at this position makes over `parts`; `None` where it is a public one.
    pub(super) fn sign(&self, index: usize, parts: &[&[u8]]) -> Option<Vec<u8>> {
        match &self.keys {
            Keys::Secret(keys) => {
                let mut mac = keys[index].mac.clone();
                parts.iter().for_each(|part| mac.update(part));
                Some(mac.finish().as_bytes().to_vec())
            }
            Keys::Public(keys) => keys[index].sign(&parts.concat()),
        }
    }

    /// The token of every key, in order; none, where the scheme has no tokens.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &Token> {
        let keys = match &self.keys {
            Keys::Public(_) => &[],
            Keys::Secret(keys) => keys.as_slice(),
        };
        keys.iter().filter_map(|key| key.token.as_ref())
    }

    /// Whether the key at this position is valid at `now`.
    pub(super) fn is_valid(&self, index: usize, now: Timestamp) -> bool {
        self.slots[index].valid_at(now)
    }

    /// Whether the keys are secrets or public keys.
    pub fn kind(&self) -> KeyKind {
        match &self.keys {
            Keys::Public(_) => KeyKind::Public,
            Keys::Secret(_) => KeyKind::Secret,
        }
    }

    /// Whether the keys sign, in order: secrets and private keys do.
    pub fn signers(&self) -> impl Iterator<Item = bool> {
        (0..self.slots.len()).map(|index| match &self.keys {
            Keys::Public(keys) => keys[index].can_sign(),
            Keys::Secret(_) => true,
        })
    }

    /// The ids of the keys, in order.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| slot.id.as_str())
    }

    /// The positions of the keys that are valid at `now`, in order: the first of them signs.
    pub fn valid_at(&self, now: Timestamp) -> impl Iterator<Item = usize> {
        self.slots.iter().enumerate().filter(move |(_, slot)| slot.valid_at(now)).map(|(index, _)| index)
    }

    /// The ids of the keys that end, each with its last moment, in order.
    pub fn expiries(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.slots.iter().filter_map(|slot| Some((slot.id.as_str(), slot.not_after?)))
    }

    /// The lengths of the secrets in bytes, after decoding, in order; of public keys, none.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        let keys = match &self.keys {
            Keys::Public(_) => &[],
            Keys::Secret(keys) => keys.as_slice(),
        };
        keys.iter().map(|key| key.len)
    }
}

impl KeySpec {
    fn public(&self, index: usize, algorithm: PublicAlgorithm, form: &KeyForm) -> Result<PublicKeys, KeyError> {
        let text = self.secret.expose();
        if text.trim_ascii().is_empty() {
            return Err(KeyError::Empty { index });
        }
        PublicKeys::read(text, algorithm, form).map_err(|flaw| KeyError::Unusable { index, flaw })
    }
}

impl SecretKey {
    fn new(
        index: usize,
        spec: &KeySpec,
        algorithm: Algorithm,
        own: &SecretEncoding,
        is_token: bool,
    ) -> Result<Self, KeyError> {
        let encoding = spec.encoding.as_ref().unwrap_or(own);
        let key = encoding.decode(spec.secret.expose()).map(Zeroizing::new);
        let key = key.ok_or_else(|| KeyError::Undecodable { index, encoding: encoding.clone() })?;
        if key.is_empty() {
            return Err(KeyError::Empty { index });
        }
        // ref: CVE-2015-9235 and its kind: whoever knows the public key would sign with it.
        if holds_a_key(spec.secret.expose()) || holds_a_key(&key) {
            return Err(KeyError::NoSecret { index });
        }
        Ok(Self { mac: Mac::new(algorithm, &key), token: is_token.then(|| Token::new(&key)), len: key.len() })
    }
}

impl Slot {
    fn valid_at(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|from| from <= now) && self.not_after.is_none_or(|until| now <= until)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.key_ids()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::preset;

    fn spec(secret: &str) -> KeySpec {
        let secret = Secret::new(secret.as_bytes().to_vec());
        KeySpec { id: "k".to_owned(), secret, encoding: None, not_before: None, not_after: None }
    }

    fn keyring(scheme: &str, specs: Vec<KeySpec>) -> Result<Keyring, KeyError> {
        Keyring::new(preset(scheme).unwrap(), specs)
    }

    #[test]
    fn an_empty_secret_never_becomes_a_key() {
        assert_eq!(keyring("lmif", vec![]).err(), Some(KeyError::None));
        assert_eq!(keyring("lmif", vec![spec("a"), spec("")]).err(), Some(KeyError::Empty { index: 1 }));
        assert_eq!(keyring("standard-webhooks", vec![spec("whsec_")]).err(), Some(KeyError::Empty { index: 0 }));
    }

    #[test]
    fn a_secret_in_another_encoding_is_refused() {
        let hex = KeySpec { encoding: Some(SecretEncoding::Hex), ..spec("xyz") };

        let error = keyring("lmif", vec![hex]).unwrap_err();

        assert_eq!(error, KeyError::Undecodable { index: 0, encoding: SecretEncoding::Hex });
        assert_eq!(error.to_string(), "the secret is not hexadecimal");
    }

    #[test]
    fn a_key_counts_between_its_two_moments_inclusive() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = KeySpec { not_after: Some(at(20)), ..spec("a") };
        let second = KeySpec { not_before: Some(at(10)), ..spec("b") };
        let keyring = keyring("lmif", vec![first, second]).unwrap();

        for (second, valid) in [(9, vec![0]), (10, vec![0, 1]), (20, vec![0, 1]), (21, vec![1])] {
            assert_eq!(keyring.valid_at(at(second)).collect::<Vec<_>>(), valid, "{second}");
        }
        assert_eq!(keyring.expiries().collect::<Vec<_>>(), [("k", at(20))]);
    }

    #[test]
    fn lengths_are_those_of_the_decoded_keys() {
        let keyring = keyring("standard-webhooks", vec![spec("whsec_AAAAAAAA")]).unwrap();

        assert_eq!(keyring.lengths().collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn nothing_shows_a_secret() {
        let spec = spec("hunter2hunter2");

        assert!(!format!("{spec:?}").contains("hunter2"));
        assert_eq!(format!("{:?}", spec.secret), "[redacted]");
        assert_eq!(format!("{:?}", keyring("lmif", vec![spec]).unwrap()), r#"["k"]"#);
    }

    #[test]
    fn a_secret_matches_itself_alone() {
        let secret = Secret::new(b"token".to_vec());

        assert!(secret.matches(b"token"));
        assert!(!secret.matches(b"tokem"));
        assert!(!secret.matches(b"toke"));
    }
}
