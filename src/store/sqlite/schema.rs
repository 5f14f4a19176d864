//! What the file looks like.
//!
//! `event` is a log that is only appended to: an index by key would be written to at a
//! random place for every event, so that one is kept in memory and built when the file
//! is opened. Answers stand apart: they are dropped earlier than their events, and
//! reading the log must not read them. `body_key` is there where an event's body counts
//! alone as well.
//!
//! `delivery` is as narrow as can be, so that lists and counts read little; messages
//! stand apart. Its only indexes are of what is due, dead or over, each of a part of
//! it. A delivery and the event that is remembered under it have the same number, and
//! either may outlive the other. The number of an attempt is 16 times its delivery's
//! and its place among the last ten.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours: "csig". <https://sqlite.org/pragma.html#pragma_application_id>
pub(super) const APPLICATION: i32 = 0x6373_6967;

/// One step for each version; `user_version` counts those that were taken.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE scope (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        window_ms INTEGER NOT NULL,
        entries INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE event (
        row INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL,
        event_key BLOB NOT NULL,
        fingerprint BLOB NOT NULL,
        settled_ms INTEGER NOT NULL,
        status INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE answer (
        row INTEGER PRIMARY KEY,
        content_type BLOB NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE target (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        paused_ms INTEGER,
        reason TEXT,
        UNIQUE (kind, name)
    ) STRICT;
    CREATE TABLE delivery (
        row INTEGER PRIMARY KEY,
        accepted_ms INTEGER NOT NULL,
        target INTEGER NOT NULL,
        source TEXT,
        event_id TEXT NOT NULL,
        event_type TEXT,
        state INTEGER NOT NULL,
        due_ms INTEGER,
        attempts INTEGER NOT NULL,
        tried INTEGER NOT NULL,
        ended_ms INTEGER,
        size INTEGER NOT NULL,
        successor INTEGER
    ) STRICT;
    CREATE INDEX delivery_due ON delivery (target, due_ms) WHERE state = 0;
    CREATE INDEX delivery_dead ON delivery (target) WHERE state = 1;
    CREATE INDEX delivery_over ON delivery (ended_ms) WHERE state >= 2;
    CREATE TABLE message (
        row INTEGER PRIMARY KEY,
        path TEXT NOT NULL,
        headers ANY NOT NULL,
        body BLOB,
        length INTEGER,
        sha256 BLOB
    ) STRICT;
    CREATE TABLE attempt (
        key INTEGER PRIMARY KEY,
        number INTEGER NOT NULL,
        started_ms INTEGER NOT NULL,
        took_us INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        status INTEGER,
        headers ANY,
        body BLOB,
        error TEXT
    ) STRICT;
    CREATE TABLE change (
        row INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        what TEXT NOT NULL,
        delivery TEXT,
        target INTEGER,
        count INTEGER NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
",
    "
    ALTER TABLE event ADD COLUMN body_key BLOB;
",
];

/// Whose the file is.
pub(super) enum Owner {
    /// Nobody's: it is empty.
    Nobody,
    /// Ours, in this version.
    Us(usize),
    /// Another program's.
    Other,
}

pub(super) fn owner(connection: &Connection) -> rusqlite::Result<Owner> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match application {
        APPLICATION => Owner::Us(usize::try_from(version).unwrap_or(usize::MAX)),
        0 if version == 0 && tables == 0 => Owner::Nobody,
        _ => Owner::Other,
    })
}

/// Takes the steps from `version` on, all or none.
pub(super) fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in MIGRATIONS.get(version..).unwrap_or_default() {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    transaction.commit()
}
