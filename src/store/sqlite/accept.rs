//! A delivery and what its claim remembers, in one transaction.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::books::{Books, Kept, TargetId};
use super::operation::{Effect, Reply, told};
use super::rows::{self, Standing};
use crate::clock;
use crate::store::answer::Content;
use crate::store::claim::{Claim, Place};
use crate::store::journal::Journal;
use crate::store::ledger::{Accept, Accepted, DeliveryId, NewDelivery, Next, Repeated, Start};
use crate::store::memory::Memory;
use crate::store::shard::Remembered;
use crate::store::{Fingerprint, KeptAnswer};

/// How much of messages is to be written.
pub(super) fn bytes(accept: &Accept) -> usize {
    accept.deliveries.iter().map(|(new, _)| new.message.body.len() + 512).sum()
}

/// Writes deliveries, and what their claims remember.
pub(super) fn accept(
    connection: &Connection,
    (books, journal): (&Arc<Books>, &Journal),
    accept: Accept,
    reply: Reply<Vec<Accepted>>,
) -> rusqlite::Result<Effect> {
    let accepted = accept.deliveries.first().map(|(new, _)| new.id.millis());
    let mut settled = Vec::with_capacity(accept.deliveries.len());
    let mut placed = Vec::with_capacity(accept.deliveries.len());
    for (new, claim) in accept.deliveries {
        placed.push(place(connection, books, &new)?);
        if let Some(claim) = claim {
            remember_queued(connection, claim.place(), new.id)?;
            settled.push((claim, new.id));
        }
    }
    let at = accepted.unwrap_or_else(|| clock::now().as_millisecond());
    let answer_one = |(claim, answer)| answer_claim(connection, (at, journal.next_row()), claim, answer);
    let answered = accept.answered.map(answer_one).transpose()?;
    let outcome = vec![Accepted::New; placed.len()];
    Ok(told(reply, Ok(outcome), move || {
        placed.into_iter().for_each(Placed::settle);
        settled.into_iter().for_each(|(claim, id)| claim.queued(id));
        if let Some((claim, event, answer)) = answered {
            claim.answered(event, answer);
        }
    }))
}

/// A delivery that is in the file once the transaction is.
struct Placed {
    books: Arc<Books>,
    target: TargetId,
    row: i64,
    kept: Kept,
    size: i64,
    is_leased: bool,
}

impl Placed {
    fn settle(mut self) {
        self.is_leased = false;
        self.books.is_written(self.target);
        self.books.added(self.target, self.row, self.kept);
        self.books.resized(self.size);
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if self.is_leased {
            self.books.let_go(self.row);
        }
    }
}

fn place(connection: &Connection, books: &Arc<Books>, new: &NewDelivery) -> rusqlite::Result<Placed> {
    let (target, row, standing) = (rows::write_target(connection, books, &new.target)?, new.id.row(), standing(new));
    let mut size = rows::insert(connection, new, target, standing)?;
    if let Start::Attempted(attempt, _) = &new.start {
        size += rows::write_attempt(connection, row, 0, attempt)?;
    }
    let is_leased = matches!(new.start, Start::Leased);
    if is_leased {
        // Before anybody can see it.
        books.lease_new(target, row);
    }
    Ok(Placed { books: Arc::clone(books), target, row, kept: standing.kept, size, is_leased })
}

fn standing(new: &NewDelivery) -> Standing {
    let accepted = rows::moment(new.id.millis());
    match &new.start {
        Start::Due(due) => Standing { kept: Kept::Due, due: Some(*due), attempts: 0, ended: None },
        Start::Leased => Standing { kept: Kept::Due, due: Some(accepted), attempts: 0, ended: None },
        Start::Attempted(attempt, next) => {
            let (kept, due, ended) = after(*next, ended(attempt.started, attempt.took));
            Standing { kept, due, attempts: attempt.number, ended }
        }
    }
}

/// State, due time, and end of a delivery after an attempt that was over at `ended`.
pub(super) fn after(next: Next, ended: Timestamp) -> (Kept, Option<Timestamp>, Option<Timestamp>) {
    match next {
        Next::Dead => (Kept::Dead, None, Some(ended)),
        Next::Delivered => (Kept::Delivered, None, Some(ended)),
        Next::Due(due) => (Kept::Due, Some(due), None),
    }
}

/// When an attempt was over.
pub(super) fn ended(started: Timestamp, took: std::time::Duration) -> Timestamp {
    started.saturating_add(took).unwrap_or(started)
}

/// Writes down that an event is remembered under a delivery.
fn remember_queued(connection: &Connection, place: Option<(i64, Place)>, id: DeliveryId) -> rusqlite::Result<()> {
    let Some((scope, Place { key, fingerprint, body })) = place else { return Ok(()) };
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO event VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)")?;
    insert.execute(params![id.row(), scope, key, fingerprint.0.to_be_bytes(), id.millis(), body])?;
    Ok(())
}

