//! What a configuration means: every name a reference, every secret at hand,
//! every default filled in.

mod inbound;
mod outbound;
mod retry;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::file::Workers;
use crate::scheme::Secret;
pub use inbound::{Dedup, Delivery, Forward, ForwardBody, Inbound, Limits, Source, Tls, Upstream};
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
        if self.outbound.as_ref().map(|outbound| outbound.listen)
            != new.outbound.as_ref().map(|outbound| outbound.listen)
        {
            keys.push("outbound.listen");
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
