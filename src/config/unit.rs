//! Durations and sizes: a number and its unit.

use std::time::Duration;

use super::fields::Fields;
use super::node::Spanned;
use super::page::quote;
use super::read::{Complaint, Word};
use super::suggest::did_you_mean;

const MILLISECOND: u64 = 1;
const SECOND: u64 = 1000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const DURATIONS: [(&str, u64); 5] = [("ms", MILLISECOND), ("s", SECOND), ("m", MINUTE), ("h", HOUR), ("d", DAY)];

const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size(pub(super) usize);

impl Word for Duration {
    const WHAT: &'static str = "a duration";
    const LIKE: &'static str = "a number with its unit, such as `500ms`, `10s`, `5m`, `72h` or `3d`";

    fn parse(text: &str) -> Result<Duration, Complaint> {
        let milliseconds = scaled(text, Self::WHAT, Self::LIKE, &DURATIONS, "s")?;
        Ok(Duration::from_millis(milliseconds))
    }

    fn pattern() -> Option<String> {
        Some(pattern(&DURATIONS))
    }
}

impl Word for Size {
    const WHAT: &'static str = "a size";
    const LIKE: &'static str = "a number with its unit, such as `512B`, `64KiB`, `1MiB` or `10MB`";

    fn parse(text: &str) -> Result<Size, Complaint> {
        let bytes = scaled(text, Self::WHAT, Self::LIKE, &SIZES, "B")?;
        usize::try_from(bytes)
            .map(Size)
            .map_err(|_| Complaint::new(format!("{} is too large", quote(text)), "write a smaller number"))
    }

    fn pattern() -> Option<String> {
        Some(pattern(&SIZES))
    }
}

/// A number and one of the units of a table.
fn pattern(units: &[(&str, u64)]) -> String {
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    format!("^[0-9]+({})$", names.join("|"))
}

impl Fields<'_, '_> {
    /// A duration that may be left out.
    pub(super) fn duration(&mut self, key: &'static str, least: Duration, most: Duration) -> Option<Duration> {
        self.spanned_duration(key, least, most).map(|duration| duration.value)
    }

    /// A duration that may be left out, and where it stands.
    pub(super) fn spanned_duration(
        &mut self,
        key: &'static str,
        least: Duration,
        most: Duration,
    ) -> Option<Spanned<Duration>> {
        let found: Spanned<Duration> = self.optional(key)?;
        let fits = (least..=most).contains(&found.value);
        if !fits {
            let label = format!("from {} to {}", duration(least), duration(most));
            self.problems.error(found.span, format!("`{key}` cannot be {}", duration(found.value)), label);
        }
        fits.then_some(found)
    }

    /// A size that may be left out.
    pub(super) fn size(&mut self, key: &'static str, least: Size, most: Size) -> Option<Spanned<Size>> {
        let found: Spanned<Size> = self.optional(key)?;
        let fits = (least..=most).contains(&found.value);
        if !fits {
            let label = format!("from {} to {}", size(least.0), size(most.0));
            self.problems.error(found.span, format!("`{key}` cannot be {}", size(found.value.0)), label);
        }
        fits.then_some(found)
    }
}

/// `10s` in the smallest unit of a table.
fn scaled(text: &str, what: &str, like: &str, units: &[(&str, u64)], usual: &str) -> Result<u64, Complaint> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(Complaint::new(format!("{} is not {what}", quote(text)), like));
    }
    if unit.is_empty() {
        let message = format!("{} has no unit", quote(text));
        return Err(Complaint::new(message, format!("write `{text}{usual}` if that is what you mean")));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let names: Vec<String> = units.iter().map(|(name, _)| format!("`{name}`")).collect();
        let meant = did_you_mean(unit, units.iter().map(|(name, _)| *name));
        let label = format!("the units are {}{meant}", names.join(", "));
        return Err(
            Complaint::new(format!("{} is not the unit of {what}", quote(unit)), label).about(digits..text.len())
        );
    };
    let value = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    value.ok_or_else(|| Complaint::new(format!("{} is too large", quote(text)), "write a smaller number"))
}

/// A duration as a person writes it: in days if it is many, else from hours down.
pub(super) fn duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest > 96 * HOUR && rest.is_multiple_of(DAY) {
        return format!("{}d", rest / DAY);
    }
    let mut text = String::new();
    for (name, factor) in [("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MILLISECOND)] {
        if rest >= factor {
            text.push_str(&format!("{}{name}", rest / factor));
            rest %= factor;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A size as a person writes it.
pub(super) fn size(bytes: usize) -> String {
    let bytes = bytes as u64;
    let binary = [SIZES[6], SIZES[5], SIZES[4], SIZES[0]];
    let (name, factor) =
        binary.into_iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)).unwrap_or(SIZES[0]);
    format!("{}{name}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let read = |text| Duration::parse(text).map_err(|complaint| complaint.message);

        assert_eq!(read("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(read("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(read("72h"), Ok(Duration::from_secs(72 * 3600)));
        assert_eq!(read("3d"), Ok(Duration::from_secs(3 * 86400)));
        for wrong in
            ["", "s", "10", "10 s", "-1s", "1.5s", "10S", "10sec", "99999999999999999999s", "9999999999999999999h"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        let read = |text| Size::parse(text).map_err(|complaint| complaint.message);

        assert_eq!(read("1MiB"), Ok(Size(1 << 20)));
        assert_eq!(read("1MB"), Ok(Size(1_000_000)));
        assert_eq!(read("512B"), Ok(Size(512)));
        for wrong in ["", "1", "1M", "1mb", "MiB", "1 MiB", "99999999999999999999B"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_read_is_written_as_a_person_would() {
        for text in ["500ms", "10s", "5m", "72h", "7d"] {
            assert_eq!(duration(Duration::parse(text).unwrap()), text);
        }
        assert_eq!(duration(Duration::ZERO), "0s");
        assert_eq!(duration(Duration::from_secs(124_560)), "34h36m");
        for text in ["1MiB", "1500B", "2GiB", "64KiB"] {
            assert_eq!(size(Size::parse(text).unwrap().0), text);
        }
    }
}
