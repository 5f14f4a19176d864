//! Timestamps that are off.

use std::time::Duration;

use super::{Captured, Known, Mistake, content};
use crate::scheme::{Mechanism, Recipe, TimestampUnit};

const UNIT: Known = Known {
    name: "timestamp-unit",
    what: "the timestamp is in {}, and the scheme says {}",
    advice: "Let the sender write it so, or change the `unit` of the scheme's `timestamp`.",
};

const FORM: Known = Known {
    name: "timestamp-unreadable",
    what: "the timestamp is not {}",
    advice: "Let the sender write it so, with nothing around it, or change the `unit` of the scheme's `timestamp`.",
};

const OLD: Known = Known {
    name: "timestamp-old",
    what: "the timestamp is {} old, and {} are allowed",
    advice: "Of a captured request, give the time at which it came with `--now`. Otherwise it waited on its way (in a \
             queue, or for a retry that is not signed anew), or one of both clocks is wrong: compare them (NTP).",
};

const NEW: Known = Known {
    name: "timestamp-new",
    what: "the timestamp lies {} in the future, and {} are allowed",
    advice: "One of both clocks is wrong: compare them (NTP). The sender's is ahead, or this one is behind.",
};

/// What is wrong with the time of signing, where the scheme looks at it.
pub(super) fn look(captured: &Captured<'_>) -> Option<Mistake> {
    match &captured.scheme.mechanism {
        Mechanism::Hmac(recipe) => look_at(captured, recipe),
        Mechanism::PublicKey(recipe) => look_at(captured, recipe),
        Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => None,
    }
}

fn look_at<A, K>(captured: &Captured<'_>, recipe: &Recipe<A, K>) -> Option<Mistake> {
    let unit = recipe.timestamp.as_ref()?.unit;
    let text = content::timestamp(captured, recipe)?.text;
    let found = read(&text)?;
    let Some((found_unit, time)) = found else { return Some(FORM.with(&[words(unit)])) };
    if found_unit != unit {
        return Some(UNIT.with(&[words(found_unit), words(unit)]));
    }
    let tolerance = recipe.tolerance?;
    let old = captured.now.as_millisecond() - time.as_millisecond();
    let distance = Duration::from_millis(old.unsigned_abs());
    let known = if old > 0 { OLD } else { NEW };
    (distance > tolerance).then(|| known.with(&[&spoken(distance), &spoken(tolerance)]))
}

/// The time that a text is, and how it is written; `None` for an empty one, `Some(None)` for one that is no time.
fn read(text: &str) -> Option<Option<(TimestampUnit, jiff::Timestamp)>> {
    if text.is_empty() {
        return None;
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<i64>().ok().filter(|_| digits);
    Some(match number {
        // The year 5138 in seconds, and 1973 in milliseconds.
        Some(number) if number >= 100_000_000_000 => {
            jiff::Timestamp::from_millisecond(number).ok().map(|time| (TimestampUnit::Milliseconds, time))
        }
        Some(number) => jiff::Timestamp::from_second(number).ok().map(|time| (TimestampUnit::Seconds, time)),
        None => text.parse().ok().map(|time| (TimestampUnit::Rfc3339, time)),
    })
}

fn words(unit: TimestampUnit) -> &'static str {
    match unit {
        TimestampUnit::Milliseconds => "milliseconds since 1970",
        TimestampUnit::Rfc3339 => "RFC 3339 with a zone",
        TimestampUnit::Seconds => "seconds since 1970",
    }
}

/// The two largest units.
fn spoken(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut parts = Vec::new();
    for (unit, name) in [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")] {
        if rest >= unit && parts.len() < 2 {
            parts.push(format!("{}{name}", rest / unit));
        }
        rest %= unit;
    }
    if parts.is_empty() { format!("{}ms", duration.as_millis()) } else { parts.join(" ") }
}

/// Every name that a mistake with a time can have.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [UNIT, FORM, OLD, NEW].into_iter().map(|known| known.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_spoken_in_its_two_largest_units() {
        for (seconds, text) in [(5, "5s"), (300, "5m"), (3 * 86_400 + 4 * 3600 + 5, "3d 4h"), (86_400, "1d")] {
            assert_eq!(spoken(Duration::from_secs(seconds)), text);
        }
        assert_eq!(spoken(Duration::from_millis(20)), "20ms");
    }
}
