//! The events of one source.
//!
//! Split into shards by key, so that workers rarely meet at a lock. No lock is
//! held across an await, nor while anything is sent to a waiter: what a send
//! drops may itself need the lock.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::answer::{Content, KeptAnswer};
use super::claim::{Claim, Handed, Place, Repeat, Seen, Settlement, Succession, Turn};
use super::flight::Flight;
use super::ledger::DeliveryId;
use super::memory::Memory;
use super::shard::{Remembered, Shard};
use super::{DedupKey, Fingerprint, Scope};
use crate::clock;

/// Up to so many entries one shard does, and the oldest of all goes first; with more shards it is the oldest of one.
const UNSHARDED: usize = 4096;

/// How many shards a larger scope has.
const SHARDS: usize = 16;

/// The byte of a key that says which shard it is in; the first ones place it within the shard.
const SHARD_BYTE: usize = 15;

/// How many of the oldest leave in passing when one comes: more than come, so that expiry keeps up.
const LEAVING: usize = 4;

/// How long the log hears nothing of further evictions, in milliseconds.
const REPORTS: i64 = 60_000;

pub(super) struct ScopeState {
    pub(super) name: Arc<str>,
    /// What the scope is called in the store's file.
    pub(super) id: i64,
    bounds: Arc<Bounds>,
    pub(super) entries: AtomicUsize,
    pub(super) evictions: AtomicU64,
    /// How many evictions the log knows of, and when it may be told of more.
    reported: AtomicU64,
    report_from: AtomicI64,
    shards: Box<[Sharded]>,
    memory: Arc<Memory>,
    /// The bodies that are remembered alone as well, once one is.
    bodies: OnceLock<Arc<ScopeState>>,
    /// Whether this holds bodies, whose events are another's.
    is_of_bodies: bool,
}

/// How long, and how much, a scope remembers.
#[derive(Default)]
struct Bounds {
    /// In milliseconds.
    window: AtomicI64,
    limit: AtomicUsize,
}

/// On a cache line of its own, so that one shard's lock does not slow the next.
#[repr(align(128))]
struct Sharded {
    shard: Mutex<Shard>,
    /// When its oldest event with a body was settled, or earlier; `i64::MAX`: it has none.
    oldest_body: AtomicI64,
}

impl ScopeState {
    pub(super) fn new(scope: &Scope, id: i64, memory: &Arc<Memory>) -> ScopeState {
        let shards = if scope.entries <= UNSHARDED { 1 } else { SHARDS };
        let state = ScopeState::with(Arc::clone(&scope.name), id, Arc::default(), shards, memory);
        state.configure(scope);
        state
    }

    fn with(name: Arc<str>, id: i64, bounds: Arc<Bounds>, shards: usize, memory: &Arc<Memory>) -> ScopeState {
        let shard = || Sharded { shard: Mutex::default(), oldest_body: AtomicI64::new(i64::MAX) };
        ScopeState {
            name,
            id,
            bounds,
            entries: AtomicUsize::new(0),
            evictions: AtomicU64::new(0),
            reported: AtomicU64::new(0),
            report_from: AtomicI64::new(i64::MIN),
            shards: (0..shards).map(|_| shard()).collect(),
            memory: Arc::clone(memory),
            bodies: OnceLock::new(),
            is_of_bodies: false,
        }
    }

    /// The scope of the bodies that are remembered alone, with the same bounds.
    pub(super) fn bodies(&self) -> &Arc<ScopeState> {
        self.bodies.get_or_init(|| {
            let (name, bounds) = (Arc::clone(&self.name), Arc::clone(&self.bounds));
            let state = ScopeState::with(name, self.id, bounds, self.shards.len(), &self.memory);
            Arc::new(ScopeState { is_of_bodies: true, ..state })
        })
    }

    /// Takes over a changed window and limit. What is too much now goes with the next events, or the next sweep.
    pub(super) fn configure(&self, scope: &Scope) {
        self.bounds.window.store(milliseconds(scope.window), Relaxed);
        self.bounds.limit.store(scope.entries, Relaxed);
    }

