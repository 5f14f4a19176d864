//! The demo's senders: each signs as the real one does.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use uuid::Uuid;

use crate::clock;
use crate::config::Config;
use crate::outbound::sample::{Occasion, Samples};
use crate::scheme::{KeySpec, Keyring, Message, Scheme, Secret, preset};

/// One of the four senders.
pub(super) struct Sender {
    pub name: &'static str,
    path: String,
    scheme: &'static str,
    variable: &'static str,
}

impl Sender {
    /// The variables that hold their secrets.
    pub(super) const VARIABLES: [&str; 4] = ["LVCONNECT_SECRET", "LOGINRADIUS_SECRET", "LMIF_SECRET", "RISR_SECRET"];

    pub(super) fn all(config: &Config) -> Vec<Self> {
        [
            ("lvconnect", "lvconnect", "LVCONNECT_SECRET"),
            ("loginradius", "loginradius", "LOGINRADIUS_SECRET"),
            ("lmif", "lmif", "LMIF_SECRET"),
            ("risr", "jws", "RISR_SECRET"),
        ]
        .map(|(name, scheme, variable)| Self { name, path: path(config, name), scheme, variable })
        .into()
    }

    /// LoginRadius once more, where what it sends is queued.
    pub(super) fn queued(config: &Config) -> Self {
        let (scheme, variable) = ("loginradius", "LOGINRADIUS_SECRET");
        Self { name: "loginradius", path: path(config, "queued"), scheme, variable }
    }

    /// The sender's event of this number.
    pub(super) fn delivery(&self, number: u32) -> anyhow::Result<Delivery> {
        self.signed(number, super::secret(self.variable).into_bytes())
    }

    /// An event of somebody who does not know the secret.
    pub(super) fn forged(&self, number: u32) -> anyhow::Result<Delivery> {
        self.signed(number, b"a secret that somebody guessed".to_vec())
    }

    fn signed(&self, number: u32, secret: Vec<u8>) -> anyhow::Result<Delivery> {
        let scheme = preset(self.scheme).context("the four senders are presets")?;
        let secret = Secret::new(secret);
        let key = KeySpec { id: "demo".into(), secret, encoding: None, not_before: None, not_after: None };
        let keyring = Keyring::new(scheme, vec![key])?;
        let event_id = format!("00000000-0000-4000-8000-{number:012}");
        let message = Message {
            body: event(scheme, &event_id, number).context("a sample is an event of its sender")?,
            event_id: Some(&event_id),
            event_type: Some("user:created"),
            method: &Method::POST,
            path: &self.path,
            query: None,
            public_url: None,
            headers: &HeaderMap::new(),
        };
        let signed = scheme.sign(&keyring, &message, clock::now())?;
        Ok(Delivery { path: self.path.clone(), headers: signed.headers, body: signed.body })
    }
}

/// The path of a source.
fn path(config: &Config, name: &str) -> String {
    let mut sources = config.inbound.iter().flat_map(|inbound| &inbound.sources);
    sources.find(|source| &*source.name == name).map(|source| source.path.clone()).unwrap_or_default()
}

/// The sender's usual event, under this number.
fn event(scheme: &Scheme, event_id: &str, number: u32) -> Option<Bytes> {
    let sample = Samples::of(&scheme.name).usual();
    let (at, unique) = (clock::now(), Uuid::from_u128(number.into()));
    sample.event(scheme, &Occasion { id: event_id, kind: sample.kind, hook: "demo", at, unique })
}

/// A request that is ready to be sent.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

/// What the sender was answered.
pub(super) struct Answer {
    pub status: StatusCode,
    pub replayed: bool,
}

impl Delivery {
    /// The same delivery with one byte in the middle of its body changed.
    pub(super) fn tampered(&self) -> Self {
        let mut body = self.body.to_vec();
        let middle = body.len() / 2;
        body[middle] ^= 1;
        Self { body: body.into(), ..self.clone() }
    }

    /// The same delivery without a signature.
    pub(super) fn unsigned(&self) -> Self {
        let mut unsigned = self.clone();
        unsigned.headers.retain(|(name, _)| !name.as_str().contains("signature"));
        if unsigned.headers.len() == self.headers.len() {
            // A JWS carries its signature behind the last dot.
            let end = self.body.iter().rposition(|byte| *byte == b'.').unwrap_or_default();
            unsigned.body.truncate(end + 1);
        }
        unsigned
    }

    pub(super) async fn send(&self, gateway: SocketAddr) -> anyhow::Result<Answer> {
        let stream = TcpStream::connect(gateway).await?;
        let (mut connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        spawn_local(driver);
        let mut request = Request::post(&self.path).body(Full::new(self.body.clone()))?;
        request.headers_mut().insert(header::HOST, HeaderValue::from_str(&gateway.to_string())?);
        request.headers_mut().extend(self.headers.clone());
        let answer = connection.send_request(request).await?;
        let replayed = answer.headers().contains_key("countersign-replayed");
        let status = answer.status();
        answer.into_body().collect().await?;
        Ok(Answer { status, replayed })
    }
}
