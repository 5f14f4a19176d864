//! A ledger to be tested, and short ways to say what is done with it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use tempfile::TempDir;

pub(super) use super::super::harness::{BODY, WAIT, WINDOW, answer, at, key};
use crate::config::Keep;
use crate::store::ledger::{
    Accept, Accepted, Attempt, AttemptAnswer, Change, Changed, DeliveryId, Depth, Ended, Filter, Leased, Leases,
    Ledger, LedgerError, Message, NewDelivery, Next, Page, Room, Shown, Start, State, Summary, Target, TargetKind,
};
use crate::store::recall::Recall;
use crate::store::{Scope, ScopeHandle, Store};
use crate::telemetry::words::AttemptOutcome;

pub(super) const ROOM: Room = Room { deliveries: 100, bytes: 1 << 20 };

/// A ledger with the targets `app`, an upstream, and `partner`, an endpoint, and the store it belongs to.
pub(super) struct Queue {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) store: Arc<Store>,
    file: Option<(TempDir, PathBuf, Keep)>,
}

impl Queue {
    pub(super) fn recall() -> Queue {
        Queue { ledger: Recall::with(&[app(), partner()]), store: Store::memory(), file: None }
    }

    pub(super) fn sqlite() -> Queue {
        Queue::keeping(Keep::default())
    }

    pub(super) fn keeping(keep: Keep) -> Queue {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("countersign.db");
        Queue::open(folder, path, keep, at(0))
    }

    fn open(folder: TempDir, path: PathBuf, keep: Keep, now: Timestamp) -> Queue {
        let store = Store::open_sqlite(&path, &keep, now).expect("a store");
        let ledger = store.ledger().expect("a store with a file");
        ledger.configure(&[app(), partner()]);
        Queue { ledger, store, file: Some((folder, path, keep)) }
    }

    /// The queue as the next process finds it.
    pub(super) fn reopen(self, now: Timestamp) -> Queue {
        let (folder, path, keep) = self.file.expect("a queue with a file");
        drop((self.ledger, self.store));
        Queue::open(folder, path, keep, now)
    }

    /// The queue as another process finds it when this one is killed at this moment.
    pub(super) fn crash(&self, now: Timestamp) -> Queue {
        let (_, path, keep) = self.file.as_ref().expect("a queue with a file");
        let folder = tempfile::tempdir().expect("a folder");
        let copy = folder.path().join("countersign.db");
        for suffix in ["", "-wal"] {
            let from = format!("{}{suffix}", path.display());
            fs::copy(from, format!("{}{suffix}", copy.display())).expect("a file");
        }
        Queue::open(folder, copy, keep.clone(), now)
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &PathBuf {
        &self.file.as_ref().expect("a queue with a file").1
    }

    pub(super) fn scope(&self) -> ScopeHandle {
        self.store.configure(&[Scope { name: "lmif".into(), window: WINDOW, entries: 1000 }]);
        self.store.scope("lmif").expect("it was configured")
    }

    /// A delivery to `app` that is due so many seconds after the start, when it is accepted.
    pub(super) fn fresh(&self, due: i64) -> NewDelivery {
        let id = self.ledger.next_id(at(0));
        NewDelivery {
            id,
            target: app(),
            source: Some("lmif".into()),
            event_id: format!("event-{due}"),
            event_type: Some("box.created".to_owned()),
            message: message(b"{\"token\":\"t\"}"),
            start: Start::Due(at(due)),
        }
    }

    /// Accepts a delivery.
    pub(super) async fn accept(&self, new: NewDelivery) -> DeliveryId {
        let id = new.id;
        let accepted = self.ledger.accept(Accept { deliveries: vec![(new, None)], answered: None }).await;
        assert_eq!(accepted, Ok(vec![Accepted::New]));
        id
    }

    /// Accepts a delivery to `app` that is due then.
    pub(super) async fn due(&self, due: i64) -> DeliveryId {
        self.accept(self.fresh(due)).await
    }

    /// Accepts a delivery that has come to this end.
    pub(super) async fn ended(&self, next: Next) -> DeliveryId {
        let id = self.due(0).await;
        self.lease(app(), 0).await;
        self.record(id, 1, next).await.expect("it is leased");
        id
    }

    /// Accepts a delivery and discards it.
    pub(super) async fn discarded(&self) -> DeliveryId {
        let id = self.due(0).await;
        assert_eq!(self.change(Change::Discard(id)).await, Ok(1));
        id
    }

    pub(super) async fn lease(&self, target: Target, now: i64) -> Leases {
        self.ledger.lease(target, at(now), ROOM).await.expect("the store can be read")
    }

    /// What is due for `app` then, by id.
    pub(super) async fn leased(&self, now: i64) -> Vec<DeliveryId> {
        ids(&self.lease(app(), now).await.leased)
    }

    pub(super) async fn record(&self, id: DeliveryId, number: u32, next: Next) -> Result<(), LedgerError> {
        self.ledger.record(end(id, number, next)).await
    }

    /// Changes something, at second 50.
    pub(super) async fn change(&self, change: Change) -> Result<u64, LedgerError> {
        let changed = self.ledger.change(change, "tidying up".to_owned(), at(50)).await;
        changed.map(|Changed { count }| count)
    }

    pub(super) async fn list(&self, filter: Filter) -> Vec<Summary> {
        let page = Page { after: None, limit: 1000 };
        self.ledger.list(filter, page).await.expect("the store can be read").deliveries
    }

    pub(super) async fn show(&self, id: DeliveryId) -> Shown {
        self.ledger.show(id).await.expect("the store can be read").expect("it is there")
    }

    pub(super) async fn state(&self, id: DeliveryId) -> State {
        self.show(id).await.summary.state
    }

    /// How much of `app` is due, leased, paused, dead.
    pub(super) fn depth(&self) -> [u64; 4] {
        let depth = self.depth_of(&app());
        [depth.due, depth.leased, depth.paused, depth.dead]
    }

    pub(super) fn depth_of(&self, target: &Target) -> Depth {
        self.ledger.depths().into_iter().find(|depth| depth.target == *target).expect("it is configured")
    }
}

pub(super) fn app() -> Target {
    Target { kind: TargetKind::Upstream, name: "app".into() }
}

pub(super) fn partner() -> Target {
    Target { kind: TargetKind::Endpoint, name: "partner".into() }
}

pub(super) fn message(body: &'static [u8]) -> Arc<Message> {
    let mut headers = HeaderMap::new();
    headers.append("x-twice", HeaderValue::from_static("one"));
    headers.append("x-twice", HeaderValue::from_static("two: 2"));
    headers.append("x-latin", HeaderValue::from_bytes(b"caf\xe9").expect("a value"));
    Arc::new(Message { path: "/hooks?x=1".to_owned(), headers, body: Bytes::from_static(body), ..Message::default() })
}

/// The end of an attempt that began when its number says, in seconds, and took one.
pub(super) fn end(id: DeliveryId, number: u32, next: Next) -> Ended {
    let answer = AttemptAnswer {
        status: 503,
        headers: HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("5"))]),
        body: Bytes::from_static(b"{\"secret\":1,\"busy\":true}"),
    };
    let attempt = Attempt {
        number,
        started: at(i64::from(number)),
        took: Duration::from_secs(1),
        outcome: AttemptOutcome::Status,
        answer: Some(answer),
        error: Some("not now".to_owned()),
    };
    Ended { id, target: app(), attempt, next, pause: None }
}

pub(super) fn ids(leased: &[Leased]) -> Vec<DeliveryId> {
    leased.iter().map(|leased| leased.id).collect()
}
