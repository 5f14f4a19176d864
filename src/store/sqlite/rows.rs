//! How messages, attempts and states are written in the file, and read from it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql, params};

use super::books::{Books, Kept, TargetId};
use crate::store::ledger::{
    Attempt, AttemptAnswer, DeliveryId, KEPT_ATTEMPTS, KEPT_OF_ANSWER, Message, NewDelivery, Target, TargetKind,
};
use crate::telemetry::words::AttemptOutcome;

/// Headers that are not stored, unless a message says so.
const SECRET: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE];

/// What a delivery takes beside its texts and its message, roughly, in bytes.
const OVERHEAD: usize = 200;

/// What an attempt takes beside its answer.
const ATTEMPT_OVERHEAD: usize = 60;

/// Headers as lines: a text where they are one, so that an operator can read them.
pub(super) struct Lines(pub(super) Vec<u8>);

impl Lines {
    pub(super) fn of(headers: &HeaderMap, credentials: &[HeaderName]) -> Lines {
        let is_stored = |name: &HeaderName| !SECRET.contains(name) || credentials.contains(name);
        let mut lines = Vec::new();
        for (name, value) in headers.iter().filter(|(name, _)| is_stored(name)) {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value.as_bytes());
            lines.push(b'\n');
        }
        Lines(lines)
    }

    pub(super) fn parse(lines: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines.split(|byte| *byte == b'\n') {
            let Some(colon) = memchr::memmem::find(line, b": ") else { continue };
            let (name, value) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 2..]));
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        headers
    }

    pub(super) fn read(row: &Row<'_>, column: usize) -> rusqlite::Result<HeaderMap> {
        Ok(Lines::parse(match row.get_ref(column)? {
            ValueRef::Text(lines) | ValueRef::Blob(lines) => lines,
            _ => b"",
        }))
    }
}

impl ToSql for Lines {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match std::str::from_utf8(&self.0) {
            Ok(text) => ValueRef::from(text),
            Err(_) => ValueRef::Blob(&self.0),
        }))
    }
}

/// A target that the file does not know yet gets a row.
pub(super) fn write_target(connection: &Connection, books: &Books, target: &Target) -> rusqlite::Result<TargetId> {
    let (id, is_written) = books.target(target);
    if !is_written {
        let mut insert =
            connection.prepare_cached("INSERT OR IGNORE INTO target (id, kind, name) VALUES (?1, ?2, ?3)")?;
        insert.execute(params![id, kind(target.kind), target.name])?;
    }
    Ok(id)
}

/// Where a new delivery stands.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) kept: Kept,
    pub(super) due: Option<Timestamp>,
    pub(super) attempts: u32,
    pub(super) ended: Option<Timestamp>,
}

/// Writes a new delivery and its message; tells how much it takes.
pub(super) fn insert(
    connection: &Connection,
    new: &NewDelivery,
    target: TargetId,
    standing: Standing,
) -> rusqlite::Result<i64> {
    let (row, headers) = (new.id.row(), Lines::of(&new.message.headers, &new.message.credentials));
    let texts = new.event_id.len() + new.event_type.as_ref().map_or(0, String::len) + new.message.path.len();
    let size = (OVERHEAD + texts + headers.0.len() + new.message.body.len()) as i64;
    let mut delivery = connection
        .prepare_cached("INSERT INTO delivery VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, NULL)")?;
    delivery.execute(params![
        row,
        new.id.millis(),
        target,
        new.source,
        new.event_id,
        new.event_type,
        standing.kept as i64,
        standing.due.map(Timestamp::as_millisecond),
        standing.attempts,
        standing.ended.map(Timestamp::as_millisecond),
        size,
    ])?;
    let mut message =
        connection.prepare_cached("INSERT INTO message (row, path, headers, body) VALUES (?1, ?2, ?3, ?4)")?;
    message.execute(params![row, new.message.path, headers, &new.message.body[..]])?;
    Ok(size)
}

