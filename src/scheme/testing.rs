//! What the tests of the engine share.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;

use super::{
    Body, Greeting, Head, KeySpec, Keyring, Message, Needs, PublicAlgorithm, Rejection, Scheme, Secret, Signed,
    Verified, preset,
};

/// A message as a sender made it, and what is to be read from it.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    /// The name of a preset.
    pub(crate) scheme: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) body: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// What comes before the path, as the sender knows it.
    pub(crate) public_url: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// In seconds.
    pub(crate) now: i64,
    /// As `Countersign-Event-Id` carries it.
    pub(crate) id: &'a str,
    pub(crate) kind: Option<&'a str>,
    /// Whether the signature covers the id.
    pub(crate) signed: bool,
    /// Where it is not the body.
    pub(crate) payload: Option<&'a str>,
    /// Whether signing makes the very same message.
    pub(crate) resigned: bool,
}

impl<'a> Case<'a> {
    pub(crate) const fn of(scheme: &'a str) -> Self {
        Self {
            scheme,
            secret: "",
            body: "",
            headers: &[],
            public_url: "https://hooks.example.com",
            path: "/hooks/x",
            query: None,
            now: 1_700_000_000,
            id: "",
            kind: None,
            signed: true,
            payload: None,
            resigned: true,
        }
    }

    fn scheme(&self) -> &'static Scheme {
        preset(self.scheme).unwrap()
    }

    pub(crate) fn verify(&self) -> Result<Verified, Rejection> {
        self.verify_framed(self.body.as_bytes(), self.body.len().max(1))
    }

    fn verify_framed(&self, body: &[u8], frame: usize) -> Result<Verified, Rejection> {
        let headers = headers(self.headers);
        let body: Body = body.chunks(frame).map(Bytes::copy_from_slice).collect();
        self.scheme().verify(&keyring(self.scheme(), &[self.secret]), &self.head(&headers), body, seconds(self.now))
    }

    /// What the message is answered, if it is a handshake and no event.
    pub(crate) fn greeted(&self) -> Option<Greeting> {
        let headers = headers(self.headers);
        let verified = self.verify().unwrap();
        let keyring = keyring(self.scheme(), &[self.secret]);
        self.scheme().greet(&verified, &self.head(&headers), &keyring).map(Result::unwrap)
    }

    fn head<'h>(&'h self, headers: &'h HeaderMap) -> Head<'h> {
        Head { path: self.path, query: self.query, public_url: Some(self.public_url), ..head(headers) }
    }

    fn sign(&self) -> Signed {
        let body = Bytes::copy_from_slice(self.payload.unwrap_or(self.body).as_bytes());
        let message = Message {
            event_id: Some(self.id),
            event_type: self.kind,
            path: self.path,
            query: self.query,
            public_url: Some(self.public_url),
            ..message(body)
        };
        self.scheme().sign(&keyring(self.scheme(), &[self.secret]), &message, seconds(self.now)).unwrap()
    }
}

/// Checks that a message is accepted in any framing and with no bit changed, that it is named as expected, and that
/// signing makes it again.
#[track_caller]
pub(crate) fn vector(case: &Case<'_>) {
    let verified = case.verify().expect("the vector is accepted");
    assert_eq!(verified.payload().contiguous(), case.payload.unwrap_or(case.body).as_bytes());
    assert_eq!(verified.original().contiguous(), case.body.as_bytes());

    for frame in [1, 7, 64] {
        assert!(case.verify_framed(case.body.as_bytes(), frame).is_ok(), "in frames of {frame} bytes");
    }
    for bit in 0..case.body.len() * 8 {
        let mut body = case.body.as_bytes().to_vec();
        body[bit / 8] ^= 1 << (bit % 8);
        assert!(case.verify_framed(&body, body.len()).is_err(), "with bit {bit} flipped");
    }

    let headers = headers(case.headers);
    let identity = case.scheme().identify(&verified, &case.head(&headers), None, None);
    assert_eq!(identity.id.header_value(), case.id);
    assert_eq!((identity.kind.as_deref(), identity.signed), (case.kind, case.signed));

    if case.resigned {
        let signed = case.sign();
        assert_eq!(signed.body, case.body);
        for (name, value) in case.headers {
            let written: Vec<_> = signed.headers.iter().filter(|(other, _)| other == name).collect();
            assert_eq!(written.len(), 1, "{name}");
            assert_eq!(written[0].1, value);
        }
    }
}

pub(crate) fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

pub(crate) fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().map(line) {
        headers.append(name, value);
    }
    headers
}

pub(crate) fn head(headers: &HeaderMap) -> Head<'_> {
    Head {
        method: &Method::POST,
        path: "/hooks/x",
        query: None,
        headers,
        public_url: Some("https://hooks.example.com"),
    }
}

pub(crate) fn message(body: Bytes) -> Message<'static> {
    static NONE: std::sync::LazyLock<HeaderMap> = std::sync::LazyLock::new(HeaderMap::new);
    Message {
        body,
        event_id: None,
        event_type: None,
        method: &Method::POST,
        path: "/hooks/x",
        query: None,
        public_url: Some("https://hooks.example.com"),
        headers: &NONE,
    }
}

pub(crate) fn key(secret: &str) -> KeySpec {
    let secret = Secret::new(secret.as_bytes().to_vec());
    KeySpec { id: "key".to_owned(), secret, encoding: None, not_before: None, not_after: None }
}

/// Two secrets, or private keys, of the form that the scheme's have.
pub(crate) fn secrets(scheme: &Scheme) -> [&'static str; 2] {
    macro_rules! pair {
        ($name:literal) => {
            [
                include_str!(concat!("../../tests/keys/", $name, ".pem")),
                include_str!(concat!("../../tests/keys/", $name, "-other.pem")),
            ]
        };
    }
    match scheme.needs() {
        // Some are base64.
        Needs::Secret(..) => ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "bm90IHRoZSBzYW1lIHNlY3JldCBhdCBhbGw="],
        Needs::Public(PublicAlgorithm::EcdsaP256Sha256(_), _) => pair!("p256"),
        Needs::Public(PublicAlgorithm::EcdsaP384Sha384(_), _) => pair!("p384"),
        Needs::Public(PublicAlgorithm::Ed25519, _) => pair!("ed25519"),
        Needs::Public(PublicAlgorithm::RsaPkcs1Sha256 | PublicAlgorithm::RsaPssSha256, _) => pair!("rsa2048"),
    }
}

/// A file of `tests/keys`.
pub(crate) fn key_file(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name);
    std::fs::read_to_string(path).unwrap()
}

pub(crate) fn keyring(scheme: &Scheme, secrets: &[&str]) -> Keyring {
    Keyring::new(scheme, secrets.iter().map(|secret| key(secret)).collect()).unwrap()
}
