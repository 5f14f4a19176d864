//! One connection, and one exchange on it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::Instant;

use super::body::Frames;
use super::error::SendError;
use super::fair::Fair;
use super::timer::Timer;

/// A connection that is closed when it is dropped.
pub(crate) struct Connection {
    sender: SendRequest<Frames>,
    late: Timer,
    task: JoinHandle<()>,
}

impl Connection {
    /// Speaks HTTP/1.1 as this builder says.
    pub(super) async fn over<S>(stream: S, builder: &Builder) -> Result<Self, SendError>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let (sender, connection) =
            builder.handshake(TokioIo::new(Fair::new(stream))).await.map_err(SendError::Broken)?;
        // Its errors reach whoever waits for an answer on it.
        let task = spawn_local(async move { drop(connection.await) });
        Ok(Self { sender, late: Timer::default(), task })
    }

    /// The answer's head, if it comes before `due`.
    pub(super) async fn ask(
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

    /// Whether it can take the next request at once.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Whether it ever can.
    pub(super) async fn becomes_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
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
