//! A connection at rest: nobody reads from the guard until there is something to read.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::{Guard, State};

impl<S> Guard<S> {
    /// Whether nothing is on its way, in either direction.
    ///
    /// hyper asks for a head when it is through with the message before, and flushes the guard only when it has
    /// nothing left to write. What it holds then is room, not bytes.
    pub(super) fn may_rest(&self) -> bool {
        self.state == State::Head && self.held.is_empty() && self.flushed
    }

    /// hyper gave the guard back, and what it had read and not taken for a request.
    pub(in super::super) fn at_rest(&mut self, unread: &[u8]) {
        debug_assert!(unread.is_empty() && self.may_rest(), "hyper had bytes of a connection that was idle");
        self.held.extend_from_slice(unread);
        self.peer.forget_way();
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// Waits for the first bytes of the next request; `false`: there will be none.
    pub(in super::super) fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut scratch = [0; 1024];
        let mut buf = ReadBuf::new(&mut scratch);
        match Pin::new(&mut self.inner).poll_read(cx, &mut buf) {
            Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                self.held.extend_from_slice(buf.filled());
                self.head_due = Instant::now() + self.read_timeout;
                Poll::Ready(true)
            }
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending => self.timer.poll_due(self.head_due, cx).map(|()| false),
        }
    }
}
