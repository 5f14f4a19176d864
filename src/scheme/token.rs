//! A secret that is sent as it is, in a header.
//!
//! It proves that whoever sent the request knows the secret, or has read it in another request. Of what was sent it
//! proves nothing: [`Scheme::covers`](super::Scheme::covers) says that nothing is covered.

use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::given::single;
use super::hashing::first_valid;
use super::{Head, Keyring, Rejection, Secret, SignError};

/// A secret that is compared and sent.
pub(super) struct Token {
    secret: Secret,
    digest: [u8; 32],
}

impl Token {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self { secret: Secret::new(secret.to_vec()), digest: Sha256::digest(secret).into() }
    }
}

/// The first valid key that the header holds.
///
/// Digests are compared, in constant time and without an early exit: neither the length of a token nor how much of it
/// was right shows in the timing.
pub(super) fn check(
    header: &HeaderName,
    keyring: &Keyring,
    head: &Head<'_>,
    now: Timestamp,
) -> Result<usize, Rejection> {
    let offered = single(head.headers, header)?.ok_or(Rejection::Missing)?;
    if offered.is_empty() {
        return Err(Rejection::Malformed);
    }
    let digest: [u8; 32] = Sha256::digest(offered).into();
    first_valid(keyring.tokens().map(|token| token.digest.ct_eq(&digest)), keyring, now)
}

/// The header's value that holds the key at this position.
pub(super) fn write(keyring: &Keyring, index: usize) -> Result<HeaderValue, SignError> {
    let token = keyring.tokens().nth(index).ok_or(SignError::NoValidKey)?;
    let secret = token.secret.expose();
    // What a receiver would trim would not be the same token any more.
    if secret.trim_ascii() != secret {
        return Err(SignError::NotAHeaderValue);
    }
    let mut value = HeaderValue::from_bytes(secret).map_err(|_| SignError::NotAHeaderValue)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::scheme::testing::{head, headers, key, keyring, message, seconds};
    use crate::scheme::{Body, Cover, KeySpec, Mechanism, Scheme, SecretEncoding, preset};

    const NOW: i64 = 1_700_000_000;

    fn scheme() -> Scheme {
        let mechanism = Mechanism::Token(HeaderName::from_static("x-token"));
        Scheme { mechanism, event_id: vec![].into(), ..preset("gitlab").unwrap().clone() }
    }

    fn verify(secrets: &[&str], lines: &[(&str, &str)]) -> Result<usize, Rejection> {
        let (scheme, lines) = (scheme(), headers(lines));
        let verified = scheme.verify(&keyring(&scheme, secrets), &head(&lines), Body::default(), seconds(NOW));
        verified.map(|verified| verified.key())
    }

    #[test]
    fn the_header_must_hold_a_whole_token() {
        assert_eq!(verify(&["one-token", "another"], &[("x-token", "one-token")]), Ok(0));
        assert_eq!(verify(&["one-token", "another"], &[("x-token", "another")]), Ok(1));
        for other in ["one-toke", "one-token2", "ONE-TOKEN", "one-tokem", "one-token, another", "x"] {
            assert_eq!(verify(&["one-token", "another"], &[("x-token", other)]), Err(Rejection::Mismatch), "{other}");
        }
        assert_eq!(verify(&["one-token"], &[("x-token", "")]), Err(Rejection::Malformed));
        assert_eq!(verify(&["one-token"], &[]), Err(Rejection::Missing));
        let twice = [("x-token", "one-token"), ("x-token", "one-token")];
        assert_eq!(verify(&["one-token"], &twice), Err(Rejection::Repeated));
    }

    #[test]
    fn nothing_but_what_the_configuration_says_is_covered() {
        let covers = scheme().covers();

        assert_eq!([covers.body, covers.id, covers.kind], [Cover::Unsigned; 3]);
        assert_eq!(covers.timestamp, Cover::Absent);
    }

    #[test]
    fn the_first_valid_token_is_sent_and_not_shown() {
        let scheme = scheme();
        let retired = KeySpec { not_after: Some(seconds(NOW - 1)), ..key("old-token") };
        let keyring = Keyring::new(&scheme, vec![retired, key("new-token")]).unwrap();

        let signed = scheme.sign(&keyring, &message(Bytes::from_static(b"{}")), seconds(NOW)).unwrap();

        let (_, value) = signed.headers.iter().find(|(name, _)| name == "x-token").unwrap();
        assert_eq!(value, "new-token");
        assert!(!format!("{signed:?}{keyring:?}").contains("new-token"));
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_not_sent() {
        let scheme = scheme();
        for secret in [" blank", "blank ", "line\nbreak", "nul\0"] {
            let error = scheme.sign(&keyring(&scheme, &[secret]), &message(Bytes::new()), seconds(NOW)).err();
            assert_eq!(error, Some(SignError::NotAHeaderValue), "{secret:?}");
        }
    }

    #[test]
    fn a_token_may_be_written_in_another_encoding() {
        let scheme = scheme();
        let spec = KeySpec { encoding: Some(SecretEncoding::Hex), ..key("616263") };
        let lines = headers(&[("x-token", "abc")]);

        let keyring = Keyring::new(&scheme, vec![spec]).unwrap();

        assert!(scheme.verify(&keyring, &head(&lines), Body::default(), seconds(NOW)).is_ok());
    }
}
