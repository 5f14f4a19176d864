//! Writes the answer, as long as it is read, and takes leave.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::{Guard, State};

/// How long a connection that we close may go on sending.
const LINGER: Duration = Duration::from_secs(2);

/// How often such a connection is read before others have their turn.
const READS_A_TURN: usize = 16;

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.flushed = false;
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.timed(result, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.flushed = false;
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.timed(result, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.flushed = result.is_ready();
        self.timed(result, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger_due.is_none() {
            let result = Pin::new(&mut self.inner).poll_shutdown(cx);
            ready!(self.timed(result, cx))?;
        }
        self.poll_linger(cx).map(Ok)
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Gives up a write that has not moved for a whole `read_timeout`.
    fn timed<T>(&mut self, result: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write_due = None;
            return result;
        }
        let due = *self.write_due.get_or_insert_with(|| Instant::now() + self.read_timeout);
        ready!(self.write_timer.poll_due(due, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Reads on for a while what the sender is still sending, and forgets it.
    ///
    /// A socket that is closed with bytes unread answers them with a reset, which
    /// can destroy the answer on its way: a sender would not see its 413.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self.state, State::Head | State::Ended) && self.held.is_empty() && !self.refused {
            return Poll::Ready(());
        }
        let due = *self.linger_due.get_or_insert_with(|| Instant::now() + LINGER);
        let mut scratch = [0; 4096];
        for _ in 0..READS_A_TURN {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.timer.poll_due(due, cx),
            }
        }
        if Instant::now() >= due {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
