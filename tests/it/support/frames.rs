//! HTTP/2 frames written by hand, for peers that no library would be (RFC 9113 §6).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Delivery, SOON};

/// A connection that a test frames itself.
pub(crate) struct Frames {
    stream: TcpStream,
}

/// A frame as it was received.
#[derive(Debug)]
pub(crate) struct Frame {
    pub kind: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frames {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;

    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;

    /// Connects, and begins as HTTP/2 does.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&frame(Self::SETTINGS, 0, 0, b"")).await.unwrap();
        Self { stream }
    }

    /// Writes bytes as they are.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Waits for a frame of this kind, and passes over others.
    pub(crate) async fn until(&mut self, kind: u8) -> Frame {
        self.until_one_of(&[kind]).await
    }

    /// Waits for a frame of one of these kinds, and passes over others.
    pub(crate) async fn until_one_of(&mut self, kinds: &[u8]) -> Frame {
        loop {
            let frame = timeout(SOON, self.next()).await.expect("no frame came").expect("the connection was closed");
            if kinds.contains(&frame.kind) {
                return frame;
            }
        }
    }

    /// Waits until the gateway has closed the connection.
    pub(crate) async fn until_closed(mut self) {
        let closed = async { while self.next().await.is_some() {} };
        timeout(SOON, closed).await.expect("the connection was not closed");
    }

    async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], stream, payload })
    }

    /// Writes this again and again, and reads all the while, until the gateway has
    /// had enough or `times` is over. Returns the error code of its GOAWAY (RFC 9113 §7).
    pub(crate) async fn flood(self, times: usize, bytes: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
        let (mut reader, mut writer) = self.stream.into_split();
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            // A reset is an end like another.
            let _ = timeout(SOON, reader.read_to_end(&mut all)).await;
            all
        });
        for number in 0..times {
            if writer.write_all(&bytes(number as u32)).await.is_err() {
                break;
            }
        }
        drop(writer);
        goaway(&reading.await.unwrap())
    }
}

/// The error code of the last GOAWAY among these frames.
pub(crate) fn goaway(mut bytes: &[u8]) -> Option<u32> {
    let mut found = None;
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        if head[3] == Frames::GOAWAY {
            found = payload.get(4..8).map(|code| u32::from_be_bytes(code.try_into().unwrap()));
        }
        bytes = rest;
    }
    found
}

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of literals that nothing indexes (RFC 7541 §6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "a length of one byte");
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// A POST's header block by hand, with these fields beside the usual ones.
pub(crate) fn head(delivery: &Delivery, authority: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut fields =
        vec![(":method", "POST"), (":scheme", "http"), (":path", "/hooks/lmif"), (":authority", authority)];
    fields.extend_from_slice(more);
    fields.extend(delivery.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())));
    block(&fields)
}

/// A whole request on a stream, by hand.
pub(crate) fn whole(stream: u32, delivery: &Delivery, authority: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = frame(Frames::HEADERS, Frames::END_HEADERS, stream, &head(delivery, authority, more));
    bytes.extend(frame(Frames::DATA, Frames::END_STREAM, stream, &delivery.body));
    bytes
}
