use super::*;
use crate::scheme::testing::{head, headers, key, keyring, message, seconds};
use crate::scheme::{KeySpec, Mechanism, Scheme, SecretEncoding, preset};

const SECRET: &str = "a secret that is long enough for it";
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const PAYLOAD: &str = r#"{"a":"b?>~"}"#;

fn scheme(algorithm: JwsAlgorithm) -> Scheme {
    Scheme { mechanism: Mechanism::Jws(algorithm), ..preset("jws").unwrap().clone() }
}

fn payload(token: impl AsRef<[u8]>) -> Result<Vec<u8>, Rejection> {
    let scheme = scheme(JwsAlgorithm::Hs256);
    let body = token.as_ref().to_vec();
    let verified = scheme.verify(&keyring(&scheme, &[SECRET]), &head(&headers(&[])), body, seconds(0))?;
    Ok(verified.payload().contiguous().into_owned())
}

/// Signs these two segments as they are written.
fn signed(header: &str, payload: &str) -> String {
    let keyring = keyring(&scheme(JwsAlgorithm::Hs256), &[SECRET]);
    let signature = keyring.sign(0, &[header.as_bytes(), b".", payload.as_bytes()]).unwrap();
    format!("{header}.{payload}.{}", Encoding::Base64Url.encode(&signature))
}

/// Signs a token with this header.
fn token(header: impl AsRef<[u8]>) -> String {
    signed(&URL_SAFE_NO_PAD.encode(header), &URL_SAFE_NO_PAD.encode(PAYLOAD))
}

#[test]
fn the_vector_of_rfc_7515_holds() {
    // ref: https://www.rfc-editor.org/rfc/rfc7515#appendix-A.1
    let token = concat!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let scheme = scheme(JwsAlgorithm::Hs256);
    let key = KeySpec { encoding: Some(SecretEncoding::Base64Url), ..key(secret) };
    let keyring = Keyring::new(&scheme, vec![key]).unwrap();

    let verified = scheme.verify(&keyring, &head(&headers(&[])), token.as_bytes(), seconds(0)).unwrap();

    let payload = b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    assert_eq!(verified.payload().contiguous(), payload.as_slice());
}

