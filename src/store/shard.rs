//! What one shard of a scope remembers: an index into its past, and the claims in flight.

use hashbrown::HashTable;
use http::StatusCode;
use jiff::Timestamp;

use super::answer::Content;
use super::claim::Settlement;
use super::flight::Flight;
use super::ledger::DeliveryId;
use super::past::Past;
use super::{DedupKey, Fingerprint};

/// An event that was delivered.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered {
    pub(super) key: DedupKey,
    pub(super) fingerprint: [u8; 16],
    /// When it was settled, in milliseconds since the epoch.
    pub(super) at: i64,
    /// Its number in the store's file; 0: in none.
    pub(super) row: i64,
    pub(super) content: Content,
    /// What it was answered; [`QUEUED`]: it is a delivery of its own, accepted at `at` as number `row`.
    pub(super) status: u16,
}

/// The status of an event that was accepted to be delivered; no answer has it.
pub(super) const QUEUED: u16 = 0;

impl Remembered {
    pub(super) fn new(
        key: DedupKey,
        fingerprint: Fingerprint,
        at: i64,
        row: i64,
        status: StatusCode,
        content: Content,
    ) -> Remembered {
        Remembered { key, fingerprint: fingerprint.0.to_ne_bytes(), at, row, content, status: status.as_u16() }
    }

    /// An event that was accepted as a delivery.
    pub(super) fn queued(key: DedupKey, fingerprint: Fingerprint, id: DeliveryId) -> Remembered {
        let fingerprint = fingerprint.0.to_ne_bytes();
        Remembered { key, fingerprint, at: id.millis(), row: id.row(), content: Content::Gone, status: QUEUED }
    }

    /// Its body, which is remembered alone as well: it leads to the event.
    pub(super) fn body(&self, key: DedupKey) -> Remembered {
        Remembered { key, fingerprint: self.key, content: Content::Gone, ..*self }
    }

    /// Of a body, the key of its event.
    pub(super) fn event(&self) -> DedupKey {
        self.fingerprint
    }

    /// Whether it is the event that has this body.
    pub(super) fn is_of(&self, body: &Remembered) -> bool {
        (self.key, self.row, self.at) == (body.fingerprint, body.row, body.at)
    }

    /// How its claim was settled.
    pub(super) fn settlement(self) -> Settlement {
        if self.status == QUEUED {
            let at = Timestamp::from_millisecond(self.at).unwrap_or_default();
            return Settlement::Queued(DeliveryId::new(at, self.row));
        }
        let status = self.status();
        Settlement::Answered(self.content.into_answer(status))
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint(u128::from_ne_bytes(self.fingerprint))
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK)
    }
}

/// A part of a scope's events, under one lock.
#[derive(Default)]
pub(super) struct Shard {
    flights: HashTable<Flight>,
    /// The low half of each event's number in `remembered`.
    index: HashTable<u32>,
    /// Oldest first. One that was settled anew after its window stands here twice, its older place unindexed.
    remembered: Past,
    /// No event before this number has a body.
    bodies_from: u64,
}

impl Shard {
    pub(super) fn flight(&mut self, key: &DedupKey) -> Option<&mut Flight> {
        if self.flights.is_empty() {
            return None;
        }
        self.flights.find_mut(hash(key), |flight| flight.key == *key)
    }

    pub(super) fn take_off(&mut self, flight: Flight) {
        self.flights.insert_unique(hash(&flight.key), flight, |flight| hash(&flight.key));
    }

    pub(super) fn land(&mut self, key: &DedupKey) -> Option<Flight> {
        let found = self.flights.find_entry(hash(key), |flight| flight.key == *key).ok()?;
        Some(found.remove().0)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn find(&self, key: &DedupKey) -> Option<Remembered> {
        let past = &self.remembered;
        let low = self.index.find(hash(key), |&low| past.key(past.whole(low)) == Some(key))?;
        past.get(past.whole(*low))
    }

    /// Adds an event; tells whether its key is one more, and how many bytes of content are.
    pub(super) fn remember(&mut self, event: Remembered) -> (bool, usize) {
        let (key, past) = (event.key, &mut self.remembered);
        let (number, cost) = past.push(event);
        let low = number as u32;
        let known = self.index.find_mut(hash(&key), |&low| past.key(past.whole(low)) == Some(&key));
        if let Some(known) = known {
            *known = low;
            return (false, cost);
        }
        self.index.insert_unique(hash(&key), low, |&low| past.key(past.whole(low)).map_or(0, hash));
        (true, cost)
    }

    /// When the oldest event was settled.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.remembered.oldest()
    }

    /// How many places are taken: all events, and those settled anew once more.
    pub(super) fn places(&self) -> usize {
        self.remembered.len()
    }

    /// Takes the oldest out, with what nobody else has of its content; tells whether a key went with it.
    pub(super) fn forget_oldest(&mut self) -> Option<(Remembered, bool)> {
        let low = self.remembered.first() as u32;
        let event = self.remembered.pop_front()?;
        let indexed = self.index.find_entry(hash(&event.key), |&other| other == low);
        let was_key = indexed.map(|found| found.remove()).is_ok();
        if self.index.capacity() > 4096 && self.index.len() * 8 < self.index.capacity() {
            let past = &self.remembered;
            self.index.shrink_to(self.index.len() * 2, |&low| past.key(past.whole(low)).map_or(0, hash));
        }
        Some((event, was_key))
    }

    /// Takes the oldest body out, as far as no other event has it, with its event's row.
    pub(super) fn drop_oldest_body(&mut self) -> Option<(Content, i64)> {
        self.seek_body()?;
        let dropped = self.remembered.drop_content(self.bodies_from)?;
        self.bodies_from += 1;
        Some(dropped)
    }

    /// When the oldest event that has a body was settled.
    pub(super) fn seek_body(&mut self) -> Option<i64> {
        self.bodies_from = self.bodies_from.max(self.remembered.first());
        while !self.remembered.has_content(self.bodies_from)? {
            self.bodies_from += 1;
        }
        self.remembered.settled_at(self.bodies_from)
    }
}

/// Keys are uniform already.
fn hash(key: &DedupKey) -> u64 {
    let (head, _) = key.split_first_chunk::<8>().expect("a key has 16 bytes");
    u64::from_le_bytes(*head)
}
