//! What a configuration means: every name a reference, every secret at hand,
//! every default filled in.

mod inbound;
mod outbound;
mod retry;
mod store;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::file::Workers;
use crate::scheme::Secret;
pub use inbound::{
    Acknowledgement, Dedup, Delivery, Forward, ForwardBody, ForwardHost, Inbound, Limits, Proxies, Requirement,
    Signing, Source, Tls, Upstream, Verification,
};
pub use outbound::{Egress, Endpoint, EndpointDelivery, Envelope, EventPattern, Outbound, Proxy};
pub use retry::{Pace, Retry, StatusSet};
pub use store::{Keep, KeptBodies, StoreConfig};

/// A configuration that can be served.
#[derive(Debug)]
pub struct Config {
    /// How many threads serve.
    pub workers: usize,
    /// The receiving side, if there is one. This side or the other is there.
    pub inbound: Option<Inbound>,
    /// The apps, in the order of the file.
    pub upstreams: Vec<Arc<Upstream>>,
    /// The sending side, if there is one.
    pub outbound: Option<Outbound>,
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

/// The operator's listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where it listens.
    pub listen: Listen,
    /// What lets an operator in; `None` only where nobody but this machine reaches it.
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

/// Where connections are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At an address; port 0 is one that the system chooses.
    Tcp(SocketAddr),
    /// At a Unix socket.
    Unix(PathBuf),
}

/// Where an app is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrl {
    /// How it is spoken to.
    pub scheme: UrlScheme,
    /// Name or address, an IPv6 address without its brackets; for a Unix socket its path.
    pub host: String,
    /// The port, also where the URL leaves it to the scheme; 0 for a Unix socket.
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
    /// In clear text over a Unix socket.
    Unix,
}

impl Listen {
    /// Whether only this machine reaches it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// The address; `None`: it is a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

/// As it is written in the file.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// As it is written in the file, with the usual port left out.
impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = String::from_utf8_lossy(self.authority.as_bytes());
        match self.scheme {
            UrlScheme::Http => write!(f, "http://{authority}{}", self.path),
            UrlScheme::Https => write!(f, "https://{authority}{}", self.path),
            UrlScheme::Unix if self.path.is_empty() => write!(f, "unix:{}", self.host),
            UrlScheme::Unix => write!(f, "unix:{}:{}", self.host, self.path),
        }
    }
}

impl UpstreamUrl {
    /// Scheme, host and port as the other side knows them, without a slash at the end.
    pub fn origin(&self) -> String {
        let scheme = match self.scheme {
            UrlScheme::Http | UrlScheme::Unix => "http",
            UrlScheme::Https => "https",
        };
        format!("{scheme}://{}", String::from_utf8_lossy(self.authority.as_bytes()))
    }
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
        let inbound = |config: &Config| config.inbound.as_ref().map(|inbound| inbound.listen.clone());
        if inbound(self) != inbound(new) {
            keys.push("inbound.listen");
        }
        let outbound = |config: &Config| config.outbound.as_ref().map(|outbound| outbound.listen.clone());
        if outbound(self) != outbound(new) {
            keys.push("outbound.listen");
        }
        if self.store != new.store {
            keys.push("store");
        }
        let admin = |config: &Config| config.admin.as_ref().map(|admin| admin.listen.clone());
        if admin(self) != admin(new) {
            keys.push("admin.listen");
        }
        keys
    }
}
