//! Who may pass: those who bear a token.

use http::{HeaderMap, header};

use crate::scheme::Secret;

/// Whether a request bears the token (RFC 6750 §2.1), compared in constant time.
pub(crate) fn bears(headers: &HeaderMap, token: &Secret) -> bool {
    let mut offered = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (offered.next(), offered.next()) else { return false };
    value
        .as_bytes()
        .split_at_checked(7)
        .is_some_and(|(scheme, offered)| scheme.eq_ignore_ascii_case(b"bearer ") && token.matches(offered))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn passes(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        bears(&headers, &Secret::new(b"open sesame".to_vec()))
    }

    #[test]
    fn only_the_whole_token_given_once_passes() {
        assert!(passes(&["Bearer open sesame"]));
        assert!(passes(&["bearer open sesame"]));
        for refused in [
            &[][..],
            &["open sesame"],
            &["Bearer "],
            &["Bearer open"],
            &["Bearer open sesame!"],
            &["Basic open sesame"],
        ] {
            assert!(!passes(refused), "{refused:?}");
        }
        assert!(!passes(&["Bearer open sesame", "Bearer open sesame"]));
    }
}
