//! A store to be tested, and short ways to say what is done with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::config::Keep;
use crate::store::{
    Claim, DedupKey, Fingerprint, KeptAnswer, Repeat, Scope, ScopeHandle, Seen, Settlement, Store, Waiter,
};

pub(super) const WINDOW: Duration = Duration::from_secs(3600);
pub(super) const WAIT: Duration = Duration::from_secs(10);
pub(super) const BODY: Fingerprint = Fingerprint(1);

pub(super) struct Harness {
    pub(super) store: Arc<Store>,
    file: Option<(TempDir, PathBuf)>,
}

impl Harness {
    pub(super) fn memory() -> Harness {
        Harness { store: Store::memory(), file: None }
    }

    pub(super) fn sqlite() -> Harness {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("countersign.db");
        Harness {
            store: Store::open_sqlite(&path, &Keep::default(), at(0)).expect("a new store"),
            file: Some((folder, path)),
        }
    }

    /// The store as another process would find it.
    pub(super) fn reopen(self, now: Timestamp) -> Harness {
        let (folder, path) = self.file.expect("a store with a file");
        drop(self.store);
        Harness {
            store: Store::open_sqlite(&path, &Keep::default(), now).expect("the same store"),
            file: Some((folder, path)),
        }
    }

    /// A scope that remembers 1000 events for an hour.
    pub(super) fn scope(&self) -> ScopeHandle {
        self.scope_of("lmif", WINDOW, 1000)
    }

    pub(super) fn scope_of(&self, name: &str, window: Duration, entries: usize) -> ScopeHandle {
        self.store.configure(&[Scope { name: name.into(), window, entries }]);
        self.store.scope(name).expect("it was configured")
    }

    pub(super) fn entries(&self, name: &str) -> usize {
        self.stats(name).entries
    }

    pub(super) fn stats(&self, name: &str) -> crate::store::ScopeStats {
        self.store.stats().into_iter().find(|stats| *stats.name == *name).expect("it was configured")
    }
}

impl ScopeHandle {
    /// Asks for event `event`, at the start.
    pub(super) fn ask(&self, event: u64) -> Seen {
        self.claim(key(event), BODY, at(0), WAIT)
    }

    pub(super) fn ask_at(&self, event: u64, now: Timestamp) -> Seen {
        self.claim(key(event), BODY, now, WAIT)
    }

    /// Delivers an event that nobody delivered.
    pub(super) fn deliver(&self, event: u64, now: Timestamp) {
        self.ask_at(event, now).claimed().settle(answer("ok"), now);
    }
}

impl Seen {
    #[track_caller]
    pub(super) fn claimed(self) -> Claim {
        match self {
            Seen::New(claim) => claim,
            other => panic!("not new: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn settled(self) -> (KeptAnswer, Repeat) {
        match self {
            Seen::Settled { settlement, repeat } => (answered(settlement), repeat),
            other => panic!("not settled: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn in_flight(self) -> Waiter {
        match self {
            Seen::InFlight { waiter, .. } => waiter,
            other => panic!("not in flight: {other:?}"),
        }
    }

    /// Whether it is new.
    pub(super) fn is_new(&self) -> bool {
        matches!(self, Seen::New(_))
    }
}

/// Seconds after an arbitrary start.
pub(super) fn at(seconds: i64) -> Timestamp {
    at_ms(seconds * 1000)
}

pub(super) fn at_ms(milliseconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
    start + SignedDuration::from_millis(milliseconds)
}

/// The key of an event, as uniform as a digest.
pub(super) fn key(event: u64) -> DedupKey {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mix(event.wrapping_add(0x9e37_79b9_7f4a_7c15)).to_le_bytes());
    key[8..].copy_from_slice(&mix(event.wrapping_mul(3).wrapping_add(7)).to_le_bytes());
    key
}

pub(super) fn answer(body: &'static str) -> KeptAnswer {
    KeptAnswer {
        status: StatusCode::CREATED,
        content_type: Some(HeaderValue::from_static("text/plain")),
        body: Some(Bytes::from_static(body.as_bytes())),
    }
}

pub(super) fn failure() -> KeptAnswer {
    KeptAnswer { status: StatusCode::INTERNAL_SERVER_ERROR, ..answer("broken") }
}

/// The answer of a claim that was settled with one.
pub(super) fn answered(settlement: Settlement) -> KeptAnswer {
    match settlement {
        Settlement::Answered(answer) => answer,
        Settlement::Queued(id) => panic!("queued as {id}"),
    }
}