#[test]
fn what_python_s_libraries_write_is_accepted() {
    // Made with python-jose 3.5.0, `jws.sign(payload, secret, algorithm=…)`; the last with PyJWT 2.15.1.
    let h256 = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
    let h384 = "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9";
    let h512 = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9";
    let kid = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0";
    let ab = (br#"{"a":"b"}"#.as_slice(), "eyJhIjoiYiJ9");
    let nan = (br#"{"a":NaN,"b":1.0}"#.as_slice(), "eyJhIjpOYU4sImIiOjEuMH0");
    for (algorithm, secret, header, (payload, encoded), signature) in [
        (JwsAlgorithm::Hs384, "secret", h384, ab, "TgJIRKof_BR1EVkcRXV_xt8IxffTwQKUyOZIUUWFrC6sFAGIDe1HZksCbSIhKyoD"),
        (
            JwsAlgorithm::Hs512,
            "secret",
            h512,
            ab,
            "NEvauwy77uvgEvKOlGLmLJJEseamUKhAAPaGaWlD5P5qLHkLiHC9eQOy4YwR-L3BjNN1lumBhg8eEHus23CflQ",
        ),
        // Secrets that its own verifier would read as JSON.
        (JwsAlgorithm::Hs256, r#""quoted""#, h256, ab, "pAr2-OiDRpHt3RpZAlWne5q0c2hAsuuh9g6Ec-DzQ-E"),
        (JwsAlgorithm::Hs256, "123456", h256, ab, "HTlazfsDWV62m_1kVjofq9xerMB6EMfNRmrexVKfyMk"),
        (JwsAlgorithm::Hs256, "true", h256, ab, "kDg22YVYG2q_MbB9jkDaMW7MWKtRdWDP1VqD5NcM5CA"),
        (JwsAlgorithm::Hs256, r#"["a","b"]"#, h256, ab, "OvUcS2Xy0M3m_a5ml7CgsKatFZsR14LLBHYtcAhOt4Q"),
        // Payloads that are not JSON, or empty.
        (JwsAlgorithm::Hs256, "secret", h256, nan, "qyzPbWU0EKzJqQY3_6TZtv0wj7LGd7R4a_be4ysNwwY"),
        (JwsAlgorithm::Hs256, "secret", h256, (b"", ""), "F6X5eXaBMszYO1kMrujBGGw4-FTJp2Uld6Daz9v3cu4"),
        (
            JwsAlgorithm::Hs256,
            "secret",
            h256,
            (b"\xff\x00not json", "_wBub3QganNvbg"),
            "Nxbyz1q7EiTZjyKk3mJs5ty_O2yHSHNBQgNzKc70Yzw",
        ),
        (JwsAlgorithm::Hs256, "secret", kid, ab, "sPnSahIM6X1DyZp74mnkMbpc99S72YgnLwYmtvkLa74"),
    ] {
        let scheme = scheme(algorithm);
        let keyring = keyring(&scheme, &[secret]);
        let token = format!("{header}.{encoded}.{signature}");
        let verified = scheme.verify(&keyring, &head(&headers(&[])), token.clone().into_bytes(), seconds(0)).unwrap();
        assert_eq!(verified.payload().contiguous(), payload);

        if header != kid {
            let signed = scheme.sign(&keyring, &message(payload.to_vec().into()), seconds(0)).unwrap();
            assert_eq!(signed.body, token);
        }
    }
}

#[test]
fn other_members_of_the_header_are_passed_over() {
    for header in [
        HEADER,
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#" { "alg" : "HS256" } "#,
        "{\"alg\":\"HS256\",\r\n \"kid\":\"..\"}",
        r#"{"alg":"\u0048S256","jku":"https://evil.example","x5u":"x","x5c":["y"],"n":1.5,"o":{"a":[null,true]}}"#,
        r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
    ] {
        assert_eq!(payload(token(header)).as_deref(), Ok(PAYLOAD.as_bytes()), "{header}");
    }
}

#[test]
fn another_algorithm_is_refused_even_where_the_signature_is_right() {
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS256 "}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"ALG":"HS256"}"#,
        "{}",
    ] {
        assert_eq!(payload(token(header)), Err(Rejection::Algorithm), "{header}");
    }
}

#[test]
fn a_header_that_others_would_read_otherwise_is_refused() {
    for header in [
        // ref: RFC 7515 §4.1.11, RFC 7797; libraries that ignored `crit` were fooled by it.
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","b64":false}"#,
        r#"{"alg":"HS256","b64":true}"#,
        r#"{"alg":"HS256","\u0062\u0036\u0034":false}"#,
        r#"{"alg":"HS256","zip":"DEF"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"HS256","jwk":{"k":"a","k":"b"}}"#,
        r#"["alg","HS256"]"#,
        r#""HS256""#,
        "",
        "null",
        r#"{"alg":"HS256"} {}"#,
        r#"{"alg":"HS256",}"#,
        r#"{'alg':'HS256'}"#,
        "\u{feff}{\"alg\":\"HS256\"}",
    ] {
        assert_eq!(payload(token(header)), Err(Rejection::Malformed), "{header}");
    }
    assert_eq!(payload(token(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}")), Err(Rejection::Malformed));
}

#[test]
fn a_header_may_have_4_kibibytes() {
    let header = |len: usize| {
        let rest = r#"{"alg":"HS256","x":""}"#.len();
        token(format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(len - rest)))
    };

    assert!(payload(header(4096)).is_ok());
    for len in [4097, 4098, 4099, 100_000] {
        assert_eq!(payload(header(len)), Err(Rejection::Malformed), "{len}");
    }
}

#[test]
fn nothing_stands_around_a_token() {
    let good = token(HEADER);
    assert!(payload(&good).is_ok());

    for (before, after) in [
        ("", "\n"),
        ("", "\r\n"),
        ("", " "),
        ("", "\0"),
        ("", "."),
        ("", ".x"),
        ("", "!!!!"),
        ("", "="),
        (" ", ""),
        ("\n", ""),
        ("\u{feff}", ""),
        ("\"", "\""),
        (".", ""),
    ] {
        assert_eq!(payload(format!("{before}{good}{after}")), Err(Rejection::Malformed), "{before:?} {after:?}");
    }
}

#[test]
fn a_token_has_exactly_three_segments() {
    let good = token(HEADER);
    let segments: Vec<_> = good.split('.').collect();
    let [header, content, signature] = segments[..] else { panic!("{good}") };

    assert_eq!(payload(""), Err(Rejection::Missing));
    for text in [
        "..".to_owned(),
        header.to_owned(),
        format!("{header}.{content}"),
        format!("{header}.{content}."),
        format!("{header}..{content}.{signature}"),
        format!("{header}.{content}.{signature}.{signature}"),
        format!(r#"{{"protected":"{header}","payload":"{content}","signature":"{signature}"}}"#),
    ] {
        assert_eq!(payload(&text), Err(Rejection::Malformed), "{text}");
    }
    // Detached: the payload was there when it was signed.
    assert_eq!(payload(format!("{header}..{signature}")), Err(Rejection::Mismatch));
}

#[test]
fn a_segment_has_one_spelling() {
    let (header, content) = (URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(PAYLOAD));
    assert!(content.contains(['-', '_']), "the payload is chosen to tell the alphabets apart");
    assert_eq!(header.len() % 4, 0);
    let good = signed(&header, &content);
    let signature = good.rsplit('.').next().unwrap();

    // Signed over the very spelling that is refused, as lenient libraries would accept it.
    for spelled in [
        signed(&header, &content.replace('-', "+").replace('_', "/")),
        signed(&header, &format!("{content}=")),
        signed(&header, &format!("{content}\n")),
        signed(&header, &format!("{}!{}", &content[..4], &content[4..])),
        signed(&format!("{header}===="), &content),
        signed(&header, "YR"),
        signed(&header, "Y"),
    ] {
        assert_eq!(payload(&spelled), Err(Rejection::Malformed), "{spelled}");
    }
    for spelled in [
        format!("{signature}="),
        signature[..42].to_owned(),
        format!("{}{}", &signature[..42], other_trailing_bits(signature)),
        format!("{signature}AA"),
        format!(" {signature}"),
    ] {
        assert_eq!(payload(format!("{header}.{content}.{spelled}")), Err(Rejection::Malformed), "{spelled}");
    }
}

/// The last character, spelling the same byte with other bits behind it.
fn other_trailing_bits(signature: &str) -> char {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(signature.chars().last().unwrap()).unwrap();
    alphabet.chars().nth(index ^ 1).unwrap()
}

#[test]
fn the_payload_is_signed_and_the_key_counts() {
    let good = token(HEADER);
    let other = good.replace(&URL_SAFE_NO_PAD.encode(PAYLOAD), &URL_SAFE_NO_PAD.encode(r#"{"a":"c"}"#));

    assert_eq!(payload(other), Err(Rejection::Mismatch));
    let scheme = scheme(JwsAlgorithm::Hs256);
    let wrong = scheme.verify(&keyring(&scheme, &["other"]), &head(&headers(&[])), good.into_bytes(), seconds(0));
    assert_eq!(wrong.err(), Some(Rejection::Mismatch));
}

/// Verifies with a JWK; gives the payload.
fn with_jwk(algorithm: JwsAlgorithm, jwk: &str, token: &str) -> Result<Vec<u8>, Rejection> {
    let scheme = scheme(algorithm);
    let body = token.as_bytes().to_vec();
    let verified = scheme.verify(&keyring(&scheme, &[jwk]), &head(&headers(&[])), body, seconds(0))?;
    Ok(verified.payload().contiguous().into_owned())
}

#[test]
fn the_vectors_of_rfc_7515_and_8037_with_public_keys_hold() {
    // ref: https://www.rfc-editor.org/rfc/rfc7515#appendix-A.2, A.3, and https://www.rfc-editor.org/rfc/rfc8037#appendix-A.4
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let rsa = concat!(
        r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz"#,
        "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5",
        "z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX",
        r#"FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#,
    );
    let rs256 = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujG",
        "bds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K",
        "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6",
        "LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );
    let ec = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let es256 = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let okp = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let eddsa = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    for (algorithm, jwk, token) in [
        (JwsAlgorithm::Rs256, rsa, format!("eyJhbGciOiJSUzI1NiJ9.{claims}.{rs256}")),
        (JwsAlgorithm::Es256, ec, format!("eyJhbGciOiJFUzI1NiJ9.{claims}.{es256}")),
        (JwsAlgorithm::EdDsa, okp, format!("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.{eddsa}")),
    ] {
        let payload = with_jwk(algorithm, jwk, &token);
        assert!(payload.is_ok_and(|payload| !payload.is_empty()), "{algorithm:?}");
        let last = token.len() - 10;
        let changed = format!(
            "{}{}{}",
            &token[..last],
            if token[last..].starts_with('A') { 'B' } else { 'A' },
            &token[last + 1..]
        );
        assert_eq!(with_jwk(algorithm, jwk, &changed), Err(Rejection::Mismatch), "{algorithm:?}");
    }
}
