//! The end of an attempt.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::accept::{after, ended};
use super::books::{Books, Kept, TargetId};
use super::change;
use super::operation::{Effect, Reply, told};
use super::retain;
use super::rows;
use crate::config::KeptBodies;
use crate::store::ledger::{Attempt, DeliveryId, Ended, LedgerError, Next};

/// A delivery as far as it concerns what is to be done with it.
pub(super) struct Place {
    pub(super) id: DeliveryId,
    pub(super) target: TargetId,
    pub(super) kept: Kept,
    /// How many attempts were ever made.
    pub(super) tried: i64,
    pub(super) size: i64,
}

/// Finds a delivery by its id; `None`: there is none, or its number is another's now.
pub(super) fn find(connection: &Connection, id: DeliveryId) -> rusqlite::Result<Option<Place>> {
    let mut statement =
        connection.prepare_cached("SELECT accepted_ms, target, state, tried, size FROM delivery WHERE row = ?1")?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Place {
            id: rows::id(row.get(0)?, id.row()),
            target: row.get(1)?,
            kept: Kept::of(row.get(2)?),
            tried: row.get(3)?,
            size: row.get(4)?,
        })
    };
    let found = statement.query_row([id.row()], read).optional()?;
    Ok(found.filter(|found| found.id == id))
}

/// Writes down what became of a leased delivery.
pub(super) fn record(
    connection: &Connection,
    (books, bodies): (&Arc<Books>, KeptBodies),
    ended: Ended,
    reply: Reply<()>,
) -> rusqlite::Result<Effect> {
    let Some(place) = find(connection, ended.id)? else {
        return Ok(told(reply, Err(LedgerError::NotFound), || {}));
    };
    if place.kept != Kept::Due || !books.is_leased(ended.id.row()) {
        return Ok(told(reply, Err(LedgerError::State), || {}));
    }
    let (row, target) = (ended.id.row(), place.target);
    let kept = write(connection, &place, &ended.attempt, ended.next)?;
    let mut grown = kept.grown;
    if kept.kept == Kept::Delivered && bodies == KeptBodies::Digest {
        grown += retain::forget_bodies(connection, row, place.size + grown)?;
    }
    let at = self::ended(ended.attempt.started, ended.attempt.took);
    let paused = ended.pause.map(|reason| change::pause(connection, books, &ended.target, at, reason)).transpose()?;
    let books = Arc::clone(books);
    Ok(told(reply, Ok(()), move || {
        if let Some(paused) = paused.flatten() {
            paused();
        }
        books.resized(grown);
        // First, so that whoever is woken can lease it.
        books.let_go(row);
        books.moved(target, row, Kept::Due, kept.kept);
    }))
}

struct Written {
    kept: Kept,
    /// How much more it takes.
    grown: i64,
}

fn write(connection: &Connection, place: &Place, attempt: &Attempt, next: Next) -> rusqlite::Result<Written> {
    let row = place.id.row();
    let grown = rows::write_attempt(connection, row, place.tried, attempt)?;
    let (kept, due, ended) = after(next, ended(attempt.started, attempt.took));
    let mut update = connection.prepare_cached(
        "UPDATE delivery SET state = ?2, due_ms = ?3, attempts = ?4, tried = tried + 1, ended_ms = ?5, size = size + ?6
         WHERE row = ?1",
    )?;
    let milliseconds = |moment: Option<Timestamp>| moment.map(Timestamp::as_millisecond);
    update.execute(params![row, kept as i64, milliseconds(due), attempt.number, milliseconds(ended), grown])?;
    Ok(Written { kept, grown })
}
