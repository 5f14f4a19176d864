//! What stands in the engine's place in a build without it: keys that nobody can have.

use super::{KeyFlaw, PublicAlgorithm};

/// There is none.
#[derive(Clone)]
pub(super) enum VerifyingKey {}

impl VerifyingKey {
    pub(super) fn new(_: PublicAlgorithm, _: &[u8]) -> Result<Self, KeyFlaw> {
        Err(KeyFlaw::Unsupported)
    }

    pub(super) fn verifies(&self, _: &[u8], _: &[u8]) -> bool {
        match *self {}
    }
}

/// There is none.
pub(super) enum SigningKey {}

impl SigningKey {
    pub(super) fn from_pkcs8(_: PublicAlgorithm, _: &[u8]) -> Option<Self> {
        None
    }

    pub(super) fn from_seed(_: &[u8], _: Option<&[u8]>) -> Option<Self> {
        None
    }

    pub(super) fn public(&self) -> &[u8] {
        match *self {}
    }

    pub(super) fn sign(&self, _: &[u8]) -> Option<Vec<u8>> {
        match *self {}
    }
}
