//! What is due, handed out.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use tokio::sync::oneshot;

use super::books::{Books, TargetId};
use super::operation::Reply;
use super::read::Reader;
use super::rows;
use crate::store::ledger::{Leased, Leases, LedgerError, Pending, Room, Target};

/// Hands out what is due for a target.
pub(super) fn lease(
    reader: &Reader,
    books: &Arc<Books>,
    (target, now, room): (Target, Timestamp, Room),
) -> Pending<Leases> {
    let (reply, outcome) = oneshot::channel::<Result<Granted, LedgerError>>();
    let books = Arc::clone(books);
    reader.ask(move |connection| {
        let Some(id) = books.begin(&target) else {
            return grant(reply, &books, Ok(Leases::default()));
        };
        let found = look(connection, &books, (id, &target), now, room);
        let rows: Vec<i64> = found.iter().flat_map(|found| &found.leased).map(|leased| leased.id.row()).collect();
        let taken = books.lease(id, &rows);
        let granted = found.map(|mut found| {
            found.leased.retain(|leased| taken.contains(&leased.id.row()));
            found
        });
        grant(reply, &books, granted)
    });
    Box::pin(async move {
        let granted = outcome.await.unwrap_or(Err(LedgerError::Unavailable))?;
        Ok(granted.take())
    })
}

/// Leases on their way to whoever asked; if they do not arrive, they are released.
struct Granted {
    books: Arc<Books>,
    leases: Leases,
}

impl Granted {
    fn take(mut self) -> Leases {
        std::mem::take(&mut self.leases)
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        let ids: Vec<_> = self.leases.leased.iter().map(|leased| leased.id).collect();
        self.books.release(&ids);
    }
}

fn grant(reply: Reply<Granted>, books: &Arc<Books>, result: rusqlite::Result<Leases>) -> rusqlite::Result<()> {
    super::read::answer(reply, result.map(|leases| Granted { books: Arc::clone(books), leases }))
}

/// Reads what is due and not held, as the file is at one moment.
fn look(
    connection: &mut Connection,
    books: &Books,
    (id, target): (TargetId, &Target),
    now: Timestamp,
    room: Room,
) -> rusqlite::Result<Leases> {
    let transaction = connection.transaction()?;
    let mut due = transaction.prepare_cached(
        "SELECT row, due_ms FROM delivery INDEXED BY delivery_due WHERE state = 0 AND target = ?1 ORDER BY due_ms, row",
    )?;
    let mut rows = due.query([id])?;
    let (mut leases, mut bytes) = (Leases::default(), 0);
    while let Some(found) = rows.next()? {
        let (row, due) = (found.get(0)?, found.get(1)?);
        if books.is_held(row) {
            continue;
        }
        let is_full = leases.leased.len() >= room.deliveries;
        if due > now.as_millisecond() || is_full || !fits(&transaction, row, &mut bytes, room)? {
            leases.next = Some(rows::moment(due));
            break;
        }
        leases.leased.extend(read(&transaction, row, target)?);
    }
    Ok(leases)
}

/// Whether a body has room beside those before it.
fn fits(connection: &Connection, row: i64, bytes: &mut usize, room: Room) -> rusqlite::Result<bool> {
    let mut select = connection.prepare_cached("SELECT length(body) FROM message WHERE row = ?1")?;
    let length: Option<i64> = select.query_row([row], |row| row.get(0)).optional()?.flatten();
    let length = length.map_or(0, |length| usize::try_from(length).unwrap_or(0));
    let is_first = *bytes == 0;
    *bytes = bytes.saturating_add(length);
    Ok(is_first || *bytes <= room.bytes)
}

fn read(connection: &Connection, row: i64, target: &Target) -> rusqlite::Result<Option<Leased>> {
    let mut select = connection.prepare_cached(
        "SELECT accepted_ms, source, event_id, event_type, attempts, path, headers, body
         FROM delivery JOIN message USING (row) WHERE delivery.row = ?1",
    )?;
    let leased = |found: &Row<'_>| {
        let Some(message) = rows::message(found, 5)? else { return Ok(None) };
        Ok(Some(Leased {
            id: rows::id(found.get(0)?, row),
            target: target.clone(),
            source: found.get::<_, Option<String>>(1)?.map(Arc::from),
            event_id: found.get(2)?,
            event_type: found.get(3)?,
            attempts: found.get(4)?,
            message: Arc::new(message),
        }))
    };
    Ok(select.query_row([row], leased).optional()?.flatten())
}
