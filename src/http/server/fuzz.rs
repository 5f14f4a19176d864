//! What must hold of connections: no byte of them is taken for something else by whoever reads it next.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use super::announcement::{Announced, scan};
use super::head::{BadHead, Framing, Head, HeadScan};
use super::speak::{Opened, Version};
use super::{Intake, Peer, Running, Service, frames};
use crate::config::Limits;

/// The longest head that the guard lets through, in bytes.
const LONGEST: usize = 16 * 1024;

/// What a connection begins with: what a proxy announces, if anything, and the head of a request.
pub fn head(data: &[u8]) {
    let announced = announcement(data);
    let rest = &data[announced..];
    let whole = HeadScan::default().advance(rest);
    let mut scan = HeadScan::default();
    let in_bytes = (0..=rest.len()).find_map(|end| scan.advance(&rest[..end]).transpose());
    assert_eq!(whole, in_bytes.transpose());
    if let Ok(Some(head)) = whole {
        same_as_httparse(rest, head);
    }
}

/// What is announced is the same however it arrives, and can be announced anew. Gives its length.
fn announcement(data: &[u8]) -> usize {
    let whole = scan(data);
    let first = (0..=data.len()).find_map(|end| scan(&data[..end]).transpose());
    assert_eq!(whole, first.transpose());
    let Ok(Some((said, length))) = whole else { return 0 };
    assert!(length <= data.len());
    if let Announced::Address(address) = said {
        for again in [text(address), binary(address)] {
            assert_eq!(scan(&again), Ok(Some((said, again.len()))));
        }
    }
    length
}

fn text(address: IpAddr) -> Vec<u8> {
    let family = if address.is_ipv4() { "TCP4" } else { "TCP6" };
    format!("PROXY {family} {address} {address} 65535 0\r\n").into_bytes()
}

fn binary(address: IpAddr) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (0x11, address.octets().to_vec()),
        IpAddr::V6(address) => (0x21, address.octets().to_vec()),
    };
    let length = 2 * octets.len() as u8 + 4;
    [b"\r\n\r\n\0\r\nQUIT\n\x21", &[family, 0, length][..], &octets, &octets, &[0, 80, 0, 81]].concat()
}

/// A head that passes is whole for httparse as well, at the same byte, and its body is framed in the same way.
fn same_as_httparse(bytes: &[u8], head: Head) {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut fields);
    assert_eq!(request.parse(bytes), Ok(httparse::Status::Complete(head.length)));
    let target = request.path.expect("a whole head has a target");
    assert!(target.parse::<http::Uri>().is_ok(), "{target}");
    let values = |wanted: &str| {
        let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(wanted));
        fields.map(|field| field.value).collect::<Vec<_>>()
    };
    // In HTTP/1.0 nobody need be named.
    let hosts = values("host").len();
    assert!(hosts == 1 || (hosts == 0 && request.version == Some(0)), "{hosts} hosts");
    let framing = match (&*values("content-length"), &*values("transfer-encoding")) {
        ([], []) => Framing::Length(0),
        ([length], []) => {
            Framing::Length(std::str::from_utf8(length).ok().and_then(|text| text.parse().ok()).expect("a number"))
        }
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        other => panic!("{other:?}"),
    };
    assert_eq!(framing, head.framing);
}

