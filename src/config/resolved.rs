//! What a configuration means: every name a reference, every secret at hand,
//! every default filled in.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::file::Workers;
use crate::scheme::{Keyring, Locator, OnConflict, Scheme, Secret};

/// A configuration that can be served.
#[derive(Debug)]
pub struct Config {
    /// How many threads serve.
    pub workers: usize,
    /// The receiving side; in this version always there.
    pub inbound: Option<Inbound>,
    /// The apps, in the order of the file.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Where deliveries are remembered.
    pub store: StoreConfig,
    /// The operator's listener, if one is wanted.
    pub admin: Option<Admin>,
    /// What is written to the log.
    pub log: Log,
    /// How long a drain may take.
    pub shutdown: Duration,
    /// Every file that was read, each once: the configuration first, if it was
    /// one, then secrets and certificates. A change of any means a reload.
    pub files: Vec<PathBuf>,
    pub(super) written_workers: Workers,
}

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
    /// What is done about duplicates.
    pub dedup: Dedup,
    /// Where the event's id stands, instead of the scheme's own place.
    pub event_id: Option<Vec<Locator>>,
    /// Where the event's type stands, instead of the scheme's own place.
    pub event_type: Option<Locator>,
    /// What the app sees.
    pub forward: Forward,
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
}

/// Where an app is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrl {
    /// How it is spoken to.
    pub scheme: UrlScheme,
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// The port, also where the URL leaves it to the scheme.
    pub port: u16,
    /// What every path begins with: empty, or `/…` without a slash at the end.
    pub path: String,
    /// What the `Host` header says.
    pub authority: HeaderValue,
}

/// How an app is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlScheme {
    /// In clear text.
    Http,
    /// Over TLS.
    Https,
}

/// Where deliveries are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// In memory: a restart forgets them.
    Memory,
    /// In memory, and in a SQLite file.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
}

/// The operator's listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The address that is listened on.
    pub listen: SocketAddr,
    /// What lets an operator in; `None` only where the address is loopback.
    pub token: Option<Secret>,
}

/// What is written to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object.
    Json,
    /// For people.
    Text,
}

/// How much is written to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What needs attention.
    Error,
    /// And what may.
    Warn,
    /// And what happens.
    Info,
    /// And why.
    Debug,
    /// And everything else.
    Trace,
}

impl Config {
    /// The keys that a reload would have to change and cannot: each needs a
    /// restart. Empty: `new` can take over.
    pub fn restart_needed(&self, new: &Config) -> Vec<&'static str> {
        let mut keys = Vec::new();
        // `auto` means what it meant at the start, even if the number of cores has changed since.
        if self.written_workers != new.written_workers {
            keys.push("workers");
        }
        if self.inbound.as_ref().map(|inbound| inbound.listen) != new.inbound.as_ref().map(|inbound| inbound.listen) {
            keys.push("inbound.listen");
        }
        if self.store != new.store {
            keys.push("store");
        }
        if self.admin.as_ref().map(|admin| admin.listen) != new.admin.as_ref().map(|admin| admin.listen) {
            keys.push("admin.listen");
        }
        keys
    }
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
