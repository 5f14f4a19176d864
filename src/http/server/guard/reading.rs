//! Reads what the other side sends: a head that is judged, then its message.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::super::head::{BadHead, HeadScan};
use super::{Guard, HEAD_LIMIT, State};

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.state {
            State::Ended => Poll::Ready(Ok(())),
            State::Head => self.read_head(cx, buf),
            State::Message(_) | State::Open if !self.held.is_empty() => {
                self.hand_over(buf);
                Poll::Ready(Ok(()))
            }
            State::Message(_) | State::Open => self.read_message(cx, buf),
        }
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// Reads into hyper's own buffer, and takes back what is not of this message.
    fn read_message(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let count = buf.filled().len() - before;
        if let State::Message(left) = self.state
            && count as u64 > left
        {
            self.keep_back(buf, before + left as usize);
        }
        self.consume(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }

    fn keep_back(&mut self, buf: &mut ReadBuf<'_>, from: usize) {
        self.held.extend_from_slice(&buf.filled()[from..]);
        buf.set_filled(from);
    }

    /// Waits for a whole head. The usual one arrives in one piece and is judged
    /// where it lies, in hyper's buffer; others are gathered in `held`.
    fn read_head(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        loop {
            if !self.held.is_empty() && self.judge() {
                self.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.inner).poll_read(cx, buf) {
                Poll::Ready(result) => result?,
                Poll::Pending => return self.wait_for_head(cx, buf),
            }
            if buf.filled().len() == before {
                // The end: a head that has begun will not be whole any more.
                self.state = State::Ended;
                return Poll::Ready(Ok(()));
            }
            if self.held.is_empty() {
                if self.judge_in_place(buf, before) {
                    return Poll::Ready(Ok(()));
                }
                self.head_due = Instant::now() + self.read_timeout;
            }
            self.keep_back(buf, before);
        }
    }

    /// Whether what was just read begins with a whole head that may pass.
    fn judge_in_place(&mut self, buf: &mut ReadBuf<'_>, before: usize) -> bool {
        let mut scan = HeadScan::default();
        let Ok(Some(head)) = scan.advance(&buf.filled()[before..]) else { return false };
        if head.length > HEAD_LIMIT {
            return false;
        }
        self.admit(head.length, head.framing);
        let count = buf.filled().len() - before;
        if let State::Message(left) = self.state
            && count as u64 > left
        {
            self.keep_back(buf, before + left as usize);
        }
        self.consume(buf.filled().len() - before);
        true
    }

    fn wait_for_head(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let may_rest = self.may_rest();
        let due = if may_rest { self.rest_due } else { self.head_due };
        ready!(self.timer.poll_due(due, cx));
        if self.peer.busy.get() > 0 {
            // The app takes its time; the sender is not to blame.
            self.idles();
            return self.wait_for_head(cx, buf);
        }
        if may_rest {
            self.peer.rests.set(true);
            return Poll::Pending;
        }
        if self.held.is_empty() {
            self.state = State::Ended;
        } else {
            self.refuse(BadHead::TooSlow);
            self.hand_over(buf);
        }
        Poll::Ready(Ok(()))
    }
}
