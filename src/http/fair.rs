//! Lets others have their turn while one connection has always more to read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;

/// How much is read without a pause before others have their turn.
const TURN: usize = 256 * 1024;

/// A stream to an app or a receiver that may send more than there is time to read.
///
/// hyper reads on until an answer's head is whole, and passes over informational answers without end. tokio would let
/// it do so for 128 reads, which can be fifty mebibytes: no deadline is looked at meanwhile, and nobody else is served.
pub(super) struct Fair<S> {
    inner: S,
    read: usize,
    /// tokio looks at its timers before it comes back from here, which it does not after a mere wake-up.
    others: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl<S> Fair<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, read: 0, others: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Fair<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read >= TURN {
            ready!(self.others.get_or_insert_with(|| Box::pin(yield_now())).as_mut().poll(cx));
            (self.read, self.others) = (0, None);
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.read = if polled.is_pending() { 0 } else { self.read + buf.filled().len() - before };
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Fair<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
