//! What must hold of JSON, of JWSs, of keys, and of small texts in headers.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use super::given::parameter;
use super::json::{Scalar, is_structure, members, pick};
use super::public::{PublicKeys, holds_a_key};
use super::testing::{head, keyring, seconds, secrets};
use super::timestamp::Stamp;
use super::{
    Body, DetachedJws, EcdsaForm, Encoding, JwsAlgorithm, JwsPayload, KeyForm, Mechanism, Pointer, PublicAlgorithm,
    Scheme, SecretEncoding, TimestampUnit, preset,
};
use crate::fuzzing::text_line;
use crate::fuzzing::tree::Tree;

const NOW: i64 = 1_700_000_000;

/// The scanner finds the same in any framing, and where serde_json reads the document, what serde_json finds.
pub(crate) fn fields(pointers: &[Pointer], document: &[u8]) {
    let pointers: Vec<&Pointer> = pointers.iter().collect();
    let whole = pick(&Body::from(Bytes::copy_from_slice(document)), &pointers);
    let frames: Body = document.chunks(5).map(Bytes::copy_from_slice).collect();
    let in_frames = pick(&frames, &pointers);
    assert_eq!(whole, in_frames);
    let Some(tree) = Tree::read(document) else { return };
    for (pointer, found) in pointers.iter().zip(&whole) {
        match (tree.at(&pointer.0), found) {
            (Some(Tree::Text(expected)), Some(Scalar::String(found))) => assert_eq!(expected, found),
            (Some(Tree::Number(expected)), Some(Scalar::Number(found))) => {
                // serde_json is off by some last digits of long numbers.
                let found: f64 = found.parse().expect("a number");
                assert!((found - expected).abs() <= expected.abs() * 1e-14, "{pointer}: {found} {expected}");
            }
            (Some(Tree::Text(expected)), None) => assert!(expected.is_empty(), "{pointer} is not found"),
            (Some(Tree::Number(_)), None) | (_, Some(_)) => panic!("{pointer}: {found:?} in {tree:?}"),
            (_, None) => {}
        }
    }
}

