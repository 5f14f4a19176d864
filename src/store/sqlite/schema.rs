//! What the file looks like.
//!
//! `event` is a log that is only appended to: an index by key would be written to at a
//! random place for every event, so that one is kept in memory and built when the file
//! is opened. Answers stand apart: they are dropped earlier than their events, and
//! reading the log must not read them.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours: "csig". <https://sqlite.org/pragma.html#pragma_application_id>
pub(super) const APPLICATION: i32 = 0x6373_6967;

/// One step for each version; `user_version` counts those that were taken.
pub(super) const MIGRATIONS: &[&str] = &["
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
"];

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
