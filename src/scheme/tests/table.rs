//! What holds for every preset, because it is in the table.

use http::{HeaderMap, HeaderName};

use crate::scheme::testing::{head, key, message, seconds, secrets};
use crate::scheme::{
    Carrier, Cover, Encoding, KeySpec, Keyring, Locator, Mechanism, Message, PRESETS, Pointer, Recipe, Rejection,
    Scheme, SignError, Signed, TimestampRule, TimestampSource, TypeCase, Verified,
};

const NOW: i64 = 1_700_000_000;

/// A body in which the scheme finds the id `evt_1`, the type `Box.Created` and the time `NOW`, where it looks for them.
fn body(scheme: &Scheme) -> Vec<u8> {
    let mut body = serde_json::json!({});
    let mut put = |pointer: &Pointer, value: serde_json::Value| {
        let mut place = &mut body;
        for name in pointer.0.split('/').skip(1) {
            place = &mut place[name];
        }
        *place = value;
    };
    for locator in scheme.event_id.iter() {
        if let Locator::Json(pointer) = locator {
            put(pointer, "evt_1".into());
        }
    }
    if let Some(Locator::Json(pointer)) = &scheme.event_type {
        put(pointer, "Box.Created".into());
    }
    if let Mechanism::Hmac(Recipe {
        timestamp: Some(TimestampRule { from: TimestampSource::Json(pointer), unit }),
        ..
    }) = &scheme.mechanism
    {
        put(pointer, serde_json::from_str(&unit.write(seconds(NOW))).unwrap());
    }
    body.to_string().into_bytes()
}

/// The presets whose signature covers something.
fn signing() -> impl Iterator<Item = &'static Scheme> {
    PRESETS.iter().copied().filter(|scheme| !matches!(scheme.mechanism, Mechanism::Token(_)))
}

fn ring(scheme: &Scheme, keys: Vec<KeySpec>) -> Keyring {
    Keyring::new(scheme, keys).unwrap()
}

fn one(scheme: &Scheme) -> Keyring {
    ring(scheme, vec![key(secrets(scheme)[0])])
}

fn signed(scheme: &Scheme, keyring: &Keyring) -> Signed {
    let message = Message { event_id: Some("evt_1"), event_type: Some("Box.Created"), ..message(body(scheme).into()) };
    scheme.sign(keyring, &message, seconds(NOW)).unwrap()
}

fn lines(signed: &Signed) -> HeaderMap {
    signed.headers.iter().cloned().collect()
}

