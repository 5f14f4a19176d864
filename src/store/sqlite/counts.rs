//! What waits: counted when the file is opened, and the oldest of it looked for when somebody asks.

use rusqlite::{Connection, OptionalExtension};

use super::books::{Books, Kept};
use super::rows;
use crate::store::ledger::Target;

use jiff::Timestamp;

/// Fills the books with the file's targets and counts.
pub(super) fn load(connection: &Connection, books: &Books, is_size_limited: bool) -> rusqlite::Result<()> {
    load_targets(connection, books)?;
    // Each is an index of its own, and reads nothing else.
    for (kept, sql) in [
        (Kept::Due, "SELECT target, count(*) FROM delivery WHERE state = 0 GROUP BY target"),
        (Kept::Dead, "SELECT target, count(*) FROM delivery WHERE state = 1 GROUP BY target"),
    ] {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let count = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
            books.restore_count(row.get(0)?, kept, count);
        }
    }
    if is_size_limited {
        let size = connection.query_row("SELECT coalesce(sum(size), 0) FROM delivery", [], |row| row.get(0))?;
        books.resized(size);
    }
    if let Some(latest) = latest(connection)? {
        books.latest.get_or_init(|| latest);
    }
    Ok(())
}

/// When the last event was settled, the last delivery accepted or ended, the last change made: the end of an index each.
fn latest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let last = "SELECT max(ms) FROM (
        SELECT (SELECT settled_ms FROM event ORDER BY row DESC LIMIT 1) AS ms
        UNION ALL SELECT (SELECT accepted_ms FROM delivery ORDER BY row DESC LIMIT 1)
        UNION ALL SELECT (SELECT max(ended_ms) FROM delivery WHERE state >= 2)
        UNION ALL SELECT (SELECT at_ms FROM change ORDER BY row DESC LIMIT 1))";
    Ok(connection.query_row(last, [], |row| row.get::<_, Option<i64>>(0))?.map(rows::moment))
}

fn load_targets(connection: &Connection, books: &Books) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT id, kind, name, paused_ms, reason FROM target")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let paused = row.get::<_, Option<i64>>(3)?.map(rows::moment);
        let reason: Option<String> = row.get(4)?;
        let target = rows::target(row.get_ref(1)?.as_str()?, row.get(2)?);
        books.restore(row.get(0)?, target, paused.map(|at| (at, reason.unwrap_or_default())));
    }
    Ok(())
}

/// When the longest waiting delivery of each target was accepted.
///
/// No index knows it, and none is needed: the search begins where the last one ended.
pub(super) fn oldest(connection: &Connection, books: &Books) -> rusqlite::Result<Vec<(Target, Timestamp)>> {
    let mut select = connection.prepare_cached(
        "SELECT row, accepted_ms FROM delivery NOT INDEXED
         WHERE row >= ?1 AND state = 0 AND target = ?2 ORDER BY row LIMIT 1",
    )?;
    let mut oldest = Vec::new();
    for (id, target, from) in books.seek_oldest() {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        if let Some((row, accepted)) = select.query_row([from, id], read).optional()? {
            books.found_oldest(id, row);
            oldest.push((target, rows::moment(accepted)));
        }
    }
    Ok(oldest)
}
