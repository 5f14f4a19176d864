//! Who may use the API.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use http::{HeaderMap, header};

use super::api::Refusal;
use crate::http::bearer::bears;
use crate::scheme::Secret;

/// The token that the admin address demands; clones are the same one.
#[derive(Clone)]
pub struct Token(Rc<RefCell<Option<Secret>>>);

impl Token {
    pub(super) fn new(token: Option<Secret>) -> Token {
        Token(Rc::new(RefCell::new(token)))
    }

    /// Demands another one from the next request on.
    pub fn set(&self, token: Option<Secret>) {
        self.0.replace(token);
    }

    /// Lets a request pass that bears the token. Where there is none, any request that no
    /// page in a browser can have made.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match &*self.0.borrow() {
            Some(token) if bears(headers, token) => Ok(()),
            Some(_) => Err(Refusal::Unauthorized),
            None if is_foreign(headers) => Err(Refusal::Foreign),
            None => Ok(()),
        }
    }
}

/// Whether a page of another origin may have made the request. Whoever browses on this machine reaches
/// loopback: a page can send a POST there, which has an `Origin`, and with a name of its own that
/// it lets point to loopback, read answers (DNS rebinding).
fn is_foreign(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    headers.contains_key(header::ORIGIN) || !is_local(host)
}

/// Whether a `Host` is an address, or the name that always means this machine.
fn is_local(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn without_a_token_no_page_in_a_browser_gets_in() {
        let token = Token::new(None);

        for host in ["127.0.0.1:9090", "localhost:9090", "LOCALHOST", "[::1]:9090", "10.0.0.1", "[::1]"] {
            let headers = headers(&[("host", host)]);
            assert!(token.admit(&headers).is_ok(), "{host}");
        }
        for host in ["evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.evil.example:9090", ""] {
            let headers = headers(&[("host", host)]);
            assert!(matches!(token.admit(&headers), Err(Refusal::Foreign)), "{host}");
        }
        let posted = headers(&[("host", "127.0.0.1:9090"), ("origin", "https://evil.example")]);
        assert!(matches!(token.admit(&posted), Err(Refusal::Foreign)));
    }

    #[test]
    fn whoever_bears_the_token_gets_in_by_any_name() {
        let token = Token::new(Some(Secret::new(b"a token of the tests".to_vec())));
        let bearing = [("host", "hooks.internal"), ("authorization", "bearer a token of the tests")];

        assert!(token.admit(&headers(&bearing)).is_ok());
        assert!(matches!(token.admit(&headers(&bearing[..1])), Err(Refusal::Unauthorized)));
    }
}
