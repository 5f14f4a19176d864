use sha2::{Digest as _, Sha256};

use super::*;

/// The right signature, carried in another way.
fn carried(expected: &[&'static str], name: &'static str, value: impl Into<String>) -> Case {
    Case { headers: vec![(name, value.into())], ..Case::of(expected, "lmif") }
}

fn shopify(expected: &[&'static str], value: impl Into<String>) -> Case {
    Case { headers: vec![("x-shopify-hmac-sha256", value.into())], ..Case::of(expected, "shopify") }
}

fn stripe(expected: &[&'static str], value: impl Fn(&str) -> String) -> Case {
    let mac = hex(&sha256(SECRET.as_bytes(), format!("{NOW}.{BODY}").as_bytes()));
    Case { headers: vec![("stripe-signature", value(&mac))], ..Case::of(expected, "stripe") }
}

fn token(expected: &[&'static str], body: impl Into<Vec<u8>>) -> Case {
    Case { body: body.into(), ..Case::of(expected, "jws") }
}

/// A token of these parts, signed.
fn signed(header: &str, payload: &str, make: fn(&[u8], &[u8]) -> Vec<u8>) -> String {
    let signature = make(SECRET.as_bytes(), format!("{header}.{payload}").as_bytes());
    format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(super) fn cases() -> Vec<Case> {
    let mac = sha256(SECRET.as_bytes(), BODY.as_bytes());
    let (text, base64) = (hex(&mac), STANDARD.encode(&mac));
    let here = "x-lmif-signature";
    let plain = |header: &str| URL_SAFE_NO_PAD.encode(header);
    let (hs256, hs512) = (plain(r#"{"alg":"HS256"}"#), plain(r#"{"alg":"HS512"}"#));
    let payload = plain(BODY);
    let good = signed(&hs256, &payload, sha256);
    let (padded_header, padded_payload) = (base64_of(r#"{"alg":"HS256"} "#), base64_of(BODY));
    let gzip = [b"\x1f\x8b\x08".as_slice(), BODY.as_bytes()].concat();
    let length = vec![(here, format!("sha256={}", "0".repeat(64))), ("content-length", "500".to_owned())];
    vec![
        // The case of hexadecimal digits is nobody's mistake here.
        carried(&["verified"], here, format!("sha256={}", text.to_uppercase())),
        carried(&["signature-prefix"], here, text.clone()),
        carried(&["signature-prefix"], here, format!("sha1={text}")),
        carried(&["signature-prefix"], here, format!("SHA256={text}")),
        carried(&["signature-prefix", "signature-encoding"], here, base64.clone()),
        carried(&["signature-encoding"], here, format!("sha256={base64}")),
        carried(&["signature-encoding"], here, format!("sha256={}", STANDARD.encode(&text))),
        carried(&["signature-header"], "x-signature", format!("sha256={text}")),
        carried(&["signature-header", "signature-prefix"], "x-signature", text.clone()),
        carried(&["signature-quoted"], here, format!("sha256=\"{text}\"")),
        carried(&["signature-quoted"], here, format!("\"sha256={text}\"")),
        carried(&["signature-prefix", "signature-quoted"], here, format!("\"sha1={text}\"")),
        carried(&["secret-not-used"], here, format!("sha256={}", hex(&Sha256::digest(BODY)))),
        carried(&["signature-prefix", "secret-not-used"], here, hex(&Sha256::digest(BODY))),
        carried(&["signature-quoted"], here, format!("sha256=<{text}>")),
        carried(&["signature-format"], here, format!("t=1, sha256={text}")),
        shopify(&["signature-prefix"], format!("sha256={base64}")),
        shopify(&["signature-encoding"], text.clone()),
        shopify(&["signature-encoding"], STANDARD.encode(&text)),
        shopify(&["signature-padding"], base64.trim_end_matches('=')),
        carried(&["preset"], "x-hub-signature-256", format!("sha256={text}")),
        Case {
            headers: vec![(here, format!("sha256={text}")), (here, format!("sha256={text}"))],
            ..carried(&["signature-repeated"], here, "")
        },
        Case {
            headers: vec![(here, format!("sha256={}", "0".repeat(64))), (here, format!("sha256={text}"))],
            ..carried(&["signature-repeated"], here, "")
        },
        Case {
            headers: vec![("x-hub-signature", format!("sha1={}", hex(&sha1(SECRET.as_bytes(), BODY.as_bytes()))))],
            ..Case::of(&["signature-older"], "github")
        },
        stripe(&["signature-repeated"], |mac| format!("t={NOW},t={NOW},v1={mac}")),
        carried(&["signature-missing"], "content-type", "application/json"),
        carried(&["signature-empty"], here, ""),
        carried(&["signature-empty"], here, "sha256="),
        carried(&["signature-placeholder"], here, "<signature>"),
        carried(&["signature-placeholder"], here, "sha256={{signature}}"),
        carried(&["signature-placeholder"], here, "undefined"),
        carried(&["signature-unreadable"], here, format!("sha256={}", &text[..62])),
        carried(&["signature-unreadable"], here, "sha256=what is this"),
        stripe(&["signature-written-otherwise"], |mac| format!("t={NOW},v1={mac},v1=zz")),
        // What looks odd.
        Case { body: Vec::new(), ..carried(&["body-empty"], here, format!("sha256={text}")) },
        Case { body: gzip, ..carried(&["body-compressed"], here, format!("sha256={text}")) },
        Case { headers: length, ..carried(&["body-cut"], here, "") },
        Case { body: "\u{fffd}".into(), ..carried(&["body-characters-lost"], here, format!("sha256={text}")) },
        // Tokens.
        token(&["verified"], good.clone()),
        token(&["token-white-space"], format!("{good}\n")),
        token(&["token-quoted"], format!("\"{good}\"")),
        token(&["token-bearer"], format!("Bearer {good}")),
        token(&["token-in-json"], format!(r#"{{"token":"{good}"}}"#)),
        token(&["token-in-form"], format!("a=b&token={good}")),
        token(&["token-quoted", "token-white-space"], format!("\"{good}\\n\"")),
        Case { headers: vec![("authorization", format!("Bearer {good}"))], ..token(&["token-in-header"], BODY) },
        token(&["token-base64"], signed(&padded_header, &padded_payload, sha256)),
        token(&["token-base64"], format!("{good}=")),
        token(&["algorithm"], signed(&hs512, &payload, sha512)),
        token(&["algorithm"], signed(&plain(r#"{"alg":"HS384"}"#), &payload, sha384)),
        token(&["token-algorithm"], signed(&hs512, &payload, sha256)),
        token(&["token-unsigned"], format!("{}.{payload}.", plain(r#"{"alg":"none"}"#))),
        token(&["token-public-key"], signed(&plain(r#"{"alg":"RS256"}"#), &payload, |_, _| vec![7; 256])),
        token(&["token-encrypted"], format!("{hs256}.a.b.c.d")),
        token(&["token-missing"], BODY),
        token(&["token-cut"], &good[..good.len() - 9]),
        Case { secrets: vec![key(&hex(SECRET.as_bytes()))], ..token(&["secret-encoding"], good.clone()) },
        Case { secrets: vec![key(&STANDARD.encode(SECRET))], ..token(&["secret-encoding"], good.clone()) },
        Case { secrets: vec![key(&format!("{SECRET}\n"))], ..token(&["secret-white-space"], good) },
        Case { body: signed(&hs256, &payload, sha256).into(), ..Case::of(&["preset"], "lmif") },
    ]
}

fn base64_of(text: &str) -> String {
    let text = STANDARD.encode(text);
    if text.ends_with('=') { text } else { format!("{text}====") }
}

#[test]
fn a_signature_that_is_carried_in_another_way_is_recognised() {
    cases().iter().for_each(Case::check);
}

#[test]
fn no_header_is_named_where_none_is_there_twice() {
    let case = stripe(&["signature-repeated"], |mac| format!("t={NOW},t={NOW},v1={mac}"));

    let Explanation::Found { mistakes, .. } = case.explain() else { panic!("it is wrong") };

    assert!(mistakes[0].what.starts_with("an item of the signature's value"), "{mistakes:?}");
}
