//! What a source demands beside the signature.
//!
//! It is judged by the head and the connection, before anything of the body is kept. What lets a sender in is taken
//! out of the request at once: nothing behind this sees it, neither the app nor the store nor the log.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};

use crate::config::Requirement;
use crate::http::bearer;
use crate::scheme::Secret;

/// Whether a request from `address` has all that is demanded; the headers that show it are taken out.
pub(super) fn is_met(require: &Requirement, address: Option<IpAddr>, headers: &mut HeaderMap) -> bool {
    let is_near = require.from.is_empty() || address.is_some_and(|at| require.from.iter().any(|net| net.contains(&at)));
    let Requirement { basic, bearer, header, .. } = require;
    let is_met = is_near
        & basic.as_ref().is_none_or(|basic| bearer::authenticates(headers, basic))
        & bearer.as_ref().is_none_or(|token| bearer::bears(headers, token))
        & header.as_ref().is_none_or(|(name, value)| has(headers, name, value));
    if basic.is_some() || bearer.is_some() {
        headers.remove(header::AUTHORIZATION);
    }
    if let Some((name, _)) = header {
        headers.remove(name);
    }
    is_met
}

/// Whether a header is there once, with this value; compared in constant time.
fn has(headers: &HeaderMap, name: &HeaderName, value: &Secret) -> bool {
    let mut offered = headers.get_all(name).iter();
    let (Some(offered), None) = (offered.next(), offered.next()) else { return false };
    value.matches(offered.as_bytes())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn nothing() -> Requirement {
        Requirement { basic: None, bearer: None, header: None, from: Vec::new() }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    /// Whether it is met, and the names of the headers that are left.
    fn judged(
        require: &Requirement,
        from: Option<&str>,
        given: &[(&'static str, &'static str)],
    ) -> (bool, Vec<String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let is_met = is_met(require, from.map(|address| address.parse().unwrap()), &mut headers);
        (is_met, headers.keys().map(ToString::to_string).collect())
    }

    #[test]
    fn a_header_has_to_be_there_once_with_its_whole_value_and_is_taken_out() {
        let require = Requirement { header: Some((HeaderName::from_static("x-token"), secret("open"))), ..nothing() };
        let judged = |given: &[_]| judged(&require, None, given);

        assert_eq!(judged(&[("x-token", "open"), ("x-other", "1")]), (true, vec!["x-other".to_owned()]));
        for refused in
            [&[][..], &[("x-token", "ope")], &[("x-token", "OPEN")], &[("x-token", "open"), ("x-token", "open")]]
        {
            assert!(!judged(refused).0, "{refused:?}");
        }
    }

    #[test]
    fn an_authorization_that_is_not_demanded_stays() {
        let require = Requirement { header: Some((HeaderName::from_static("x-token"), secret("open"))), ..nothing() };
        let given = [("authorization", "Bearer of the app"), ("x-token", "open")];

        assert_eq!(judged(&require, None, &given), (true, vec!["authorization".to_owned()]));
    }

    #[test]
    fn whoever_is_not_in_a_range_does_not_pass_and_who_has_no_address_neither() {
        let from = ["192.0.2.0/24", "2001:db8::/32"].map(|net| net.parse().unwrap()).to_vec();
        let require = Requirement { from, ..nothing() };
        let passes = |from| judged(&require, from, &[]).0;

        for near in ["192.0.2.7", "2001:db8::1"] {
            assert!(passes(Some(near)), "{near}");
        }
        for far in [Some("192.0.3.7"), Some("2001:db9::1"), Some("::1"), None] {
            assert!(!passes(far), "{far:?}");
        }
    }

    #[test]
    fn all_that_is_demanded_has_to_be_there() {
        let require = Requirement {
            bearer: Some(secret("open")),
            header: Some((HeaderName::from_static("x-token"), secret("sesame"))),
            from: vec!["192.0.2.0/24".parse().unwrap()],
            basic: None,
        };
        let all = [("authorization", "Bearer open"), ("x-token", "sesame")];

        assert_eq!(judged(&require, Some("192.0.2.1"), &all), (true, vec![]));
        assert!(!judged(&require, Some("192.0.9.1"), &all).0);
        assert!(!judged(&require, Some("192.0.2.1"), &all[..1]).0);
        assert!(!judged(&require, Some("192.0.2.1"), &all[1..]).0);
    }
}
