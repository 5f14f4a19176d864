//! What the senders' own libraries signed, given to the engine as a library user would.
//!
//! `tests/vectors/README.md` says who made the vectors, and how.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign::scheme::{
    Head, JwsAlgorithm, KeySpec, Keyring, Mechanism, Rejection, Scheme, Secret, SecretEncoding, Verified,
    type_header_value,
};
use http::{HeaderMap, HeaderName, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A file of requests that one library signed.
struct Vectors {
    file: String,
    maker: String,
    scheme: Value,
    algorithm: Option<String>,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    secret: String,
    now: i64,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    event_id: Option<String>,
    event_type: Option<String>,
}

fn all() -> Vec<Vectors> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/senders");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 24, "vectors are missing: {paths:?}");
    paths.iter().map(read).collect()
}

fn read(path: &PathBuf) -> Vectors {
    let vectors: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases: Vec<Case> = vectors["cases"].as_array().unwrap().iter().map(Case::read).collect();
    assert!(cases.len() >= 50, "{path:?}");
    Vectors {
        file: path.file_name().unwrap().to_str().unwrap().to_owned(),
        maker: text(&vectors["maker"]),
        scheme: vectors["scheme"].clone(),
        algorithm: vectors["algorithm"].as_str().map(ToOwned::to_owned),
        cases,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

impl Case {
    fn read(case: &Value) -> Self {
        assert_eq!(case["valid"], true);
        let headers = case["headers"].as_array().unwrap();
        Self {
            name: text(&case["name"]),
            secret: text(&case["secret"]),
            now: case["now"].as_i64().unwrap(),
            method: text(&case["method"]),
            path: text(&case["path"]),
            query: text(&case["query"]),
            headers: headers.iter().map(|header| (text(&header[0]), text(&header[1]))).collect(),
            body: BASE64.decode(text(&case["body_base64"])).unwrap(),
            event_id: case["event_id"].as_str().map(ToOwned::to_owned),
            event_type: case["event_type"].as_str().map(ToOwned::to_owned),
        }
    }
}

impl Vectors {
    fn scheme(&self) -> Scheme {
        let text = self.scheme.as_str().map_or_else(|| self.scheme.to_string(), ToOwned::to_owned);
        let mut scheme = countersign::config::scheme(&text).unwrap_or_else(|error| panic!("{error}"));
        match self.algorithm.as_deref() {
            None | Some("HS256") => {}
            Some("HS384") => scheme.mechanism = Mechanism::Jws(JwsAlgorithm::Hs384),
            Some("HS512") => scheme.mechanism = Mechanism::Jws(JwsAlgorithm::Hs512),
            Some(other) => panic!("{other}"),
        }
        scheme
    }

    fn each(&self, mut check: impl FnMut(&Scheme, &Request<'_>, &str)) {
        let scheme = self.scheme();
        for case in &self.cases {
            check(&scheme, &Request::of(case), &format!("{} ({}): {}", self.file, self.maker, case.name));
        }
    }
}

/// A case, ready to be verified.
struct Request<'a> {
    case: &'a Case,
    method: Method,
    headers: HeaderMap,
    body: &'a [u8],
    now: Timestamp,
}

impl<'a> Request<'a> {
    fn of(case: &'a Case) -> Self {
        let headers = case.headers.iter().map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), value.as_bytes().try_into().unwrap())
        });
        Self {
            case,
            method: case.method.parse().unwrap(),
            headers: headers.collect(),
            body: &case.body,
            now: Timestamp::from_second(case.now).unwrap(),
        }
    }

    fn head(&self) -> Head<'_> {
        let query = Some(self.case.query.as_str()).filter(|query| !query.is_empty());
        Head { method: &self.method, path: &self.case.path, query, headers: &self.headers, public_url: None }
    }

    fn verify(&self, scheme: &Scheme, secret: &str, body: &[u8], now: Timestamp) -> Result<Verified, Rejection> {
        let secret = Secret::new(secret.as_bytes().to_vec());
        let key = KeySpec { id: "1".into(), secret, encoding: None, not_before: None, not_after: None };
        let keyring = Keyring::new(scheme, vec![key]).unwrap();
        scheme.verify(&keyring, &self.head(), body.to_vec(), now)
    }
}

