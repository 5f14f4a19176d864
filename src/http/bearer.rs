//! Who may pass: those who bear a token, or know a password.

use http::{HeaderMap, header};

use crate::scheme::Secret;

/// Whether a request bears the token (RFC 6750 §2.1), compared in constant time.
pub(crate) fn bears(headers: &HeaderMap, token: &Secret) -> bool {
    shows(headers, "bearer ", token)
}

/// Whether a request has these credentials (RFC 7617), user and password in base64, compared in constant time.
pub(crate) fn authenticates(headers: &HeaderMap, credentials: &Secret) -> bool {
    shows(headers, "basic ", credentials)
}

fn shows(headers: &HeaderMap, scheme: &str, secret: &Secret) -> bool {
    let mut offered = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (offered.next(), offered.next()) else { return false };
    value
        .as_bytes()
        .split_at_checked(scheme.len())
        .is_some_and(|(given, offered)| given.eq_ignore_ascii_case(scheme.as_bytes()) && secret.matches(offered))
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

    #[test]
    fn only_the_whole_credentials_pass() {
        let passes = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
            authenticates(&headers, &Secret::new(b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_vec()))
        };

        assert!(passes("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert!(passes("BASIC QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        for refused in ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Basic ", "Basic", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="] {
            assert!(!passes(refused), "{refused}");
        }
    }
}
