//! Connections that are kept open, as senders keep theirs.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Answer, Delivery, SOON};

/// A connection to the gateway, in either version of HTTP.
pub(crate) struct Connection {
    sending: Sending,
    authority: String,
    driver: JoinHandle<hyper::Result<()>>,
}

#[derive(Clone)]
enum Sending {
    Http1(std::sync::Arc<tokio::sync::Mutex<http1::SendRequest<Full<Bytes>>>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// HTTP/1.1 in clear text.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::http1(connected(address).await, &address.to_string()).await
    }

    /// HTTP/2 in clear text, with prior knowledge.
    pub(crate) async fn open_http2(address: SocketAddr) -> Self {
        Self::http2(connected(address).await, &address.to_string()).await
    }

    /// HTTP/1.1 on any stream.
    pub(crate) async fn http1<S>(stream: S, authority: &str) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let sending = Sending::Http1(std::sync::Arc::new(sender.into()));
        Self { sending, authority: authority.to_owned(), driver: tokio::spawn(connection) }
    }

    /// HTTP/2 on any stream.
    pub(crate) async fn http2<S>(stream: S, authority: &str) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let sending = Sending::Http2(sender);
        Self { sending, authority: authority.to_owned(), driver: tokio::spawn(connection) }
    }

    /// Sends a delivery to the LMIF source.
    pub(crate) async fn post(&self, delivery: &Delivery) -> Answer {
        self.send(request("/hooks/lmif", delivery)).await
    }

    /// Sends any request and reads the whole answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// The same, where the connection may break.
    pub(crate) async fn try_send(&self, mut request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
        let authority = self.authority.parse::<http::HeaderValue>().unwrap();
        let answer = match self.sending.clone() {
            Sending::Http1(sender) => {
                request.headers_mut().entry("host").or_insert(authority);
                sender.lock().await.send_request(request).await
            }
            Sending::Http2(mut sender) => {
                let target = request.uri().path_and_query().unwrap().clone();
                if request.uri().authority().is_none() {
                    let uri = Uri::builder().scheme("http").authority(self.authority.as_str()).path_and_query(target);
                    *request.uri_mut() = uri.build().unwrap();
                }
                *request.version_mut() = Version::HTTP_2;
                timeout(SOON, sender.send_request(request)).await.expect("no answer came")
            }
        };
        whole(answer?).await
    }

    /// Waits until the gateway has closed the connection.
    pub(crate) async fn until_closed(self) {
        let _ = timeout(SOON, self.driver).await.expect("the connection was not closed");
    }
}

async fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    // Else a body waits until its head is acknowledged, for 40 ms.
    stream.set_nodelay(true).unwrap();
    stream
}

async fn whole(answer: http::Response<Incoming>) -> hyper::Result<Answer> {
    let (head, body) = answer.into_parts();
    let body = timeout(SOON, body.collect()).await.expect("the answer did not end")?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// A delivery as a request to this path.
pub(crate) fn request(target: &str, delivery: &Delivery) -> Request<Full<Bytes>> {
    let mut request = Request::post(target).body(Full::new(delivery.body.clone())).unwrap();
    let headers: HeaderMap = delivery.headers.iter().cloned().collect();
    *request.headers_mut() = headers;
    request
}
