//! Requests to the gateway, over kept connections.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than the gateway may take for anything here.
const LATE: Duration = Duration::from_secs(20);

/// What a sender speaks.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Protocol {
    Http1,
    /// In clear text, with prior knowledge.
    Http2,
    /// HTTP/1.1 behind a proxy that says for whom it connects, from [`PROXY`].
    Proxied,
}

/// Where the proxy is, in the configuration and here.
pub(super) const PROXY: &str = "127.0.0.2";

pub(super) struct Client {
    address: SocketAddr,
    protocol: Protocol,
    connection: Option<Connection>,
}

enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub is_replayed: bool,
    pub body: Bytes,
}

/// Why there was no answer.
#[derive(Debug, PartialEq)]
pub(super) enum Unanswered {
    /// Nothing was sent: nobody listens, or the connection was closed before.
    Unsent,
    /// The connection ended.
    Broken,
    Late,
}

impl Client {
    pub(super) fn new(address: SocketAddr, protocol: Protocol) -> Self {
        Self { address, protocol, connection: None }
    }

    /// Closes its connection.
    pub(super) fn close(&mut self) {
        self.connection = None;
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Unanswered> {
        let sent = timeout(LATE, self.try_send(request)).await.unwrap_or(Err(Unanswered::Late));
        if sent.is_err() {
            self.close();
        }
        sent
    }

    async fn try_send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, Unanswered> {
        if self.connection.is_none() {
            self.connection = Some(self.connect().await.ok_or(Unanswered::Unsent)?);
        }
        let response = match self.connection.as_mut().ok_or(Unanswered::Unsent)? {
            Connection::Http1(sender) => {
                sender.ready().await.map_err(|_| Unanswered::Unsent)?;
                let host = self.address.to_string().parse().expect("an address is a header's value");
                request.headers_mut().insert("host", host);
                sender.try_send_request(request).await
            }
            Connection::Http2(sender) => {
                sender.ready().await.map_err(|_| Unanswered::Unsent)?;
                let path = request.uri().path().to_owned();
                *request.uri_mut() = format!("http://{}{path}", self.address).parse().expect("a URL");
                sender.try_send_request(request).await
            }
        };
        let was_unsent = |request: Option<_>| if request.is_some() { Unanswered::Unsent } else { Unanswered::Broken };
        answer(response.map_err(|mut error| was_unsent(error.take_message()))?).await
    }

    async fn connect(&self) -> Option<Connection> {
        let socket = TcpSocket::new_v4().ok()?;
        if self.protocol == Protocol::Proxied {
            socket.bind(SocketAddr::new(PROXY.parse().ok()?, 0)).ok()?;
        }
        let mut stream = socket.connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        if self.protocol == Protocol::Proxied {
            stream.write_all(b"PROXY TCP4 203.0.113.7 203.0.113.1 4711 443\r\n").await.ok()?;
        }
        let stream: TokioIo<TcpStream> = TokioIo::new(stream);
        Some(match self.protocol {
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(Here, stream).await.ok()?;
                tokio::task::spawn_local(connection);
                Connection::Http2(sender)
            }
            Protocol::Http1 | Protocol::Proxied => {
                let (sender, connection) = http1::handshake(stream).await.ok()?;
                tokio::task::spawn_local(connection);
                Connection::Http1(sender)
            }
        })
    }
}

async fn answer(response: Response<hyper::body::Incoming>) -> Result<Answer, Unanswered> {
    let status = response.status().as_u16();
    let is_replayed = response.headers().get("countersign-replayed").is_some_and(|value| value == "true");
    let body = response.into_body().collect().await.map_err(|_| Unanswered::Broken)?.to_bytes();
    Ok(Answer { status, is_replayed, body })
}

/// Runs hyper's tasks on this thread.
#[derive(Clone, Copy)]
struct Here;

impl<F> hyper::rt::Executor<F> for Here
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// A request as hyper takes it.
pub(super) fn post(path: &str, headers: &[(&'static str, String)], body: Vec<u8>) -> Request<Full<Bytes>> {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Full::new(body.into())).expect("a request")
}
