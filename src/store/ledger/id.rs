//! Ids from which the store tells where a delivery is.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

/// Identifies a delivery: a UUID (version 7) of the time at which it was accepted, and of its number.
///
/// The number can be told from the id, so that the store needs no index of ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(Uuid);

/// An odd number, and its inverse modulo 2^62: spread numbers over ids, and gather them again.
const SPREAD: u64 = 0x1e37_79b9_7f4a_7c15;
const GATHER: u64 = inverse(SPREAD) & MASK;
const MASK: u64 = (1 << 62) - 1;

/// The inverse of an odd number modulo 2^64, by Newton's method.
const fn inverse(odd: u64) -> u64 {
    let (mut inverse, mut steps) = (odd, 0);
    while steps < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        steps += 1;
    }
    inverse
}

impl DeliveryId {
    /// The id of a delivery that was accepted at `at` under this number, to the millisecond.
    pub fn new(at: Timestamp, row: i64) -> DeliveryId {
        let spread = (row as u64).wrapping_mul(SPREAD) & MASK;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&spread.to_be_bytes());
        let millis = u64::try_from(at.as_millisecond()).unwrap_or_default();
        DeliveryId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Its number in the store.
    pub fn row(self) -> i64 {
        let low = u64::from_be_bytes(*self.0.as_bytes().last_chunk().expect("a UUID has 16 bytes"));
        ((low & MASK).wrapping_mul(GATHER) & MASK) as i64
    }

    /// When it was accepted, in milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        let head = self.0.as_bytes().first_chunk::<6>().expect("a UUID has 16 bytes");
        head.iter().fold(0, |millis, byte| millis << 8 | i64::from(*byte))
    }

    /// Reads what [`fmt::Display`] wrote; `None`: it is not such an id.
    pub fn parse(text: &str) -> Option<DeliveryId> {
        let id = DeliveryId(Uuid::try_parse(text).ok()?);
        let at = Timestamp::from_millisecond(id.millis()).ok()?;
        (DeliveryId::new(at, id.row()) == id).then_some(id)
    }

    /// The id as a UUID.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_number_and_its_time() {
        let at = Timestamp::from_millisecond(1_763_900_000_123).unwrap();

        for row in [1, 2, 77, 1 << 20, 1 << 40, (1 << 62) - 1] {
            let id = DeliveryId::new(at, row);

            assert_eq!((id.row(), id.millis()), (row, at.as_millisecond()));
            assert_eq!(DeliveryId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn what_is_no_id_of_ours_is_not_read_as_one() {
        for text in ["", "1", "d3b07384-d113-4ec6-a7b5-1c2d3e4f5a6b", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(DeliveryId::parse(text), None);
        }
    }
}