/// Writes down the answer that settles a claim.
fn answer_claim(
    connection: &Connection,
    (at, row): (i64, i64),
    claim: Claim,
    answer: KeptAnswer,
) -> rusqlite::Result<(Claim, Remembered, KeptAnswer)> {
    let (scope, Place { key, fingerprint, body }) = claim.place().expect("a claim that was not settled has a place");
    let event = Remembered::new(key, fingerprint, at, row, answer.status, Content::of(&answer));
    super::writer::write_event(connection, scope, &event, body)?;
    Ok((claim, event, answer))
}

/// What becomes of a repeat.
pub(super) fn repeat(
    connection: &Connection,
    (books, memory): (&Arc<Books>, &Arc<Memory>),
    (id, again): (DeliveryId, NewDelivery),
    reply: Reply<Repeated>,
) -> rusqlite::Result<Effect> {
    let Some(found) = last(connection, id)? else { return Ok(told(reply, Ok(Repeated::Same(id)), || {})) };
    match found.kept {
        Kept::Due | Kept::Delivered => Ok(told(reply, Ok(Repeated::Same(found.id)), || {})),
        Kept::Dead => {
            let mut update = connection.prepare_cached(
                "UPDATE delivery SET state = 0, due_ms = ?2, attempts = 0, ended_ms = NULL WHERE row = ?1",
            )?;
            update.execute([found.id.row(), again.id.millis()])?;
            let (books, row) = (Arc::clone(books), found.id.row());
            let moved = move || books.moved(found.target, row, Kept::Dead, Kept::Due);
            Ok(told(reply, Ok(Repeated::Revived(found.id)), moved))
        }
        Kept::Discarded => accept_again(connection, (books, memory), (found.id, again), reply),
    }
}

struct Found {
    id: DeliveryId,
    target: TargetId,
    kept: Kept,
}

/// The delivery that an event has come to: where one was discarded, another may have followed.
fn last(connection: &Connection, id: DeliveryId) -> rusqlite::Result<Option<Found>> {
    let mut statement =
        connection.prepare_cached("SELECT accepted_ms, target, state, successor FROM delivery WHERE row = ?1")?;
    let (mut row, mut last) = (id.row(), None);
    loop {
        let read = |it: &rusqlite::Row<'_>| {
            let found = Found { id: rows::id(it.get(0)?, row), target: it.get(1)?, kept: Kept::of(it.get(2)?) };
            Ok((found, it.get::<_, Option<i64>>(3)?))
        };
        let Some((found, successor)) = statement.query_row([row], read).optional()? else { break };
        if last.is_none() && found.id != id {
            break;
        }
        last = Some(found);
        // Numbers only grow: this ends.
        match successor.filter(|successor| *successor > row) {
            Some(successor) => row = successor,
            None => break,
        }
    }
    Ok(last)
}

/// Accepts a delivery in the place of one that was discarded, and remembers the event under it.
fn accept_again(
    connection: &Connection,
    (books, memory): (&Arc<Books>, &Arc<Memory>),
    (old, again): (DeliveryId, NewDelivery),
    reply: Reply<Repeated>,
) -> rusqlite::Result<Effect> {
    let placed = place(connection, books, &again)?;
    let event = take_event(connection, old)?;
    remember_queued(connection, event, again.id)?;
    let mut follow = connection.prepare_cached("UPDATE delivery SET successor = ?2 WHERE row = ?1")?;
    follow.execute([old.row(), again.id.row()])?;
    let (memory, id) = (Arc::clone(memory), again.id);
    Ok(told(reply, Ok(Repeated::New(id)), move || {
        placed.settle();
        if let Some((scope, place)) = event
            && let Some(scope) = memory.scopes().iter().find(|known| known.id == scope)
        {
            scope.queued(place, id);
        }
    }))
}

/// Takes out what is remembered under a delivery.
fn take_event(connection: &Connection, id: DeliveryId) -> rusqlite::Result<Option<(i64, Place)>> {
    let mut delete = connection
        .prepare_cached("DELETE FROM event WHERE row = ?1 RETURNING scope, event_key, fingerprint, body_key")?;
    let read = |row: &rusqlite::Row<'_>| {
        let fingerprint: [u8; 16] = row.get(2)?;
        let fingerprint = Fingerprint(u128::from_be_bytes(fingerprint));
        Ok((row.get(0)?, Place { key: row.get(1)?, fingerprint, body: row.get(3)? }))
    };
    delete.query_row([id.row()], read).optional()
}
