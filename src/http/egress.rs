//! Which addresses an endpoint may have.
//!
//! Who may write an endpoint's URL, or answers for its name in the DNS, chooses where this
//! process connects to. So the address itself is judged, at the moment of the connection and
//! whatever the URL looked like: everything is refused that is not a public unicast address,
//! unless `outbound.egress.allow` lists it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::config::Egress;

/// Addresses that are not public unicast.
struct Reserved {
    range: IpNet,
    what: &'static str,
}

const fn v4(address: [u8; 4], prefix: u8, what: &'static str) -> Reserved {
    let [a, b, c, d] = address;
    Reserved { range: IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)), what }
}

const fn v6(first: u16, second: u16, prefix: u8, what: &'static str) -> Reserved {
    let address = Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0);
    Reserved { range: IpNet::V6(Ipv6Net::new_assert(address, prefix)), what }
}

/// What the registries of special addresses do not call globally reachable, and multicast.
///
/// ref: <https://www.iana.org/assignments/iana-ipv4-special-registry>,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>,
/// <https://www.iana.org/assignments/ipv6-address-space>: of all IPv6 only `2000::/3` is global unicast. What is
/// reachable inside of `192.0.0.0/24` and `2001::/23` are anycast services of the network's own and identifiers, none of
/// which receives webhooks.
const RESERVED: [Reserved; 23] = [
    v4([0, 0, 0, 0], 8, "this network (RFC 791)"),
    v4([10, 0, 0, 0], 8, "private (RFC 1918)"),
    v4([100, 64, 0, 0], 10, "shared with the provider (RFC 6598)"),
    v4([127, 0, 0, 0], 8, "loopback (RFC 1122)"),
    v4([169, 254, 0, 0], 16, "link-local, where clouds keep their metadata (RFC 3927)"),
    v4([172, 16, 0, 0], 12, "private (RFC 1918)"),
    v4([192, 0, 0, 0], 24, "for protocols (RFC 6890)"),
    v4([192, 0, 2, 0], 24, "documentation (RFC 5737)"),
    v4([192, 88, 99, 0], 24, "relays of 6to4 (RFC 7526)"),
    v4([192, 168, 0, 0], 16, "private (RFC 1918)"),
    v4([198, 18, 0, 0], 15, "benchmarks (RFC 2544)"),
    v4([198, 51, 100, 0], 24, "documentation (RFC 5737)"),
    v4([203, 0, 113, 0], 24, "documentation (RFC 5737)"),
    v4([224, 0, 0, 0], 4, "multicast (RFC 5771)"),
    v4([240, 0, 0, 0], 4, "reserved, or broadcast (RFC 1112, RFC 919)"),
    // Unspecified, loopback, IPv4-compatible, local NAT64, discard-only.
    v6(0, 0, 3, "not global unicast (RFC 4291)"),
    v6(0x2001, 0, 23, "for protocols (RFC 2928)"),
    v6(0x2001, 0xdb8, 32, "documentation (RFC 3849)"),
    v6(0x2002, 0, 16, "6to4 (RFC 3056, RFC 7526)"),
    v6(0x3fff, 0, 20, "documentation (RFC 9637)"),
    // Segment routing's identifiers are in it (RFC 9602).
    v6(0x4000, 0, 2, "not global unicast (RFC 4291)"),
    v6(0x8000, 0, 2, "not global unicast (RFC 4291)"),
    // Unique local, link-local, site-local, multicast.
    v6(0xc000, 0, 2, "local or multicast (RFC 4193, RFC 4291)"),
];

impl Egress {
    /// Whether an endpoint may have this address.
    ///
    /// # Errors
    ///
    /// What the address is, where it may not.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        let address = match address {
            IpAddr::V6(address) => translated(address).map_or(IpAddr::V6(address), IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        self.check_itself(address)?;
        match address {
            IpAddr::V6(address) => tunnelled(address).try_for_each(|inner| self.check_itself(IpAddr::V4(inner))),
            IpAddr::V4(_) => Ok(()),
        }
    }

    fn check_itself(&self, address: IpAddr) -> Result<(), &'static str> {
        if self.allow.iter().any(|range| range.contains(&address)) {
            return Ok(());
        }
        match RESERVED.iter().find(|reserved| reserved.range.contains(&address)) {
            Some(reserved) => Err(reserved.what),
            None => Ok(()),
        }
    }
}

