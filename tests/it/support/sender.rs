//! Senders that sign with the engine; what others sign stands in tests/vectors.

use std::sync::Arc;

use bytes::Bytes;
use countersign::scheme::{KeySpec, Keyring, Message, Scheme, Secret};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use jiff::Timestamp;

/// Somebody who knows a secret.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    scheme: Arc<Scheme>,
    secret: String,
}

/// A signed request.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

impl Sender {
    /// Somebody who signs by this preset, or this scheme as it stands under `schemes`.
    pub(crate) fn new(scheme: &str, secret: &str) -> Self {
        let scheme = countersign::config::scheme(scheme).unwrap_or_else(|error| panic!("{error}"));
        Self { scheme: Arc::new(scheme), secret: secret.to_owned() }
    }

    /// One who knows the secret of the gateway under test.
    pub(crate) fn of(scheme: &str) -> Self {
        Self::new(scheme, super::gateway::SECRET)
    }

    pub(crate) fn lmif() -> Self {
        Self::of("lmif")
    }

    /// An LMIF event with this id.
    pub(crate) fn event(&self, id: &str) -> Delivery {
        self.sign(format!(r#"{{"id":"{id}","type":"box.created","data":{{"name":"Zoé"}}}}"#))
    }

    /// A signed request with this body, of no particular id and type.
    pub(crate) fn sign(&self, body: impl Into<Bytes>) -> Delivery {
        self.sign_event(body, "8f7e0a52-0001-4000-8000-000000000001", "user:created")
    }

    pub(crate) fn sign_event(&self, body: impl Into<Bytes>, event_id: &str, event_type: &str) -> Delivery {
        self.sign_at(Timestamp::now(), body, event_id, event_type)
    }

    pub(crate) fn sign_at(&self, now: Timestamp, body: impl Into<Bytes>, event_id: &str, event_type: &str) -> Delivery {
        let secret = Secret::new(self.secret.clone().into_bytes());
        let key = KeySpec { id: "0".into(), secret, encoding: None, not_before: None, not_after: None };
        let keyring = Keyring::new(&self.scheme, vec![key]).unwrap();
        let message = Message {
            body: body.into(),
            event_id: Some(event_id),
            event_type: Some(event_type),
            method: &Method::POST,
            path: "/",
            query: None,
            public_url: None,
            headers: &HeaderMap::new(),
        };
        let signed = self.scheme.sign(&keyring, &message, now).unwrap();
        Delivery { headers: signed.headers, body: signed.body }
    }
}

impl Delivery {
    /// The same request with another header beside its own.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((HeaderName::from_static(name), value.parse().unwrap()));
        self
    }

    /// The same request with another value of a header.
    pub(crate) fn changed(self, name: &'static str, change: impl FnOnce(&str) -> String) -> Self {
        let value = change(self.header(name));
        self.without(name).with(name, &value)
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(other, _)| other == name);
        header.unwrap_or_else(|| panic!("no {name}")).1.to_str().unwrap()
    }

    /// The same request without a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    /// The same request with one byte of its body changed.
    pub(crate) fn tampered(mut self) -> Self {
        let mut body = self.body.to_vec();
        let middle = body.len() / 2;
        body[middle] ^= 1;
        self.body = body.into();
        self
    }

    /// The request, for hyper.
    pub(crate) fn request(&self, target: &str) -> Request<Full<Bytes>> {
        let mut request = Request::post(target).body(Full::new(self.body.clone())).unwrap();
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        request
    }

    /// The request as HTTP/1.1, to be sent by hand.
    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        let mut bytes = format!("POST {path} HTTP/1.1\r\nHost: hooks.example\r\n").into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