/// The size of the pieces in which the rest arrives, and then a connection: the requests that are served are those that
/// stand in it one behind the other, with their bodies, in any pieces.
pub fn http1(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else { return };
    let whole = served(bytes, bytes.len().max(1));
    assert_eq!(whole, served(bytes, usize::from(*size).max(1)));
    for (served, expected) in whole.iter().zip(expected(bytes)) {
        match (served, expected) {
            (Served::Refused(found), Served::Refused(expected)) => assert_eq!(*found, expected),
            (Served::Request { target, body, .. }, Served::Request { target: wanted, body: content }) => {
                assert_eq!(*target, wanted);
                // Of a body that breaks off, nothing is known.
                assert!(body.is_none() || content.is_none() || *body == content, "{body:?} {content:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(whole.len() <= expected(bytes).len(), "{whole:?}");
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Served {
    Refused(BadHead),
    Request {
        target: String,
        /// `None`: it was not read to its end.
        body: Option<Vec<u8>>,
    },
}

/// The requests in `bytes`, until one is chunked or refused, behind which nothing is read.
fn expected(bytes: &[u8]) -> Vec<Served> {
    let (mut requests, mut rest) = (Vec::new(), bytes);
    loop {
        let head = match HeadScan::default().advance(rest) {
            Ok(Some(head)) if head.length <= LONGEST => head,
            Ok(None) if rest.len() <= LONGEST => return requests,
            Ok(_) => {
                requests.push(Served::Refused(BadHead::TooLarge));
                return requests;
            }
            Err(bad) => {
                requests.push(Served::Refused(bad));
                return requests;
            }
        };
        let (written, behind) = rest.split_at(head.length);
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut fields);
        let _ = request.parse(written);
        // `http` writes a target in absolute form with a path, also where it was sent without.
        let target = request.path.and_then(|path| path.parse::<http::Uri>().ok()).unwrap_or_default().to_string();
        let length = match head.framing {
            Framing::Chunked => {
                requests.push(Served::Request { target, body: unchunked(behind) });
                return requests;
            }
            Framing::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
        };
        let body = behind.get(..length).map(<[u8]>::to_vec);
        requests.push(Served::Request { target, body });
        let Some(next) = behind.get(length..) else { return requests };
        rest = next;
    }
}

/// What the chunks hold (RFC 9112 §7.1), without what a sender may add to them; `None`: they are not whole or not plain.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let end = memchr::memmem::find(rest, b"\r\n")?;
        let digits = std::str::from_utf8(&rest[..end]).ok()?;
        let is_plain = (1..=8).contains(&end) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let size = usize::from_str_radix(digits, 16).ok().filter(|_| is_plain)?;
        rest = &rest[end + 2..];
        if size == 0 {
            return rest.starts_with(b"\r\n").then_some(content);
        }
        content.extend_from_slice(rest.get(..size)?);
        rest = rest[size..].strip_prefix(b"\r\n")?;
    }
}

/// What is served of a connection, by what serves all of them.
fn served(bytes: &[u8], size: usize) -> Vec<Served> {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    let recorder = Rc::new(Recorder { intake: Intake::new(), running: Rc::default(), served: RefCell::default() });
    let stream = Pieces { rest: bytes.to_vec(), at: 0, size };
    let (peer, read) = (Peer::new(None, false), Vec::new());
    let opened = Opened { stream, version: Version::Http1, peer, read, limit: Duration::from_secs(10) };
    RUNTIME.with(|runtime| runtime.block_on(opened.speak(&recorder)));
    recorder.served.take()
}

/// Writes down what it is asked.
struct Recorder {
    intake: Arc<Intake>,
    running: Rc<Running>,
    served: RefCell<Vec<Served>>,
}

impl Service for Recorder {
    type Answer = Empty<Bytes>;

    fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    fn running(&self) -> &Rc<Running> {
        &self.running
    }

    fn limits(&self) -> Limits {
        Limits { body: 1 << 20, memory: 1 << 20, connections: 1, read_timeout: Duration::from_secs(10) }
    }

    fn is_proxy(&self, _: Option<IpAddr>) -> bool {
        false
    }

    fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        None
    }

    async fn answer(self: Rc<Self>, peer: Rc<Peer>, request: Request<Incoming>) -> Response<Self::Answer> {
        let served = match peer.bad_head.get() {
            Some(bad) => Served::Refused(bad),
            None => {
                let target = request.uri().to_string();
                let (limits, mut body) = (self.limits(), Vec::new());
                let read = frames(&limits, request.into_body(), |frame| {
                    body.extend_from_slice(&frame);
                    Ok::<_, super::content::BadContent>(())
                });
                let body = read.await.is_ok().then_some(body);
                Served::Request { target, body }
            }
        };
        self.served.borrow_mut().push(served);
        Response::new(Empty::new())
    }
}

/// Bytes that arrive in pieces of one size, then the end.
struct Pieces {
    rest: Vec<u8>,
    at: usize,
    size: usize,
}

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let end = (self.at + self.size.min(buf.remaining())).min(self.rest.len());
        buf.put_slice(&self.rest[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
