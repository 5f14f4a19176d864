//! What a file remembers, read into memory.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::books::Books;
use crate::config::Keep;
use crate::store::answer::{Content, cost};
use crate::store::journal::Journal;
use crate::store::memory::{BODIES, Memory};
use crate::store::shard::{QUEUED, Remembered};
use crate::store::{DedupKey, Fingerprint, Scope};

/// Fills `memory` with the file's scopes and events. What has expired, or no longer has a place, is left to be deleted.
pub(in crate::store) fn load(
    connection: &Connection,
    memory: &Arc<Memory>,
    journal: &Journal,
    now: Timestamp,
) -> rusqlite::Result<()> {
    load_scopes(connection, memory)?;
    let floor = answer_floor(connection, journal)?;
    let scopes = memory.scopes();
    let mut statement = connection.prepare(
        "SELECT event.row, scope, event_key, fingerprint, settled_ms, status, content_type, body, body_key
         FROM event LEFT JOIN answer ON answer.row = event.row AND answer.row >= ?1 ORDER BY event.row",
    )?;
    let mut rows = statement.query([floor])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(1)?;
        let event = event(row)?;
        match scopes.iter().find(|scope| scope.id == id).filter(|scope| !scope.is_over(&event, now.as_millisecond())) {
            Some(scope) => {
                let body = row.get::<_, Option<DedupKey>>(8)?.map(|body| event.body(body));
                drop(scope.remember(event));
                drop(body.map(|body| scope.bodies().remember(body)));
            }
            None => journal.forget(event.row),
        }
    }
    Ok(())
}

/// What a file holds to be delivered, counted.
pub(in crate::store) fn load_books(connection: &Connection, keep: &Keep) -> rusqlite::Result<Arc<Books>> {
    let books = Arc::<Books>::default();
    super::counts::load(connection, &books, keep.size.is_some())?;
    Ok(books)
}

/// The number that the next event or delivery gets.
pub(in crate::store) fn next_row(connection: &Connection) -> rusqlite::Result<i64> {
    let last = "SELECT max(coalesce((SELECT max(row) FROM event), 0), coalesce((SELECT max(row) FROM delivery), 0))";
    connection.query_row(last, [], |row| Ok(row.get::<_, i64>(0)? + 1))
}

fn load_scopes(connection: &Connection, memory: &Arc<Memory>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT id, name, window_ms, entries FROM scope ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let scope = Scope {
            name: row.get::<_, String>(1)?.into(),
            window: Duration::from_millis(natural(row, 2)?),
            entries: usize::try_from(natural(row, 3)?).unwrap_or(usize::MAX),
        };
        memory.restore(row.get(0)?, &scope);
    }
    Ok(())
}

/// The oldest row whose answer still has room, the newest counted first. Older ones are left to be deleted.
fn answer_floor(connection: &Connection, journal: &Journal) -> rusqlite::Result<i64> {
    let mut statement =
        connection.prepare("SELECT row, length(content_type) + length(body) FROM answer ORDER BY row DESC")?;
    let mut rows = statement.query([])?;
    let (mut taken, mut floor) = (0, i64::MAX);
    while let Some(answer) = rows.next()? {
        let row = answer.get(0)?;
        taken += natural(answer, 1)?.saturating_add(cost(0) as u64);
        if taken <= BODIES as u64 {
            floor = row;
        } else {
            journal.drop_answer(row);
        }
    }
    Ok(floor)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Remembered> {
    let (key, fingerprint): (DedupKey, [u8; 16]) = (row.get(2)?, row.get(3)?);
    let fingerprint = Fingerprint(u128::from_be_bytes(fingerprint));
    let (number, at, status) = (row.get(0)?, row.get(4)?, row.get(5)?);
    if status == QUEUED {
        return Ok(Remembered::queued(key, fingerprint, super::rows::id(at, number)));
    }
    let content_type = row.get_ref(6)?.as_blob_or_null()?;
    let content = match (content_type, row.get_ref(7)?.as_blob_or_null()?) {
        (Some(content_type), Some(body)) => Content::from_parts(content_type, body),
        _ => Content::Gone,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok(Remembered::new(key, fingerprint, at, number, status, content))
}

/// A number that cannot be negative; what an operator may have made of it counts as none.
fn natural(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}
