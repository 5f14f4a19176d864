//! Accepts connections and speaks HTTP on them.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, server::conn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::guard::{Guard, IDLE, Peer};
use super::handle;
use super::reply::Reply;
use super::worker::{Gateway, Worker};

const BACKLOG: i32 = 4096;

/// How HTTP/2 begins where nothing was negotiated before (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a sender is told while all connections are taken.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
    content-type: application/json\r\ncontent-length: 22\r\n\r\n{\"error\":\"overloaded\"}";

/// How long those connections that the kernel let in last may take to say what they are, once the gateway drains.
const OPENING_OF_LAST: Duration = Duration::from_millis(500);

/// How many connections over the limit are told so at once; others are closed without a word.
const TOLD: usize = 64;

/// The address is taken.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// One listening socket for every worker, all on one address.
pub struct Listeners {
    /// The address, with the port that the system gave for port 0.
    pub address: SocketAddr,
    sockets: Vec<StdListener>,
}

impl Listeners {
    /// Takes the address alone first, so that a second process fails here, and
    /// then shares it among the workers.
    ///
    /// # Errors
    ///
    /// If the address is in use, or is not ours.
    pub fn bind(address: SocketAddr, workers: usize) -> Result<Self, BindError> {
        Self::sockets(address, workers).map_err(|source| BindError { address, source })
    }

    fn sockets(address: SocketAddr, workers: usize) -> io::Result<Self> {
        let alone = open(address, false)?;
        if workers == 1 {
            return Ok(Self { address: alone.local_addr()?, sockets: vec![alone] });
        }
        let address = alone.local_addr()?;
        drop(alone);
        let sockets = (0..workers).map(|_| open(address, true)).collect::<io::Result<_>>()?;
        Ok(Self { address, sockets })
    }

    /// The socket of the next worker.
    pub fn next_socket(&mut self) -> Option<StdListener> {
        self.sockets.pop()
    }
}

fn open(address: SocketAddr, shared: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Worker {
    /// Accepts until the gateway drains, then waits for the last answer.
    ///
    /// # Errors
    ///
    /// If the socket cannot be registered with this thread's runtime.
    pub async fn serve(self: Rc<Self>, socket: StdListener) -> io::Result<()> {
        let listener = TcpListener::from_std(socket)?;
        let mut drain = self.drain.clone();
        loop {
            tokio::select! {
                biased;
                _ = drain.wait_for(|draining| *draining) => break,
                accepted = listener.accept() => self.accepted(accepted).await,
            }
        }
        // Who was let in by the kernel already is served too.
        while let Ok(Ok(accepted)) = timeout(Duration::ZERO, listener.accept()).await {
            self.accepted(Ok(accepted)).await;
        }
        drop(listener);
        self.running.until_none().await;
        Ok(())
    }

    async fn accepted(self: &Rc<Self>, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly: the kernel keeps the connection until there are some.
                tracing::error!(cause = %error, "cannot accept a connection");
                return sleep(Duration::from_millis(100)).await;
            }
        };
        let (worker, run) = (self.clone(), self.running.one_more());
        let (before, place) = Place::take(&self.gateway);
        spawn_local(async move {
            let _until_it_is_over = (place, run);
            let limit = worker.wired().live.limits.connections;
            if before < limit {
                worker.connection(stream, address).await;
            } else if before < limit + TOLD {
                turn_away(stream).await;
            }
        });
    }

    async fn connection(self: &Rc<Self>, stream: TcpStream, address: SocketAddr) {
        // Answers are small and written at once: waiting to fill a segment only delays them.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let (limit, tls) = {
            let live = &self.wired().live;
            (live.limits.read_timeout, live.tls.clone())
        };
        // The rarer ways are in boxes, as every connection would carry the room for them otherwise.
        match tls {
            None => self.clear(stream, address, limit).await,
            Some(tls) => Box::pin(self.encrypted(stream, address, limit, tls)).await,
        }
    }

    async fn clear(self: &Rc<Self>, mut stream: TcpStream, address: SocketAddr, limit: Duration) {
        let peer = Peer::new(address, false);
        let Some((version, read)) = self.opening(limit, detect(&mut stream)).await else { return };
        self.speak(version, stream, peer, read, limit).await;
    }

    async fn encrypted(
        self: &Rc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        limit: Duration,
        tls: Arc<rustls::ServerConfig>,
    ) {
        let Some(stream) = self.opening(limit, TlsAcceptor::from(tls).accept(stream)).await else { return };
        let version = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Version::Http2,
            _ => Version::Http1,
        };
        self.speak(version, stream, Peer::new(address, true), Vec::new(), limit).await;
    }

    /// What a connection begins with, if that comes in time: within `limit`, or at
    /// once where the gateway drains.
    async fn opening<T>(&self, limit: Duration, opening: impl Future<Output = io::Result<T>>) -> Option<T> {
        let mut drain = self.drain.clone();
        let hurried = async {
            // An error means that the gateway is gone, which is no reason to wait either.
            let _ = drain.wait_for(|draining| *draining).await;
            sleep(OPENING_OF_LAST).await;
        };
        tokio::select! {
            biased;
            opened = timeout(limit, opening) => opened.ok()?.ok(),
            () = hurried => None,
        }
    }

    async fn speak<S>(self: &Rc<Self>, version: Version, stream: S, peer: Rc<Peer>, read: Vec<u8>, limit: Duration)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        // What ends a connection is the sender's business; what became of its requests was told.
        let _ = match version {
            Version::Http1 => self.http1(Guard::http1(stream, peer.clone(), read, limit), peer).await,
            Version::Http2 => {
                let served = Box::pin(self.http2(Guard::http2(stream, peer.clone(), read, limit), peer.clone()));
                tokio::select! {
                    biased;
                    result = served => result,
                    // What HTTP/2 holds back by its windows never reaches the guard, which times writing.
                    () = unread(&peer, limit) => Ok(()),
                }
            }
        };
    }

    async fn http1<S>(self: &Rc<Self>, stream: Guard<S>, peer: Rc<Peer>) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let connection = conn::http1::Builder::new()
            // A sender that closes its side after the request still gets its answer.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), self.service(peer));
        let mut connection = std::pin::pin!(connection);
        let mut drain = self.drain.clone();
        tokio::select! {
            biased;
            result = connection.as_mut() => return result,
            _ = drain.wait_for(|draining| *draining) => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }

    async fn http2<S>(self: &Rc<Self>, stream: Guard<S>, peer: Rc<Peer>) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let connection = conn::http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .max_concurrent_streams(128)
            .max_header_list_size(16 * 1024)
            .initial_stream_window_size(256 * 1024)
            .initial_connection_window_size(1024 * 1024)
            .serve_connection(TokioIo::new(stream), self.service(peer.clone()));
        let mut connection = std::pin::pin!(connection);
        let mut drain = self.drain.clone();
        tokio::select! {
            biased;
            result = connection.as_mut() => return result,
            _ = drain.wait_for(|draining| *draining) => {}
            () = idle(&peer) => {}
        }
        connection.as_mut().graceful_shutdown();
        // A peer that goes on answering pings but never closes is not waited for for ever.
        timeout(IDLE, connection).await.unwrap_or(Ok(()))
    }

    fn service(
        self: &Rc<Self>,
        peer: Rc<Peer>,
    ) -> impl hyper::service::HttpService<Incoming, ResBody = Reply, Error = Infallible, Future: 'static> + use<> {
        let worker = self.clone();
        service_fn(move |request: Request<Incoming>| {
            let (worker, peer) = (worker.clone(), peer.clone());
            async move { Ok::<Response<Reply>, Infallible>(handle(worker, peer, request).await) }
        })
    }
}