fn verify_at(
    scheme: &Scheme,
    keyring: &Keyring,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<Verified, Rejection> {
    scheme.verify(keyring, &head(headers), body.to_vec(), seconds(now))
}

fn verify(scheme: &Scheme, keyring: &Keyring, headers: &HeaderMap, body: &[u8]) -> Result<Verified, Rejection> {
    verify_at(scheme, keyring, headers, body, NOW)
}

/// The headers that take part in the signature, those that carry it first.
fn signature_headers(scheme: &Scheme, signed: &Signed) -> Vec<HeaderName> {
    let Some(carrier) = scheme.carrier() else { return Vec::new() };
    let carries = |name: &HeaderName| match carrier.as_ref() {
        Carrier::Headers(names) => names.contains(name),
        Carrier::Json(_) => false,
        Carrier::Numbered { prefix, .. } => name.as_str().starts_with(prefix.as_ref()),
    };
    let carriers = signed.headers.iter().map(|(name, _)| name.clone()).filter(carries);
    let time = scheme.timestamp().and_then(|rule| match &rule.from {
        TimestampSource::Header(name) => Some(name.clone()),
        _ => None,
    });
    let id =
        scheme.event_id.iter().filter(|locator| scheme.covers_locator(locator)).find_map(|locator| match locator {
            Locator::Header(name) => Some(name.clone()),
            _ => None,
        });
    carriers.chain(time).chain(id).collect()
}

#[test]
fn what_is_signed_verifies() {
    for scheme in PRESETS {
        let signed = signed(scheme, &one(scheme));
        let headers = lines(&signed);

        let verified = verify(scheme, &one(scheme), &headers, &signed.body).unwrap();

        assert_eq!(verified.payload().contiguous(), body(scheme), "{}", scheme.name);
        let identity = scheme.identify(&verified, &head(&headers), None, None);
        let named = if scheme.event_id.is_empty() { "sha256:" } else { "evt_1" };
        assert_eq!(identity.id.is_fallback(), scheme.event_id.is_empty(), "{}", scheme.name);
        assert!(identity.id.header_value().to_str().unwrap().contains(named), "{}", scheme.name);
        let kind = match scheme.type_case {
            TypeCase::Exact => "Box.Created",
            TypeCase::Ignored => "box.created",
        };
        assert_eq!(identity.kind, scheme.event_type.as_ref().map(|_| kind.to_owned()), "{}", scheme.name);
    }
}

#[test]
fn a_flipped_byte_is_refused() {
    for scheme in signing() {
        let signed = signed(scheme, &one(scheme));
        for at in 0..signed.body.len() {
            let mut body = signed.body.to_vec();
            body[at] ^= 1;
            assert!(verify(scheme, &one(scheme), &lines(&signed), &body).is_err(), "{} at {at}", scheme.name);
        }
    }
}

#[test]
fn a_longer_or_shorter_body_is_refused() {
    for scheme in signing() {
        let signed = signed(scheme, &one(scheme));
        let longer = [&signed.body[..], b"\n"].concat();
        for body in [&longer[..], &signed.body[1..], &signed.body[..signed.body.len() - 1], b""] {
            assert!(verify(scheme, &one(scheme), &lines(&signed), body).is_err(), "{}", scheme.name);
        }
    }
}

#[test]
fn a_wrong_key_is_refused() {
    for scheme in PRESETS {
        let signed = signed(scheme, &one(scheme));
        let other = ring(scheme, vec![key(secrets(scheme)[1])]);

        let rejection = verify(scheme, &other, &lines(&signed), &signed.body).err();

        assert_eq!(rejection, Some(Rejection::Mismatch), "{}", scheme.name);
    }
}

#[test]
fn any_key_of_the_ring_may_match_and_is_named() {
    for scheme in PRESETS {
        let both = ring(scheme, secrets(scheme).map(key).into());
        for (index, secret) in secrets(scheme).into_iter().enumerate() {
            let signed = signed(scheme, &ring(scheme, vec![key(secret)]));
            let verified = verify(scheme, &both, &lines(&signed), &signed.body).unwrap();
            assert_eq!(verified.key(), index, "{}", scheme.name);
        }
    }
}

#[test]
fn of_several_keys_that_match_the_first_is_named() {
    for scheme in PRESETS {
        let retired = KeySpec { not_after: Some(seconds(NOW - 1)), ..key(secrets(scheme)[0]) };
        let keyring =
            ring(scheme, vec![retired, key(secrets(scheme)[1]), key(secrets(scheme)[0]), key(secrets(scheme)[0])]);
        let signed = signed(scheme, &one(scheme));

        let verified = verify(scheme, &keyring, &lines(&signed), &signed.body).unwrap();

        assert_eq!(verified.key(), 2, "{}", scheme.name);
    }
}

#[test]
fn a_body_that_was_not_hashed_is_not_verified() {
    for scheme in PRESETS.iter().filter(|scheme| matches!(scheme.mechanism, Mechanism::Hmac(_))) {
        let (signed, keyring) = (signed(scheme, &one(scheme)), one(scheme));
        let (headers, body) = (lines(&signed), signed.body);
        let finish = |hashed: &[u8], body: &[u8]| {
            let mut verifier = scheme.verifier(&keyring, &head(&headers), seconds(NOW)).unwrap();
            verifier.update(hashed);
            verifier.finish(&head(&headers), body.to_vec().into()).err()
        };

        assert_eq!(finish(&body, &body), None, "{}", scheme.name);
        assert_eq!(finish(b"", &body), Some(Rejection::Mismatch), "{}", scheme.name);
        assert_eq!(finish(&body, b""), Some(Rejection::Mismatch), "{}", scheme.name);
    }
}

#[test]
fn a_retired_key_says_so_and_does_not_sign() {
    for scheme in PRESETS {
        let signed_before = signed(scheme, &one(scheme));
        let retired = KeySpec { not_after: Some(seconds(NOW - 1)), ..key(secrets(scheme)[0]) };
        let early = KeySpec { not_before: Some(seconds(NOW + 1)), ..key(secrets(scheme)[0]) };
        for unfit in [retired, early] {
            let keyring = ring(scheme, vec![unfit.clone(), key(secrets(scheme)[1])]);
            let rejection = verify(scheme, &keyring, &lines(&signed_before), &signed_before.body).err();
            assert_eq!(rejection, Some(Rejection::SecretExpired), "{}", scheme.name);

            let signed_after = signed(scheme, &keyring);
            let verified = verify(scheme, &keyring, &lines(&signed_after), &signed_after.body).unwrap();
            assert_eq!(verified.key(), 1, "{}", scheme.name);

            let alone = ring(scheme, vec![unfit]);
            let message = Message { event_id: Some("evt_1"), ..message(body(scheme).into()) };
            assert_eq!(scheme.sign(&alone, &message, seconds(NOW)).err(), Some(SignError::NoValidKey));
        }
    }
}

#[test]
fn a_header_of_the_signature_that_is_there_twice_is_refused() {
    for scheme in PRESETS {
        let signed = signed(scheme, &one(scheme));
        for name in signature_headers(scheme, &signed) {
            let mut headers = lines(&signed);
            headers.append(&name, headers[&name].clone());
            let rejection = verify(scheme, &one(scheme), &headers, &signed.body).err();
            assert_eq!(rejection, Some(Rejection::Repeated), "{} {name}", scheme.name);
        }
    }
}

#[test]
fn a_header_of_the_signature_with_two_values_in_one_line_is_refused() {
    for scheme in PRESETS {
        let signed = signed(scheme, &one(scheme));
        for name in signature_headers(scheme, &signed) {
            let mut headers = lines(&signed);
            let twice = [headers[&name].as_bytes(), headers[&name].as_bytes()].join(&b", "[..]);
            headers.insert(&name, twice.as_slice().try_into().unwrap());
            assert!(verify(scheme, &one(scheme), &headers, &signed.body).is_err(), "{} {name}", scheme.name);
        }
    }
}

#[test]
fn a_header_of_the_signature_that_is_missing_is_refused() {
    for scheme in PRESETS {
        let signed = signed(scheme, &one(scheme));
        for name in signature_headers(scheme, &signed) {
            let mut headers = lines(&signed);
            headers.remove(&name);
            let rejection = verify(scheme, &one(scheme), &headers, &signed.body).err();
            assert_eq!(rejection, Some(Rejection::Missing), "{} {name}", scheme.name);
        }
    }
}

#[test]
fn an_empty_or_cut_off_signature_is_refused() {
    for scheme in signing() {
        let signed = signed(scheme, &one(scheme));
        let Some(name) = signature_headers(scheme, &signed).into_iter().next() else { continue };
        let whole = lines(&signed)[&name].as_bytes().to_vec();
        for len in 0..whole.len() {
            let mut headers = lines(&signed);
            headers.insert(&name, whole[..len].try_into().unwrap());
            let rejection = verify(scheme, &one(scheme), &headers, &signed.body).err();
            assert_eq!(rejection, Some(Rejection::Malformed), "{} {len}", scheme.name);
        }
    }
}

#[test]
fn what_is_stale_or_comes_from_the_future_is_refused() {
    for scheme in PRESETS {
        let tolerance = match &scheme.mechanism {
            Mechanism::Hmac(recipe) => recipe.tolerance,
            Mechanism::PublicKey(recipe) => recipe.tolerance,
            _ => None,
        };
        let Some(tolerance) = tolerance else { continue };
        assert_eq!(scheme.covers().timestamp, Cover::Signed, "{}", scheme.name);
        let tolerance = i64::try_from(tolerance.as_secs()).unwrap();
        let signed = signed(scheme, &one(scheme));
        let at = |now| verify_at(scheme, &one(scheme), &lines(&signed), &signed.body, now).err();

        assert_eq!(at(NOW + tolerance), None, "{}", scheme.name);
        assert_eq!(at(NOW + tolerance + 1), Some(Rejection::Stale), "{}", scheme.name);
        assert_eq!(at(NOW - tolerance), None, "{}", scheme.name);
        assert_eq!(at(NOW - tolerance - 1), Some(Rejection::TooNew), "{}", scheme.name);
    }
}

#[test]
fn hexadecimal_is_read_in_either_case() {
    let hexadecimal = |scheme: &&&Scheme| match &scheme.mechanism {
        Mechanism::Hmac(recipe) => matches!(recipe.encoding, Encoding::HexLower | Encoding::HexUpper),
        Mechanism::PublicKey(recipe) => matches!(recipe.encoding, Encoding::HexLower | Encoding::HexUpper),
        _ => false,
    };
    for scheme in PRESETS.iter().filter(hexadecimal) {
        let (signed, name) = (signed(scheme, &one(scheme)), &scheme.name);
        let carrier = &signature_headers(scheme, &signed)[0];
        let value = lines(&signed)[carrier].to_str().unwrap().to_owned();
        let (prefix, digits) = value.split_at(value.rfind('=').map_or(0, |at| at + 1));
        for digits in [digits.to_lowercase(), digits.to_uppercase()] {
            let mut headers = lines(&signed);
            headers.insert(carrier, format!("{prefix}{digits}").parse().unwrap());
            assert!(verify(scheme, &one(scheme), &headers, &signed.body).is_ok(), "{name}");
        }
    }
}

#[test]
fn coverage_is_as_the_senders_documents_say() {
    let of = |name: &str| crate::scheme::preset(name).unwrap().covers();
    for (name, id, kind, timestamp) in [
        ("lvconnect", Cover::Unsigned, Cover::Unsigned, Cover::Absent),
        ("loginradius", Cover::Signed, Cover::Signed, Cover::Absent),
        ("lmif", Cover::Signed, Cover::Signed, Cover::Absent),
        ("jws", Cover::Signed, Cover::Absent, Cover::Absent),
        ("github", Cover::Unsigned, Cover::Unsigned, Cover::Absent),
        ("stripe", Cover::Signed, Cover::Signed, Cover::Signed),
        ("slack", Cover::Signed, Cover::Signed, Cover::Signed),
        ("shopify", Cover::Unsigned, Cover::Unsigned, Cover::Absent),
        ("standard-webhooks", Cover::Signed, Cover::Signed, Cover::Signed),
        ("standard-webhooks-v1a", Cover::Signed, Cover::Signed, Cover::Signed),
        ("discord", Cover::Signed, Cover::Signed, Cover::Signed),
        ("sendgrid", Cover::Signed, Cover::Absent, Cover::Signed),
        ("intercom", Cover::Signed, Cover::Signed, Cover::Absent),
        ("zendesk", Cover::Unsigned, Cover::Signed, Cover::Signed),
        ("square", Cover::Signed, Cover::Signed, Cover::Absent),
        ("typeform", Cover::Signed, Cover::Signed, Cover::Absent),
        ("calendly", Cover::Signed, Cover::Signed, Cover::Signed),
        ("pagerduty", Cover::Signed, Cover::Signed, Cover::Absent),
        ("paddle", Cover::Signed, Cover::Signed, Cover::Signed),
        ("zoom", Cover::Signed, Cover::Signed, Cover::Signed),
        ("twitch", Cover::Signed, Cover::Signed, Cover::Signed),
        ("box", Cover::Signed, Cover::Signed, Cover::Signed),
        ("linear", Cover::Unsigned, Cover::Signed, Cover::Signed),
        ("dropbox", Cover::Signed, Cover::Absent, Cover::Absent),
        ("docusign", Cover::Signed, Cover::Signed, Cover::Absent),
        ("xero", Cover::Signed, Cover::Absent, Cover::Absent),
        ("trello", Cover::Signed, Cover::Signed, Cover::Absent),
        ("meta", Cover::Signed, Cover::Signed, Cover::Absent),
        ("bitbucket", Cover::Unsigned, Cover::Unsigned, Cover::Absent),
        ("hubspot", Cover::Signed, Cover::Absent, Cover::Signed),
        ("gitlab", Cover::Unsigned, Cover::Unsigned, Cover::Absent),
    ] {
        let covers = of(name);
        let body = if name == "gitlab" { Cover::Unsigned } else { Cover::Signed };
        assert_eq!((covers.body, covers.id, covers.kind, covers.timestamp), (body, id, kind, timestamp), "{name}");
    }
}

#[test]
fn a_scheme_that_carries_an_id_does_not_sign_without_one() {
    for scheme in PRESETS {
        let carried = scheme.event_id.iter().any(|locator| matches!(locator, Locator::Header(_)));
        let signed = scheme.sign(&one(scheme), &message(body(scheme).into()), seconds(NOW));
        assert_eq!(signed.err(), carried.then_some(SignError::IdMissing), "{}", scheme.name);
    }
}

#[test]
fn an_id_that_no_header_can_carry_is_refused() {
    let scheme = crate::scheme::preset("standard-webhooks").unwrap();
    for id in ["", " a", "a ", "a\n", "a\r\nx: y", "é\u{0}", "\t"] {
        let message = Message { event_id: Some(id), ..message(body(scheme).into()) };
        let error = scheme.sign(&one(scheme), &message, seconds(NOW)).err();
        assert_eq!(error, Some(SignError::NotAHeaderValue), "{id:?}");
    }
}