/// Reads a message from columns `path, headers, body`; `None`: its body is not kept.
pub(super) fn message(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Message>> {
    let Some(body) = row.get_ref(column + 2)?.as_blob_or_null()? else { return Ok(None) };
    let body = Bytes::copy_from_slice(body);
    Ok(Some(Message { path: row.get(column)?, headers: Lines::read(row, column + 1)?, body, ..Message::default() }))
}

/// Writes an attempt, the `tried`th of its delivery from 0, over the one that is ten older; tells how much that adds.
pub(super) fn write_attempt(connection: &Connection, row: i64, tried: i64, attempt: &Attempt) -> rusqlite::Result<i64> {
    let key = row * 16 + tried % i64::from(KEPT_ATTEMPTS);
    let replaced = if tried < i64::from(KEPT_ATTEMPTS) { 0 } else { attempt_size(connection, key)? };
    let answer = attempt.answer.as_ref();
    let headers = answer.map(|answer| Lines::of(&answer.headers, &[]));
    let body = answer.map(|answer| &answer.body[..answer.body.len().min(KEPT_OF_ANSWER)]);
    let taken = ATTEMPT_OVERHEAD + headers.as_ref().map_or(0, |lines| lines.0.len()) + body.map_or(0, <[u8]>::len);
    let mut insert =
        connection.prepare_cached("INSERT OR REPLACE INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    insert.execute(params![
        key,
        attempt.number,
        attempt.started.as_millisecond(),
        i64::try_from(attempt.took.as_micros()).unwrap_or(i64::MAX),
        attempt.outcome.word(),
        answer.map(|answer| answer.status),
        headers,
        body,
        attempt.error,
    ])?;
    Ok(taken as i64 - replaced)
}

fn attempt_size(connection: &Connection, key: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT ?2 + coalesce(length(CAST(headers AS BLOB)), 0) + coalesce(length(body), 0) FROM attempt WHERE key = ?1";
    let size = connection.prepare_cached(sql)?.query_row(params![key, ATTEMPT_OVERHEAD as i64], |row| row.get(0));
    rusqlite::OptionalExtension::optional(size).map(Option::unwrap_or_default)
}

/// The attempts of a delivery that are kept, the oldest first.
pub(super) fn attempts(connection: &Connection, row: i64, tried: i64) -> rusqlite::Result<Vec<Attempt>> {
    let kept = i64::from(KEPT_ATTEMPTS);
    let mut statement = connection.prepare_cached(
        "SELECT number, started_ms, took_us, outcome, status, headers, body, error FROM attempt
         WHERE key BETWEEN ?1 AND ?1 + 15 ORDER BY (key - ?1 - ?2 + ?3) % ?3",
    )?;
    // The place that the next attempt would take is the oldest one's.
    let rows = statement.query_map([row * 16, tried % kept, kept], attempt)?;
    rows.collect()
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let (word, status, body) = (row.get_ref(3)?.as_str()?, row.get::<_, Option<u16>>(4)?, row.get_ref(6)?);
    let body = Bytes::copy_from_slice(body.as_blob_or_null()?.unwrap_or_default());
    let headers = Lines::read(row, 5)?;
    Ok(Attempt {
        number: row.get(0)?,
        started: moment(row.get(1)?),
        took: Duration::from_micros(u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0)),
        outcome: AttemptOutcome::ALL.iter().copied().find(|it| it.word() == word).unwrap_or(AttemptOutcome::Connect),
        answer: status.map(|status| AttemptAnswer { status, headers, body }),
        error: row.get(7)?,
    })
}

/// A moment as the file has it; one that no calendar has counts as its beginning.
pub(super) fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// The id of the delivery with this number that was accepted then.
pub(super) fn id(accepted: i64, row: i64) -> DeliveryId {
    DeliveryId::new(moment(accepted), row)
}

pub(super) fn kind(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Endpoint => "endpoint",
        TargetKind::Upstream => "upstream",
    }
}

pub(super) fn target(kind: &str, name: String) -> Target {
    let kind = if kind == "endpoint" { TargetKind::Endpoint } else { TargetKind::Upstream };
    Target { kind, name: Arc::from(name) }
}
