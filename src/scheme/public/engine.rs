//! What AWS-LC does for us.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaEncoding,
    VerificationAlgorithm,
};

use super::{EcdsaForm, KeyFlaw, PublicAlgorithm};

impl PublicAlgorithm {
    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::EcdsaP256Sha256(EcdsaForm::Der) => &ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP256Sha256(EcdsaForm::P1363) => &ECDSA_P256_SHA256_FIXED,
            Self::EcdsaP384Sha384(EcdsaForm::Der) => &ECDSA_P384_SHA384_ASN1,
            Self::EcdsaP384Sha384(EcdsaForm::P1363) => &ECDSA_P384_SHA384_FIXED,
            Self::Ed25519 => &ED25519,
            Self::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::RsaPssSha256 => &RSA_PSS_2048_8192_SHA256,
        }
    }
}

/// A public key that belongs to one algorithm.
#[derive(Clone)]
pub(super) struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// Takes what the algorithm's keys are: 32 bytes, a point of its curve, an `RSAPublicKey`.
    pub(super) fn new(algorithm: PublicAlgorithm, key: &[u8]) -> Result<Self, KeyFlaw> {
        ParsedPublicKey::new(algorithm.verification(), key).map(Self).map_err(|_| KeyFlaw::Malformed)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// A private key that belongs to one algorithm.
pub(super) enum SigningKey {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl SigningKey {
    /// Reads a key in PKCS#8 (RFC 5208).
    pub(super) fn from_pkcs8(algorithm: PublicAlgorithm, key: &[u8]) -> Option<Self> {
        let ecdsa = |signing: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::from_pkcs8(signing, key).map(Self::Ecdsa);
        let rsa =
            |encoding: &'static dyn RsaEncoding| RsaKeyPair::from_pkcs8(key).map(|pair| Self::Rsa(pair, encoding));
        match algorithm {
            PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::Der) => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::P1363) => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            PublicAlgorithm::EcdsaP384Sha384(EcdsaForm::Der) => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            PublicAlgorithm::EcdsaP384Sha384(EcdsaForm::P1363) => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            PublicAlgorithm::Ed25519 => Ed25519KeyPair::from_pkcs8(key).map(Self::Ed25519),
            PublicAlgorithm::RsaPkcs1Sha256 => rsa(&RSA_PKCS1_SHA256),
            PublicAlgorithm::RsaPssSha256 => rsa(&RSA_PSS_SHA256),
        }
        .ok()
    }

    /// The Ed25519 key of a seed; where its public key is given too, the two must belong together.
    pub(super) fn from_seed(seed: &[u8], public: Option<&[u8]>) -> Option<Self> {
        let pair = match public {
            Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => Ed25519KeyPair::from_seed_unchecked(seed),
        };
        pair.map(Self::Ed25519).ok()
    }

    /// Its public half, as [`VerifyingKey::new`] takes it.
    pub(super) fn public(&self) -> &[u8] {
        match self {
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
            Self::Rsa(pair, _) => pair.public_key().as_ref(),
        }
    }

    /// Signs; `None` where the library cannot, for want of randomness or memory.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair) => pair.sign(&random, message).ok().map(|signature| signature.as_ref().to_vec()),
            Self::Ed25519(pair) => pair.try_sign(message).ok().map(|signature| signature.as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).ok().map(|()| signature)
            }
        }
    }
}
