use super::*;
use crate::scheme::few::Few;

#[test]
fn a_key_is_read_from_pem_a_certificate_or_a_private_key() {
    for (private, public, algorithm) in [
        ("ed25519.pem", vec!["ed25519.pub.pem"], PublicAlgorithm::Ed25519),
        ("p256.pem", vec!["p256.pub.pem", "p256.crt"], P256),
        ("p384.pem", vec!["p384.pub.pem"], P384),
        ("rsa2048.pem", vec!["rsa2048.pub.pem", "rsa2048.crt", "rsa2048.pub1.pem"], PublicAlgorithm::RsaPssSha256),
        ("rsa2048.pem", vec!["rsa2048.pub.pem"], PublicAlgorithm::RsaPkcs1Sha256),
    ] {
        let private = file(private, algorithm).unwrap();
        let signature = Few::from_iter([private.sign(b"message").unwrap()]);
        assert!(private.verify(b"message", &signature, None), "{algorithm:?}");
        for name in public {
            let public = file(name, algorithm).unwrap();
            assert!(public.verify(b"message", &signature, None), "{name}");
            assert!(!public.verify(b"Message", &signature, None), "{name}");
            assert_eq!((private.can_sign(), public.can_sign()), (true, false));
            assert_eq!(public.sign(b"message"), None);
        }
    }
}

#[test]
fn a_key_of_another_type_or_curve_is_refused() {
    let all = [P256, P384, PublicAlgorithm::Ed25519, PublicAlgorithm::RsaPkcs1Sha256, PublicAlgorithm::RsaPssSha256];
    for (name, fitting) in [("p256", 0..1), ("p384", 1..2), ("ed25519", 2..3), ("rsa2048", 3..5), ("p521", 5..5)] {
        for (index, algorithm) in all.into_iter().enumerate() {
            let expected = if fitting.contains(&index) { None } else { Some(KeyFlaw::OtherType) };
            assert_eq!(file(&format!("{name}.pub.pem"), algorithm).err(), expected, "{name} {algorithm:?}");
            if name != "p521" {
                assert_eq!(file(&format!("{name}.pem"), algorithm).err(), expected, "{name} {algorithm:?}");
            }
        }
    }
}

#[test]
fn what_is_no_usable_key_says_why() {
    let (short, key) = (key_file("rsa1024.pem"), key_file("p256.pub.pem"));
    for (name, flaw) in [
        ("p256.enc.pem", KeyFlaw::Encrypted),
        ("p256.sec1.pem", KeyFlaw::OtherPrivate),
        ("rsa2048.pkcs1.pem", KeyFlaw::OtherPrivate),
    ] {
        assert_eq!(file(name, P256).err(), Some(flaw), "{name}");
    }
    for (written, flaw) in [
        (short, KeyFlaw::OtherType),
        (format!("{key}{key}"), KeyFlaw::SeveralBlocks),
        (key.replace("END PUBLIC", "END PRIVATE"), KeyFlaw::Malformed),
        (key.replace("PUBLIC KEY", "CERTIFICATE"), KeyFlaw::Malformed),
        (key.replace("PUBLIC KEY", "CERTIFICATE REQUEST"), KeyFlaw::Malformed),
        (key.replace('M', "?"), KeyFlaw::Malformed),
        (key[..100].to_owned(), KeyFlaw::Malformed),
        (
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAA==\n-----END EC PRIVATE KEY-----".to_owned(),
            KeyFlaw::Encrypted,
        ),
        ("a secret".to_owned(), KeyFlaw::Malformed),
        (String::new(), KeyFlaw::Malformed),
    ] {
        assert_eq!(text(&written, P256, &KeyForm::Pem).err(), Some(flaw), "{written}");
    }
}