/// What is read whole is what serde_json reads, but for members that are given twice, and for depth.
pub(crate) fn structures(document: &[u8]) {
    if Tree::is_beyond(document) {
        return;
    }
    let tree = Tree::read(document).filter(|tree| !tree.repeats());
    let found = members(document);
    let expected = tree.as_ref().filter(|tree| matches!(tree, Tree::Object(_)) && tree.depth() <= 9);
    let names = |members: &[(String, _)]| members.iter().map(|(name, _)| name.clone()).collect::<Vec<String>>();
    let expected = expected.map(|tree| tree.members().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    assert_eq!(found.map(|found| names(&found)), expected);
    assert_eq!(is_structure(document), tree.is_some_and(|tree| tree.is_structure() && tree.depth() <= 64));
}

/// A JWS header on the first line, then a payload. A token of them whose signature is right is accepted where its
/// header says what serde_json and the algorithm agree on, and nothing that changes the meaning.
pub fn jws(data: &[u8]) {
    let Some((header, payload)) = text_line(data) else { return };
    if Tree::is_beyond(header.as_bytes()) {
        return;
    }
    compact(header, payload);
    detached(header, payload, JwsPayload::Encoded);
    detached(header, payload, JwsPayload::Unencoded);
    // The input itself cannot be one: nobody knows the key.
    assert!(verifies(&of(Mechanism::Jws(JwsAlgorithm::Hs256)), &HeaderMap::new(), data).is_none());
}

fn compact(header: &str, payload: &[u8]) {
    let scheme = of(Mechanism::Jws(JwsAlgorithm::Hs256));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let token = format!("{signed}.{}", signature(&scheme, &[signed.as_bytes()]));
    let verified = verifies(&scheme, &HeaderMap::new(), token.as_bytes());
    assert_eq!(verified.is_some(), is_fit(header, JwsPayload::Encoded), "{header}");
    assert!(verified.is_none_or(|found| found == payload));
    for other in [format!("{token} "), format!("{token}="), format!("{token}."), token.replacen('.', "..", 1)] {
        assert!(verifies(&scheme, &HeaderMap::new(), other.as_bytes()).is_none(), "{other}");
    }
}

fn detached(header: &str, body: &[u8], payload: JwsPayload) {
    let name = http::HeaderName::from_static("x-jws");
    let detached = DetachedJws { algorithm: JwsAlgorithm::Hs256, header: name.clone(), payload };
    let scheme = of(Mechanism::DetachedJws(detached));
    let encoded = URL_SAFE_NO_PAD.encode(header);
    let covered = match payload {
        JwsPayload::Encoded => Cow::Owned(URL_SAFE_NO_PAD.encode(body).into_bytes()),
        JwsPayload::Unencoded => Cow::Borrowed(body),
    };
    let token = format!("{encoded}..{}", signature(&scheme, &[encoded.as_bytes(), b".", &covered]));
    let headers = HeaderMap::from_iter([(name, HeaderValue::try_from(token).expect("base64url"))]);
    let verified = verifies(&scheme, &headers, body);
    assert_eq!(verified.is_some(), is_fit(header, payload), "{header}");
    assert!(verifies(&scheme, &headers, &[body, b"x"].concat()).is_none());
}

/// Whether a header may stand in a token, as serde_json reads it.
fn is_fit(header: &str, payload: JwsPayload) -> bool {
    let Some(tree) = Tree::read(header.as_bytes()) else { return false };
    let list = Tree::Array(vec![Tree::Text("b64".to_owned())]);
    let says_plain = tree.member("b64") == Some(&Tree::False) && tree.member("crit") == Some(&list);
    let is_silent = ["b64", "crit"].iter().all(|name| tree.member(name).is_none());
    let means = if payload == JwsPayload::Unencoded { says_plain } else { is_silent };
    let names_key = matches!(tree.member("kid"), None | Some(Tree::Text(_)));
    let is_small = header.len() <= 4096 && tree.depth() <= 9 && !tree.repeats();
    let algorithm = Some(&Tree::Text("HS256".to_owned()));
    is_small && means && names_key && tree.member("zip").is_none() && tree.member("alg") == algorithm
}

fn of(mechanism: Mechanism) -> Scheme {
    Scheme { mechanism, ..preset("jws").expect("a preset").clone() }
}

fn signature(scheme: &Scheme, parts: &[&[u8]]) -> String {
    let keyring = keyring(scheme, &[secrets(scheme)[0]]);
    URL_SAFE_NO_PAD.encode(keyring.sign(0, parts).expect("a secret signs"))
}

/// The payload of a message that is accepted.
fn verifies(scheme: &Scheme, headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let keyring = keyring(scheme, &[secrets(scheme)[0]]);
    let verified = scheme.verify(&keyring, &head(headers), body.to_vec(), seconds(NOW)).ok()?;
    Some(verified.payload().contiguous().into_owned())
}

/// The name of an algorithm on the first line, then the text of a key. What is a key of a pair is never a secret too;
/// what signs verifies; and neither does anything for another algorithm's type.
pub fn keys(data: &[u8]) {
    let Some((name, text)) = text_line(data) else { return };
    let Some((_, algorithm, form)) = kinds().into_iter().find(|(known, ..)| *known == name) else { return };
    let read = PublicKeys::read(text, algorithm, &form);
    if let Ok(keys) = &read {
        let trimmed = text.trim_ascii();
        let says_what_it_is = trimmed.starts_with(b"{") || memchr::memmem::find(trimmed, b"-----BEGIN ").is_some();
        assert!(holds_a_key(trimmed) || !says_what_it_is, "a key of a pair would be a secret");
        let signed = keys.sign(b"a message");
        assert_eq!(signed.is_some(), keys.can_sign());
        if let Some(signature) = signed {
            let offered = super::few::Few::from_iter([signature]);
            assert!(keys.verify(b"a message", &offered, None), "what was signed is refused");
            assert!(!keys.verify(b"another message", &offered, None));
        }
        let types = kinds().into_iter().filter(|(_, other, _)| same_type(*other, algorithm)).count();
        let reads = |(_, other, form): &(_, PublicAlgorithm, KeyForm)| PublicKeys::read(text, *other, form).is_ok();
        let fits = kinds().iter().filter(|kind| reads(kind)).count();
        // Bare bytes do not say what they are, and a set of keys may have one of each.
        assert!(fits <= types || form != KeyForm::Pem || trimmed.starts_with(b"{"), "a key is of several types");
    }
    let secret = super::testing::key(std::str::from_utf8(text).unwrap_or_default());
    let taken = super::Keyring::new(preset("github").expect("a preset"), vec![secret]);
    assert!(taken.is_err() || !holds_a_key(text), "a key of a pair is taken for a secret");
}

fn same_type(one: PublicAlgorithm, other: PublicAlgorithm) -> bool {
    use PublicAlgorithm::{RsaPkcs1Sha256, RsaPssSha256};
    let is_rsa = |algorithm| matches!(algorithm, RsaPkcs1Sha256 | RsaPssSha256);
    one == other || (is_rsa(one) && is_rsa(other))
}

fn kinds() -> [(&'static str, PublicAlgorithm, KeyForm); 5] {
    let base64 = KeyForm::Base64 { public: "whpk_".into(), private: "whsk_".into() };
    [
        ("ed25519", PublicAlgorithm::Ed25519, base64),
        ("es256", PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::Der), KeyForm::Hex),
        ("es384", PublicAlgorithm::EcdsaP384Sha384(EcdsaForm::P1363), KeyForm::Pem),
        ("ps256", PublicAlgorithm::RsaPssSha256, KeyForm::Pem),
        ("rs256", PublicAlgorithm::RsaPkcs1Sha256, KeyForm::Pem),
    ]
}

/// What is read as a MAC, a signature, a time or a parameter is written again as it was.
pub(crate) fn texts(text: &[u8]) {
    for encoding in [Encoding::Base64, Encoding::Base64Url, Encoding::HexLower, Encoding::HexUpper] {
        let is_hex = matches!(encoding, Encoding::HexLower | Encoding::HexUpper);
        let is_same = |bytes: &[u8]| {
            let written = encoding.encode(bytes);
            if is_hex { text.eq_ignore_ascii_case(written.as_bytes()) } else { text == written.as_bytes() }
        };
        for size in [20, 32, 48, 64] {
            assert!(encoding.decode(text, size).is_none_or(|tag| is_same(tag.as_bytes())), "{encoding:?} {size}");
        }
        assert!(encoding.decode_any(text, 1024).is_none_or(|bytes| is_same(&bytes)), "{encoding:?}");
    }
    for (_, algorithm, _) in kinds() {
        assert!(algorithm.decode(text, Encoding::Base64).is_none_or(|bytes| bytes.len() <= 1024));
    }
    let _ = SecretEncoding::Base64 { strip_prefix: "whsec_".into() }.decode(text);
    times(text);
    parameters(text);
}

fn times(text: &[u8]) {
    let parse = |unit| Stamp::parse(text, unit).ok();
    let text = std::str::from_utf8(text).unwrap_or_default();
    for (unit, factor) in [(TimestampUnit::Seconds, 1_000_000_000), (TimestampUnit::Milliseconds, 1_000_000)] {
        let Some(stamp) = parse(unit) else { continue };
        assert_eq!(text.parse::<i128>().map(|number| number * factor), Ok(stamp.nanoseconds));
    }
    if let Some(stamp) = parse(TimestampUnit::Rfc3339) {
        let read: Timestamp = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read.as_nanosecond(), stamp.nanoseconds);
    }
}

/// Of a query, a parameter is what a form's parser would find, where it is there once.
fn parameters(text: &[u8]) {
    let Ok(query) = std::str::from_utf8(text) else { return };
    let named: Vec<&str> = query.split('&').filter(|pair| *pair == "a" || pair.starts_with("a=")).collect();
    match parameter(Some(query), "a") {
        Ok(None) => assert!(named.is_empty()),
        Ok(Some(value)) => {
            assert!(named.len() <= 1);
            if let Some(plain) = named.first().map(|pair| pair.split_once('=').map_or("", |(_, value)| value))
                && !plain.contains(['%', '+'])
            {
                assert_eq!(value, plain.as_bytes());
            }
        }
        Err(_) => assert!(query.contains('&')),
    }
}
