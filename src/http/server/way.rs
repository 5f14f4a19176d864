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
    /// `None`: nobody knows.
    address: Option<HeaderValue>,
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
        let mut text = match peer.address {
            Some(IpAddr::V4(address)) => format!("for={address};proto={proto}"),
            Some(IpAddr::V6(address)) => format!("for=\"[{address}]\";proto={proto}"),
            None => format!("for=unknown;proto={proto}"),
        };
        if let Some(host) = host.and_then(|host| host.to_str().ok()) {
            write!(text, ";host=\"{host}\"").expect("writing to a string cannot fail");
        }
        let (address, forwarded) = (peer.address.map(|address| ascii(address.to_string())), ascii(text));
        // Copied, as it is a slice of hyper's buffer, all of which it would hold for as long as the connection lasts.
        let host = host.map(|host| HeaderValue::from_bytes(host.as_bytes()).expect("it was one"));
        Self { host, address, proto: HeaderValue::from_static(proto), forwarded }
    }

    /// The host that the sender named.
    pub(crate) fn host(&self) -> Option<&HeaderValue> {
        self.host.as_ref()
    }

    /// Tells the app.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Some(address) = &self.address {
            headers.insert(X_FORWARDED_FOR, address.clone());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(address: Option<&str>) -> HeaderMap {
        let peer = Peer::new(address.map(|address| address.parse().unwrap()), false);
        let mut headers = HeaderMap::new();
        Way::of(&peer, Some(&HeaderValue::from_static("hooks.example"))).write(&mut headers);
        headers
    }

    #[test]
    fn an_address_is_told_as_what_it_is_and_where_there_is_none_none_is() {
        for (address, plain, forwarded) in [
            (Some("192.0.2.1"), Some("192.0.2.1"), "for=192.0.2.1"),
            (Some("::ffff:192.0.2.1"), Some("192.0.2.1"), "for=192.0.2.1"),
            (Some("2001:db8::1"), Some("2001:db8::1"), "for=\"[2001:db8::1]\""),
            (None, None, "for=unknown"),
        ] {
            let headers = told(address);
            assert_eq!(headers.get(X_FORWARDED_FOR).map(|value| value.to_str().unwrap()), plain);
            assert_eq!(headers[header::FORWARDED], format!("{forwarded};proto=http;host=\"hooks.example\""));
        }
    }
}
