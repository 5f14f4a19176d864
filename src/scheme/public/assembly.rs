//! A message in the making, for a signature that is made over all of it at once.

use jiff::Timestamp;

use super::super::few::Few;
use super::super::given::Given;
use super::super::offer::Offer;
use super::super::{Body, Keyring, PublicRecipe, Rejection};

/// The signatures of a message, and what is signed beside its body.
pub(in crate::scheme) struct Assembly {
    offered: Few<Vec<u8>>,
    before: Vec<u8>,
    /// `None` where the body is not signed.
    after: Option<Vec<u8>>,
}

impl Assembly {
    pub(in crate::scheme) fn begin(
        recipe: &PublicRecipe,
        given: &Given<'_>,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let offer = Offer::read(recipe, given)?;
        let timestamp = offer.timestamp(recipe, given)?;
        if let Some((_, stamp)) = timestamp {
            recipe.check_time(stamp, now)?;
        }
        let timestamp = timestamp.map(|(text, _)| text);
        let bytes = |parts| {
            let mut bytes = Vec::new();
            given.feed(parts, timestamp, &mut |part| bytes.extend_from_slice(part))?;
            Ok(bytes)
        };
        let (before, after) = recipe.signed.around_body();
        Ok(Self { before: bytes(before)?, after: after.map(bytes).transpose()?, offered: offer.signatures })
    }

    /// The first valid key that made one of the signatures over these parts and `body`.
    pub(in crate::scheme) fn conclude(
        self,
        keyring: &Keyring,
        body: &Body,
        now: Timestamp,
    ) -> Result<usize, Rejection> {
        let mut message = self.before;
        if let Some(after) = &self.after {
            message.reserve_exact(body.len() + after.len());
            body.frames().for_each(|frame| message.extend_from_slice(frame));
            message.extend_from_slice(after);
        }
        keyring.verify(&message, &self.offered, None, now)
    }
}
