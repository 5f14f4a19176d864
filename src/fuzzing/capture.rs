//! A request as a person could have written it down.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{line, text_line};
use crate::config;
use crate::scheme::testing::secrets;
use crate::scheme::{Head, KeySpec, Keyring, Scheme, Secret};

/// Where the sender thinks that it sends to.
const PUBLIC_URL: &str = "https://hooks.example.com";

/// A scheme, and a request that may be signed by it or not.
pub(crate) struct Capture {
    pub(crate) scheme: Scheme,
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Capture {
    /// A preset's name or a scheme in YAML on the first line, method and target on the second, headers, an empty line,
    /// and the body.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let (scheme, rest) = text_line(data)?;
        let (request, rest) = text_line(rest)?;
        let (method, target) = request.split_once(' ')?;
        let (method, target) = (method.parse().ok()?, target.parse().ok()?);
        let scheme = config::scheme(scheme).ok()?;
        let (headers, body) = headers(rest);
        Some(Self { scheme, method, target, headers, body: Bytes::copy_from_slice(body) })
    }

    pub(crate) fn head<'a>(&'a self, headers: &'a HeaderMap) -> Head<'a> {
        let (path, query) = (self.target.path(), self.target.query());
        Head { method: &self.method, path, query, headers, public_url: Some(PUBLIC_URL) }
    }

    /// The keys of the scheme, and of somebody else; `None` where the scheme wants other texts for keys.
    pub(crate) fn keyrings(&self) -> Option<[Keyring; 2]> {
        let [own, other] = secrets(&self.scheme).map(|secret| Keyring::new(&self.scheme, vec![key(secret)]));
        Some([own.ok()?, other.ok()?])
    }
}

/// Lines of headers until an empty one, and what follows. What is no header is passed over.
pub(crate) fn headers(data: &[u8]) -> (HeaderMap, &[u8]) {
    let (mut headers, mut rest) = (HeaderMap::new(), data);
    loop {
        let (written, tail) = line(rest);
        rest = tail;
        if written.is_empty() {
            return (headers, rest);
        }
        let Some(colon) = memchr::memchr(b':', written) else { continue };
        let name = HeaderName::from_bytes(&written[..colon]);
        let value = HeaderValue::from_bytes(written[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
}

pub(crate) fn key(secret: &str) -> KeySpec {
    let secret = Secret::new(secret.as_bytes().to_vec());
    KeySpec { id: "k".to_owned(), secret, encoding: None, not_before: None, not_after: None }
}
