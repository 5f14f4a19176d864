//! What an operator changes, each with a record in the same transaction.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::books::{Books, Kept, TargetId};
use super::list::Meant;
use super::operation::{Effect, Operation, Reply, told};
use super::record::{Place, find};
use super::{retain, rows};
use crate::config::KeptBodies;
use crate::store::journal::Journal;
use crate::store::ledger::{Change, Changed, DeliveryId, LedgerError, Target};

/// How many deliveries one transaction looks at to deliver them again, and how many it changes.
const LOOKED_AT: i64 = 2000;
const REPLAYED: usize = 500;

/// What changes need.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) books: Arc<Books>,
    pub(super) journal: Arc<Journal>,
    pub(super) bodies: KeptBodies,
}

/// A change, why, and when.
pub(super) struct Order<T> {
    pub(super) what: T,
    pub(super) reason: String,
    pub(super) now: Timestamp,
}

pub(super) fn change(
    connection: &Connection,
    desk: &Desk,
    order: Order<Change>,
    reply: Reply<Changed>,
) -> rusqlite::Result<Effect> {
    let Order { what, reason, now } = order;
    match what {
        Change::Discard(id) => one(connection, desk, Order { what: id, reason, now }, reply, ("discard", discard)),
        Change::Replay(id) => one(connection, desk, Order { what: id, reason, now }, reply, ("replay", replay)),
        Change::ReplayAll(filter) => {
            let meant = Meant::of(connection, &filter)?;
            let target = meant.as_ref().and_then(|meant| meant.target);
            let entry = Entry { what: "replay", delivery: None, target, count: 0 };
            let record = write_down(connection, &entry, now, &reason)?;
            let Some(meant) = meant else { return Ok(told(reply, Ok(Changed { count: 0 }), || {})) };
            let last = connection.query_row("SELECT coalesce(max(row), 0) FROM delivery", [], |row| row.get(0))?;
            replay_some(connection, desk, Walk { meant, now, from: 0, last, record, count: 0 }, reply)
        }
        Change::Pause(target) => {
            let id = rows::write_target(connection, &desk.books, &target)?;
            let then = hold(connection, &desk.books, id, (now, reason.clone()))?;
            write_down(connection, &Entry::of_target("pause", id, then.is_some()), now, &reason)?;
            Ok(counted(reply, then))
        }
        Change::Resume(target) => {
            let id = rows::write_target(connection, &desk.books, &target)?;
            let then = resume(connection, &desk.books, id)?;
            write_down(connection, &Entry::of_target("resume", id, then.is_some()), now, &reason)?;
            Ok(counted(reply, then))
        }
        Change::Test(target, delivery) => {
            let id = rows::write_target(connection, &desk.books, &target)?;
            let entry = Entry { what: "test", delivery: Some(delivery), target: Some(id), count: 1 };
            write_down(connection, &entry, now, &reason)?;
            Ok(told(reply, Ok(Changed { count: 1 }), || {}))
        }
    }
}

/// Tells whether one target was changed.
fn counted(reply: Reply<Changed>, then: Option<Effect>) -> Effect {
    let count = u64::from(then.is_some());
    told(reply, Ok(Changed { count }), move || {
        if let Some(then) = then {
            then();
        }
    })
}

type ChangeOne = fn(&Connection, &Desk, &Place, Timestamp) -> rusqlite::Result<Result<Effect, LedgerError>>;

/// Changes one delivery.
fn one(
    connection: &Connection,
    desk: &Desk,
    order: Order<DeliveryId>,
    reply: Reply<Changed>,
    (what, change): (&'static str, ChangeOne),
) -> rusqlite::Result<Effect> {
    let Some(place) = find(connection, order.what)? else {
        return Ok(told(reply, Err(LedgerError::NotFound), || {}));
    };
    let then = match change(connection, desk, &place, order.now)? {
        Ok(then) => then,
        Err(error) => return Ok(told(reply, Err(error), || {})),
    };
    let entry = Entry { what, delivery: Some(order.what), target: Some(place.target), count: 1 };
    write_down(connection, &entry, order.now, &order.reason)?;
    Ok(told(reply, Ok(Changed { count: 1 }), then))
}

fn discard(
    connection: &Connection,
    desk: &Desk,
    place: &Place,
    now: Timestamp,
) -> rusqlite::Result<Result<Effect, LedgerError>> {
    let row = place.id.row();
    if !matches!(place.kept, Kept::Due | Kept::Dead) {
        return Ok(Err(LedgerError::State));
    }
    let Some(taken) = desk.books.take(place.target, row) else { return Ok(Err(LedgerError::State)) };
    let mut update =
        connection.prepare_cached("UPDATE delivery SET state = 3, due_ms = NULL, ended_ms = ?2 WHERE row = ?1")?;
    update.execute([row, now.as_millisecond()])?;
    let grown = match desk.bodies {
        KeptBodies::Digest => retain::forget_bodies(connection, row, place.size)?,
        KeptBodies::Full => 0,
    };
    let (books, target, kept) = (Arc::clone(&desk.books), place.target, place.kept);
    Ok(Ok(Box::new(move || {
        books.resized(grown);
        books.moved(target, row, kept, Kept::Discarded);
        drop(taken);
    })))
}

fn replay(
    connection: &Connection,
    desk: &Desk,
    place: &Place,
    now: Timestamp,
) -> rusqlite::Result<Result<Effect, LedgerError>> {
    let row = place.id.row();
    if !has_body(connection, row)? {
        return Ok(Err(LedgerError::State));
    }
    let Some(taken) = desk.books.take(place.target, row) else { return Ok(Err(LedgerError::State)) };
    make_due(connection, row, now)?;
    let (books, target, kept) = (Arc::clone(&desk.books), place.target, place.kept);
    Ok(Ok(Box::new(move || {
        // First, so that whoever is woken can lease it.
        drop(taken);
        books.moved(target, row, kept, Kept::Due);
    })))
}

fn has_body(connection: &Connection, row: i64) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM message WHERE row = ?1 AND body IS NOT NULL")?.exists([row])
}

