//! What the requests of a connection know of it, and it of them.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::head::BadHead;
use super::super::way::Way;

/// One connection, as its requests see it.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Where the sender is, an IPv4 address always as one; `None`: nobody knows.
    pub(crate) address: Option<IpAddr>,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
    /// Why the request that is being served has no head of its own.
    pub(crate) bad_head: Cell<Option<BadHead>>,
    /// Whether the request's body is chunked: nothing is read behind it.
    pub(in super::super) chunked: Cell<bool>,
    /// The connection has been idle for long enough to keep nothing for its next request.
    pub(in super::super) rests: Cell<bool>,
    /// How many requests are being answered.
    pub(in super::super) busy: Cell<u32>,
    /// How many of them wait for the sender to read, and since when at most.
    unread: Cell<u32>,
    moved: Cell<Instant>,
    /// What was last told of the way here.
    pub(in super::super) way: RefCell<Option<Rc<Way>>>,
}

impl Peer {
    pub(in super::super) fn new(address: Option<IpAddr>, tls: bool) -> Rc<Self> {
        let address = address.map(|address| address.to_canonical());
        let (bad_head, chunked, moved) = (Cell::new(None), Cell::new(false), Cell::new(Instant::now()));
        let (rests, busy, unread) = (Cell::new(false), Cell::new(0), Cell::new(0));
        Rc::new(Self { address, tls, bad_head, chunked, rests, busy, unread, moved, way: RefCell::default() })
    }

    /// Lets go of what is written anew for the next request.
    pub(super) fn forget_way(&self) {
        self.way.take();
    }

    /// Counts a request as being answered until the value is dropped.
    pub(in super::super) fn busy(self: &Rc<Self>) -> Busy {
        self.busy.set(self.busy.get() + 1);
        Busy { peer: self.clone(), is_unread: false }
    }

    /// How long the sender has read nothing of what it could.
    pub(in super::super) fn unread_for(&self) -> Duration {
        if self.unread.get() == 0 { Duration::ZERO } else { self.moved.get().elapsed() }
    }
}

/// A request that is being answered.
pub(in super::super) struct Busy {
    peer: Rc<Peer>,
    is_unread: bool,
}

impl Busy {
    /// There is more to send: it is the sender's turn.
    pub(in super::super) fn is_unread(&mut self) {
        if !self.is_unread {
            self.is_unread = true;
            self.peer.unread.set(self.peer.unread.get() + 1);
        }
        self.peer.moved.set(Instant::now());
    }

    /// The sender would take more: it is the app's turn.
    pub(in super::super) fn is_read(&mut self) {
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
