use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::scheme::few::Few;
use crate::scheme::testing::{head, headers, key, keyring, message, seconds};
use crate::scheme::{DetachedJws, JwsAlgorithm, JwsPayload, KeyError, Keyring, Mechanism, Rejection, Scheme, preset};

const ALL: [(JwsAlgorithm, &str); 5] = [
    (JwsAlgorithm::EdDsa, "ed25519"),
    (JwsAlgorithm::Es256, "p256"),
    (JwsAlgorithm::Es384, "p384"),
    (JwsAlgorithm::Ps256, "rsa2048"),
    (JwsAlgorithm::Rs256, "rsa2048"),
];

fn scheme(algorithm: JwsAlgorithm) -> Scheme {
    Scheme { mechanism: Mechanism::Jws(algorithm), ..preset("jws").unwrap().clone() }
}

fn public(algorithm: JwsAlgorithm, name: &str) -> Keyring {
    keyring(&scheme(algorithm), &[&key_file(&format!("{name}.pub.pem"))])
}

/// Signs a token with this header, with a file of `tests/keys`.
fn token(algorithm: JwsAlgorithm, file: &str, header: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
    let keyring = keyring(&scheme(algorithm), &[&key_file(file)]);
    let signature = keyring.sign(0, &[signed.as_bytes()]).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn verify(algorithm: JwsAlgorithm, keyring: &Keyring, token: &str) -> Option<Rejection> {
    let none = headers(&[]);
    scheme(algorithm).verify(keyring, &head(&none), token.as_bytes().to_vec(), seconds(0)).err()
}

#[test]
fn what_a_private_key_signs_its_public_half_verifies() {
    for (algorithm, name) in ALL {
        let scheme = scheme(algorithm);
        let private = keyring(&scheme, &[&key_file(&format!("{name}.pem"))]);

        let signed = scheme.sign(&private, &message("{}".into()), seconds(0)).unwrap();

        let text = String::from_utf8(signed.body.to_vec()).unwrap();
        assert_eq!(verify(algorithm, &public(algorithm, name), &text), None, "{algorithm:?}");
        assert!(verify(algorithm, &public(algorithm, name), &text.replace(".e30.", ".e31.")).is_some());
        let refused = scheme.sign(&public(algorithm, name), &message("{}".into()), seconds(0));
        assert_eq!(refused.err(), Some(crate::scheme::SignError::NoPrivateKey));
    }
}

#[test]
fn the_algorithm_is_the_configured_one_whatever_the_token_says() {
    for (algorithm, name) in ALL {
        let keyring = public(algorithm, name);
        let own = format!("{name}.pem");
        for other in ["none", "None", "HS256", "HS384", "ES512", "RS512", "PS384", "EdDSA ", "Ed448", ""] {
            let token = token(algorithm, &own, &format!(r#"{{"alg":"{other}"}}"#));
            assert_eq!(verify(algorithm, &keyring, &token), Some(Rejection::Algorithm), "{algorithm:?} {other}");
        }
        for (other, _) in ALL.into_iter().filter(|(other, _)| *other != algorithm) {
            let token = token(algorithm, &own, &format!(r#"{{"alg":"{}"}}"#, other.name()));
            assert_eq!(verify(algorithm, &keyring, &token), Some(Rejection::Algorithm), "{algorithm:?} {other:?}");
        }
        // Without a signature, as `none` has it.
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{}"}}"#, algorithm.name()));
        assert_eq!(verify(algorithm, &keyring, &format!("{header}.e30.")), Some(Rejection::Malformed));
    }
}

#[test]
fn a_public_key_is_never_the_secret_of_an_hmac() {
    for name in ["rsa2048.pub.pem", "p256.pub.pem", "ed25519.pub.pem", "rsa2048.crt", "p256.pem"] {
        let error = Keyring::new(&scheme(JwsAlgorithm::Hs256), vec![key(&key_file(name))]).err();
        assert_eq!(error, Some(KeyError::NoSecret { index: 0 }), "{name}");
    }
    // ref: CVE-2015-9235: an HMAC whose secret is the text of the public key.
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let mut mac =
        crate::scheme::hmac::Mac::new(crate::scheme::Algorithm::Sha256, key_file("rsa2048.pub.pem").as_bytes());
    mac.update(format!("{header}.e30").as_bytes());
    let forged = format!("{header}.e30.{}", URL_SAFE_NO_PAD.encode(mac.finish().as_bytes()));
    let keyring = public(JwsAlgorithm::Rs256, "rsa2048");
    assert_eq!(verify(JwsAlgorithm::Rs256, &keyring, &forged), Some(Rejection::Algorithm));
    // Even a ring that was made for other algorithms holds nothing that an HMAC could be made with.
    assert_eq!(verify(JwsAlgorithm::Hs256, &keyring, &forged), Some(Rejection::Mismatch));
}

#[test]
fn keys_that_a_token_brings_along_are_not_looked_at() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    for brought in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"https://evil.example/jwks.json""#.to_owned(),
        r#""x5u":"https://evil.example/x.crt""#.to_owned(),
        r#""x5c":["MIIB"],"x5t":"AAAA""#.to_owned(),
    ] {
        let header = format!(r#"{{"alg":"EdDSA",{brought}}}"#);
        let keyring = public(JwsAlgorithm::EdDsa, "ed25519");
        let (own, other) = (
            token(JwsAlgorithm::EdDsa, "ed25519.pem", &header),
            token(JwsAlgorithm::EdDsa, "ed25519-other.pem", &header),
        );
        assert_eq!(verify(JwsAlgorithm::EdDsa, &keyring, &own), None, "{header}");
        assert_eq!(verify(JwsAlgorithm::EdDsa, &keyring, &other), Some(Rejection::Mismatch), "{header}");
    }
}

#[test]
fn wycheproof_s_embedded_key_is_refused() {
    // ref: Wycheproof, json_web_signature_test.json, 18 and 32: the second is signed by the key that it brings along.
    let jwk = r#"{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"kid-ec-sign",
        "x":"04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY","y":"UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw"}"#;
    let keyring = keyring(&scheme(JwsAlgorithm::Es256), &[jwk]);
    let good = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.5cA0OHyMP7ezamUd5c9kV-FrGxdx4hbGXOdplQkutrqWrte5P-pAvsE3Ve6xSyU3YDQwUHjVVOtvcrEbbnZ8yA";
    let embedded = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIiwiandrIjp7Imt0eSI6IkVDIiwia2lkIjoia2lkLWVjLXNpZ24iLCJ1c2UiOiJzaWciLCJhbGciOiJFUzI1NiIsIngiOiJNZG5UWkRJaERKYmZBU2RGcWFtY3BPMkNoOUdOS0sybTBNUWxoNDAyU3BvIiwieSI6Ijdhdko0bHFfV3l4LW5MUERCUTJZcHl0dUh5TWlvMDdCVXl2bDNqYUMtMVkiLCJjcnYiOiJQLTI1NiJ9fQ.Zm9v.4jmsollQD8ZxvySzXYnIEYA4fwaZi2ZbC0aI1J4LYmW2Bn31NhKdjms2N6o51Dff5-InWXQF9m45VtTexl6yjg";

    assert_eq!(verify(JwsAlgorithm::Es256, &keyring, good), None);
    assert_eq!(verify(JwsAlgorithm::Es256, &keyring, embedded), Some(Rejection::Mismatch));
}

#[test]
fn a_kid_chooses_among_the_keys_and_nothing_else() {
    let jwk = |name: &str, kid: &str| {
        let text = key_file(&format!("{name}.pem"));
        let private = pem::block(&text).unwrap();
        let pair = super::super::engine::SigningKey::from_pkcs8(PublicAlgorithm::Ed25519, &private.content).unwrap();
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(pair.public()))
    };
    let set = format!(r#"{{"keys":[{},{}]}}"#, jwk("ed25519", "one"), jwk("ed25519-other", "two"));
    let keyring = keyring(&scheme(JwsAlgorithm::EdDsa), &[&set]);
    let check =
        |file: &str, header: &str| verify(JwsAlgorithm::EdDsa, &keyring, &token(JwsAlgorithm::EdDsa, file, header));

    assert_eq!(check("ed25519.pem", r#"{"alg":"EdDSA","kid":"one"}"#), None);
    assert_eq!(check("ed25519-other.pem", r#"{"alg":"EdDSA","kid":"two"}"#), None);
    assert_eq!(check("ed25519-other.pem", r#"{"alg":"EdDSA"}"#), None);
    assert_eq!(check("ed25519.pem", r#"{"alg":"EdDSA","kid":"two"}"#), Some(Rejection::Mismatch));
    for kid in ["three", "", "ONE", "../one", "one\u{0}", "' OR 1=1"] {
        let header = serde_json::json!({"alg": "EdDSA", "kid": kid}).to_string();
        assert_eq!(check("ed25519.pem", &header), Some(Rejection::Mismatch), "{kid:?}");
    }
    assert_eq!(check("ed25519.pem", r#"{"alg":"EdDSA","kid":["one"]}"#), Some(Rejection::Malformed));
}

#[test]
fn a_signature_of_zeros_is_refused() {
    // ref: CVE-2022-21449, where it was accepted for any message.
    for (algorithm, name, size) in [
        (JwsAlgorithm::Es256, "p256", 64),
        (JwsAlgorithm::Es384, "p384", 96),
        (JwsAlgorithm::EdDsa, "ed25519", 64),
        (JwsAlgorithm::Rs256, "rsa2048", 256),
        (JwsAlgorithm::Ps256, "rsa2048", 256),
    ] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{}"}}"#, algorithm.name()));
        let forged = |byte| format!("{header}.e30.{}", URL_SAFE_NO_PAD.encode(vec![byte; size]));
        for byte in [0, 1, 0xff] {
            assert_eq!(verify(algorithm, &public(algorithm, name), &forged(byte)), Some(Rejection::Mismatch));
        }
    }
    let zeros = Few::from_iter([hex("3006020100020100")]);
    assert!(!file("p256.pub.pem", P256).unwrap().verify(b"message", &zeros, None));
}

#[test]
fn a_signature_has_one_spelling() {
    let der = |text: &str| P256.decode(text.as_bytes(), Encoding::HexLower).is_some();

    assert!(der("3006020101020101"));
    for lax in [
        "300602010102010100",     // Bytes behind it.
        "308106020101020101",     // A length written longer than needed.
        "30800201010201010000",   // A length that is not written.
        "3109020101020101020101", // A set.
        "3009020101020101020101", // Three numbers.
        "3004020002020101",       // An empty number.
        "3003020101",
        "",
    ] {
        assert!(!der(lax), "{lax}");
    }
    // ref: RFC 8032 §8.4: S and S plus the group's order are the same to who does not look.
    let keys = file("ed25519.pem", PublicAlgorithm::Ed25519).unwrap();
    let mut signature = keys.sign(b"message").unwrap();
    assert!(keys.verify(b"message", &Few::from_iter([signature.clone()]), None));
    let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0;
    for (byte, added) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(added) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert!(!keys.verify(b"message", &Few::from_iter([signature]), None));
}

#[test]
fn more_than_eight_signatures_are_not_looked_at() {
    let scheme = preset("standard-webhooks-v1a").unwrap();
    let private = keyring(scheme, &[&key_file("ed25519.pem")]);
    let request = crate::scheme::Message { event_id: Some("msg_1"), ..message("{}".into()) };
    let signed = scheme.sign(&private, &request, seconds(0)).unwrap();
    let check = |count: usize| {
        let mut headers: http::HeaderMap = signed.headers.iter().cloned().collect();
        let one = headers["webhook-signature"].to_str().unwrap().to_owned();
        headers.insert("webhook-signature", vec![one; count].join(" ").parse().unwrap());
        scheme.verify(&private, &head(&headers), "{}".as_bytes(), seconds(0)).err()
    };

    assert_eq!(check(8), None);
    assert_eq!(check(9), Some(Rejection::Malformed));
}

fn detached(algorithm: JwsAlgorithm, payload: JwsPayload) -> Scheme {
    let header = http::HeaderName::from_static("x-jws-signature");
    Scheme {
        mechanism: Mechanism::DetachedJws(DetachedJws { algorithm, header, payload }),
        event_id: std::borrow::Cow::Borrowed(&[]),
        ..preset("jws").unwrap().clone()
    }
}

#[test]
fn a_detached_jws_covers_the_body() {
    let body = "{\"a\":\"$.02\"}\n";
    for (algorithm, name) in ALL.into_iter().chain([(JwsAlgorithm::Hs256, "")]) {
        for payload in [JwsPayload::Encoded, JwsPayload::Unencoded] {
            let scheme = detached(algorithm, payload);
            let (private, public) = match name {
                "" => ("a secret of many bytes".to_owned(), "a secret of many bytes".to_owned()),
                name => (key_file(&format!("{name}.pem")), key_file(&format!("{name}.pub.pem"))),
            };
            let signed = scheme.sign(&keyring(&scheme, &[&private]), &message(body.into()), seconds(0)).unwrap();
            assert_eq!(signed.body, body);
            let lines: http::HeaderMap = signed.headers.into_iter().collect();
            let check = |scheme: &Scheme, body: &str| {
                scheme.verify(&keyring(scheme, &[&public]), &head(&lines), body.as_bytes().to_vec(), seconds(0)).err()
            };

            assert_eq!(check(&scheme, body), None, "{algorithm:?} {payload:?}");
            assert_eq!(check(&scheme, "{\"a\":\"$.03\"}\n"), Some(Rejection::Mismatch));
            assert_eq!(check(&scheme, body.trim()), Some(Rejection::Mismatch));
            let other = match payload {
                JwsPayload::Encoded => JwsPayload::Unencoded,
                JwsPayload::Unencoded => JwsPayload::Encoded,
            };
            assert_eq!(check(&detached(algorithm, other), body), Some(Rejection::Malformed));
        }
    }
}

#[test]
fn the_detached_vectors_of_rfc_7797_hold() {
    // ref: https://www.rfc-editor.org/rfc/rfc7797#section-4, the payload as it is and encoded.
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let unencoded =
        "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY";
    let encoded = "eyJhbGciOiJIUzI1NiJ9..5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ";
    for (payload, token) in [(JwsPayload::Unencoded, unencoded), (JwsPayload::Encoded, encoded)] {
        let scheme = detached(JwsAlgorithm::Hs256, payload);
        let spec = crate::scheme::KeySpec { encoding: Some(crate::scheme::SecretEncoding::Base64Url), ..key(secret) };
        let keyring = Keyring::new(&scheme, vec![spec]).unwrap();
        let lines = headers(&[("x-jws-signature", token)]);

        let verified = scheme.verify(&keyring, &head(&lines), "$.02".as_bytes(), seconds(0));

        assert_eq!(verified.err(), None, "{payload:?}");
        let signed = scheme.sign(&keyring, &message("$.02".into()), seconds(0)).unwrap();
        assert!(signed.headers.iter().any(|(name, value)| name == "x-jws-signature" && value == token));
    }
}

#[test]
fn a_detached_token_says_exactly_what_is_configured() {
    let scheme = detached(JwsAlgorithm::EdDsa, JwsPayload::Unencoded);
    let private = keyring(&scheme, &[&key_file("ed25519.pem")]);
    let check = |header: &str| {
        let header = URL_SAFE_NO_PAD.encode(header);
        let signature = private.sign(0, &[header.as_bytes(), b".", b"{}"]).unwrap();
        let token = format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature));
        let lines = headers(&[("x-jws-signature", &token)]);
        scheme.verify(&private, &head(&lines), "{}".as_bytes(), seconds(0)).err()
    };

    assert_eq!(check(r#"{"alg":"EdDSA","b64":false,"crit":["b64"]}"#), None);
    assert_eq!(check(r#"{"crit":["b64"],"kid":"x","b64":false,"alg":"EdDSA"}"#), None);
    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","b64":false}"#,
        r#"{"alg":"EdDSA","b64":true,"crit":["b64"]}"#,
        r#"{"alg":"EdDSA","b64":"false","crit":["b64"]}"#,
        r#"{"alg":"EdDSA","b64":false,"crit":[]}"#,
        r#"{"alg":"EdDSA","b64":false,"crit":"b64"}"#,
        r#"{"alg":"EdDSA","b64":false,"crit":["b64","b64"]}"#,
        r#"{"alg":"EdDSA","b64":false,"crit":["b64","exp"],"exp":1}"#,
        r#"{"alg":"EdDSA","b64":false,"crit":["b64"],"zip":"DEF"}"#,
    ] {
        assert_eq!(check(header), Some(Rejection::Malformed), "{header}");
    }
    assert_eq!(check(r#"{"alg":"none","b64":false,"crit":["b64"]}"#), Some(Rejection::Algorithm));

    let given = |value: &[(&str, &str)]| {
        let lines = headers(value);
        scheme.verify(&private, &head(&lines), "{}".as_bytes(), seconds(0)).err()
    };
    assert_eq!(given(&[]), Some(Rejection::Missing));
    assert_eq!(given(&[("x-jws-signature", "a..b"), ("x-jws-signature", "a..b")]), Some(Rejection::Repeated));
    for value in ["a.b", "a.e30.b", "a...b", ".", "abc"] {
        assert_eq!(given(&[("x-jws-signature", value)]), Some(Rejection::Malformed), "{value}");
    }
}
