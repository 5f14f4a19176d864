//! What must hold of the headers of any message, and of any address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName, header};

use super::bearer::bears;
use super::header::{strip_answer, strip_request};
use super::server::host;
use crate::config::Egress;
use crate::scheme::Secret;

/// Headers that end at a hop (RFC 9110 §7.6.1), as a list of their own.
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What is passed on holds nothing that ends here or that only the gateway says; and everything else.
pub(crate) fn headers(given: &HeaderMap) {
    let signs = |name: &HeaderName| name == "x-lmif-signature";
    let mut request = given.clone();
    strip_request(&mut request, signs);
    passed_on(given, &request, |name| {
        let is_claim = ["forwarded", "x-real-ip"].contains(&name) || name.starts_with("x-forwarded-");
        is_claim || name.contains('_')
    });
    let mut answer = given.clone();
    strip_answer(&mut answer);
    passed_on(given, &answer, |name| name == "content-length");

    let bears_it = bears(given, &Secret::new(b"open sesame".to_vec()));
    let values: Vec<_> = given.get_all(header::AUTHORIZATION).iter().map(|value| value.as_bytes()).collect();
    let is_it = |value: &[u8]| {
        value.len() == 18 && value[..7].eq_ignore_ascii_case(b"bearer ") && value.ends_with(b"open sesame")
    };
    assert_eq!(bears_it, matches!(&*values, [value] if is_it(value)));

    let mut head = http::Request::new(());
    *head.headers_mut() = given.clone();
    if let Ok(host) = host(&head) {
        assert_eq!(given.get_all(header::HOST).iter().count(), 1);
        assert!(!host.is_empty() && !host.contains(['/', '@', '?', '#', '\\', ',', ' ']), "{host}");
    }
}

fn passed_on(given: &HeaderMap, left: &HeaderMap, is_taken: impl Fn(&str) -> bool) {
    let ends = |name: &str| HOP_BY_HOP.contains(&name) || name.starts_with("countersign-") || is_taken(name);
    let nominated: Vec<String> = given
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .to_ascii_lowercase()
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    for name in given.keys() {
        let name = name.as_str();
        let (before, after) = (given.get_all(name), left.get_all(name));
        if ends(name) {
            assert!(after.iter().next().is_none(), "{name} is passed on");
        } else if !nominated.iter().any(|other| other == name) {
            assert!(before.iter().eq(after.iter()), "{name} is not passed on as it is");
        } else {
            let is_kept = after.iter().next().is_some();
            let may_stay =
                ["authorization", "content-encoding", "content-type", "host", "x-lmif-signature", "content-length"];
            assert!(!is_kept || may_stay.contains(&name), "{name} is passed on");
        }
    }
    assert!(left.keys().all(|name| given.contains_key(name)));
}

/// An address that an endpoint may have is one that the standard library's tables call public, and so is the IPv4
/// address that it stands for.
pub(crate) fn address(text: &str) {
    let Ok(address) = text.parse::<IpAddr>() else { return };
    let nothing = Egress { allow: Vec::new() };
    let may = |address: IpAddr| nothing.check(address).is_ok();
    match address {
        IpAddr::V4(inner) => {
            assert!(!may(address) || is_public(inner), "{address}");
            assert_eq!(may(address), may(IpAddr::V6(inner.to_ipv6_mapped())), "{address} in disguise");
        }
        IpAddr::V6(outer) => {
            let inner = outer.to_ipv4_mapped();
            assert!(!may(address) || inner.map_or_else(|| is_global(outer), is_public), "{address}");
        }
    }
}

fn is_public(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation())
}

fn is_global(address: Ipv6Addr) -> bool {
    let is_local = address.is_unique_local() || address.is_unicast_link_local();
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || is_local)
}
