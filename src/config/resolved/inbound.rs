//! The receiving side: sources, and the apps behind them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{EventPattern, Listen, Pace, Retry, UpstreamUrl};
use crate::scheme::{Acknowledge, Keyring, Locator, OnConflict, Scheme, Secret};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;

/// The receiving side.
#[derive(Debug)]
pub struct Inbound {
    /// Where it listens.
    pub listen: Listen,
    /// Who says of each connection for whom it is.
    pub proxies: Proxies,
    /// TLS, if it is spoken there.
    pub tls: Option<Tls>,
    /// What senders believe our URL to begin with: scheme, host and perhaps a
    /// path, without a slash at the end.
    pub public_url: Option<String>,
    /// How much is taken in.
    pub limits: Limits,
    /// Who may send, in the order of the file.
    pub sources: Vec<Arc<Source>>,
}

/// How TLS is spoken to senders.
#[derive(Clone)]
pub struct Tls {
    /// Certificate, key, ALPN for `h2` and `http/1.1`, and whom clients must be vouched for by.
    pub config: Arc<rustls::ServerConfig>,
}

/// Who begins each connection with a header of the PROXY protocol, and is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxies {
    /// Whoever connects to a Unix socket.
    All,
    /// Whoever connects from one of these ranges.
    In(Vec<IpNet>),
    /// Nobody.
    None,
}

impl Proxies {
    /// Whether a connection from here begins with the header; `None`: from a Unix socket.
    pub fn include(&self, peer: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::In(ranges) => {
                let peer = peer.map(|peer| peer.to_canonical());
                peer.is_some_and(|peer| ranges.iter().any(|range| range.contains(&peer)))
            }
            Self::None => false,
        }
    }
}

/// How much is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// All bodies together, in bytes.
    pub memory: usize,
    /// Open connections.
    pub connections: usize,
    /// How long a head, and then a body, may take to arrive.
    pub read_timeout: Duration,
}

/// A sender, as configured.
#[derive(Debug)]
pub struct Source {
    /// Its name, in metrics, logs and headers.
    pub name: Arc<str>,
    /// The path that it sends to, byte for byte, without the query.
    pub path: String,
    /// The host that it sends to, in lower case and without a port; `None`: any.
    pub host: Option<String>,
    /// How it signs.
    pub scheme: Arc<Scheme>,
    /// With what it signs.
    pub keyring: Keyring,
    /// What becomes of a request that is not verified.
    pub verification: Verification,
    /// What is demanded beside the signature.
    pub require: Option<Requirement>,
    /// The app behind it.
    pub upstream: Arc<Upstream>,
    /// When the sender is answered.
    pub delivery: Delivery,
    /// What is done about duplicates.
    pub dedup: Dedup,
    /// Where the event's id stands, instead of the scheme's own place.
    pub event_id: Option<Vec<Locator>>,
    /// Where the event's type stands, instead of the scheme's own place.
    pub event_type: Option<Locator>,
    /// The types of events that it takes; `None`: all. In lower case where the scheme ignores case.
    pub events: Option<Vec<EventPattern>>,
    /// What the sender of a queued event is answered.
    pub acknowledge: Acknowledgement,
    /// What the sender shows when it asks for this address without a signature.
    pub verify_token: Option<Secret>,
    /// What the app sees.
    pub forward: Forward,
}

impl Source {
    /// Whether an event of this type goes on. One without a type goes where every type does.
    pub fn takes(&self, kind: Option<&str>) -> bool {
        let Some(patterns) = &self.events else { return true };
        patterns.iter().any(|pattern| pattern.matches(kind.unwrap_or_default()))
    }
}

/// What becomes of a request that is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It is refused.
    Enforce,
    /// It is counted and told, and reaches the app, marked as what it is.
    ReportOnly,
}

