//! Which deliveries a filter means, and pages of them.

use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::books::{Books, Kept, TargetId};
use super::rows;
use crate::store::ledger::{Filter, Listed, Page, State, Summary, TargetKind};

/// How many deliveries are looked at while the file is held as it was; more are looked at anew.
const LOOKED_AT: i64 = 50_000;

/// A filter, as the file can be asked.
pub(super) struct Meant {
    /// Conditions on columns, each with `AND` before it.
    sql: String,
    values: Vec<Value>,
    state: Option<State>,
    /// The target, if one was named.
    pub(super) target: Option<TargetId>,
}

impl Meant {
    /// `None`: nothing can fit.
    pub(super) fn of(connection: &Connection, filter: &Filter) -> rusqlite::Result<Option<Meant>> {
        let mut meant = Meant { sql: String::new(), values: Vec::new(), state: filter.state, target: None };
        for (kind, name) in [(TargetKind::Endpoint, &filter.endpoint), (TargetKind::Upstream, &filter.upstream)] {
            let Some(name) = name else { continue };
            let Some(id) = target(connection, kind, name)? else { return Ok(None) };
            if meant.target.replace(id).is_some() {
                // Nothing goes to both.
                return Ok(None);
            }
            meant.demand("target = ?", Value::Integer(id));
        }
        let text = |text: &String| Value::Text(text.clone());
        let moment = |moment: jiff::Timestamp| Value::Integer(moment.as_millisecond());
        let demands = [
            ("state = ?", filter.state.map(|state| Value::Integer(kept(state) as i64))),
            ("source = ?", filter.source.as_ref().map(text)),
            ("event_id = ?", filter.event_id.as_ref().map(text)),
            ("accepted_ms >= ?", filter.since.map(moment)),
            ("accepted_ms < ?", filter.until.map(moment)),
        ];
        for (condition, value) in demands {
            if let Some(value) = value {
                meant.demand(condition, value);
            }
        }
        Ok(Some(meant))
    }

    fn demand(&mut self, condition: &str, value: Value) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.push(value);
    }

    /// Of some deliveries from one on, those that are meant, are not due, and can be sent again.
    pub(super) fn over(
        &self,
        connection: &Connection,
        (from, last): (i64, i64),
        looked_at: i64,
        most: usize,
    ) -> rusqlite::Result<Over> {
        let end = "SELECT row FROM delivery WHERE row >= ?1 AND row <= ?2 ORDER BY row LIMIT 1 OFFSET ?3";
        let end: Option<i64> =
            connection.prepare_cached(end)?.query_row([from, last, looked_at], |row| row.get(0)).optional()?;
        let sql = format!(
            "SELECT row, target, state FROM delivery NOT INDEXED WHERE row >= ? AND row < ? AND state <> 0{}
             AND EXISTS (SELECT 1 FROM message WHERE message.row = delivery.row AND body IS NOT NULL)
             ORDER BY row LIMIT ?",
            self.sql
        );
        let mut values = vec![Value::Integer(from), Value::Integer(end.unwrap_or(last.saturating_add(1)))];
        values.extend(self.values.iter().cloned());
        values.push(Value::Integer(most as i64));
        let mut statement = connection.prepare_cached(&sql)?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, Kept::of(row.get(2)?)));
        let rows: Vec<_> = statement.query_map(params_from_iter(values), read)?.collect::<rusqlite::Result<_>>()?;
        let next = if rows.len() == most { rows.last().map(|(row, _, _)| row + 1) } else { end };
        Ok(Over { rows, next })
    }
}

/// Deliveries that are to be sent again.
pub(super) struct Over {
    pub(super) rows: Vec<(i64, TargetId, Kept)>,
    /// Where to go on; `None`: that were all.
    pub(super) next: Option<i64>,
}

fn target(connection: &Connection, kind: TargetKind, name: &str) -> rusqlite::Result<Option<TargetId>> {
    let mut select = connection.prepare_cached("SELECT id FROM target WHERE kind = ?1 AND name = ?2")?;
    select.query_row([rows::kind(kind), name], |row| row.get(0)).optional()
}

/// What is in a state, as the file has it.
fn kept(state: State) -> Kept {
    match state {
        State::Dead => Kept::Dead,
        State::Delivered => Kept::Delivered,
        State::Discarded => Kept::Discarded,
        State::Due | State::Leased | State::Paused => Kept::Due,
    }
}

/// The columns of [`summary`].
pub(super) const SUMMARY: &str =
    "row, accepted_ms, target, source, event_id, event_type, state, attempts, due_ms, ended_ms";

pub(super) fn list(connection: &Connection, books: &Books, filter: &Filter, page: Page) -> rusqlite::Result<Listed> {
    let Some(meant) = Meant::of(connection, filter)? else { return Ok(Listed::default()) };
    let mut listed = Listed::default();
    let mut before = page.after.map_or(i64::MAX, |id| id.row());
    while let Some(next) = look(connection, books, &meant, (before, page.limit), &mut listed)? {
        before = next;
    }
    Ok(listed)
}

/// Looks at some deliveries for those that are meant; tells where to go on, unless that is enough.
fn look(
    connection: &Connection,
    books: &Books,
    meant: &Meant,
    (before, limit): (i64, usize),
    listed: &mut Listed,
) -> rusqlite::Result<Option<i64>> {
    let floor = "SELECT row FROM delivery WHERE row < ?1 ORDER BY row DESC LIMIT 1 OFFSET ?2";
    let floor: Option<i64> =
        connection.prepare_cached(floor)?.query_row([before, LOOKED_AT], |row| row.get(0)).optional()?;
    let sql = format!("SELECT {SUMMARY} FROM delivery WHERE row < ? AND row >= ?{} ORDER BY row DESC", meant.sql);
    let mut values = vec![Value::Integer(before), Value::Integer(floor.unwrap_or(i64::MIN))];
    values.extend(meant.values.iter().cloned());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let Some(summary) = summary(row, books)? else { continue };
        if meant.state.is_some_and(|state| state != summary.state) {
            continue;
        }
        if listed.deliveries.len() >= limit {
            listed.has_more = true;
            return Ok(None);
        }
        listed.deliveries.push(summary);
    }
    Ok(floor)
}

/// Reads a delivery; `None`: its target is not known.
pub(super) fn summary(row: &Row<'_>, books: &Books) -> rusqlite::Result<Option<Summary>> {
    let (number, target, kept) = (row.get(0)?, row.get(2)?, Kept::of(row.get(6)?));
    let Some(named) = books.named(target) else { return Ok(None) };
    let state = books.state(target, number, kept);
    let due = row.get::<_, Option<i64>>(8)?.filter(|_| matches!(state, State::Due | State::Paused));
    Ok(Some(Summary {
        id: rows::id(row.get(1)?, number),
        target: named,
        source: row.get::<_, Option<String>>(3)?.map(Arc::from),
        event_id: row.get(4)?,
        event_type: row.get(5)?,
        state,
        attempts: row.get(7)?,
        accepted: rows::moment(row.get(1)?),
        due: due.map(rows::moment),
        ended: row.get::<_, Option<i64>>(9)?.map(rows::moment),
    }))
}
