//! `Idempotency-Key`: a request that is repeated gets the first answer.

use super::dedupe::{self, Turn, patience};
use super::identity::{fingerprint, key};
use super::read::Event;
use super::refusal::Refusal;
use crate::store::{Claim, KeptAnswer, Settlement};

/// What is known of a request.
pub(super) enum Once {
    /// This was the answer.
    Answered(KeptAnswer),
    /// It was tried twice while this request waited, and failed like this.
    Failed(KeptAnswer),
    /// Nothing; there is no claim where the app gives no key.
    Ours(Option<Claim>),
}

/// Claims a request, or waits for the one that has the claim.
pub(super) async fn turn(event: &Event) -> Result<Once, Refusal> {
    let Some(given) = &event.idempotency_key else { return Ok(Once::Ours(None)) };
    let (id, kind) = (event.id.as_deref().map(str::as_bytes), event.kind.as_deref().map(str::as_bytes));
    let (key, fingerprint) = (key(&[event.path.as_bytes(), given]), fingerprint(&[Some(&event.body), kind, id]));
    let wait = event.routes.iter().map(|route| patience(&route.endpoint)).max().unwrap_or_default();
    match dedupe::turn(&event.wired.live.requests, key, fingerprint, event.at, wait).await? {
        Turn::Conflict => Err(Refusal::IdempotencyConflict),
        Turn::Failed(answer) => Ok(Once::Failed(answer)),
        Turn::Known(Settlement::Answered(answer)) => Ok(Once::Answered(answer)),
        // Requests are settled by their answers alone.
        Turn::Known(Settlement::Queued(_)) => Err(Refusal::InFlight),
        Turn::Ours(claim) => Ok(Once::Ours(Some(claim))),
    }
}
