//! Bodies that count alone, beside the ids of their events.
//!
//! A body has claims and entries like an event, in a scope of its own beside the source's. Whoever delivers holds the
//! claim on the event and that on its body, as one. The event is always asked for first, and whoever has both waits for
//! nobody: so nobody waits in a circle. What is remembered of a body leads to its event, which has the answer.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;

use super::claim::{Claim, Handed, Seen, Settlement, Succession, Waited};
use super::{DedupKey, KeptAnswer, ScopeHandle};

/// What is known of the body of an event that is new by its id.
#[derive(Debug)]
#[must_use]
pub enum Alike {
    /// Nothing: the event is the caller's to deliver, and the claim is on both.
    New(Claim),
    /// It was delivered, or accepted to be delivered, as another event within the window.
    Replayed(Settlement),
    /// The same, while the caller waited.
    JustReplayed(Settlement),
    /// Its owner failed, and then the one who took its place, who was answered so.
    Failed(KeptAnswer),
    /// It is being delivered, and too many wait, or waited too long.
    Busy,
}

impl ScopeHandle {
    /// Asks for the body of an event that the caller has the claim on, and waits for whoever delivers it.
    ///
    /// The claim comes back where the body is the caller's, too. Otherwise it has ended, and those who wait for it are
    /// told what the caller is told. `wait` is as for [`ScopeHandle::claim`].
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any moment: the claim is released.
    pub async fn claim_body(&self, claim: Claim, body: DedupKey, now: Timestamp, wait: Duration) -> Alike {
        match self.0.claim_body(body, now, wait) {
            Seen::New(own) => Alike::New(claim.with_body(own)),
            Seen::Settled { settlement, .. } => {
                claim.tell(|| Some(Handed::Replayed(settlement.clone())));
                Alike::Replayed(settlement)
            }
            Seen::Crowded => busy(claim),
            Seen::InFlight { waiter, .. } => match waiter.wait().await {
                Waited::Yours(own) => Alike::New(claim.with_body(own)),
                Waited::Settled(settlement) | Waited::Replayed(settlement) => {
                    claim.tell(|| Some(Handed::Replayed(settlement.clone())));
                    Alike::JustReplayed(settlement)
                }
                Waited::Failed(failure) => {
                    claim.tell(|| Some(Handed::Failed(failure.clone())));
                    Alike::Failed(failure)
                }
                Waited::TooLong => busy(claim),
            },
        }
    }
}

/// Nobody who waits for the event would get further.
fn busy(claim: Claim) -> Alike {
    claim.release(KeptAnswer::bare(StatusCode::SERVICE_UNAVAILABLE), Succession::Nobody);
    Alike::Busy
}
