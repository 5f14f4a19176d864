mod forgeries;
mod keys;
mod vectors;

use super::*;
use crate::scheme::testing::key_file;

fn hex(text: &str) -> Vec<u8> {
    crate::scheme::SecretEncoding::Hex.decode(text.as_bytes()).unwrap()
}

/// The keys of a file of `tests/keys`.
fn file(name: &str, algorithm: PublicAlgorithm) -> Result<PublicKeys, KeyFlaw> {
    PublicKeys::read(key_file(name).as_bytes(), algorithm, &KeyForm::Pem)
}

fn text(text: &str, algorithm: PublicAlgorithm, form: &KeyForm) -> Result<PublicKeys, KeyFlaw> {
    PublicKeys::read(text.as_bytes(), algorithm, form)
}

const P256: PublicAlgorithm = PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::Der);
const P384: PublicAlgorithm = PublicAlgorithm::EcdsaP384Sha384(EcdsaForm::Der);
const BASE64: KeyForm =
    KeyForm::Base64 { public: std::borrow::Cow::Borrowed("whpk_"), private: std::borrow::Cow::Borrowed("whsk_") };
