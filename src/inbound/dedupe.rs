//! Decides whether a delivery was seen before.
//!
//! A key is the source's name and the event's id, hashed, or what `dedup.key` names
//! in the id's place. What the signature covers of that decides what the key is
//! worth: a signed id stands for its event, whatever the body says. An id that is not
//! signed can be changed by whoever captured a request, so it counts only together
//! with its body and its type: the same id with another of these is another event.
//!
//! With `also: body`, what is new by all that is asked for by its body alone as well: a body that is known, under
//! whatever id or type, is a replay.

use sha2::{Digest, Sha256};
use twox_hash::XxHash3_128;

use super::entry::Entry;
use super::read::Event;
use super::refusal::Refusal;
use crate::config::Dedup;
use crate::scheme::{Body, OnConflict};
use crate::store::ledger::DeliveryId;
use crate::store::{Alike, Claim, DedupKey, Fingerprint, KeptAnswer, Repeat, Seen, Settlement, Waited};

/// Whose turn it is to deliver.
pub(super) enum Turn {
    /// It was delivered before, and this was the answer.
    Answered(KeptAnswer),
    /// It was tried twice while this request waited, and failed like this.
    Failed(KeptAnswer),
    /// It was accepted while this request waited, to be delivered.
    JustQueued(DeliveryId),
    /// It was accepted before, to be delivered.
    Queued(DeliveryId),
    /// Ours; there is no claim where the source does not deduplicate.
    Ours(Option<Claim>),
}

/// Claims a delivery, or waits for the one that has the claim.
pub(super) async fn turn(event: &Event, entry: &mut Entry) -> Result<Turn, Refusal> {
    let Dedup::On { conflict, also_body, .. } = event.route.source.dedup else { return Ok(Turn::Ours(None)) };
    let (seen, repeat) = claim(event, conflict);
    if repeat == Repeat::OtherBody {
        entry.conflict(event);
    }
    let claim = match seen {
        Seen::New(claim) => claim,
        Seen::Settled { settlement, .. } => return Ok(known(settlement)),
        Seen::Crowded => return Err(Refusal::InFlight),
        Seen::InFlight { waiter, .. } => match waiter.wait().await {
            Waited::Settled(settlement) => return Ok(just_known(settlement)),
            Waited::Replayed(settlement) => return Ok(entry.replayed(just_known(settlement))),
            Waited::Failed(answer) => return Ok(Turn::Failed(answer)),
            Waited::Yours(claim) => claim,
            Waited::TooLong => return Err(Refusal::InFlight),
        },
    };
    // Boxed, so that who does not want it does not carry its state.
    if also_body { Box::pin(by_body(event, claim, entry)).await } else { Ok(Turn::Ours(Some(claim))) }
}

/// Claims the body of an event that is new by its id.
async fn by_body(event: &Event, claim: Claim, entry: &mut Entry) -> Result<Turn, Refusal> {
    let (body, wait) = (digest(event.verified.payload()), event.client.upstream().timeout);
    match event.route.scope.claim_body(claim, body, event.at, wait).await {
        Alike::New(claim) => Ok(Turn::Ours(Some(claim))),
        Alike::Replayed(settlement) => Ok(entry.replayed(known(settlement))),
        Alike::JustReplayed(settlement) => Ok(entry.replayed(just_known(settlement))),
        Alike::Failed(answer) => Ok(Turn::Failed(answer)),
        Alike::Busy => Err(Refusal::InFlight),
    }
}

fn known(settlement: Settlement) -> Turn {
    match settlement {
        Settlement::Answered(answer) => Turn::Answered(answer),
        Settlement::Queued(id) => Turn::Queued(id),
    }
}

/// Of what was settled while this request waited, nobody needs to ask what became of it.
fn just_known(settlement: Settlement) -> Turn {
    match settlement {
        Settlement::Answered(answer) => Turn::Answered(answer),
        Settlement::Queued(id) => Turn::JustQueued(id),
    }
}

fn claim(event: &Event, conflict: OnConflict) -> (Seen, Repeat) {
    let (route, identity) = (&event.route, event.known_by());
    let (key, fingerprint) = (identity.id.key(&route.source.name), fingerprint(event));
    let (now, wait) = (event.at, event.client.upstream().timeout);
    if conflict == OnConflict::Deliver || !identity.signed {
        return route.scope.claim_by_body(key, with_body(key, fingerprint), fingerprint, now, wait);
    }
    let seen = route.scope.claim(key, fingerprint, now, wait);
    let repeat = match seen {
        Seen::Settled { repeat, .. } | Seen::InFlight { repeat, .. } => repeat,
        Seen::New(_) | Seen::Crowded => Repeat::SameBody,
    };
    (seen, repeat)
}

/// Tells bodies under one id apart. Where only the sender can pair an id with a
/// body, a fast hash does; where anybody can, it must be one that nobody can
/// find two bodies for.
fn fingerprint(event: &Event) -> Fingerprint {
    // Of a JWS the payload: signed anew, it is the same event in other bytes.
    let body = event.verified.payload();
    if event.known_by().signed { fast(body) } else { strong(body, event.identity.kind.as_deref()) }
}

fn fast(body: &Body) -> Fingerprint {
    let mut frames = body.frames();
    let first = frames.next().map_or(&[][..], |frame| frame);
    let Some(second) = frames.next() else { return Fingerprint(XxHash3_128::oneshot(first)) };
    let mut hash = XxHash3_128::new();
    hash.write(first);
    hash.write(second);
    frames.for_each(|frame| hash.write(frame));
    Fingerprint(hash.finish_128())
}

/// Where the id is not signed, two events may have it in common: what one action of a
/// merchant causes at Shopify has one id, whatever its types. So the type counts, too.
fn strong(body: &Body, kind: Option<&str>) -> Fingerprint {
    let mut hash = Sha256::new();
    body.frames().for_each(|frame| hash.update(frame));
    // The length tells where the body ends and the type begins.
    hash.update((body.len() as u64).to_be_bytes());
    hash.update(kind.unwrap_or_default());
    Fingerprint(u128::from_be_bytes(first_half(&hash.finalize())))
}

/// The key of a body alone: nobody can find two bodies for one.
fn digest(body: &Body) -> DedupKey {
    let mut hash = Sha256::new();
    body.frames().for_each(|frame| hash.update(frame));
    first_half(&hash.finalize())
}

/// The key of an id together with its body.
fn with_body(key: DedupKey, fingerprint: Fingerprint) -> DedupKey {
    let hash = Sha256::new().chain_update(key).chain_update(fingerprint.0.to_be_bytes()).finalize();
    first_half(&hash)
}

fn first_half(hash: &[u8]) -> [u8; 16] {
    hash.first_chunk().copied().expect("SHA-256 has 32 bytes")
}
