//! Times of signing: how they are written, and whether they are fresh.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::{Rejection, TimestampUnit};

/// As many digits as milliseconds need until the year 33658.
const DIGITS: usize = 15;

/// A time of signing, in nanoseconds since 1970, which may lie outside what a calendar can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) nanoseconds: i128,
    unit: TimestampUnit,
}

impl Stamp {
    /// Reads a timestamp as strictly as it is written.
    pub(super) fn parse(text: &[u8], unit: TimestampUnit) -> Result<Self, Rejection> {
        let nanoseconds = match unit {
            TimestampUnit::Milliseconds => digits(text, DIGITS).map(|value| value * 1_000_000),
            TimestampUnit::Rfc3339 => rfc3339(text).map(Timestamp::as_nanosecond),
            TimestampUnit::Seconds => digits(text, DIGITS).map(|value| value * 1_000_000_000),
        };
        nanoseconds.map(|nanoseconds| Self { nanoseconds, unit }).ok_or(Rejection::Malformed)
    }

    /// Refuses what is further from `now` than `tolerance`, in either direction.
    pub(super) fn check(self, now: Timestamp, tolerance: Duration) -> Result<(), Rejection> {
        // In the stamp's own unit, as senders' libraries compare: a part of a second is not held against it.
        let now = match self.unit {
            TimestampUnit::Milliseconds => i128::from(now.as_millisecond()) * 1_000_000,
            TimestampUnit::Rfc3339 => now.as_nanosecond(),
            TimestampUnit::Seconds => i128::from(now.as_second()) * 1_000_000_000,
        };
        let tolerance = i128::try_from(tolerance.as_nanos()).unwrap_or(i128::MAX);
        if now - self.nanoseconds > tolerance {
            Err(Rejection::Stale)
        } else if self.nanoseconds - now > tolerance {
            Err(Rejection::TooNew)
        } else {
            Ok(())
        }
    }
}

impl TimestampUnit {
    /// `now`, as the sender would write it.
    pub(crate) fn write(self, now: Timestamp) -> String {
        match self {
            Self::Milliseconds => now.as_millisecond().max(0).to_string(),
            Self::Rfc3339 => now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Self::Seconds => now.as_second().max(0).to_string(),
        }
    }
}

fn digits(text: &[u8], most: usize) -> Option<i128> {
    if text.is_empty() || text.len() > most || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |value, digit| value * 10 + i128::from(digit - b'0')))
}

/// Reads `2024-01-15T10:00:00.123+01:00`: RFC 3339 §5.6 in upper case, 0 to 9 digits of a second's fraction, and always
/// a zone, for without one the moment is a guess.
fn rfc3339(text: &[u8]) -> Option<Timestamp> {
    let (head, rest) = text.split_at_checked(19)?;
    let number = |from: usize, to: usize| i16::try_from(digits(&head[from..to], 4)?).ok();
    let small = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    if [head[4], head[7], head[10], head[13], head[16]] != *b"--T::" {
        return None;
    }
    let (nanosecond, zone) = fraction(rest)?;
    let date = Date::new(number(0, 4)?, small(5)?, small(8)?).ok()?;
    // A leap second has no number of its own in Unix time.
    let second = Some(small(17)?).filter(|second| *second <= 60)?.min(59);
    let time = Time::new(small(11)?, small(14)?, second, nanosecond).ok()?;
    offset(zone)?.to_timestamp(DateTime::from_parts(date, time)).ok()
}

/// The nanoseconds that `.123…` stands for, and what follows; 0 where there is no fraction.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else { return Some((0, text)) };
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = i32::try_from(digits(&text[..len], 9)?).ok()?;
    let scale = 10_i32.pow(9 - u32::try_from(len).ok()?);
    Some((value * scale, &text[len..]))
}

fn offset(zone: &[u8]) -> Option<Offset> {
    if zone == b"Z" {
        return Some(Offset::UTC);
    }
    let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = zone else { return None };
    let (hours, minutes) = (digits(&[*h1, *h2], 2)?, digits(&[*m1, *m2], 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    Offset::from_seconds(if *sign == b'-' { -seconds } else { seconds }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, unit: TimestampUnit) -> Option<i128> {
        Stamp::parse(text.as_bytes(), unit).ok().map(|stamp| stamp.nanoseconds)
    }

    #[test]
    fn digits_are_seconds_or_milliseconds() {
        assert_eq!(parse("1700000000", TimestampUnit::Seconds), Some(1_700_000_000_000_000_000));
        assert_eq!(parse("1700000000123", TimestampUnit::Milliseconds), Some(1_700_000_000_123_000_000));
        assert_eq!(parse("0", TimestampUnit::Seconds), Some(0));
    }

    #[test]
    fn a_sign_a_space_a_point_or_too_many_digits_are_refused() {
        for text in ["", "-1", "+1", " 1", "1 ", "1.5", "1e9", "0x10", "NaN", "１", "1700000000000000", "1,2"] {
            assert_eq!(parse(text, TimestampUnit::Seconds), None, "{text}");
            assert_eq!(parse(text, TimestampUnit::Milliseconds), None, "{text}");
        }
    }

    #[test]
    fn rfc_3339_has_0_to_9_digits_of_a_fraction_and_any_offset() {
        let whole = 1_705_312_800_000_000_000;
        for (text, expected) in [
            ("2024-01-15T10:00:00Z", whole),
            ("2024-01-15T10:00:00.5Z", whole + 500_000_000),
            ("2024-01-15T10:00:00.123456789Z", whole + 123_456_789),
            ("2024-01-15T11:30:00+01:30", whole),
            ("2024-01-15T03:00:00.000-07:00", whole),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000_000_000),
        ] {
            assert_eq!(parse(text, TimestampUnit::Rfc3339), Some(expected), "{text}");
        }
    }

    #[test]
    fn rfc_3339_without_a_zone_or_in_another_form_is_refused() {
        for text in [
            "",
            "2024-01-15",
            "2024-01-15T10:00:00",
            "2024-01-15T10:00:00.Z",
            "2024-01-15T10:00:00.1234567890Z",
            "2024-01-15 10:00:00Z",
            "2024-01-15t10:00:00z",
            "2024-01-15T10:00:00+0100",
            "2024-01-15T10:00:00+24:00",
            "2024-01-15T10:00:00ZZ",
            "2024-01-15T10:00:61Z",
            "2024-02-30T10:00:00Z",
            "2024-01-15T24:00:00Z",
            "+024-01-15T10:00:00Z",
            "2024-01-15T10:00:00Z[UTC]",
        ] {
            assert_eq!(parse(text, TimestampUnit::Rfc3339), None, "{text}");
        }
    }

    #[test]
    fn the_tolerance_holds_both_ways_and_includes_its_end() {
        let stamp = Stamp::parse(b"1000", TimestampUnit::Seconds).unwrap();
        let five_minutes = Duration::from_secs(300);
        let check = |second, nanosecond| stamp.check(Timestamp::new(second, nanosecond).unwrap(), five_minutes);

        assert_eq!(check(1300, 999_999_999), Ok(()));
        assert_eq!(check(1301, 0), Err(Rejection::Stale));
        assert_eq!(check(700, 0), Ok(()));
        assert_eq!(check(699, 999_999_999), Err(Rejection::TooNew));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let now = Timestamp::new(1_700_000_000, 0).unwrap();
        for unit in [TimestampUnit::Milliseconds, TimestampUnit::Rfc3339, TimestampUnit::Seconds] {
            assert_eq!(parse(&unit.write(now), unit), Some(now.as_nanosecond()));
        }
    }
}