    pub(super) fn claim(
        self: &Arc<Self>,
        key: DedupKey,
        fingerprint: Fingerprint,
        now: Timestamp,
        wait: Duration,
    ) -> Seen {
        let mut shard = self.shard(&key);
        match self.look_up(&mut shard, &key, fingerprint, now) {
            Some(seen) => seen,
            None => self.take_off(shard, key, fingerprint, wait),
        }
    }

    /// As [`ScopeState::claim`], for an event that its id and its body name together.
    ///
    /// The first body under an id stands at the id's key, every other at its `own`. Both lie in one shard, so that
    /// where a body stands is decided under one lock, and none stands at two places.
    pub(super) fn claim_by_body(
        self: &Arc<Self>,
        id: DedupKey,
        mut own: DedupKey,
        fingerprint: Fingerprint,
        now: Timestamp,
        wait: Duration,
    ) -> (Seen, Repeat) {
        own[SHARD_BYTE] = id[SHARD_BYTE];
        let mut shard = self.shard(&id);
        if let Some(seen) = self.look_up(&mut shard, &own, fingerprint, now) {
            return (seen, Repeat::SameBody);
        }
        if self.body_at(&mut shard, &id, now).is_some_and(|first| first != fingerprint) {
            return (self.take_off(shard, own, fingerprint, wait), Repeat::OtherBody);
        }
        let seen = self.look_up(&mut shard, &id, fingerprint, now);
        (seen.unwrap_or_else(|| self.take_off(shard, id, fingerprint, wait)), Repeat::SameBody)
    }

    /// The body that stands at a key, if one does.
    fn body_at(&self, shard: &mut Shard, key: &DedupKey, now: Timestamp) -> Option<Fingerprint> {
        if let Some(flight) = shard.flight(key) {
            return Some(flight.fingerprint);
        }
        self.known(shard, key, now).map(|event| event.fingerprint())
    }

    fn known(&self, shard: &Shard, key: &DedupKey, now: Timestamp) -> Option<Remembered> {
        shard.find(key).filter(|event| !self.is_over(event, now.as_millisecond()))
    }

    fn look_up(&self, shard: &mut Shard, key: &DedupKey, body: Fingerprint, now: Timestamp) -> Option<Seen> {
        if let Some(flight) = shard.flight(key) {
            let repeat = flight.fingerprint.compare(body);
            return Some(flight.join(body).map_or(Seen::Crowded, |waiter| Seen::InFlight { waiter, repeat }));
        }
        let event = self.known(shard, key, now)?;
        let repeat = event.fingerprint().compare(body);
        Some(Seen::Settled { settlement: event.settlement(), repeat })
    }

    fn take_off(
        self: &Arc<Self>,
        mut shard: MutexGuard<'_, Shard>,
        key: DedupKey,
        fingerprint: Fingerprint,
        wait: Duration,
    ) -> Seen {
        shard.take_off(Flight::new(key, fingerprint, clock::instant(), wait));
        drop(shard);
        Seen::New(Claim::new(self, key, fingerprint))
    }

    /// Asks for a body, whatever its event.
    pub(super) fn claim_body(self: &Arc<Self>, body: DedupKey, now: Timestamp, wait: Duration) -> Seen {
        let bodies = self.bodies();
        let mut shard = bodies.shard(&body);
        if shard.flight(&body).is_none()
            && let Some(body) = bodies.known(&shard, &body, now)
        {
            drop(shard);
            return Seen::Settled { settlement: self.settlement_of(body), repeat: Repeat::SameBody };
        }
        let seen = bodies.look_up(&mut shard, &body, Fingerprint(0), now);
        seen.unwrap_or_else(|| bodies.take_off(shard, body, Fingerprint(0), wait))
    }

    /// How the event was settled that had this body.
    fn settlement_of(&self, body: Remembered) -> Settlement {
        let key = body.event();
        let event = self.shard(&key).find(&key).filter(|event| event.is_of(&body));
        event.unwrap_or(body).settlement()
    }

    pub(super) fn settle(&self, place: Place, answer: KeptAnswer, now: Timestamp) {
        let event = Remembered::new(
            place.key,
            place.fingerprint,
            now.as_millisecond(),
            self.memory.next_row(),
            answer.status,
            Content::of(&answer),
        );
        self.memory.write(self.id, &event, place.body);
        self.landed(event, place.body, &Settlement::Answered(answer));
    }

