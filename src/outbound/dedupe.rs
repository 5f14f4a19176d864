//! Decides whether something was done before.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::{Endpoint, EndpointDelivery};
use crate::store::{Claim, DedupKey, Fingerprint, KeptAnswer, Repeat, ScopeHandle, Seen, Settlement, Waited};

use super::refusal::Refusal;

/// How long a repeat waits for events that are being written.
const WRITING: Duration = Duration::from_secs(10);

/// Whose turn it is.
pub(super) enum Turn {
    /// It was done before, with another body.
    Conflict,
    /// It was tried twice while this request waited, and failed like this.
    Failed(KeptAnswer),
    /// It was done before.
    Known(Settlement),
    /// Ours.
    Ours(Claim),
}

/// Claims what this key stands for, or waits for the one that has the claim.
pub(super) async fn turn(
    scope: &ScopeHandle,
    key: DedupKey,
    fingerprint: Fingerprint,
    now: Timestamp,
    wait: Duration,
) -> Result<Turn, Refusal> {
    match scope.claim(key, fingerprint, now, wait) {
        Seen::New(claim) => Ok(Turn::Ours(claim)),
        Seen::Settled { settlement, repeat } => Ok(known(settlement, repeat)),
        Seen::Crowded => Err(Refusal::InFlight),
        Seen::InFlight { waiter, repeat } => match waiter.wait().await {
            // Of what the app sends no body counts alone: nothing is replayed.
            Waited::Settled(settlement) | Waited::Replayed(settlement) => Ok(known(settlement, repeat)),
            Waited::Failed(answer) => Ok(Turn::Failed(answer)),
            Waited::Yours(claim) => Ok(Turn::Ours(claim)),
            Waited::TooLong => Err(Refusal::InFlight),
        },
    }
}

fn known(settlement: Settlement, repeat: Repeat) -> Turn {
    match repeat {
        Repeat::OtherBody => Turn::Conflict,
        Repeat::SameBody => Turn::Known(settlement),
    }
}

/// How long a repeat waits for the first.
pub(super) fn patience(endpoint: &Endpoint) -> Duration {
    match endpoint.delivery {
        EndpointDelivery::Queue => WRITING,
        EndpointDelivery::Sync => endpoint.retry.timeout.unwrap_or(Duration::from_secs(30)),
    }
}
