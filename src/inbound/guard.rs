//! Reads a connection's requests before hyper does, and lets none through
//! that two parsers could read in two ways.
//!
//! hyper follows RFC 9112 where it allows leniency: it merges repeated
//! `Content-Length`s, drops one that stands beside `Transfer-Encoding`, takes
//! bare line feeds, and accepts a request without a `Host`. A proxy in front or
//! the app behind may decide otherwise, and the difference is how requests are
//! smuggled. So the head of every HTTP/1 request passes [`HeadScan`] first. What
//! it refuses hyper never sees: it is handed a stand-in request instead, which the
//! service answers with the refusal found in [`Peer::bad_head`].
//!
//! hyper gets one message at a time. Bytes behind a message wait here until it
//! asks for more, so a head is always judged before it is served.
//!
//! The guard also keeps the time: a head must be whole within `read_timeout` of
//! its first byte, a connection may idle for [`IDLE`], and an answer that nobody
//! reads is given up. One lazily moved timer a connection does that, so that a
//! request costs no timer of its own.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::head::{BadHead, Framing, HeadScan};
use super::way::Way;
use crate::http::timer::Timer;

/// How long a connection may stay open between two requests.
pub(super) const IDLE: Duration = Duration::from_secs(75);

/// How long a connection that we close may go on sending.
const LINGER: Duration = Duration::from_secs(2);

/// How often such a connection is read before others have their turn.
const READS_A_TURN: usize = 16;

/// The most bytes that a request's head may have.
const HEAD_LIMIT: usize = 16 * 1024;

/// What hyper is given in the place of a head that is refused.
const STAND_IN: &[u8] = b"POST / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";

/// One connection, as its requests see it.
#[derive(Debug)]
pub(super) struct Peer {
    /// Who is at the other end.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Why the request that is being served has no head of its own.
    pub bad_head: Cell<Option<BadHead>>,
    /// Whether the request's body is chunked: nothing is read behind it.
    pub chunked: Cell<bool>,
    /// How many requests are being answered.
    pub busy: Cell<u32>,
    /// How many of them wait for the sender to read, and since when at most.
    unread: Cell<u32>,
    moved: Cell<Instant>,
    /// What the app was last told of the way here.
    pub way: RefCell<Option<Rc<Way>>>,
}

impl Peer {
    pub(super) fn new(address: SocketAddr, tls: bool) -> Rc<Self> {
        let (bad_head, chunked, moved) = (Cell::new(None), Cell::new(false), Cell::new(Instant::now()));
        let (busy, unread) = (Cell::new(0), Cell::new(0));
        Rc::new(Self { address, tls, bad_head, chunked, busy, unread, moved, way: RefCell::default() })
    }

    /// Counts a request as being answered until the value is dropped.
    pub(super) fn busy(self: &Rc<Self>) -> Busy {
        self.busy.set(self.busy.get() + 1);
        Busy { peer: self.clone(), is_unread: false }
    }

    /// How long the sender has read nothing of what it could.
    pub(super) fn unread_for(&self) -> Duration {
        if self.unread.get() == 0 { Duration::ZERO } else { self.moved.get().elapsed() }
    }
}

/// A request that is being answered.
pub(super) struct Busy {
    peer: Rc<Peer>,
    is_unread: bool,
}

impl Busy {
    /// There is more to send: it is the sender's turn.
    pub(super) fn is_unread(&mut self) {
        if !self.is_unread {
            self.is_unread = true;
            self.peer.unread.set(self.peer.unread.get() + 1);
        }
        self.peer.moved.set(Instant::now());
    }