    pub(super) fn queued(&self, place: Place, id: DeliveryId) {
        let event = Remembered::queued(place.key, place.fingerprint, id);
        self.landed(event, place.body, &Settlement::Queued(id));
    }

    /// Adds an event that is on disk, or on its way there, and its body where that counts alone; tells all who wait.
    pub(super) fn landed(&self, event: Remembered, body: Option<DedupKey>, settlement: &Settlement) {
        let body = body.map(|body| event.body(body));
        self.land(event, settlement);
        if let Some(body) = body {
            self.bodies().land(body, settlement);
        }
    }

    fn land(&self, event: Remembered, settlement: &Settlement) {
        let landed = self.remember(event);
        for waiting in landed.into_iter().flat_map(Flight::into_waiting) {
            // Whoever left does not care.
            let _ = waiting.send(Handed::Settled(settlement.clone()));
        }
    }

    /// Ends the flight of an event's key, if there is one, and adds the event; the oldest make room.
    pub(super) fn remember(&self, event: Remembered) -> Option<Flight> {
        let (at, has_content) = (event.at, event.content.cost() > 0);
        let sharded = self.sharded(&event.key);
        let mut leaving: [Option<Remembered>; LEAVING] = Default::default();
        let mut shard = lock(&sharded.shard);
        let landed = shard.land(&event.key);
        if has_content {
            sharded.oldest_body.fetch_min(at, Relaxed);
        }
        let (is_new, cost) = shard.remember(event);
        if is_new {
            self.entries.fetch_add(1, Relaxed);
        }
        for place in &mut leaving {
            *place = self.leave(&mut shard, at, 1);
        }
        drop(shard);
        leaving.iter().flatten().for_each(|event| self.forgotten(event));
        self.memory.kept(cost);
        if self.entries.load(Relaxed) > self.bounds.limit.load(Relaxed) {
            self.evict();
        }
        landed
    }

    /// Ends a claim that failed, together with that on its body.
    pub(super) fn release(
        self: &Arc<Self>,
        key: DedupKey,
        body: Option<DedupKey>,
        failure: &KeptAnswer,
        succession: Succession,
    ) {
        let is_second = self.is_second(&key) || body.is_some_and(|body| self.bodies().is_second(&body));
        let held = body.map(|body| (self.bodies(), body)).into_iter().chain([(self, key)]);
        for (scope, key) in held {
            if !is_second && succession == Succession::Next {
                scope.hand_on(&key);
            } else {
                scope.end(&key, || is_second.then(|| Handed::Failed(failure.clone())));
            }
        }
    }

    fn is_second(&self, key: &DedupKey) -> bool {
        self.shard(key).flight(key).is_some_and(|flight| flight.is_second)
    }

    /// Ends a claim; those who wait are told `word`, or that their time is over.
    pub(super) fn end(&self, key: &DedupKey, word: impl Fn() -> Option<Handed>) {
        let landed = self.shard(key).land(key);
        for waiting in landed.into_iter().flat_map(Flight::into_waiting) {
            if let Some(word) = word() {
                // Whoever left does not care.
                let _ = waiting.send(word);
            }
        }
    }

    /// Gives the claim to the next who waits, and ends it when there is none.
    pub(super) fn hand_on(self: &Arc<Self>, key: &DedupKey) {
        loop {
            let mut shard = self.shard(key);
            let next = shard.flight(key).and_then(|flight| flight.succeed(clock::instant()));
            let Some((sender, fingerprint)) = next else {
                let landed = shard.land(key);
                drop(shard);
                return drop(landed);
            };
            drop(shard);
            match sender.send(Handed::Turn(Turn::new(self, *key, fingerprint))) {
                Err(Handed::Turn(turn)) => turn.defuse(),
                _ => return,
            }
        }
    }

