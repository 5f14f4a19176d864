//! The receiving side: sources, and the apps behind them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Pace, Retry, UpstreamUrl};
use crate::scheme::{Keyring, Locator, OnConflict, Scheme};

/// The receiving side.
#[derive(Debug)]
pub struct Inbound {
    /// The address that is listened on.
    pub listen: SocketAddr,
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
    /// Certificate, key, and ALPN for `h2` and `http/1.1`.
    pub config: Arc<rustls::ServerConfig>,
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
    /// What the app sees.
    pub forward: Forward,
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
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}
