//! What holds for any body, in any framing, and for any bytes at all.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use crate::scheme::testing::{head, keyring, message, seconds, secrets};
use crate::scheme::{
    Body, Carrier, Encoding, Format, Head, Keyring, Mechanism, Message, PRESETS, Pointer, Scheme, Signed, Template,
    TimestampSource, Verifier, type_header_value,
};

const NOW: i64 = 1_700_000_000;

fn ring(scheme: &Scheme) -> Keyring {
    keyring(scheme, &[secrets(scheme)[0]])
}

/// The presets that take any bytes as a body; the others want the time of signing in it.
fn preset() -> impl Strategy<Value = &'static Scheme> {
    of(|_| true)
}

/// Those of them whose signature covers the body.
fn signing() -> impl Strategy<Value = &'static Scheme> {
    of(|scheme| !matches!(scheme.mechanism, Mechanism::Token(_)))
}

fn of(some: impl Fn(&Scheme) -> bool) -> impl Strategy<Value = &'static Scheme> {
    let of_any_body = |scheme: &Scheme| {
        let Mechanism::Hmac(recipe) = &scheme.mechanism else { return true };
        !matches!(recipe.timestamp.as_ref().map(|rule| &rule.from), Some(TimestampSource::Json(_)))
    };
    let these = PRESETS.iter().copied().filter(|scheme| of_any_body(scheme) && some(scheme));
    prop::sample::select(these.collect::<Vec<_>>())
}

