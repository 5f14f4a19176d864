//! HMAC (RFC 2104) with the hash that a scheme names.

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use subtle::{Choice, ConstantTimeEq};

use super::Algorithm;

#[cfg(test)]
mod tests;

/// The longest MAC, in bytes.
const LONGEST: usize = 64;

impl Algorithm {
    /// The length of a MAC in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => LONGEST,
        }
    }
}

/// An HMAC in the making. A clone of a keyed one saves hashing the key.
#[derive(Clone)]
pub(super) enum Mac {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl Mac {
    pub(super) fn new(algorithm: Algorithm, key: &[u8]) -> Self {
        let any = "HMAC takes a key of any length";
        match algorithm {
            Algorithm::Sha1 => Self::Sha1(Hmac::new_from_slice(key).expect(any)),
            Algorithm::Sha256 => Self::Sha256(Hmac::new_from_slice(key).expect(any)),
            Algorithm::Sha384 => Self::Sha384(Hmac::new_from_slice(key).expect(any)),
            Algorithm::Sha512 => Self::Sha512(Hmac::new_from_slice(key).expect(any)),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
            Self::Sha384(mac) => mac.update(bytes),
            Self::Sha512(mac) => mac.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Tag {
        match self {
            Self::Sha1(mac) => Tag::new(&mac.finalize().into_bytes()),
            Self::Sha256(mac) => Tag::new(&mac.finalize().into_bytes()),
            Self::Sha384(mac) => Tag::new(&mac.finalize().into_bytes()),
            Self::Sha512(mac) => Tag::new(&mac.finalize().into_bytes()),
        }
    }
}

/// The bytes of a MAC, made or offered. Never truncated.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Tag {
    /// Takes at most as many bytes as the longest MAC has.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut tag = Self { bytes: [0; LONGEST], len: bytes.len() };
        tag.bytes[..bytes.len()].copy_from_slice(bytes);
        tag
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl ConstantTimeEq for Tag {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.as_bytes().ct_eq(other.as_bytes())
    }
}
