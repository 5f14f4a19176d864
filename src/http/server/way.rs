//! Over which way a request came, as this hop saw it.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::guard::Peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What the app is told of a request's way. Who claimed to have forwarded it is not said.
#[derive(Debug)]
pub(crate) struct Way {
    host: Option<HeaderValue>,
    address: HeaderValue,
    proto: HeaderValue,
    /// RFC 7239.
    forwarded: HeaderValue,
}

impl Way {
    /// The way of a request to `host` on this connection. It is written once for
    /// each connection, as hosts hardly change on one.
    pub(crate) fn of(peer: &Peer, host: Option<&HeaderValue>) -> Rc<Self> {
        let mut last = peer.way.borrow_mut();
        match &*last {
            Some(way) if way.host.as_ref() == host => way.clone(),
            _ => last.insert(Rc::new(Self::new(peer, host))).clone(),
        }
    }

    fn new(peer: &Peer, host: Option<&HeaderValue>) -> Self {
        let proto = if peer.tls { "https" } else { "http" };
        let address = peer.address.ip();
        let mut text = match address {
            IpAddr::V4(address) => format!("for={address};proto={proto}"),
            IpAddr::V6(address) => format!("for=\"[{address}]\";proto={proto}"),
        };
        if let Some(host) = host.and_then(|host| host.to_str().ok()) {
            write!(text, ";host=\"{host}\"").expect("writing to a string cannot fail");
        }
        let (address, forwarded) = (ascii(address.to_string()), ascii(text));
        Self { host: host.cloned(), address, proto: HeaderValue::from_static(proto), forwarded }
    }

    /// Tells the app.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(X_FORWARDED_FOR, self.address.clone());
        headers.insert(X_FORWARDED_PROTO, self.proto.clone());
        if let Some(host) = &self.host {
            headers.insert(X_FORWARDED_HOST, host.clone());
        }
        headers.insert(header::FORWARDED, self.forwarded.clone());
    }
}

fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("addresses and checked host names are visible ASCII")
}
