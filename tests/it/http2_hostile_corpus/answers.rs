//! What comes back over HTTP/2, as far as a case asks.

use std::collections::BTreeMap;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::support::Frames;

/// What was read of a connection.
#[derive(Debug, Default)]
pub(super) struct Answers {
    buffer: Vec<u8>,
    pub statuses: BTreeMap<u32, u16>,
    pub resets: BTreeMap<u32, u32>,
    contents: BTreeMap<u32, Vec<u8>>,
    ended: Vec<u32>,
    pub goaway: Option<u32>,
    pub closed: bool,
}

impl Answers {
    /// Reads a little more.
    pub(super) async fn read(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> Result<(), String> {
        // A reset is an end like another.
        self.closed |= reader.read_buf(&mut self.buffer).await.unwrap_or(0) == 0;
        while let Some((head, rest)) = self.buffer.split_at_checked(9) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some(payload) = rest.get(..length).map(<[u8]>::to_vec) else { break };
            let (kind, flags) = (head[3], head[4]);
            let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
            self.buffer.drain(..9 + length);
            self.take(kind, flags, stream, &payload)?;
        }
        Ok(())
    }

    fn take(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<(), String> {
        let code = |bytes: Option<&[u8]>| bytes.map(|code| u32::from_be_bytes(code.try_into().unwrap()));
        match kind {
            Frames::HEADERS => {
                let status = status(payload).ok_or_else(|| format!("no status in {payload:?}"))?;
                if self.statuses.insert(stream, status).is_some() {
                    return Err(format!("stream {stream} is answered twice"));
                }
            }
            Frames::DATA => self.contents.entry(stream).or_default().extend_from_slice(payload),
            Frames::RST_STREAM => {
                self.resets.insert(stream, code(payload.get(..4)).ok_or("a reset without a code")?);
            }
            Frames::GOAWAY => self.goaway = code(payload.get(4..8)),
            _ => {}
        }
        if matches!(kind, Frames::HEADERS | Frames::DATA) && flags & Frames::END_STREAM > 0 {
            self.ended.push(stream);
        }
        Ok(())
    }

    /// Whether a stream's answer is whole.
    pub(super) fn is_whole(&self, stream: u32) -> bool {
        self.ended.contains(&stream)
    }

    /// The events that the witness says it has seen.
    pub(super) fn seen(&self) -> Vec<String> {
        let texts = self.contents.values().map(|content| String::from_utf8_lossy(content).into_owned());
        texts.filter_map(|text| Some(text.strip_prefix("{\"seen\":\"")?.strip_suffix("\"}")?.to_owned())).collect()
    }
}

/// The status with which a header block begins (RFC 7541 §6 and appendix A).
fn status(block: &[u8]) -> Option<u16> {
    let mut block = block;
    // Changes of the table's size come first.
    while block.first()? & 0xe0 == 0x20 {
        let more = if block[0] == 0x3f { block[1..].iter().position(|byte| byte & 0x80 == 0)? + 1 } else { 0 };
        block = &block[1 + more..];
    }
    match block[0] {
        index @ 0x88..=0x8e => Some([200, 204, 206, 304, 400, 404, 500][usize::from(index) - 0x88]),
        0x08 | 0x18 | 0x48 => {
            let text = block.get(2..2 + usize::from(block[1] & 0x7f))?;
            if block[1] & 0x80 == 0 { std::str::from_utf8(text).ok()?.parse().ok() } else { digits(text) }
        }
        _ => None,
    }
}

/// Three digits in Huffman's code (RFC 7541 appendix B): 0 to 2 have five bits, the others six.
fn digits(bytes: &[u8]) -> Option<u16> {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut rest, mut number) = (bits.as_str(), 0);
    for _ in 0..3 {
        let short = u16::from_str_radix(rest.get(..5)?, 2).ok()?;
        let (digit, length) = match short {
            0..=2 => (short, 5),
            _ => (u16::from_str_radix(rest.get(..6)?, 2).ok()?.checked_sub(0b01_0110)?, 6),
        };
        (number, rest) = (number * 10 + digit, &rest[length..]);
    }
    Some(number)
}