/// The header that carries the first signature.
fn carrier(scheme: &Scheme, signed: &Signed) -> Option<HeaderName> {
    let carrier = scheme.carrier()?;
    let carries = |name: &HeaderName| match carrier.as_ref() {
        Carrier::Headers(names) => names.contains(name),
        Carrier::Json(_) => false,
        Carrier::Numbered { prefix, .. } => name.as_str().starts_with(prefix.as_ref()),
    };
    signed.headers.iter().map(|(name, _)| name.clone()).find(carries)
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

fn signed(scheme: &Scheme, body: &[u8]) -> Signed {
    let body = Bytes::copy_from_slice(body);
    let message = Message { event_id: Some("evt_1"), event_type: Some("t"), ..message(body) };
    scheme.sign(&ring(scheme), &message, seconds(NOW)).unwrap()
}

fn lines(signed: &Signed) -> HeaderMap {
    signed.headers.iter().cloned().collect()
}

/// `bytes` as frames of these lengths, over and over; some are empty.
fn framed(bytes: &[u8], lengths: &[usize]) -> Body {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut lengths = lengths.iter().cycle();
    let mut body = Body::default();
    while !rest.is_empty() {
        body.push(rest.split_to(rest.len().min(*lengths.next().unwrap())));
    }
    body
}

#[test]
fn a_verifier_may_move_between_threads() {
    fn sends<T: Send>() {}

    sends::<Verifier<'static>>();
    sends::<Keyring>();
}

proptest! {
    #[test]
    fn sign_then_verify_holds_for_any_body_in_any_framing(
        scheme in preset(), body in bytes(500), mut lengths in prop::collection::vec(0_usize..100, 0..4),
    ) {
        lengths.push(7);
        let (signed, keyring) = (signed(scheme, &body), ring(scheme));
        let headers = lines(&signed);

        let verified = scheme.verify(&keyring, &head(&headers), framed(&signed.body, &lengths), seconds(NOW));

        let verified = verified.map_err(|rejection| TestCaseError::fail(rejection.to_string()))?;
        prop_assert_eq!(verified.payload().contiguous(), body);
        prop_assert_eq!(verified.original().contiguous(), &signed.body[..]);
    }

    #[test]
    fn any_flipped_bit_of_the_body_is_refused(scheme in signing(), body in bytes(300), bit in any::<prop::sample::Index>()) {
        let signed = signed(scheme, &body);
        prop_assume!(!signed.body.is_empty());
        let mut changed = signed.body.to_vec();
        let bit = bit.index(changed.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);

        prop_assert!(scheme.verify(&ring(scheme), &head(&lines(&signed)), changed, seconds(NOW)).is_err());
    }

    #[test]
    fn any_flipped_bit_of_the_signature_is_refused(scheme in signing(), body in bytes(50), bit in any::<prop::sample::Index>()) {
        let signed = signed(scheme, &body);
        let encoding = match &scheme.mechanism {
            Mechanism::Hmac(recipe) => recipe.encoding,
            Mechanism::PublicKey(recipe) => recipe.encoding,
            Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => return Ok(()),
        };
        let name = carrier(scheme, &signed).expect("presets carry signatures in headers");
        let mut headers = lines(&signed);
        let mut value = headers[&name].as_bytes().to_vec();
        let bit = bit.index(value.len() * 8);
        value[bit / 8] ^= 1 << (bit % 8);
        let hex = matches!(encoding, Encoding::HexLower | Encoding::HexUpper);
        let same = hex && value.eq_ignore_ascii_case(headers[&name].as_bytes());
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        headers.insert(&name, value);

        let verified = scheme.verify(&ring(scheme), &head(&headers), signed.body, seconds(NOW));

        // The one bit between the cases of a hexadecimal digit changes nothing.
        prop_assert!(verified.is_err() || same);
    }

    #[test]
    fn no_input_panics(
        scheme in preset(),
        body in bytes(200),
        values in prop::collection::vec((any::<prop::sample::Index>(), bytes(100)), 0..6),
        query in any::<Option<String>>(),
        path in any::<String>(),
    ) {
        let names: Vec<_> = signed(scheme, b"x").headers.into_iter().map(|(name, _)| name).collect();
        let mut headers = HeaderMap::new();
        for (at, value) in values {
            if let (Some(name), Ok(value)) = (names.get(at.index(names.len().max(1))), HeaderValue::from_bytes(&value)) {
                headers.append(name, value);
            }
        }
        let head = Head { query: query.as_deref(), path: &path, ..head(&headers) };
        prop_assert!(scheme.verify(&ring(scheme), &head, body, seconds(NOW)).is_err());
    }

    #[test]
    fn no_header_value_that_looks_like_one_panics(scheme in preset(), value in "(t=|v1=|v0=|v1,|sha1=|sha256=|[0-9a-fA-F]{0,70}|[ ,;=.]|[A-Za-z0-9+/=]{0,50}){0,8}") {
        let mut headers = lines(&signed(scheme, b"x"));
        let names: Vec<_> = headers.keys().cloned().collect();
        for name in names.iter().filter(|name| name.as_str() != "webhook-id") {
            headers.insert(name, value.parse().unwrap());
        }
        prop_assert!(scheme.verify(&ring(scheme), &head(&headers), value.into_bytes(), seconds(NOW)).is_err());
    }

    #[test]
    fn no_token_panics(token in "([A-Za-z0-9_=+/-]{0,20}|\\.|eyJhbGciOiJIUzI1NiJ9|\\PC){0,6}") {
        let scheme = crate::scheme::preset("jws").unwrap();
        prop_assert!(scheme.verify(&ring(scheme), &head(&HeaderMap::new()), token.into_bytes(), seconds(NOW)).is_err());
    }

    #[test]
    fn no_text_of_the_grammar_panics_and_mistakes_are_within_it(
        text in "(\\{|\\}|signature|timestamp|body|header:|json:|query:|t=|v1=|,|é|/|~|\\PC){0,12}",
        separator in prop::sample::select(vec![None, Some(","), Some(";"), Some("é")]),
    ) {
        let results = [
            Format::parse(&text, separator).map(|format| format.to_string()),
            Template::parse(&text).map(|template| template.to_string()),
            Pointer::parse(&text).map(|pointer| pointer.to_string()),
            Carrier::parse(&text).map(|carrier| carrier.to_string()),
        ];
        for (index, result) in results.into_iter().enumerate() {
            match result {
                Ok(shown) if index == 3 => prop_assert!(shown.eq_ignore_ascii_case(&text)),
                Ok(shown) => prop_assert!(shown.len() == text.len()),
                Err(error) => prop_assert!(text.get(error.span.clone()).is_some(), "{:?} {}", error, text),
            }
        }
    }

    #[test]
    fn any_verified_payload_is_named_and_its_names_fit_into_headers(scheme in preset(), body in bytes(300), kind in any::<String>()) {
        let signed = signed(scheme, &body);
        let headers = lines(&signed);
        let verified = scheme.verify(&ring(scheme), &head(&headers), signed.body, seconds(NOW)).unwrap();

        let identity = scheme.identify(&verified, &head(&headers), None, None);

        let id = identity.id.header_value();
        prop_assert!(!id.is_empty() && id.len() <= 256);
        prop_assert!(id.as_bytes().iter().chain(type_header_value(&kind).as_bytes()).all(u8::is_ascii_graphic));
        prop_assert_ne!(identity.id.key("a"), identity.id.key("b"));
    }
}
