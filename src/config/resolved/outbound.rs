//! The sending side: endpoints, and the ways to them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{Limits, Listen, Pace, Retry, UpstreamUrl};
use crate::scheme::{Keyring, Scheme, Secret};

/// The sending side.
#[derive(Debug)]
pub struct Outbound {
    /// Where the app sends to.
    pub listen: Listen,
    /// What lets the app in; `None` only where nobody but this machine reaches it.
    pub token: Option<Secret>,
    /// How much is taken in.
    pub limits: Limits,
    /// Where endpoints may be beside the public internet.
    pub egress: Egress,
    /// Who is sent to, in the order of the file.
    pub endpoints: Vec<Arc<Endpoint>>,
}

/// Which addresses endpoints may have beside public ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Ranges of addresses.
    pub allow: Vec<IpNet>,
}

/// A receiver, as configured.
pub struct Endpoint {
    /// Its name, in paths, metrics and logs.
    pub name: Arc<str>,
    /// Where it is. Its path is as written: empty, or with a slash at the end if there is one.
    pub url: UpstreamUrl,
    /// The query of the URL, without `?`.
    pub query: Option<String>,
    /// How messages to it are signed.
    pub scheme: Arc<Scheme>,
    /// With what.
    pub keyring: Keyring,
    /// The types of events that it gets from `/events/…`.
    pub events: Vec<EventPattern>,
    /// When the app is answered.
    pub delivery: EndpointDelivery,
    /// How deliveries are tried again.
    pub retry: Retry,
    /// How many deliveries are made at once, and how many a second.
    pub pace: Pace,
    /// What the app's body is put into.
    pub envelope: Envelope,
    /// How long it may take to connect.
    pub connect_timeout: Duration,
    /// How TLS is spoken to it, with ALPN for `http/1.1`; `None`: it is not.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The proxy on the way to it.
    pub proxy: Option<Proxy>,
}

/// When the app is answered that sends to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointDelivery {
    /// When the event is on disk.
    Queue,
    /// When the receiver has answered.
    Sync,
}

/// What an app's body is put into before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// The object that risr/advance signs: with a `webhook_request_id`.
    Jws,
    /// LMIF's: `id`, `type`, `createdAt`, `data`, `meta`.
    Lmif,
    /// LoginRadius': `HookName`, `HookId`, `Time`, `Data`.
    LoginRadius,
    /// Nothing: the body is sent as it came.
    None,
}

/// A proxy that is asked to `CONNECT` (RFC 9110 §9.3.6).
#[derive(Clone)]
pub struct Proxy {
    /// Where it is; its path is not used. Trusted, as an upstream is.
    pub url: UpstreamUrl,
    /// How TLS is spoken to the proxy itself; `None`: it is not.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// What `Proxy-Authorization` says.
    pub authorization: Option<Secret>,
}

/// A pattern for types of events: `*` is any run of characters, nothing else is special.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPattern(pub(crate) String);

impl EventPattern {
    /// Whether a type of event is meant.
    pub fn matches(&self, kind: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = kind.strip_prefix(first) else { return false };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

// The query may hold what lets the sender in.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("scheme", &self.scheme.name)
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("url", &self.url).finish_non_exhaustive()
    }
}