#[test]
fn what_the_senders_libraries_sign_is_accepted_and_named() {
    for vectors in all() {
        vectors.each(|scheme, request, name| {
            let verified = request.verify(scheme, &request.case.secret, request.body, request.now);
            let verified = verified.unwrap_or_else(|rejection| panic!("{name}: {rejection}"));

            let identity = scheme.identify(&verified, &request.head(), None, None);
            if let Some(id) = &request.case.event_id {
                assert_eq!(identity.id.header_value(), id, "{name}");
            }
            let kind = identity.kind.as_deref().map(type_header_value);
            assert_eq!(kind.as_ref().map(|kind| kind.to_str().unwrap()), request.case.event_type.as_deref(), "{name}");
        });
    }
}

/// Where a byte is changed: at both ends, and at some places between.
fn places(length: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..=8).map(|eighth| length.saturating_sub(1) * eighth / 8).collect();
    places.dedup();
    places
}

#[test]
fn with_one_byte_of_the_body_changed_added_or_missing_it_is_refused() {
    for vectors in all() {
        vectors.each(|scheme, request, name| {
            let refused = |body: &[u8], how: &str| {
                let result = request.verify(scheme, &request.case.secret, body, request.now);
                assert!(result.is_err(), "{name}: accepted {how}");
            };
            let body = request.body;
            refused(&[body, &b"\n"[..]].concat(), "with a byte more");
            if body.is_empty() {
                return;
            }
            for place in places(body.len()) {
                let mut changed = body.to_vec();
                changed[place] ^= 1;
                refused(&changed, &format!("with byte {place} changed"));
            }
            refused(&body[1..], "without its first byte");
            refused(&body[..body.len() - 1], "without its last byte");
        });
    }
}

#[test]
fn with_one_bit_of_the_signature_changed_it_is_refused() {
    for vectors in all() {
        vectors.each(|scheme, request, name| {
            for (header, value) in &request.headers {
                let carries = header.as_str().contains("signature") || header.as_str().contains("hmac");
                // Of several signatures, another one may still match.
                let several =
                    value.to_str().unwrap().contains(' ') || value.to_str().unwrap().matches("v1=").count() > 1;
                if !carries || several {
                    continue;
                }
                // Its last character may be one of several that stand for the same bits; the one before is not.
                let mut changed = value.as_bytes().to_vec();
                let place = changed.iter().rposition(|byte| *byte != b'=').unwrap() - 1;
                changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
                let mut other = Request::of(request.case);
                other.headers.insert(header, changed.as_slice().try_into().unwrap());
                let result = other.verify(scheme, &request.case.secret, request.body, request.now);
                assert!(result.is_err(), "{name}: accepted {header}: {}", String::from_utf8_lossy(&changed));
            }
        });
    }
}

#[test]
fn with_another_secret_it_is_a_mismatch() {
    for vectors in all() {
        vectors.each(|scheme, request, name| {
            // Decodable also where a secret is base64.
            let result = request.verify(scheme, "whsec_c29tZWJvZHkgZ3Vlc3NlZA==", request.body, request.now);
            assert_eq!(result.err(), Some(Rejection::Mismatch), "{name}");
        });
    }
}

#[test]
fn where_a_time_is_signed_it_counts_for_five_minutes_both_ways() {
    for vectors in all() {
        let Mechanism::Hmac(recipe) = vectors.scheme().mechanism else { continue };
        vectors.each(|scheme, request, name| {
            let at = |seconds| {
                let now = request.now + SignedDuration::from_secs(seconds);
                request.verify(scheme, &request.case.secret, request.body, now).err()
            };
            let (early, late) = match recipe.tolerance {
                Some(_) => (Some(Rejection::TooNew), Some(Rejection::Stale)),
                None => (None, None),
            };
            assert_eq!((at(-301), at(-299), at(299), at(301)), (early, None, None, late), "{name}");
        });
    }
}

#[test]
fn a_signature_is_worth_nothing_for_another_sender() {
    let all = all();
    for vectors in &all {
        for other in all.iter().filter(|other| other.scheme != vectors.scheme || other.algorithm != vectors.algorithm) {
            let scheme = other.scheme();
            let encoded = matches!(&scheme.mechanism, Mechanism::Hmac(recipe) if recipe.secret != SecretEncoding::Utf8);
            for case in vectors.cases.iter().take(5) {
                let request = Request::of(case);
                let secret = if encoded { "whsec_c2VjcmV0" } else { &case.secret };
                let result = request.verify(&scheme, secret, request.body, request.now);
                assert!(result.is_err(), "{} accepts {} of {}", other.file, case.name, vectors.file);
            }
        }
    }
}
