//! Requests that a page in somebody's browser may have made.
//!
//! Whoever browses on this machine reaches loopback, and so does every page that is open there. It may send a POST of
//! plain text anywhere without asking, and with a name of its own that it lets point to loopback, read answers (DNS
//! rebinding). Where a token is demanded neither helps it; where none is, these requests are told apart.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page may have made a request. Browsers name the page's origin with every POST, also where it goes to the
/// page's own host (Fetch, "HTTP-network-or-cache fetch"); programs send none of these headers. `Sec-Fetch-Site: none`
/// is what was typed into a browser.
pub(crate) fn is_from_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.get_all(SEC_FETCH_SITE).iter().any(|site| site != "none")
}

/// Whether a `Host` is an address, or the name that always means this machine: a GET of a page's own host has no
/// `Origin`.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_host_that_is_no_address_may_be_a_name_of_the_page_s() {
        for host in ["127.0.0.1:9090", "localhost:9090", "LOCALHOST", "[::1]:9090", "10.0.0.1", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.evil.example:9090", ""] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn what_a_browser_says_of_a_page_s_request_gives_it_away() {
        for (name, value, is_page) in [
            ("origin", "https://evil.example", true),
            ("origin", "null", true),
            ("origin", "http://127.0.0.1:3000", true),
            ("sec-fetch-site", "cross-site", true),
            ("sec-fetch-site", "same-site", true),
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "none", false),
            ("user-agent", "curl/8", false),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(is_from_a_page(&headers), is_page, "{name}: {value}");
        }
    }
}
