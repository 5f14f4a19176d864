//! One delivery with all that is kept of it, and what operators changed.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};

use super::books::Books;
use super::list::{SUMMARY, summary};
use super::rows;
use super::twice::says_twice;
use crate::scheme::Pointer;
use crate::store::ledger::{ChangeRecord, DeliveryId, Message, Shown, ShownMessage};

/// What stands for what is not shown.
const MASKED: &str = "***";

pub(super) fn show(
    connection: &Connection,
    books: &Books,
    mask: &[Pointer],
    id: DeliveryId,
) -> rusqlite::Result<Option<Shown>> {
    let sql = format!("SELECT {SUMMARY}, tried FROM delivery WHERE row = ?1");
    let read = |row: &Row<'_>| Ok((summary(row, books)?, row.get(10)?));
    let found = connection.prepare_cached(&sql)?.query_row([id.row()], read).optional()?;
    let Some((Some(summary), tried)) = found else { return Ok(None) };
    if summary.id != id {
        return Ok(None);
    }
    let Some(message) = message(connection, mask, id.row())? else { return Ok(None) };
    let mut attempts = rows::attempts(connection, id.row(), tried)?;
    for answer in attempts.iter_mut().filter_map(|attempt| attempt.answer.as_mut()) {
        answer.body = masked(mask, std::mem::take(&mut answer.body));
    }
    Ok(Some(Shown { summary, message, attempts }))
}

fn message(connection: &Connection, mask: &[Pointer], row: i64) -> rusqlite::Result<Option<ShownMessage>> {
    let mut select =
        connection.prepare_cached("SELECT path, headers, body, length, sha256 FROM message WHERE row = ?1")?;
    let read = |row: &Row<'_>| {
        Ok(match rows::message(row, 0)? {
            Some(message) => {
                let body = masked(mask, message.body);
                ShownMessage::Full(Arc::new(Message { body, ..message }))
            }
            None => {
                let length = row.get::<_, Option<i64>>(3)?.unwrap_or(0);
                let sha256 = row.get::<_, Option<[u8; 32]>>(4)?.unwrap_or_default();
                ShownMessage::Digest { length: u64::try_from(length).unwrap_or(0), sha256 }
            }
        })
    };
    select.query_row([row], read).optional()
}

/// A body without what is not to be shown.
pub(super) fn masked(mask: &[Pointer], body: Bytes) -> Bytes {
    if mask.is_empty() {
        return body;
    }
    let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(&body) else {
        return if has_fields(&body) { MASKED.into() } else { body };
    };
    let mut is_changed = false;
    for pointer in mask {
        if let Some(value) = json.pointer_mut(&pointer.0) {
            *value = MASKED.into();
            is_changed = true;
        }
    }
    // Of two members of one name only the last was looked at: as it came, the other would be shown.
    if is_changed || says_twice(&body) { json.to_string().into() } else { body }
}

/// Whether what cannot be read as JSON has fields all the same: an answer of which only the beginning is kept, or the
/// payload of a compact JWS.
fn has_fields(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    [&b"{"[..], b"[", b"eyJ"].iter().any(|beginning| body.starts_with(beginning))
}

/// What operators changed, the newest first.
pub(super) fn changes(connection: &Connection, books: &Books, limit: usize) -> rusqlite::Result<Vec<ChangeRecord>> {
    let mut select = connection
        .prepare_cached("SELECT at_ms, what, delivery, target, count, reason FROM change ORDER BY row DESC LIMIT ?1")?;
    let read = |row: &Row<'_>| {
        Ok(ChangeRecord {
            at: rows::moment(row.get(0)?),
            what: row.get(1)?,
            delivery: row.get::<_, Option<String>>(2)?.and_then(|id| DeliveryId::parse(&id)),
            target: row.get::<_, Option<i64>>(3)?.and_then(|id| books.named(id)),
            count: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
            reason: row.get(5)?,
        })
    };
    let rows = select.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], read)?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &'static str) -> Bytes {
        masked(&[Pointer::parse("/email").expect("a pointer")], Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn of_json_that_cannot_be_read_nothing_is_shown() {
        for body in [
            "{\"email\":\"a@example.com\",\"rest\":\"cut o",
            "\u{feff}{\"email\":\"a@example.com\"}",
            " [{\"email\":\"a@example.com\"",
            "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFAZXhhbXBsZS5jb20ifQ.c2ln",
        ] {
            assert_eq!(shown(body), "***", "{body}");
        }
    }

    #[test]
    fn a_member_that_is_given_twice_is_shown_once_and_masked() {
        assert_eq!(shown(r#"{"email":"a@example.com","email":"b@example.com"}"#), r#"{"email":"***"}"#);
        let body = r#"{"of":{"email":"a@example.com"},"of":7}"#;
        let mask = [Pointer::parse("/of/email").expect("a pointer")];
        assert_eq!(masked(&mask, Bytes::from_static(body.as_bytes())), r#"{"of":7}"#);
    }

    #[test]
    fn what_has_no_fields_is_shown_as_it_is() {
        for body in ["", "no such user", "{\"name\": 1}", "7"] {
            assert_eq!(shown(body), body);
        }
    }
}