#[test]
fn an_rsa_key_of_fewer_than_2048_bits_is_refused() {
    for algorithm in [PublicAlgorithm::RsaPkcs1Sha256, PublicAlgorithm::RsaPssSha256] {
        assert_eq!(file("rsa1024.pem", algorithm).err(), Some(KeyFlaw::Size));
        let (n, e) = (vec![0xff; 255], vec![1, 0, 1]);
        assert_eq!(rsa(&n, &e).verifying(algorithm).err(), Some(KeyFlaw::Size));
        assert_eq!(rsa(&vec![0xff; 1025], &e).verifying(algorithm).err(), Some(KeyFlaw::Size));
        assert_eq!(rsa(&[&[0x7f][..], &n].concat(), &e).verifying(algorithm).err(), Some(KeyFlaw::Size));
        assert_eq!(rsa(&[&[0x80][..], &n].concat(), &e).verifying(algorithm).err(), None);
    }
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> der::Plain {
    der::rsa(&der::write_rsa(modulus, exponent)).unwrap()
}

#[test]
fn an_rsa_exponent_under_which_anybody_signs_is_refused() {
    for exponent in [&[][..], &[1], &[2], &[4]] {
        let key = rsa(&[0xff; 256], exponent).verifying(PublicAlgorithm::RsaPkcs1Sha256);
        // A signature that is its own message: under the exponent 1 it would verify.
        let signs = key.is_ok_and(|key| key.verifies(b"message", &padded(b"message")));
        assert!(!signs, "{exponent:?}");
    }
}

/// The block that PKCS#1 signs, of 256 bytes.
fn padded(message: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    let info = hex("3031300d060960864801650304020105000420");
    [&[0, 1][..], &[0xff; 202], &[0], &info, &sha2::Sha256::digest(message)].concat()
}

#[test]
fn the_makers_own_forms_are_read() {
    let public = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    let seed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7";
    let base64 = |bytes: &[u8]| Encoding::Base64.encode(bytes);
    let pair = base64(&hex(&format!("{seed}{public}")));
    let ed25519 =
        |written: &str, form: &KeyForm| text(written, PublicAlgorithm::Ed25519, form).map(|keys| keys.can_sign());

    assert_eq!(ed25519(public, &KeyForm::Hex), Ok(false));
    assert_eq!(ed25519(&public.to_uppercase(), &KeyForm::Hex), Ok(false));
    assert_eq!(ed25519(&format!(" {public}\n"), &KeyForm::Hex), Ok(false));
    assert_eq!(ed25519(&format!("whpk_{}", base64(&hex(public))), &BASE64), Ok(false));
    assert_eq!(ed25519(&base64(&hex(public)), &BASE64), Ok(false));
    assert_eq!(ed25519(&format!("whsk_{pair}"), &BASE64), Ok(true));
    assert_eq!(ed25519(&format!("whsk_{}", base64(&hex(seed))), &BASE64), Ok(true));
    assert_eq!(ed25519(&key_file("ed25519.pub.pem"), &KeyForm::Hex), Ok(false));

    let swapped = base64(&hex(&format!("{seed}{seed}")));
    for wrong in [&public[1..], "whpk_", "whsec_AAAA", &format!("whsk_{swapped}"), "whsk_AAAA", "xyz"] {
        assert_eq!(ed25519(wrong, &BASE64), Err(KeyFlaw::Malformed), "{wrong}");
    }
    assert_eq!(ed25519(public, &KeyForm::Pem), Err(KeyFlaw::Malformed));
    assert_eq!(text(public, P256, &KeyForm::Hex).err(), Some(KeyFlaw::OtherType));
}

/// The public half of `p256.pem` as a JWK, with more members.
fn jwk(more: &str) -> String {
    let der::Plain::P256(point) = der::public_key(&pem::block(&key_file("p256.pub.pem")).unwrap().content).unwrap()
    else {
        panic!("it is a key of P-256")
    };
    let (x, y) = (Encoding::Base64Url.encode(&point[1..33]), Encoding::Base64Url.encode(&point[33..]));
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"{more}}}"#)
}

fn read(written: &str) -> Result<(), KeyFlaw> {
    text(written, P256, &KeyForm::Pem).map(drop)
}

#[test]
fn a_jwk_must_be_meant_for_this() {
    for more in ["", r#","alg":"ES256","use":"sig","key_ops":["sign","verify"],"kid":"a","x5c":["x"],"ext":true"#] {
        assert_eq!(read(&jwk(more)), Ok(()), "{more}");
    }
    for more in [
        r#","use":"enc""#,
        r#","alg":"ES384""#,
        r#","alg":"RS256""#,
        r#","alg":"HS256""#,
        r#","alg":"ECDH-ES""#,
        r#","key_ops":["sign"]"#,
        r#","key_ops":[]"#,
    ] {
        assert_eq!(read(&jwk(more)), Err(KeyFlaw::Misused), "{more}");
        assert_eq!(read(&format!(r#"{{"keys":[{}]}}"#, jwk(more))), Err(KeyFlaw::NoneFits), "{more}");
    }
    assert_eq!(read(&jwk(r#","d":"AAAA""#)), Err(KeyFlaw::PrivateJwk));
    for more in [r#","kid":7"#, r#","use":null"#, r#","key_ops":"verify""#, r#","alg":["ES256"]"#, r#","x":"AAAA""#] {
        assert_eq!(read(&jwk(more)), Err(KeyFlaw::Malformed), "{more}");
    }
}

#[test]
fn a_jwk_of_another_type_or_off_the_curve_is_refused() {
    assert_eq!(read(r#"{"kty":"oct","k":"AAAA"}"#), Err(KeyFlaw::OtherType));
    assert_eq!(read(&jwk("").replace("P-256", "P-384")), Err(KeyFlaw::Malformed));
    assert_eq!(read(&jwk("").replace("P-256", "secp256k1")), Err(KeyFlaw::OtherType));
    let zero = Encoding::Base64Url.encode(&[0; 32]);
    assert_eq!(read(&format!(r#"{{"kty":"EC","crv":"P-256","x":"{zero}","y":"{zero}"}}"#)), Err(KeyFlaw::Malformed));
    for wrong in ["{}", "{", r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, r#"{"keys":{}}"#, r#"{"keys":[1]}"#] {
        assert_eq!(read(wrong), Err(KeyFlaw::Malformed), "{wrong}");
    }
}

#[test]
fn a_set_gives_the_keys_that_fit_and_no_two_with_one_name() {
    let set = |keys: &[String]| format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    let (a, b) = (jwk(r#","kid":"a""#), jwk(r#","kid":"b""#));
    let encrypts = jwk(r#","kid":"a","use":"enc""#);
    let other = r#"{"kty":"OKP","crv":"X25519","x":"AAAA","kid":"a"}"#.to_owned();
    let secret = r#"{"kty":"oct","k":"AAAA"}"#.to_owned();

    assert_eq!(read(&set(&[a.clone(), b.clone(), encrypts, other.clone(), secret])), Ok(()));
    assert_eq!(read(&set(&[a.clone(), b, a.clone()])), Err(KeyFlaw::RepeatedKid));
    assert_eq!(read(&set(&[other])), Err(KeyFlaw::NoneFits));
    assert_eq!(read(&set(&[])), Err(KeyFlaw::NoneFits));
    assert_eq!(read(&set(&[a, jwk(r#","d":"AA""#)])), Err(KeyFlaw::PrivateJwk));
    let many: Vec<String> = (0..17).map(|kid| jwk(&format!(r#","kid":"{kid}""#))).collect();
    assert_eq!(read(&set(&many[..16])), Ok(()));
    assert_eq!(read(&set(&many)), Err(KeyFlaw::TooMany));
}

#[test]
fn a_key_is_told_from_a_secret() {
    let der = pem::block(&key_file("p256.pub.pem")).unwrap().content.to_vec();
    for key in ["p256.pem", "p256.pub.pem", "p256.crt", "rsa2048.pub1.pem", "p256.enc.pem"] {
        assert!(holds_a_key(key_file(key).as_bytes()), "{key}");
    }
    assert!(holds_a_key(&der));
    assert!(holds_a_key(Encoding::Base64.encode(&der).as_bytes()));
    assert!(holds_a_key(jwk("").as_bytes()));
    assert!(holds_a_key(format!(r#"{{"keys":[{{"kty":"oct","k":"AA"}},{}]}}"#, jwk("")).as_bytes()));
    for secret in [
        "a secret",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        r#"{"a":"kty"}"#,
        r#"{"kty":"oct","k":"AAAA"}"#,
        r#"{"keys":[]}"#,
        "0",
        "\u{0}",
        "BEGIN",
    ] {
        assert!(!holds_a_key(secret.as_bytes()), "{secret}");
    }
}

#[test]
fn an_ed25519_key_for_which_anybody_can_sign_is_refused() {
    let high = |last: &str| format!("{}{last}", "ff".repeat(30));
    for key in [
        "00".repeat(32),
        format!("{}80", "00".repeat(31)),
        format!("01{}", "00".repeat(31)),
        format!("01{}80", "00".repeat(30)),
        format!("ec{}", high("7f")),
        format!("ed{}", high("ff")),
        format!("ee{}", high("7f")),
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85".to_owned(),
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a".to_owned(),
    ] {
        let read = text(&key, PublicAlgorithm::Ed25519, &KeyForm::Hex);
        assert_eq!(read.err(), Some(KeyFlaw::Weak), "{key}");
    }
    let base_point = format!("58{}", "66".repeat(31));
    assert_eq!(text(&base_point, PublicAlgorithm::Ed25519, &KeyForm::Hex).err(), None);
}
