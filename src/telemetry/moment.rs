//! The time at the beginning of a line.

use std::io::Write;

use jiff::Timestamp;

/// How long a time is: `2026-01-31T12:00:00.000Z`.
const LENGTH: usize = 24;

/// A time as text, made anew once a second; in between only its thousandths change.
pub(super) struct Moment {
    text: [u8; LENGTH],
    second: i64,
}

impl Moment {
    pub(super) const fn new() -> Self {
        Self { text: [b' '; LENGTH], second: i64::MIN }
    }

    /// A time, to the thousandth of a second.
    pub(super) fn text(&mut self, now: Timestamp) -> &str {
        if now.as_second() != self.second {
            self.second = now.as_second();
            // A year has four digits until a clock says otherwise; the text is then cut off.
            let _ = write!(&mut self.text[..], "{now:.3}");
        }
        let millis = now.subsec_millisecond().unsigned_abs();
        for (place, digit) in self.text[20..23].iter_mut().zip([100, 10, 1]) {
            *place = b'0' + (millis / digit % 10) as u8;
        }
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_would_be_written_without_remembering() {
        let mut moment = Moment::new();

        for millis in
            [0, 1, 999, 1000, 1001, 1_770_000_000_123, 1_770_000_000_999, 1_770_000_001_000, 1_770_000_000_000]
        {
            let now = Timestamp::from_millisecond(millis).unwrap();
            assert_eq!(moment.text(now), format!("{now:.3}"));
        }
    }
}
