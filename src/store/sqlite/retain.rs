//! What is over is kept for a time, and within a size.
//!
//! Deleted in small batches by the thread that writes, the oldest first, in
//! transactions that others share. What is due or dead is never let go.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::books::Books;
use super::operation::Effect;
use crate::config::Keep;
use crate::store::scope::milliseconds;

/// How many bytes one transaction lets go of, and no less than one delivery: freeing them takes time in which nothing is
/// accepted.
const BYTES: i64 = 4 * 1024 * 1024;

/// What stays of a delivery whose bodies are forgotten, roughly, in bytes.
const FORGOTTEN: i64 = 300;

/// Lets go of what is over.
pub(in crate::store) struct Retention {
    keep: Keep,
    books: Arc<Books>,
    /// Since when there may be something to let go of; `None`: there is nothing.
    now: Option<i64>,
}

impl Retention {
    pub(in crate::store) fn new(keep: Keep, books: &Arc<Books>) -> Retention {
        Retention { keep, books: Arc::clone(books), now: None }
    }

    /// Looks again for what is over at `now`.
    pub(super) fn begin(&mut self, now: Option<i64>) {
        self.now = now.or(self.now);
    }

    pub(super) fn has_rest(&self) -> bool {
        self.now.is_some()
    }

    /// Deletes at most so many deliveries, and stops once they had [`BYTES`].
    pub(super) fn prune(&mut self, connection: &Connection, most: usize) -> rusqlite::Result<Option<Effect>> {
        let Some(now) = self.now else { return Ok(None) };
        let until = now.saturating_sub(milliseconds(self.keep.age));
        let mut excess = self.keep.size.map_or(0, |size| self.books.size.load(Relaxed).saturating_sub_unsigned(size));
        let (mut freed, mut has_rest) = (0, false);
        for (place, (row, ended, size)) in oldest(connection, most)?.into_iter().enumerate() {
            if ended > until && excess <= 0 {
                break;
            }
            delete(connection, row)?;
            (freed, excess) = (freed + size, excess - size);
            has_rest = freed >= BYTES || place + 1 == most;
            if has_rest {
                break;
            }
        }
        if !has_rest {
            self.now = None;
        }
        let books = Arc::clone(&self.books);
        Ok(Some(Box::new(move || books.resized(-freed))))
    }
}

/// Row, end and size of those that were over first.
fn oldest(connection: &Connection, most: usize) -> rusqlite::Result<Vec<(i64, i64, i64)>> {
    let mut statement = connection
        .prepare_cached("SELECT row, ended_ms, size FROM delivery WHERE state >= 2 ORDER BY ended_ms LIMIT ?1")?;
    let rows = statement.query_map([most as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

fn delete(connection: &Connection, row: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM delivery WHERE row = ?1")?.execute([row])?;
    connection.prepare_cached("DELETE FROM message WHERE row = ?1")?.execute([row])?;
    connection.prepare_cached("DELETE FROM attempt WHERE key BETWEEN ?1 AND ?1 + 15")?.execute([row * 16])?;
    Ok(())
}

/// Keeps of a delivery that is over only its body's length and SHA-256; tells how much it grows by that.
pub(super) fn forget_bodies(connection: &Connection, row: i64, size: i64) -> rusqlite::Result<i64> {
    let read = |row: &rusqlite::Row<'_>| {
        let body = row.get_ref(0)?.as_blob_or_null()?;
        Ok(body.map(|body| (body.len() as i64, <[u8; 32]>::from(Sha256::digest(body)))))
    };
    let mut select = connection.prepare_cached("SELECT body FROM message WHERE row = ?1")?;
    let Some((length, sha256)) = select.query_row([row], read).optional()?.flatten() else { return Ok(0) };
    let mut message = connection.prepare_cached(
        "UPDATE message SET path = '', headers = '', body = NULL, length = ?2, sha256 = ?3 WHERE row = ?1",
    )?;
    message.execute(params![row, length, sha256])?;
    let mut attempts = connection
        .prepare_cached("UPDATE attempt SET body = NULL WHERE key BETWEEN ?1 AND ?1 + 15 AND body IS NOT NULL")?;
    attempts.execute([row * 16])?;
    connection.prepare_cached("UPDATE delivery SET size = ?2 WHERE row = ?1")?.execute([row, FORGOTTEN])?;
    Ok(FORGOTTEN - size)
}
