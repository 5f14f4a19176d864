//! Speaks HTTP on a connection, until it is over or the intake drains.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};
use tracing::field;

use super::Service;
use super::guard::{Guard, IDLE, Peer};
use super::request;

/// A connection of which it is known what is spoken.
pub(super) struct Opened<T> {
    pub(super) stream: T,
    pub(super) version: Version,
    pub(super) peer: Rc<Peer>,
    /// The bytes that were read to find out.
    pub(super) read: Vec<u8>,
    /// How long a head, and an answer that is not read, may take.
    pub(super) limit: Duration,
}

/// A version of HTTP.
#[derive(Clone, Copy)]
pub(super) enum Version {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Opened<T> {
    /// Serves what is asked for.
    pub(super) async fn speak<S: Service>(self, service: &Rc<S>) {
        let Self { stream, version, peer, read, limit } = self;
        match version {
            Version::Http1 => {
                let guard = Box::new(Guard::http1(stream, peer.clone(), read, limit));
                http1(service, guard, peer).await;
            }
            Version::Http2 => {
                let guard = Guard::http2(stream, peer.clone(), read, limit);
                let served = Box::pin(http2(service, guard, peer.clone()));
                tokio::select! {
                    biased;
                    // What ends a connection is the other side's business; what became of its requests was told.
                    _ = served => {}
                    // What HTTP/2 holds back by its windows never reaches the guard, which times writing.
                    () = unread(&peer, limit) => {}
                }
            }
        }
    }
}

/// Speaks HTTP/1 while there are requests, and holds on to hardly anything of the connection between them.
async fn http1<S: Service, T>(service: &Rc<S>, mut guard: Box<Guard<T>>, peer: Rc<Peer>)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    // In a box, because a connection at rest would carry the room for it otherwise.
    while let Some(resting) = Box::pin(exchange(service, guard, peer.clone())).await {
        guard = resting;
        tracing::debug!(address = peer.address.map(field::display), "a connection rests");
        if !woken(service, &mut guard).await {
            let _ = guard.shutdown().await;
            return;
        }
    }
}

/// Answers requests; the guard, if the connection then rests.
async fn exchange<S: Service, T>(service: &Rc<S>, guard: Box<Guard<T>>, peer: Rc<Peer>) -> Option<Box<Guard<T>>>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut connection = conn::http1::Builder::new()
        // A sender that closes its side after the request still gets its answer.
        .half_close(true)
        .serve_connection(TokioIo::new(guard), request::service(service, peer.clone()));
    let mut drain = service.intake().watch();
    let over_or_resting = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        Poll::Ready(_) => Poll::Ready(false),
        Poll::Pending if peer.rests.take() => Poll::Ready(true),
        Poll::Pending => Poll::Pending,
    });
    let rests = tokio::select! {
        biased;
        rests = over_or_resting => rests,
        _ = drain.wait_for(|draining| *draining) => {
            Pin::new(&mut connection).graceful_shutdown();
            // What ends a connection is the other side's business; what became of its requests was told.
            let _ = connection.await;
            return None;
        }
    };
    rests.then(|| {
        let parts = connection.into_parts();
        let mut guard = parts.io.into_inner();
        guard.at_rest(&parts.read_buf);
        guard
    })
}

/// Waits for the next request; `false`: there will be none, or none is wanted any more.
async fn woken<S: Service, T: AsyncRead + Unpin>(service: &Rc<S>, guard: &mut Guard<T>) -> bool {
    let mut drain = service.intake().watch();
    tokio::select! {
        biased;
        woken = poll_fn(|cx| guard.poll_wake(cx)) => woken,
        _ = drain.wait_for(|draining| *draining) => false,
    }
}

async fn http2<S: Service, T>(service: &Rc<S>, stream: Guard<T>, peer: Rc<Peer>) -> hyper::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let connection = conn::http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .max_concurrent_streams(128)
        .max_header_list_size(16 * 1024)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .serve_connection(TokioIo::new(stream), request::service(service, peer.clone()));
    let mut connection = std::pin::pin!(connection);
    let mut drain = service.intake().watch();
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

/// Runs HTTP/2's streams on the worker's own thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