#[derive(Clone, Copy)]
enum Version {
    Http1,
    Http2,
}

/// Tells the versions apart by the first bytes, which are handed on with the answer.
async fn detect(stream: &mut TcpStream) -> io::Result<(Version, Vec<u8>)> {
    let mut read = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let compared = read.len().min(PREFACE.len());
        if read[..compared] != PREFACE[..compared] {
            return Ok((Version::Http1, read));
        }
        if compared == PREFACE.len() {
            return Ok((Version::Http2, read));
        }
    }
}

/// Ready when a connection has had no request for [`IDLE`].
async fn idle(peer: &Peer) {
    let mut since = Instant::now();
    while since.elapsed() < IDLE {
        sleep(IDLE / 5).await;
        if peer.busy.get() > 0 {
            since = Instant::now();
        }
    }
}

/// Ready when the sender has read nothing of its answers for `limit`.
async fn unread(peer: &Peer, limit: Duration) {
    loop {
        let past = peer.unread_for();
        if past >= limit {
            return;
        }
        sleep(limit - past).await;
    }
}

/// An open connection, counted until it is dropped, by a panic as well.
struct Place(Arc<Gateway>);

impl Place {
    /// The place, and how many were taken before it.
    fn take(gateway: &Arc<Gateway>) -> (usize, Self) {
        (gateway.connections.fetch_add(1, Ordering::Relaxed), Self(gateway.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Says that there is no place, and waits a moment until that was read.
async fn turn_away(mut stream: TcpStream) {
    let told = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        let mut scratch = [0; 1024];
        while stream.read(&mut scratch).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(Duration::from_secs(1), told).await;
}

/// Runs HTTP/2's streams on the worker's own thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
