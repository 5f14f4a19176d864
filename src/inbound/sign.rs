//! Signs what the app is sent, for an app that verifies one scheme whoever has sent.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use super::message::{EVENT_ID, EVENT_TYPE, VERIFIED};
use crate::clock::Timestamp;
use crate::config::{Signing, Upstream};
use crate::http::body::Frames;
use crate::scheme::{Message, SignError};

/// Signs for one upstream.
#[derive(Debug)]
pub(super) struct Signer {
    upstream: Arc<str>,
    signing: Arc<Signing>,
    /// What schemes that sign the URL begin it with: of several addresses the first, so that all can verify the same.
    origin: String,
    /// Whether it was told that no secret is valid, and none was since.
    is_told: Cell<bool>,
}

impl Signer {
    /// `None`: the upstream does not want it.
    pub(super) fn of(upstream: &Upstream) -> Option<Self> {
        let signing = upstream.sign.clone()?;
        Some(Self { upstream: upstream.name.clone(), signing, origin: upstream.url.origin(), is_told: Cell::default() })
    }

    /// Signs a request as it will be sent, at each attempt anew; `body` is its body.
    ///
    /// Whatever else the request may hold of the headers that the scheme writes came from outside, and goes. A request
    /// that was not verified is not signed, by whatever way it comes here: the app would take our word for it.
    pub(super) fn sign(&self, request: &mut Request<Frames>, body: Bytes, now: Timestamp) -> Result<(), SignError> {
        let headers = request.headers_mut();
        self.leave_unsigned(headers);
        if headers.get(VERIFIED) != Some(&HeaderValue::from_static("true")) {
            return Ok(());
        }
        let signed = self.signed(request, body, now);
        self.tell(signed.as_ref().map(drop).map_err(|error| *error));
        for (name, value) in signed? {
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    /// Takes out what the app would take for our signature.
    pub(super) fn leave_unsigned(&self, headers: &mut HeaderMap) {
        for name in &self.signing.written {
            headers.remove(name);
        }
    }

    fn signed(
        &self,
        request: &Request<Frames>,
        body: Bytes,
        now: Timestamp,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
        let (headers, uri) = (request.headers(), request.uri());
        let message = Message {
            body,
            event_id: text(headers, &EVENT_ID),
            event_type: text(headers, &EVENT_TYPE),
            method: &Method::POST,
            path: uri.path(),
            query: uri.query(),
            public_url: Some(&self.origin),
            headers,
        };
        Ok(self.signing.scheme.sign(&self.signing.keyring, &message, now)?.headers)
    }

    /// Tells once that the last secret has ended: the app gets nothing any more until somebody gives another.
    fn tell(&self, signed: Result<(), SignError>) {
        let is_mute = signed == Err(SignError::NoValidKey);
        if is_mute && !self.is_told.get() {
            tracing::error!(upstream = %self.upstream, "no secret is valid: nothing is sent until there is one");
        }
        self.is_told.set(is_mute);
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::{self, SECRET};
    use crate::scheme::{Body, KeySpec, Keyring, Secret};

    const BODY: Bytes = Bytes::from_static(b"{}");

    fn signer() -> Signer {
        let scheme = Arc::new(crate::config::scheme("standard-webhooks").unwrap());
        let secret = Secret::new(SECRET.into());
        let key = KeySpec { id: "0".to_owned(), secret, encoding: None, not_before: None, not_after: None };
        let keyring = Keyring::new(&scheme, vec![key]).unwrap();
        let sign = Signing { written: scheme.written_headers(), scheme, keyring };
        let url = testing::url(crate::config::UrlScheme::Http, "127.0.0.1", 3000);
        Signer::of(&Upstream { sign: Some(Arc::new(sign)), ..testing::upstream(vec![url]) }).unwrap()
    }

    fn signed(verified: Option<&'static str>) -> HeaderMap {
        let mut request = Request::post("/a?b").body(Frames::from(Body::from(BODY))).unwrap();
        let headers = request.headers_mut();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.append(name, HeaderValue::from_static("forged"));
            headers.append(name, HeaderValue::from_static("forged"));
        }
        headers.insert(EVENT_ID, HeaderValue::from_static("evt_1"));
        headers.extend(verified.map(|verified| (VERIFIED, HeaderValue::from_static(verified))));
        signer().sign(&mut request, BODY, Timestamp::from_second(1_770_000_000).unwrap()).unwrap();
        request.headers().clone()
    }

    #[test]
    fn a_verified_request_is_signed_and_has_no_such_header_from_outside() {
        let headers = signed(Some("true"));

        // Made with Python: base64(hmac_sha256(b"a secret of the tests, long enough", b"evt_1.1770000000.{}")).
        let signature = "v1,b4dyZGHi9h4LF9+p+ZV0egxSdcfOuMek/qLPlMBtLzc=";
        for (name, value) in
            [("webhook-id", "evt_1"), ("webhook-timestamp", "1770000000"), ("webhook-signature", signature)]
        {
            assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), [value], "{name}");
        }
    }

    #[test]
    fn what_was_not_verified_is_never_signed_and_brings_no_signature_along() {
        for verified in [None, Some("false"), Some("TRUE"), Some("")] {
            let headers = signed(verified);

            for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
                assert!(!headers.contains_key(name), "{verified:?}: {name}");
            }
        }
    }
}
