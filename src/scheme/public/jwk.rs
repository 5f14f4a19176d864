//! Keys in JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::json::{self, Value};
use super::der::{Plain, rsa, write_rsa};
use super::text::Named;
use super::{KeyFlaw, MOST_KEYS, PublicAlgorithm};

type Members = [(String, Value)];

/// The keys of a JWK or of a set of them that are of this algorithm.
///
/// A JWK alone must fit. In a set, keys that are meant for something else are passed over, as RFC 7517 §5 wants it; one
/// that is meant for this, and wrong, is not.
pub(super) fn read(text: &str, algorithm: PublicAlgorithm) -> Result<Vec<Named>, KeyFlaw> {
    let members = json::members(text.as_bytes()).ok_or(KeyFlaw::Malformed)?;
    match find(&members, "keys") {
        None => Ok(vec![one(&members, algorithm)?]),
        Some(Value::List(keys)) => set(keys, algorithm),
        Some(_) => Err(KeyFlaw::Malformed),
    }
}

/// Whether these are the members of a JWK that is no secret, or of a set with such a one.
pub(super) fn is_of_a_pair(members: &Members) -> bool {
    let of_a_set = |key: &Value| matches!(key, Value::Object(members) if is_of_a_pair(members));
    match (find(members, "kty"), find(members, "keys")) {
        (Some(Value::Text(kty)), _) => kty != "oct",
        (None, Some(Value::List(keys))) => keys.iter().any(of_a_set),
        _ => false,
    }
}

fn set(keys: &[Value], algorithm: PublicAlgorithm) -> Result<Vec<Named>, KeyFlaw> {
    let mut fitting: Vec<Named> = Vec::new();
    for key in keys {
        let Value::Object(members) = key else { return Err(KeyFlaw::Malformed) };
        let named = match one(members, algorithm) {
            Ok(named) => named,
            Err(KeyFlaw::Misused | KeyFlaw::OtherType) => continue,
            Err(flaw) => return Err(flaw),
        };
        if named.kid.is_some() && fitting.iter().any(|other| other.kid == named.kid) {
            return Err(KeyFlaw::RepeatedKid);
        }
        fitting.push(named);
    }
    match fitting.len() {
        0 => Err(KeyFlaw::NoneFits),
        1..=MOST_KEYS => Ok(fitting),
        _ => Err(KeyFlaw::TooMany),
    }
}

fn one(members: &Members, algorithm: PublicAlgorithm) -> Result<Named, KeyFlaw> {
    if members.iter().any(|(name, _)| name == "d") {
        return Err(KeyFlaw::PrivateJwk);
    }
    check_purpose(members, algorithm)?;
    let key = match (text(members, "kty")?, text(members, "crv")?) {
        (Some("OKP"), Some("Ed25519")) => Plain::Ed25519(bytes(members, "x", 32)?),
        (Some("EC"), Some("P-256")) => Plain::P256(point(members, 32)?),
        (Some("EC"), Some("P-384")) => Plain::P384(point(members, 48)?),
        (Some("RSA"), None) => {
            rsa(&write_rsa(&number(members, "n")?, &number(members, "e")?)).ok_or(KeyFlaw::Malformed)?
        }
        (Some(_), _) => Plain::Other,
        (None, _) => return Err(KeyFlaw::Malformed),
    };
    Ok(Named { kid: text(members, "kid")?.map(str::to_owned), key: key.verifying(algorithm)? })
}

/// `alg`, `use` and `key_ops` may be left out; where they are there, they must allow what the key is used for.
fn check_purpose(members: &Members, algorithm: PublicAlgorithm) -> Result<(), KeyFlaw> {
    let names = match algorithm {
        PublicAlgorithm::EcdsaP256Sha256(_) => ["ES256"].as_slice(),
        PublicAlgorithm::EcdsaP384Sha384(_) => &["ES384"],
        // ref: RFC 9864 §2.2, which gives the curve's signatures a name of their own.
        PublicAlgorithm::Ed25519 => &["EdDSA", "Ed25519"],
        PublicAlgorithm::RsaPkcs1Sha256 => &["RS256"],
        PublicAlgorithm::RsaPssSha256 => &["PS256"],
    };
    let for_algorithm = text(members, "alg")?.is_none_or(|name| names.contains(&name));
    let for_signatures = text(members, "use")?.is_none_or(|purpose| purpose == "sig");
    let for_verifying = match find(members, "key_ops") {
        None => true,
        Some(Value::List(operations)) => operations.contains(&Value::Text("verify".to_owned())),
        Some(_) => return Err(KeyFlaw::Malformed),
    };
    if for_algorithm && for_signatures && for_verifying { Ok(()) } else { Err(KeyFlaw::Misused) }
}

/// A point that is not compressed (SEC 1 §2.3.3), of coordinates with all their bytes.
fn point(members: &Members, size: usize) -> Result<Vec<u8>, KeyFlaw> {
    let (x, y) = (bytes(members, "x", size)?, bytes(members, "y", size)?);
    Ok([&[4], &x[..], &y[..]].concat())
}

fn bytes(members: &Members, name: &str, size: usize) -> Result<Vec<u8>, KeyFlaw> {
    number(members, name).and_then(|bytes| if bytes.len() == size { Ok(bytes) } else { Err(KeyFlaw::Malformed) })
}

fn number(members: &Members, name: &str) -> Result<Vec<u8>, KeyFlaw> {
    let digits = text(members, name)?.ok_or(KeyFlaw::Malformed)?;
    URL_SAFE_NO_PAD.decode(digits).map_err(|_| KeyFlaw::Malformed)
}

/// A member that is a text where it is there.
fn text<'m>(members: &'m Members, name: &str) -> Result<Option<&'m str>, KeyFlaw> {
    match find(members, name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(KeyFlaw::Malformed),
    }
}

fn find<'m>(members: &'m Members, name: &str) -> Option<&'m Value> {
    members.iter().find(|(other, _)| other == name).map(|(_, value)| value)
}