    /// Takes out what is over or too much, a few under each lock.
    pub(super) fn sweep(&self, now: i64) {
        for sharded in &self.shards {
            loop {
                let mut shard = lock(&sharded.shard);
                let gone: Vec<_> = std::iter::from_fn(|| self.leave(&mut shard, now, 0)).take(256).collect();
                drop(shard);
                gone.iter().for_each(|event| self.forgotten(event));
                if gone.len() < 256 {
                    break;
                }
            }
        }
        if let Some(bodies) = self.bodies.get() {
            bodies.sweep(now);
        }
    }

    /// Says in the log what was evicted, at most once a minute.
    pub(super) fn report(&self, now: i64) {
        let evictions = self.evictions.load(Relaxed);
        let evicted = evictions - self.reported.load(Relaxed);
        if evicted == 0 || now < self.report_from.load(Relaxed) {
            return;
        }
        self.reported.store(evictions, Relaxed);
        self.report_from.store(now.saturating_add(REPORTS), Relaxed);
        tracing::warn!(
            source = &*self.name,
            evicted,
            entries = self.bounds.limit.load(Relaxed),
            "events were forgotten before their window was over: there are more than `dedup.entries`"
        );
    }

    pub(super) fn in_flight(&self) -> usize {
        self.shards.iter().map(|sharded| lock(&sharded.shard).in_flight()).sum()
    }

    /// The shards that have bodies, and when the oldest of each was settled, or earlier.
    pub(super) fn oldest_bodies(&self) -> impl Iterator<Item = (usize, i64)> {
        let oldest = self.shards.iter().map(|sharded| sharded.oldest_body.load(Relaxed)).enumerate();
        oldest.filter(|&(_, at)| at != i64::MAX)
    }

    /// Drops the bodies of a shard that were settled until `until`, the oldest first, while `wanted` says so.
    pub(super) fn drop_bodies(&self, shard: usize, until: i64, mut wanted: impl FnMut() -> bool) {
        let sharded = &self.shards[shard];
        let mut shard = lock(&sharded.shard);
        while shard.seek_body().is_some_and(|at| at <= until) && wanted() {
            if let Some((content, row)) = shard.drop_oldest_body() {
                self.memory.dropped(&content, row);
            }
        }
        sharded.oldest_body.store(shard.seek_body().unwrap_or(i64::MAX), Relaxed);
    }

    /// Takes the oldest event out if its time is over, or if there are too many and more than `keep` in this shard.
    fn leave(&self, shard: &mut Shard, now: i64, keep: usize) -> Option<Remembered> {
        let is_over = self.is_past(shard.oldest()?, now);
        let too_many = shard.places() > keep && self.entries.load(Relaxed) > self.bounds.limit.load(Relaxed);
        if !is_over && !too_many {
            return None;
        }
        let (event, was_key) = shard.forget_oldest()?;
        if was_key {
            self.entries.fetch_sub(1, Relaxed);
            self.evictions.fetch_add(u64::from(!is_over), Relaxed);
        }
        Some(event)
    }

    /// Makes room where the shard of the newest event has nothing older to give.
    fn evict(&self) {
        for sharded in &self.shards {
            let mut shard = lock(&sharded.shard);
            let gone = self.leave(&mut shard, i64::MIN, 0);
            drop(shard);
            gone.iter().for_each(|event| self.forgotten(event));
        }
    }

    /// Lets an event go that left; what the file has of a body goes with its event.
    fn forgotten(&self, event: &Remembered) {
        if !self.is_of_bodies {
            self.memory.forgotten(event);
        }
    }

    pub(super) fn is_over(&self, event: &Remembered, now: i64) -> bool {
        self.is_past(event.at, now)
    }

    fn is_past(&self, at: i64, now: i64) -> bool {
        at.saturating_add(self.bounds.window.load(Relaxed)) <= now
    }

    fn shard(&self, key: &DedupKey) -> MutexGuard<'_, Shard> {
        lock(&self.sharded(key).shard)
    }

    fn sharded(&self, key: &DedupKey) -> &Sharded {
        &self.shards[usize::from(key[SHARD_BYTE]) % self.shards.len()]
    }
}

impl fmt::Debug for ScopeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Nothing panics under these locks; if something did, what they guard would still be whole.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A window as it is compared, and written.
pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
