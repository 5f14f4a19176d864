use proptest::prelude::*;

use super::*;

/// A header of version 2: command, family, what follows.
fn header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [BINARY, &[command, family], &length, block].concat()
}

fn address(text: &str) -> Announced {
    Announced::Address(text.parse().unwrap())
}

/// What a whole header says, with a request behind it.
fn said(header: &[u8]) -> Result<Announced, BadAnnouncement> {
    let (said, length) = scan(&[header, b"POST / HTTP/1.1\r\n"].concat())?.expect("the header is whole");
    assert_eq!(length, header.len());
    Ok(said)
}

#[test]
fn version_1_says_the_address() {
    for (line, expected) in [
        ("TCP4 192.0.2.1 198.51.100.7 56324 443", address("192.0.2.1")),
        ("TCP4 255.255.255.255 255.255.255.255 65535 65535", address("255.255.255.255")),
        ("TCP4 0.0.0.0 0.0.0.0 0 0", address("0.0.0.0")),
        ("TCP6 2001:db8::1 2001:db8::2 56324 443", address("2001:db8::1")),
        ("UNKNOWN", Announced::Proxy),
        ("UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535", Announced::Proxy),
    ] {
        assert_eq!(said(format!("PROXY {line}\r\n").as_bytes()), Ok(expected), "{line}");
    }
}

#[test]
fn version_1_has_one_spelling() {
    for line in [
        "",
        " TCP4 192.0.2.1 198.51.100.7 56324 443",
        "TCP4",
        "TCP4 192.0.2.1",
        "TCP4 192.0.2.1 198.51.100.7",
        "TCP4 192.0.2.1 198.51.100.7 56324",
        "TCP4 192.0.2.1 198.51.100.7 56324 443 ",
        "TCP4 192.0.2.1 198.51.100.7 56324 443 1",
        "TCP4  192.0.2.1 198.51.100.7 56324 443",
        "TCP4\t192.0.2.1 198.51.100.7 56324 443",
        "TCP4 192.0.2.1 198.51.100.7 +1 443",
        "TCP4 192.0.2.1 198.51.100.7 01 443",
        "TCP4 192.0.2.1 198.51.100.7 65536 443",
        "TCP4 192.0.2.1 198.51.100.7 -1 443",
        "TCP4 192.0.2.01 198.51.100.7 1 443",
        "TCP4 192.0.2.256 198.51.100.7 1 443",
        "TCP4 2001:db8::1 2001:db8::2 1 443",
        "TCP4 192.0.2.1 2001:db8::2 1 443",
        "TCP6 192.0.2.1 198.51.100.7 1 443",
        "TCP6 [2001:db8::1] 2001:db8::2 1 443",
        "TCP6 fe80::1%eth0 2001:db8::2 1 443",
        "UDP4 192.0.2.1 198.51.100.7 1 443",
        "unknown",
        "UNKNOWNS",
    ] {
        let bytes = format!("PROXY {line}\r\n");
        assert_eq!(scan(bytes.as_bytes()), Err(BadAnnouncement::Malformed), "{line:?}");
    }
    assert_eq!(scan(b"PROXY UNKNOWN\n"), Err(BadAnnouncement::Malformed));
    assert_eq!(scan(b"proxy UNKNOWN\r\n"), Err(BadAnnouncement::Missing));
}

#[test]
fn a_line_of_version_1_ends_within_107_bytes() {
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 16));
    let longer = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 15));

    assert_eq!(scan(longest.as_bytes()), Ok(Some((Announced::Proxy, 107))));
    assert_eq!(scan(longer.as_bytes()), Err(BadAnnouncement::TooLong));
    assert_eq!(scan(&longer.as_bytes()[..106]), Ok(None));
}

#[test]
fn version_2_says_the_address_and_what_else_it_says_is_passed_over() {
    let v4 = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 4, 1, 0xbb];
    let v6 = [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 20]].concat();
    // A unique id and a name that the sender asked for (§2.2.2, §2.2.5).
    let more = b"\x05\x00\x03abc\x02\x00\x04name";

    for (command, family, block, expected) in [
        (0x21, 0x11, v4.to_vec(), address("192.0.2.1")),
        (0x21, 0x11, [&v4[..], more].concat(), address("192.0.2.1")),
        (0x21, 0x12, v4.to_vec(), address("192.0.2.1")),
        (0x21, 0x21, v6.clone(), address("2001:db8::1")),
        (0x21, 0x22, [&v6[..], more].concat(), address("2001:db8::1")),
        (0x21, 0x31, vec![b'/'; 216], Announced::Nowhere),
        (0x21, 0x00, Vec::new(), Announced::Proxy),
        (0x21, 0x00, more.to_vec(), Announced::Proxy),
        (0x20, 0x00, Vec::new(), Announced::Proxy),
        (0x20, 0x11, v4.to_vec(), Announced::Proxy),
        (0x20, 0x99, more.to_vec(), Announced::Proxy),
    ] {
        assert_eq!(said(&header(command, family, &block)), Ok(expected), "{command:x} {family:x}");
    }
}

