//! Sends requests to one upstream over connections that one worker keeps.
//!
//! A worker's connections are its own, so taking one needs no lock. A kept
//! connection may have been closed by the upstream in the meantime: a request goes
//! out again on a fresh one only if none of it was written to the old one, as
//! nobody knows what an app did with a request that it saw.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::body::Frames;
use super::timer::Timer;
use crate::config::{Upstream, UrlScheme};

/// How long an unused connection is kept: less than the 5 s after which Node's
/// and uvicorn's servers close one, so that the two rarely cross.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// How long an app that has answered may take to read the rest of the request.
const UNTIL_READY: Duration = Duration::from_secs(1);

/// How many unused connections a worker keeps.
const KEPT: usize = 256;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The connection ended before the answer's head was whole.
    #[error("the upstream broke the connection")]
    Broken(#[source] hyper::Error),
    /// No connection could be made.
    #[error("the upstream refuses the connection")]
    Connect(#[source] io::Error),
    /// The answer's head did not come in time.
    #[error("the upstream did not answer in time")]
    Late,
}

/// A client of one upstream, owned by one worker.
pub(crate) struct Client {
    upstream: Arc<Upstream>,
    /// The longest unused first.
    kept: RefCell<VecDeque<Kept>>,
}

struct Kept {
    connection: Connection,
    since: Instant,
}

/// A connection that is closed when it is dropped.
struct Connection {
    sender: SendRequest<Frames>,
    late: Timer,
    task: JoinHandle<()>,
}

impl Connection {
    /// The answer's head, if it comes before `due`.
    async fn ask(
        &mut self,
        request: Request<Frames>,
        due: Instant,
    ) -> Result<Result<Response<Incoming>, TrySendError<Request<Frames>>>, SendError> {
        let Self { sender, late, .. } = self;
        let mut answer = pin!(sender.try_send_request(request));
        let in_time = poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending => late.poll_due(due, cx).map(|()| Err(SendError::Late)),
        });
        in_time.await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // An app that does not read would hold the rest of the request, and the memory it takes, for ever.
        if !self.sender.is_ready() {
            self.task.abort();
        }
    }
}

/// A connection in use; it is kept for the next request once the answer was read whole.
pub(crate) struct Lease {
    client: Rc<Client>,
    connection: Connection,
}

impl Lease {
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.client.upstream
    }

    /// Keeps the connection: the answer was read to its end. If the app did not wait for the end of the request, it
    /// cannot be used again.
    pub(crate) fn keep(self) {
        let Self { client, mut connection } = self;
        if connection.sender.is_ready() {
            return client.keep(connection);
        }
        // Its task may just not have had its turn since.
        spawn_local(async move {
            if let Ok(Ok(())) = timeout(UNTIL_READY, connection.sender.ready()).await {
                client.keep(connection);
            }
        });
    }
}

impl Client {
    pub(crate) fn new(upstream: Arc<Upstream>) -> Rc<Self> {
        Rc::new(Self { upstream, kept: RefCell::default() })
    }

    pub(crate) fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(
        self: &Rc<Self>,
        mut request: Request<Frames>,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        while let Some(connection) = self.take_kept() {
            match self.exchange(connection, request).await? {
                Exchange::Answered(answer, lease) => return Ok((answer, lease)),
                Exchange::Unsent(unsent) => request = *unsent,
            }
        }
        // In a box, as every request would carry the room for a TLS handshake otherwise.
        let sender = Box::pin(self.connect()).await?;
        match self.exchange(sender, request).await? {
            Exchange::Answered(answer, lease) => Ok((answer, lease)),
            Exchange::Unsent(_) => Err(SendError::Connect(io::ErrorKind::ConnectionReset.into())),
        }
    }

    fn keep(&self, connection: Connection) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT {
            kept.push_back(Kept { connection, since: Instant::now() });
        }
    }

    fn take_kept(&self) -> Option<Connection> {
        let mut kept = self.kept.borrow_mut();
        let now = Instant::now();
        while kept.front().is_some_and(|oldest| now.duration_since(oldest.since) >= KEPT_FOR) {
            kept.pop_front();
        }
        // The newest is the likeliest to live.
        Some(kept.pop_back()?.connection)
    }

    async fn exchange(
        self: &Rc<Self>,
        mut connection: Connection,
        request: Request<Frames>,
    ) -> Result<Exchange, SendError> {
        match connection.ask(request, Instant::now() + self.upstream.timeout).await? {
            Ok(answer) => Ok(Exchange::Answered(answer, Lease { client: self.clone(), connection })),
            Err(mut error) => match error.take_message() {
                Some(request) => Ok(Exchange::Unsent(Box::new(request))),
                None => Err(SendError::Broken(error.into_error())),
            },
        }
    }

    async fn connect(&self) -> Result<Connection, SendError> {
        let connecting = timeout(self.upstream.connect_timeout, self.dial());
        connecting.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(SendError::Connect)
    }

    async fn dial(&self) -> io::Result<Connection> {
        let url = &self.upstream.url;
        let mut refused = io::Error::from(io::ErrorKind::NotFound);
        for address in lookup_host((url.host.as_str(), url.port)).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => return self.handshake(stream).await,
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    async fn handshake(&self, stream: TcpStream) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        match (self.upstream.url.scheme, &self.upstream.tls) {
            (UrlScheme::Https, Some(tls)) => {
                let name = self.upstream.url.host.clone().try_into().map_err(io::Error::other)?;
                serve(TlsConnector::from(tls.clone()).connect(name, stream).await?).await
            }
            _ => serve(stream).await,
        }
    }
}

enum Exchange {
    Answered(Response<Incoming>, Lease),
    /// Nothing of the request was written.
    Unsent(Box<Request<Frames>>),
}

async fn serve<S>(stream: S) -> io::Result<Connection>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Its errors reach whoever waits for an answer on it.
    let task = spawn_local(async move { drop(connection.await) });
    Ok(Connection { sender, late: Timer::default(), task })
}
