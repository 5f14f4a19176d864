use std::path::Path;

use serde_json::Value;

use super::*;
use crate::scheme::few::Few;

/// Whether a key accepts a vector's signature, as a scheme in hexadecimal would read it.
fn accepts(keys: &PublicKeys, algorithm: PublicAlgorithm, vector: &Value) -> bool {
    let signature = algorithm.decode(vector["sig"].as_str().unwrap().as_bytes(), Encoding::HexLower);
    let message = hex(vector["msg"].as_str().unwrap());
    signature.is_some_and(|signature| keys.verify(&message, &Few::from_iter([signature]), None))
}

#[track_caller]
fn check(name: &str, algorithm: PublicAlgorithm, count: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/wycheproof").join(format!("{name}.json"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut seen = 0;
    for group in file["groups"].as_array().unwrap() {
        let der = der::public_key(&hex(group["der"].as_str().unwrap())).unwrap();
        let mut forms = vec![PublicKeys::public(&der, algorithm).unwrap()];
        // One in a hundred of the keys stands there as a JWK as well.
        if !group["jwk"].is_null() {
            forms.push(text(&group["jwk"].to_string(), algorithm, &KeyForm::Pem).unwrap());
        }
        for vector in group["tests"].as_array().unwrap() {
            for keys in &forms {
                let accepted = accepts(keys, algorithm, vector);
                // What is merely acceptable leaves out a NULL in the padding: it is refused here.
                assert_eq!(accepted, vector["result"] == "valid", "{name} {}: {}", vector["tcId"], vector["comment"]);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, count, "{name}");
}

#[test]
fn the_vectors_of_wycheproof_hold_for_ecdsa() {
    check("ecdsa-p256-sha256-der", P256, 471);
    check("ecdsa-p256-sha256-p1363", PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::P1363), 252);
    check("ecdsa-p384-sha384-der", P384, 491);
    check("ecdsa-p384-sha384-p1363", PublicAlgorithm::EcdsaP384Sha384(EcdsaForm::P1363), 270);
}

#[test]
fn the_vectors_of_wycheproof_hold_for_ed25519() {
    check("ed25519", PublicAlgorithm::Ed25519, 150);
}

#[test]
fn the_vectors_of_wycheproof_hold_for_rsa() {
    check("rsa-pkcs1-sha256", PublicAlgorithm::RsaPkcs1Sha256, 259);
    check("rsa-pss-sha256", PublicAlgorithm::RsaPssSha256, 108);
}

#[test]
fn the_vectors_of_rfc_8032_hold_both_ways() {
    // ref: https://www.rfc-editor.org/rfc/rfc8032#section-7.1, the first three.
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let (message, expected) = (hex(message), hex(signature));
        let private = text(&format!("{seed}{public}"), PublicAlgorithm::Ed25519, &KeyForm::Hex).unwrap();
        let public = text(public, PublicAlgorithm::Ed25519, &KeyForm::Hex).unwrap();

        assert_eq!(private.sign(&message).as_ref(), Some(&expected));
        assert!(public.verify(&message, &Few::from_iter([expected]), None));
    }
}