/// What a request must have beside its signature: all that is there.
#[derive(Debug)]
pub struct Requirement {
    /// What follows `Basic ` in `Authorization`.
    pub basic: Option<Secret>,
    /// What follows `Bearer ` in `Authorization`.
    pub bearer: Option<Secret>,
    /// A header and its value.
    pub header: Option<(HeaderName, Secret)>,
    /// Where the sender has to be; empty: anywhere.
    pub from: Vec<IpNet>,
}

/// When a sender is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// When the event is on disk.
    Queue,
    /// When the app has answered.
    Sync,
    /// When the app has answered 2xx within this time, else when the event is on disk.
    SyncThenQueue {
        /// How long the app may take.
        within: Duration,
    },
}

/// What the sender of a queued event is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The status.
    pub status: StatusCode,
    /// What the body is; `None`: there is none.
    pub content_type: Option<HeaderValue>,
    /// The body; `None`: the delivery's id, as JSON.
    pub body: Option<Bytes>,
}

impl From<Acknowledge> for Acknowledgement {
    fn from(words: Acknowledge) -> Self {
        Self {
            status: words.status,
            content_type: words.content_type().map(HeaderValue::from_static),
            body: words.body.map(|body| Bytes::from(body.into_owned())),
        }
    }
}

/// What is done about duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dedup {
    /// Nothing.
    Off,
    /// They are dropped.
    On {
        /// How long a delivery is remembered.
        window: Duration,
        /// What tells deliveries apart; `None`: the event's id.
        key: Option<Vec<Locator>>,
        /// What becomes of a known, signed id that comes with another body.
        conflict: OnConflict,
        /// Whether a known body is a duplicate, whatever its id and type.
        also_body: bool,
        /// How many deliveries are remembered.
        entries: usize,
    },
}

/// What the app sees of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// What follows the upstream's path; `None`: the request's own path.
    pub path: Option<String>,
    /// Which bytes are the body.
    pub body: ForwardBody,
    /// Which headers are stored that would not be.
    pub headers: Vec<HeaderName>,
    /// What its `Host` is.
    pub host: ForwardHost,
}

/// What the `Host` of a request to an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardHost {
    /// The one that the sender named.
    Keep,
    /// The upstream's own.
    Upstream,
}

/// Which bytes an app is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardBody {
    /// The body as received.
    Original,
    /// What the signature was wrapped around: for a JWS its decoded payload, else the body.
    Payload,
}

/// An app.
#[derive(Clone)]
pub struct Upstream {
    /// Its name, in metrics and logs.
    pub name: Arc<str>,
    /// Where it is.
    pub url: UpstreamUrl,
    /// Where it is as well, with the same scheme and path; mostly nowhere.
    pub others: Vec<UpstreamUrl>,
    /// How it is signed for, if it is.
    pub sign: Option<Arc<Signing>>,
    /// From the first byte sent to the end of the answer's head, and between two reads of its body.
    pub timeout: Duration,
    /// How long it may take to connect.
    pub connect_timeout: Duration,
    /// How TLS is spoken to it, with ALPN for `http/1.1`; `None`: it is not.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// How queued deliveries to it are tried again.
    pub retry: Retry,
    /// How many queued deliveries to it are made at once, and how many a second.
    pub pace: Pace,
}

impl Upstream {
    /// Every address, in the order of the file.
    pub fn addresses(&self) -> impl Iterator<Item = &UpstreamUrl> {
        std::iter::once(&self.url).chain(&self.others)
    }
}

/// How an app is signed for.
#[derive(Debug)]
pub struct Signing {
    /// The scheme, which writes headers and leaves the body alone.
    pub scheme: Arc<Scheme>,
    /// With what is signed.
    pub keyring: Keyring,
    /// The headers that are the scheme's to write: a request has none of them but ours.
    pub written: Vec<HeaderName>,
}

// rustls' own `Debug` shows certificates and whatever else it sees fit; the key among it is its business.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("others", &self.others)
            .field("sign", &self.sign)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}
