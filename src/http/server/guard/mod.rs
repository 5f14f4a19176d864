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
//!
//! hyper keeps more than 10 KiB for a connection, whether or not there is a request. So the
//! guard says when a connection has been idle for [`REST`]: then it rests, and nothing
//! is kept of it but the guard and the socket.

mod peer;
mod reading;
mod rest;
mod writing;

use std::rc::Rc;
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::head::{BadHead, Framing, HeadScan};
use crate::http::timer::Timer;

pub(super) use peer::Busy;
pub(crate) use peer::Peer;

/// How long a connection may stay open between two requests.
pub(super) const IDLE: Duration = Duration::from_secs(75);

/// How long a connection is idle before it rests. Those that carry one request after the other never do.
const REST: Duration = Duration::from_millis(500);

/// The most bytes that a request's head may have.
const HEAD_LIMIT: usize = 16 * 1024;

/// What hyper is given in the place of a head that is refused.
const STAND_IN: &[u8] = b"POST / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";

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
    /// When the connection rests, if it is idle by then.
    rest_due: Instant,
    timer: Timer,
    /// Everything that was written is with the system.
    flushed: bool,
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
        let now = Instant::now();
        let (head_due, rest_due) = (now + read_timeout, now + REST);
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
            rest_due,
            timer,
            flushed: true,
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
                self.idles();
            }
        }
    }

    /// From this moment on the connection waits for its next request.
    fn idles(&mut self) {
        let now = Instant::now();
        (self.head_due, self.rest_due) = (now + IDLE, now + REST);
    }
}