    /// The sender would take more: it is the app's turn.
    pub(super) fn is_read(&mut self) {
        if self.is_unread {
            self.is_unread = false;
            self.peer.unread.set(self.peer.unread.get() - 1);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.is_read();
        self.peer.busy.set(self.peer.busy.get() - 1);
    }
}

/// A stream between a socket and hyper.
pub(super) struct Guard<S> {
    inner: S,
    peer: Rc<Peer>,
    state: State,
    /// Bytes received that hyper has not been given.
    held: Vec<u8>,
    scan: HeadScan,
    /// A head was refused: the connection ends with the stand-in.
    refused: bool,
    read_timeout: Duration,
    /// When the head that is being read must be whole, or the idling end.
    head_due: Instant,
    timer: Timer,
    /// When the answer that is being written must have moved on.
    write_due: Option<Instant>,
    write_timer: Timer,
    /// Until when a closed connection waits for the sender to stop sending.
    linger_due: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next byte begins a request's head.
    Head,
    /// This many bytes of the request are still to be handed over.
    Message(u64),
    /// A chunked body, or HTTP/2: whatever comes is handed over.
    Open,
    /// Nothing more is read.
    Ended,
}

impl<S> Guard<S> {
    /// Guards HTTP/1 requests; `read` are the bytes that were read already.
    pub(super) fn http1(inner: S, peer: Rc<Peer>, read: Vec<u8>, read_timeout: Duration) -> Self {
        Self::in_state(State::Head, inner, peer, read, read_timeout)
    }

    /// Hands everything over, as HTTP/2 frames itself; only writing is timed.
    pub(super) fn http2(inner: S, peer: Rc<Peer>, read: Vec<u8>, read_timeout: Duration) -> Self {
        Self::in_state(State::Open, inner, peer, read, read_timeout)
    }

    fn in_state(state: State, inner: S, peer: Rc<Peer>, held: Vec<u8>, read_timeout: Duration) -> Self {
        let scan = HeadScan::default();
        let head_due = Instant::now() + read_timeout;
        let (timer, write_due, write_timer, linger_due) = (Timer::default(), None, Timer::default(), None);
        Self {
            inner,
            peer,
            state,
            held,
            scan,
            refused: false,
            read_timeout,
            head_due,
            timer,
            write_due,
            write_timer,
            linger_due,
        }
    }

    /// Judges as much of the held bytes as form a head; `true`: it is whole.
    fn judge(&mut self) -> bool {
        let refusal = match self.scan.advance(&self.held) {
            Ok(Some(head)) if head.length <= HEAD_LIMIT => return self.admit(head.length, head.framing),
            Ok(None) if self.held.len() <= HEAD_LIMIT => return false,
            Ok(_) => BadHead::TooLarge,
            Err(bad) => bad,
        };
        self.refuse(refusal)
    }

    fn admit(&mut self, head: usize, framing: Framing) -> bool {
        self.state = match framing {
            Framing::Length(body) => State::Message(body.saturating_add(head as u64)),
            Framing::Chunked => State::Open,
        };
        self.peer.chunked.set(framing == Framing::Chunked);
        self.scan = HeadScan::default();
        true
    }

    fn refuse(&mut self, why: BadHead) -> bool {
        self.refused = true;
        self.peer.bad_head.set(Some(why));
        self.held.clear();
        self.held.extend_from_slice(STAND_IN);
        self.state = State::Message(STAND_IN.len() as u64);
        true
    }

    /// Gives hyper what is held of the message, no byte of the next one.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let wanted = match self.state {
            State::Message(left) => usize::try_from(left).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let count = wanted.min(self.held.len()).min(buf.remaining());
        buf.put_slice(&self.held[..count]);
        self.consume(count);
        if count == self.held.len() {
            self.held = Vec::new();
        } else {
            self.held.drain(..count);
        }
    }

    fn consume(&mut self, count: usize) {
        if let State::Message(left) = self.state {
            let left = left - count as u64;
            self.state = match left {
                0 if self.refused => State::Ended,
                0 => State::Head,
                _ => State::Message(left),
            };
            if left == 0 {
                self.head_due = Instant::now() + IDLE;
            }
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
        let due = self.head_due;
        ready!(self.timer.poll_due(due, cx));
        if self.peer.busy.get() > 0 {
            // The app takes its time; the sender is not to blame.
            self.head_due = Instant::now() + IDLE;
            return self.wait_for_head(cx, buf);
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.timed(result, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.timed(result, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
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
