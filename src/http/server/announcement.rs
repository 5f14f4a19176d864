//! What a proxy says of a connection that it passes on: the header of the PROXY
//! protocol, in versions 1 and 2.
//!
//! Only proxies that the configuration names are listened to, and these must say it:
//! what they do not say would be their own address, and that of a sender is asked
//! for where something depends on it.
//!
//! ref: <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// How version 1 begins.
const TEXT: &[u8] = b"PROXY ";

/// How version 2 begins.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest header of version 1, with its line end (§2.1).
const LONGEST_LINE: usize = 107;

/// What stands before the addresses of version 2 (§2.2).
const FIXED: usize = 16;

/// How many bytes of addresses and of whatever else a proxy adds are taken.
const LARGEST: usize = 4096;

/// For whom a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// A sender at this address.
    Address(IpAddr),
    /// A sender without an address: the proxy was connected to over a Unix socket.
    Nowhere,
    /// The proxy itself, or somebody of whom it does not know more.
    Proxy,
}

/// Why a connection goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadAnnouncement {
    #[error("the PROXY header is malformed")]
    Malformed,
    #[error("there is no PROXY header")]
    Missing,
    #[error("the PROXY header is too long")]
    TooLong,
}

/// Reads the header that these bytes begin with, and how long it is; `None`: it is not whole yet.
pub(super) fn scan(bytes: &[u8]) -> Result<Option<(Announced, usize)>, BadAnnouncement> {
    if begins_with(bytes, TEXT) {
        text(bytes)
    } else if begins_with(bytes, BINARY) {
        binary(bytes)
    } else {
        Err(BadAnnouncement::Missing)
    }
}

/// Whether these bytes, or more of them, begin so.
fn begins_with(bytes: &[u8], beginning: &[u8]) -> bool {
    let compared = bytes.len().min(beginning.len());
    bytes[..compared] == beginning[..compared]
}

fn text(bytes: &[u8]) -> Result<Option<(Announced, usize)>, BadAnnouncement> {
    let line = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = memchr::memchr(b'\n', line) else {
        return if line.len() < LONGEST_LINE { Ok(None) } else { Err(BadAnnouncement::TooLong) };
    };
    let said = line[..end].strip_suffix(b"\r").and_then(|line| words(&line[TEXT.len()..]));
    Ok(Some((said.ok_or(BadAnnouncement::Malformed)?, end + 1)))
}

fn words(line: &[u8]) -> Option<Announced> {
    let mut words = line.split(|byte| *byte == b' ');
    match words.next()? {
        b"TCP4" => addresses::<Ipv4Addr>(words),
        b"TCP6" => addresses::<Ipv6Addr>(words),
        // Whatever follows means nothing.
        b"UNKNOWN" => Some(Announced::Proxy),
        _ => None,
    }
}

/// Source and destination, first their addresses, then their ports.
fn addresses<'w, A: FromStr + Into<IpAddr>>(mut words: impl Iterator<Item = &'w [u8]>) -> Option<Announced> {
    let mut word = || str::from_utf8(words.next()?).ok();
    let (source, _destination) = (word()?.parse::<A>().ok()?, word()?.parse::<A>().ok()?);
    let has_ports = is_port(word()?) && is_port(word()?);
    (has_ports && words.next().is_none()).then(|| Announced::Address(source.into()))
}

fn is_port(word: &str) -> bool {
    let is_canonical = word == "0" || !word.starts_with(['0', '+']);
    is_canonical && word.parse::<u16>().is_ok()
}

fn binary(bytes: &[u8]) -> Result<Option<(Announced, usize)>, BadAnnouncement> {
    let Some(&[command, family, high, low]) = bytes.get(BINARY.len()..FIXED) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let least = match (command, family) {
        // LOCAL: what follows means nothing.
        (0x20, _) | (0x21, 0x00) => 0,
        (0x21, 0x11 | 0x12) => 12,
        (0x21, 0x21 | 0x22) => 36,
        (0x21, 0x31 | 0x32) => 216,
        _ => return Err(BadAnnouncement::Malformed),
    };
    if length < least {
        return Err(BadAnnouncement::Malformed);
    }
    if length > LARGEST {
        return Err(BadAnnouncement::TooLong);
    }
    let Some(block) = bytes.get(FIXED..FIXED + length) else { return Ok(None) };
    let said = match least {
        0 => Announced::Proxy,
        12 => Announced::Address(IpAddr::from(first::<4>(block))),
        36 => Announced::Address(IpAddr::from(first::<16>(block))),
        _ => Announced::Nowhere,
    };
    Ok(Some((said, FIXED + length)))
}

/// The source's address, which stands first.
fn first<const LENGTH: usize>(block: &[u8]) -> [u8; LENGTH] {
    *block.first_chunk().expect("the block has the length that its family needs")
}

#[cfg(test)]
mod tests;
