//! A request that is made once, but for its number, its path and its signature.

use std::io::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Load, Way};

pub(crate) const SECRET: &str = "a secret of the benchmark, long enough";

pub(crate) struct Template {
    key: Hmac<Sha256>,
    sources: u64,
    /// The head from `Host` to where the signature stands.
    head: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// Where the number stands in the body.
    number: std::ops::Range<usize>,
}

impl Template {
    pub(crate) fn new(load: &Load, way: Way) -> Self {
        let key = if load.forge { "somebody's guess" } else { SECRET };
        let key = Hmac::new_from_slice(key.as_bytes()).expect("any length is a key");
        let beginning = format!("{{\"id\":\"evt_{}_", load.run);
        let number = beginning.len()..beginning.len() + 12;
        let mut body = format!(
            "{beginning}{:012}\",\"type\":\"box.created\",\"createdAt\":\"2026-01-15T10:00:00Z\",\"data\":{{\"items\":[",
            0
        )
        .into_bytes();
        // Items as real events have them, not one long string that a parser skips in one step.
        let mut item = 0;
        while body.len() + 80 < load.size {
            let _ = write!(body, "{{\"id\":\"item-{item}\",\"name\":\"a name\",\"count\":{item}}},");
            item += 1;
        }
        body.extend_from_slice(b"null],\"pad\":\"");
        body.resize(load.size.saturating_sub(3).max(body.len()), b'x');
        body.extend_from_slice(b"\"}}");
        let head = format!(
            " HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nUser-Agent: bench\r\nAccept: */*\r\nContent-Length: {}\r\nX-LMIF-Signature: sha256=",
            load.target,
            body.len()
        );
        Self { key, sources: way.sources as u64, head: head.into_bytes(), body, number }
    }

    /// The request with this number, as HTTP/1.1.
    pub(crate) fn write(&mut self, request: &mut Vec<u8>, number: u64) {
        let signature = self.sign(number);
        request.clear();
        request.extend_from_slice(b"POST ");
        request.extend_from_slice(path(number, self.sources).as_bytes());
        request.extend_from_slice(&self.head);
        request.extend_from_slice(&signature);
        request.extend_from_slice(b"\r\n\r\n");
        request.extend_from_slice(&self.body);
    }

    /// Puts the number into the body; the signature of that, in hexadecimal.
    pub(super) fn sign(&mut self, number: u64) -> [u8; 64] {
        let _ = write!(&mut self.body[self.number.clone()], "{number:012}");
        let mut mac = self.key.clone();
        mac.update(&self.body);
        let (mut hex, digits) = ([0; 64], b"0123456789abcdef");
        for (pair, byte) in hex.chunks_exact_mut(2).zip(mac.finalize().into_bytes()) {
            pair.copy_from_slice(&[digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
        hex
    }
}

/// The path of the source whose turn it is.
pub(crate) fn path(number: u64, sources: u64) -> String {
    if sources == 1 { "/hooks/lmif".into() } else { format!("/hooks/lmif/{}", number % sources) }
}