#[test]
fn version_2_is_refused_where_it_says_what_nobody_knows_or_too_little() {
    for (command, family, length) in [
        (0x11, 0x11, 12),
        (0x31, 0x11, 12),
        (0x22, 0x11, 12),
        (0x2f, 0x11, 12),
        (0x21, 0x10, 12),
        (0x21, 0x13, 12),
        (0x21, 0x01, 12),
        (0x21, 0x41, 216),
        (0x21, 0x11, 11),
        (0x21, 0x21, 35),
        (0x21, 0x31, 215),
    ] {
        let bytes = header(command, family, &vec![0; length]);
        assert_eq!(scan(&bytes), Err(BadAnnouncement::Malformed), "{command:x} {family:x} {length}");
        // As soon as it is known, whatever would follow.
        assert_eq!(scan(&bytes[..FIXED]), Err(BadAnnouncement::Malformed));
    }
}

#[test]
fn version_2_is_refused_before_it_is_read_where_it_is_too_long() {
    let largest = header(0x21, 0x11, &vec![0; LARGEST]);
    let larger = header(0x21, 0x11, &vec![0; LARGEST + 1]);

    assert_eq!(said(&largest), Ok(address("0.0.0.0")));
    assert_eq!(scan(&larger[..FIXED]), Err(BadAnnouncement::TooLong));
}

#[test]
fn what_begins_otherwise_is_no_header() {
    for bytes in ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "\u{16}\u{3}\u{1}", "PROXIES", "\r\n\r\n\r\n", "\n"] {
        assert_eq!(scan(bytes.as_bytes()), Err(BadAnnouncement::Missing), "{bytes:?}");
    }
}

/// A header that is right, and what it says.
fn right() -> impl Strategy<Value = (Vec<u8>, Announced)> {
    let line = |family: &'static str| {
        move |(source, destination, from, to): (IpAddr, IpAddr, u16, u16)| {
            let line = format!("PROXY {family} {source} {destination} {from} {to}\r\n");
            (line.into_bytes(), Announced::Address(source))
        }
    };
    let block = |family: u8| {
        move |(source, destination, ports, more): (Vec<u8>, Vec<u8>, [u8; 4], Vec<u8>)| {
            let said = match *source {
                [a, b, c, d] => IpAddr::from([a, b, c, d]),
                _ => IpAddr::from(<[u8; 16]>::try_from(&source[..]).unwrap()),
            };
            (header(0x21, family, &[source, destination, ports.to_vec(), more].concat()), Announced::Address(said))
        }
    };
    let v4 = || any::<[u8; 4]>().prop_map(IpAddr::from);
    let v6 = || any::<[u8; 16]>().prop_map(IpAddr::from);
    let bytes = |length| prop::collection::vec(any::<u8>(), length);
    let more = || prop::collection::vec(any::<u8>(), 0..64);
    prop_oneof![
        (v4(), v4(), any::<u16>(), any::<u16>()).prop_map(line("TCP4")),
        (v6(), v6(), any::<u16>(), any::<u16>()).prop_map(line("TCP6")),
        (bytes(4), bytes(4), any::<[u8; 4]>(), more()).prop_map(block(0x11)),
        (bytes(16), bytes(16), any::<[u8; 4]>(), more()).prop_map(block(0x21)),
        more().prop_map(|more| (header(0x20, 0, &more), Announced::Proxy)),
    ]
}

proptest! {
    /// However it is cut into packets, and whatever follows.
    #[test]
    fn a_right_header_is_read_once_it_is_whole_and_no_sooner((bytes, expected) in right(), after: Vec<u8>) {
        for length in 0..bytes.len() {
            prop_assert_eq!(scan(&bytes[..length]), Ok(None));
        }
        prop_assert_eq!(scan(&[&bytes[..], &after].concat()), Ok(Some((expected, bytes.len()))));
    }

    /// What was decided of the first bytes stays so, and it is decided before there are too many.
    #[test]
    fn anything_is_decided_early_and_for_good(
        (mut bytes, _) in right(), at: prop::sample::Index, byte: u8, after in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.extend_from_slice(&after);
        let mut decided = None;
        for length in 0..=bytes.len() {
            match (scan(&bytes[..length]), decided) {
                (Ok(None), None) => prop_assert!(length < FIXED + LARGEST),
                (now, None) => decided = Some(now),
                (now, Some(before)) => prop_assert_eq!(now, before),
            }
        }
        if let Some(Ok(Some((_, length)))) = decided {
            prop_assert!(length <= bytes.len());
        }
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), beginning in 0..3usize) {
        let bytes = [[&b""[..], TEXT, BINARY][beginning], &bytes].concat();
        if let Ok(Some((_, length))) = scan(&bytes) {
            prop_assert!(length <= bytes.len());
        }
    }
}
