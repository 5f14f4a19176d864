//! Who may use the API.

use std::cell::RefCell;
use std::rc::Rc;

use http::{HeaderMap, header};

use super::api::Refusal;
use crate::http::bearer::bears;
use crate::http::foreign::{is_from_a_page, is_this_machine};
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

fn is_foreign(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    is_from_a_page(headers) || !is_this_machine(host)
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

        assert!(token.admit(&headers(&[("host", "127.0.0.1:9090")])).is_ok());
        for refused in [&[("host", "evil.example")][..], &[]] {
            assert!(matches!(token.admit(&headers(refused)), Err(Refusal::Foreign)), "{refused:?}");
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