fn make_due(connection: &Connection, row: i64, now: Timestamp) -> rusqlite::Result<()> {
    let mut update = connection
        .prepare_cached("UPDATE delivery SET state = 0, due_ms = ?2, attempts = 0, ended_ms = NULL WHERE row = ?1")?;
    update.execute([row, now.as_millisecond()])?;
    Ok(())
}

/// How far the replaying of many has come.
struct Walk {
    meant: Meant,
    now: Timestamp,
    /// The next delivery that is looked at, and the last one.
    from: i64,
    last: i64,
    /// The record of it.
    record: i64,
    count: u64,
}

/// Makes some of those that are meant due again; the others follow in transactions of their own.
fn replay_some(
    connection: &Connection,
    desk: &Desk,
    mut walk: Walk,
    reply: Reply<Changed>,
) -> rusqlite::Result<Effect> {
    let found = walk.meant.over(connection, (walk.from, walk.last), LOOKED_AT, REPLAYED)?;
    for (row, _, _) in &found.rows {
        make_due(connection, *row, walk.now)?;
    }
    walk.count += found.rows.len() as u64;
    walk.from = found.next.unwrap_or(i64::MAX);
    if !found.rows.is_empty() {
        let mut update = connection.prepare_cached("UPDATE change SET count = ?2 WHERE row = ?1")?;
        update.execute([walk.record, walk.count as i64])?;
    }
    let desk = desk.clone();
    Ok(Box::new(move || {
        for (row, target, kept) in found.rows {
            desk.books.moved(target, row, kept, Kept::Due);
        }
        if walk.from > walk.last {
            // Whoever left does not care.
            let _ = reply.send(Ok(Changed { count: walk.count }));
            return;
        }
        let journal = Arc::clone(&desk.journal);
        let rest = Operation::new(0, move |connection| replay_some(connection, &desk, walk, reply));
        // One that is refused is dropped, and tells so.
        drop(journal.perform(rest));
    }))
}

/// Holds a target that wants nothing more, with a record of it; `None`: it is held already.
pub(super) fn pause(
    connection: &Connection,
    books: &Arc<Books>,
    target: &Target,
    now: Timestamp,
    reason: String,
) -> rusqlite::Result<Option<Effect>> {
    let id = rows::write_target(connection, books, target)?;
    let then = hold(connection, books, id, (now, reason.clone()))?;
    if then.is_some() {
        write_down(connection, &Entry::of_target("pause", id, true), now, &reason)?;
    }
    Ok(then)
}

/// Holds a target; `None`: it is held already.
fn hold(
    connection: &Connection,
    books: &Arc<Books>,
    id: TargetId,
    (now, reason): (Timestamp, String),
) -> rusqlite::Result<Option<Effect>> {
    let mut update = connection
        .prepare_cached("UPDATE target SET paused_ms = ?2, reason = ?3 WHERE id = ?1 AND paused_ms IS NULL")?;
    if update.execute(params![id, now.as_millisecond(), reason])? == 0 {
        return Ok(None);
    }
    let books = Arc::clone(books);
    Ok(Some(Box::new(move || {
        books.is_written(id);
        books.pause(id, Some((now, reason)));
    })))
}

/// Lets a target go on; `None`: it is not held.
fn resume(connection: &Connection, books: &Arc<Books>, id: TargetId) -> rusqlite::Result<Option<Effect>> {
    let mut update = connection
        .prepare_cached("UPDATE target SET paused_ms = NULL, reason = NULL WHERE id = ?1 AND paused_ms IS NOT NULL")?;
    if update.execute([id])? == 0 {
        return Ok(None);
    }
    let books = Arc::clone(books);
    Ok(Some(Box::new(move || books.pause(id, None))))
}

/// What a record says of a change.
struct Entry {
    what: &'static str,
    delivery: Option<DeliveryId>,
    target: Option<TargetId>,
    count: u64,
}

impl Entry {
    fn of_target(what: &'static str, id: TargetId, is_changed: bool) -> Entry {
        Entry { what, delivery: None, target: Some(id), count: u64::from(is_changed) }
    }
}

/// Adds a record; tells its number.
fn write_down(connection: &Connection, entry: &Entry, now: Timestamp, reason: &str) -> rusqlite::Result<i64> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO change (at_ms, what, delivery, target, count, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    insert.insert(params![
        now.as_millisecond(),
        entry.what,
        entry.delivery.map(|id| id.to_string()),
        entry.target,
        entry.count as i64,
        reason,
    ])
}
