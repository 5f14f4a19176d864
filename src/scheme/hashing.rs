//! The MACs of a message in the making, and their comparison with the signatures that it offers.

use jiff::Timestamp;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use super::few::Few;
use super::given::{Fields, Given};
use super::hmac::{Mac, Tag};
use super::offer::Offer;
use super::timestamp::Stamp;
use super::{Body, Carrier, Keyring, Locator, Part, Pointer, Recipe, Rejection, TimestampSource};

/// The MACs of a message in the making, one for every key, and the signatures to compare them with.
pub(super) struct Hashing {
    pub(super) macs: Few<Mac>,
    pub(super) offered: Few<Tag>,
    /// What is signed after the body.
    pub(super) after: Vec<u8>,
    pub(super) covers_body: bool,
    /// How many bytes of the body came.
    pub(super) hashed: usize,
}

impl Hashing {
    pub(super) fn begin(
        recipe: &Recipe,
        keyring: &Keyring,
        given: &Given<'_>,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let offer = Offer::read(recipe, given)?;
        let timestamp = offer.timestamp(recipe, given)?;
        if let Some((_, stamp)) = timestamp {
            recipe.check_time(stamp, now)?;
        }
        let timestamp = timestamp.map(|(text, _)| text);
        let (before, after) = recipe.signed.around_body();
        let mut macs = keyring.macs();
        given.feed(before, timestamp, &mut |bytes| macs.iter_mut().for_each(|mac| mac.update(bytes)))?;
        let mut tail = Vec::new();
        given.feed(after.unwrap_or_default(), timestamp, &mut |bytes| tail.extend_from_slice(bytes))?;
        Ok(Self { macs, offered: offer.signatures, after: tail, covers_body: after.is_some(), hashed: 0 })
    }

    pub(super) fn update(&mut self, frame: &[u8]) {
        self.hashed += frame.len();
        if self.covers_body {
            self.macs.iter_mut().for_each(|mac| mac.update(frame));
        }
    }

    /// The first valid key that made one of the signatures.
    ///
    /// Every key is tried against every signature: neither position may show in the timing. Which keys are valid at
    /// this time is no secret.
    pub(super) fn conclude(self, keyring: &Keyring, now: Timestamp) -> Result<usize, Rejection> {
        let matches = self.macs.into_iter().map(|mut mac| {
            mac.update(&self.after);
            let tag = mac.finish();
            self.offered.iter().fold(Choice::from(0), |matched, offered| matched | tag.ct_eq(offered))
        });
        first_valid(matches, keyring, now)
    }
}

/// The first valid key of those that match, without an early exit; `matches` says it of each key in order.
pub(super) fn first_valid(
    matches: impl Iterator<Item = Choice>,
    keyring: &Keyring,
    now: Timestamp,
) -> Result<usize, Rejection> {
    let (mut valid, mut lapsed, mut first) = (Choice::from(0), Choice::from(0), u64::MAX);
    for (index, matched) in matches.enumerate() {
        if keyring.is_valid(index, now) {
            first.conditional_assign(&(index as u64), matched & !valid);
            valid |= matched;
        } else {
            lapsed |= matched;
        }
    }
    match (bool::from(valid), bool::from(lapsed)) {
        (true, _) => Ok(first as usize),
        (false, true) => Err(Rejection::SecretExpired),
        (false, false) => Err(Rejection::Mismatch),
    }
}

impl<A, K> Recipe<A, K> {
    /// Whether something beside `{body}` is read from the body before hashing can end.
    pub(super) fn waits_for_body(&self, id: &[Locator]) -> bool {
        let timed = matches!(self.timestamp_source(), Some(TimestampSource::Json(_)));
        matches!(self.carrier, Carrier::Json(_))
            || self.signed.0.iter().any(|part| match part {
                Part::Id => matches!(id, [Locator::Json(_)]),
                Part::Json(_) => true,
                Part::Timestamp => timed,
                _ => false,
            })
    }

    /// The fields of the body that take part in the signature.
    pub(super) fn pointers<'a>(&'a self, id: &'a [Locator]) -> Vec<&'a Pointer> {
        let parts = self.signed.0.iter().filter_map(|part| match (part, id) {
            (Part::Json(pointer), _) | (Part::Id, [Locator::Json(pointer)]) => Some(pointer),
            _ => None,
        });
        let carrier = match &self.carrier {
            Carrier::Json(pointer) => Some(pointer),
            _ => None,
        };
        parts.chain(carrier).chain(self.timestamp_pointer()).collect()
    }

    /// Where in the body the timestamp stands, if it does and can be trusted.
    fn timestamp_pointer(&self) -> Option<&Pointer> {
        match self.timestamp_source()? {
            TimestampSource::Json(pointer) if self.covers_timestamp() => Some(pointer),
            _ => None,
        }
    }

    /// Checks a timestamp that the body holds and that nothing before the body depends on.
    pub(super) fn check_time_in(&self, body: &Body, now: Timestamp) -> Result<(), Rejection> {
        let (Some(pointer), Some(rule)) = (self.timestamp_pointer(), &self.timestamp) else { return Ok(()) };
        if self.tolerance.is_none() {
            return Ok(());
        }
        let fields = Fields::pick(body, vec![pointer]);
        let text = fields.get(pointer).ok_or(Rejection::Missing)?;
        self.check_time(Stamp::parse(text.as_bytes(), rule.unit)?, now)
    }

    /// A timestamp outside the signature says nothing about freshness.
    pub(super) fn check_time(&self, stamp: Stamp, now: Timestamp) -> Result<(), Rejection> {
        match self.tolerance {
            Some(tolerance) if self.covers_timestamp() => stamp.check(now, tolerance),
            _ => Ok(()),
        }
    }

    /// Whether a message must be fresh.
    pub(super) fn checks_time(&self) -> bool {
        self.tolerance.is_some() && self.covers_timestamp()
    }
}
