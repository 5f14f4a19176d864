//! What the workers of one listener share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::watch;

use super::Budget;

/// What comes in on one listener, on whatever thread, and whether anything may still.
#[derive(Debug)]
pub(crate) struct Intake {
    /// The bytes of bodies.
    pub(crate) budget: Arc<Budget>,
    connections: AtomicUsize,
    draining: AtomicBool,
    drain: watch::Sender<bool>,
}

impl Intake {
    /// An intake that nothing has come in by.
    pub(crate) fn new() -> Arc<Self> {
        let (drain, _) = watch::channel(false);
        let (connections, draining) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { budget: Arc::default(), connections, draining, drain })
    }

    /// Accepts nothing more, and ends each connection with its last answer.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.drain.send_replace(true);
    }

    /// Whether nothing more is accepted.
    pub(crate) fn draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Becomes true when nothing more is accepted.
    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.drain.subscribe()
    }

    /// Connections that are open.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// An open connection, counted until it is dropped, by a panic as well.
pub(super) struct Place(Arc<Intake>);

impl Place {
    /// The place, and how many were taken before it.
    pub(super) fn take(intake: &Arc<Intake>) -> (usize, Self) {
        (intake.connections.fetch_add(1, Ordering::Relaxed), Self(intake.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