/// The IPv4 address that is meant by an IPv6 one which is nothing but its disguise: IPv4-mapped, which the kernel takes
/// for IPv4, and NAT64 with the well-known prefix (RFC 6052), which a network without IPv4 gives every receiver.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(joined(high, low)),
        _ => None,
    }
}

/// The IPv4 addresses that packets to an IPv6 address may be unwrapped for. Allowing the wrapping allows none of them.
fn tunnelled(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let inner = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        // IPv4-compatible (RFC 4291 §2.5.5.1).
        [0, 0, 0, 0, 0, 0, high, low] => [Some(joined(high, low)), None],
        // Teredo: its server, and the client in disguise (RFC 4380 §4).
        [0x2001, 0, high, low, _, _, first, second] => [Some(joined(high, low)), Some(joined(!first, !second))],
        // 6to4 (RFC 3056 §2).
        [0x2002, high, low, ..] => [Some(joined(high, low)), None],
        // ISATAP (RFC 5214 §6.1).
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => [Some(joined(high, low)), None],
        _ => [None, None],
    };
    inner.into_iter().flatten()
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(allow: &[&str]) -> Egress {
        Egress { allow: allow.iter().map(|range| range.parse().unwrap()).collect() }
    }

    fn permits(allow: &[&str], address: &str) -> bool {
        egress(allow).check(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn the_ends_of_every_reserved_range_are_refused() {
        for Reserved { range, what } in &RESERVED {
            for address in [range.network(), range.broadcast()] {
                assert!(egress(&[]).check(address).is_err(), "{address}: {what}");
            }
        }
    }

    #[test]
    fn every_kind_of_address_that_is_not_public_is_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.8",
            "192.0.0.170",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.254",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "100::1",
            "100:0:0:1::1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:1::1",
            "2001:2::1",
            "2001:10::1",
            "2001:1ff::1",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
            "ff00::1",
            "ff02::1",
            "ff0e::1",
        ] {
            assert!(!permits(&[], address), "{address}");
        }
    }

    #[test]
    fn the_neighbours_of_what_is_refused_are_permitted() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700::1111",
            "3ffe::1",
            "3fff:1000::1",
        ] {
            assert!(permits(&[], address), "{address}");
        }
    }

    #[test]
    fn an_address_in_another_s_disguise_is_judged_as_what_it_is() {
        for address in ["::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254"] {
            assert!(!permits(&[], address), "{address}");
            assert!(!permits(&["::ffff:0:0/96", "64:ff9b::/96"], address), "{address}");
        }
        for address in ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8"] {
            assert!(permits(&[], address), "{address}");
        }
    }

    #[test]
    fn a_tunnel_is_permitted_only_if_both_its_ends_are() {
        for (tunnel, address, inner) in [
            ("::/96", "::10.0.0.1", "10.0.0.1/32"),
            ("2002::/16", "2002:a00:1::1", "10.0.0.1/32"),
            ("2001::/32", "2001:0:808:808:0:0:f5ff:fffe", "10.0.0.1/32"),
            ("2001::/32", "2001:0:a00:1:0:0:f7f7:f7f7", "10.0.0.1/32"),
            ("fd00::/8", "fd00::5efe:10.0.0.1", "10.0.0.1/32"),
            ("fd00::/8", "fd00::200:5efe:10.0.0.1", "10.0.0.1/32"),
        ] {
            assert!(!permits(&[], address), "{address}");
            assert!(!permits(&[tunnel], address), "{address}");
            assert!(!permits(&[inner], address), "{address}");
            assert!(permits(&[tunnel, inner], address), "{address}");
        }
        assert!(!permits(&[], "2002:808:808::1"));
        assert!(!permits(&[], "2a00::5efe:127.0.0.1"));
        assert!(permits(&[], "2a00::5efe:8.8.8.8"));
    }

    #[test]
    fn a_range_that_is_allowed_is_permitted_in_its_disguise_too_and_nothing_beside_it() {
        let allow = ["10.20.0.0/16", "::1/128", "fd00::/8"];

        for address in ["10.20.0.1", "10.20.255.255", "::ffff:10.20.0.1", "64:ff9b::10.20.0.1", "::1", "fd00::1"] {
            assert!(permits(&allow, address), "{address}");
        }
        for address in ["10.19.255.255", "10.21.0.0", "::ffff:10.21.0.0", "127.0.0.1", "::", "fc00::1"] {
            assert!(!permits(&allow, address), "{address}");
        }
    }
}
