//! `retry`: how deliveries are tried again.

use std::time::Duration;

use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Spanned, Value};
use crate::config::page::quote;
use crate::config::read::{Complaint, Read, Word, expected, one_of};
use crate::config::resolved::{Retry, StatusSet};
use crate::config::unit::duration;

/// The longest schedule, in attempts.
const MOST_ATTEMPTS: usize = 100;

/// The longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(30 * 86_400);

const SCHEDULE: &str = "a list of delays, such as `[0s, 1m, 5m]`";

const STATUSES: &str = "a list of statuses, such as `[2xx, 410, 500-599]`";

/// A schedule that has a name.
#[derive(Clone)]
struct NamedRetry(fn() -> Retry);

impl Word for NamedRetry {
    const WHAT: &'static str = "a named schedule";
    const LIKE: &'static str = "write `standard-webhooks`, `lmif` or `none`, or `{schedule: [0s, 1m, 5m]}`";

    fn parse(text: &str) -> Result<NamedRetry, Complaint> {
        let table = [
            ("standard-webhooks", Some(NamedRetry(Retry::standard_webhooks))),
            ("lmif", Some(NamedRetry(Retry::lmif))),
            ("none", Some(NamedRetry(Retry::none))),
        ];
        one_of(text, Self::WHAT, &table).map_err(|complaint| {
            let is_near = complaint.label.contains("did you mean");
            if is_near { complaint } else { Complaint { label: Self::LIKE.into(), ..complaint } }
        })
    }
}

/// What is left out of a map is as in `standard-webhooks`; but a schedule of one's own is kept to the second.
impl Read for Retry {
    fn read(node: &Node, problems: &mut Problems) -> Option<Retry> {
        if let Value::Text(_) = &node.value {
            return NamedRetry::read(node, problems).map(|NamedRetry(named)| named());
        }
        let mut fields = Fields::of(node, "`retry`", problems)?;
        let usual = Retry::standard_webhooks();
        let jitter = if fields.has("schedule") { 0.0 } else { usual.jitter };
        let schedule: Option<Schedule> = fields.optional("schedule");
        let retry = Retry {
            schedule: schedule.map_or(usual.schedule, |Schedule(delays)| delays.into()),
            jitter: fields.optional("jitter").map_or(jitter, |Percent(part)| part),
            timeout: fields.duration("timeout", Duration::from_millis(1), Duration::from_secs(3600)),
            success: fields.optional("success").map_or(usual.success, |Success(statuses)| statuses),
            give_up_on: fields.optional("give_up_on").unwrap_or_default(),
        };
        if let Some(at) = fields.value("give_up_on").filter(|_| overlap(&retry.give_up_on, &retry.success)) {
            let label = "a status means one of the two";
            fields.problems.error(at, "a status of `give_up_on` is one of `success` too", label);
        }
        fields.finish();
        Some(retry)
    }
}

fn overlap(some: &StatusSet, others: &StatusSet) -> bool {
    some.0.iter().any(|one| others.0.iter().any(|other| one.start() <= other.end() && other.start() <= one.end()))
}

struct Schedule(Vec<Duration>);

impl Read for Schedule {
    fn read(node: &Node, problems: &mut Problems) -> Option<Schedule> {
        let Value::List(_) = &node.value else {
            expected("a schedule", SCHEDULE, node, problems);
            return None;
        };
        let delays: Vec<Spanned<Duration>> = Vec::read(node, problems)?;
        if delays.len() > MOST_ATTEMPTS {
            let message = format!("a schedule has at most {MOST_ATTEMPTS} delays, found {}", delays.len());
            problems.error(node.owner, message, "a delivery that fails so often is better repeated by hand");
        }
        for delay in delays.iter().filter(|delay| delay.value > LONGEST_DELAY) {
            let message = format!("a delay cannot be {}", duration(delay.value));
            problems.error(delay.span, message, format!("at most {}", duration(LONGEST_DELAY)));
        }
        Some(Schedule(delays.into_iter().map(|delay| delay.value).collect()))
    }
}

/// A part of one, written as `10%`.
struct Percent(f64);

impl Word for Percent {
    const WHAT: &'static str = "a percentage";
    const LIKE: &'static str = "a whole number from 0 to 100 and `%`, such as `10%`";

    fn parse(text: &str) -> Result<Percent, Complaint> {
        let number = text.strip_suffix('%').and_then(digits).filter(|number| *number <= 100);
        let number =
            number.ok_or_else(|| Complaint::new(format!("{} is not a percentage", quote(text)), Self::LIKE))?;
        Ok(Percent(f64::from(number) / 100.0))
    }

    fn pattern() -> Option<String> {
        Some("^(100|[0-9]{1,2}|0[0-9]{2})%$".into())
    }
}

/// Some statuses or none.
impl Read for StatusSet {
    fn read(node: &Node, problems: &mut Problems) -> Option<StatusSet> {
        match &node.value {
            Value::List(list) if list.is_empty() => Some(StatusSet::default()),
            Value::List(_) => {
                let ranges: Vec<Statuses> = Vec::read(node, problems)?;
                Some(StatusSet(ranges.into_iter().map(|Statuses(first, last)| first..=last).collect()))
            }
            _ => {
                expected("a list of statuses", STATUSES, node, problems);
                None
            }
        }
    }
}

/// Some statuses.
struct Success(StatusSet);

impl Read for Success {
    fn read(node: &Node, problems: &mut Problems) -> Option<Success> {
        let statuses = StatusSet::read(node, problems)?;
        if statuses.0.is_empty() {
            let label = "name at least one status, or leave the key out: it is `[2xx]` then";
            problems.error(node.span, "nothing would ever be delivered", label);
            return None;
        }
        Some(Success(statuses))
    }
}

/// From the first to the last, both included.
struct Statuses(u16, u16);

impl Word for Statuses {
    const WHAT: &'static str = "a status";
    const LIKE: &'static str = "from 200 to 599: `410`, `2xx` or `200-204`";

    fn parse(text: &str) -> Result<Statuses, Complaint> {
        let class = |text: &str| text.strip_suffix("xx").and_then(digits);
        let (first, last) = match (class(text), text.split_once('-')) {
            (Some(class), _) => (class.checked_mul(100), class.checked_mul(100).map(|first| first + 99)),
            (None, Some((first, last))) => (digits(first), digits(last)),
            (None, None) => (digits(text), digits(text)),
        };
        // An answer of 1xx is never the last one (RFC 9110 §15.2).
        let range = first.zip(last).filter(|(first, last)| 200 <= *first && first <= last && *last <= 599);
        let complaint = || Complaint::new(format!("{} is not a status of an answer", quote(text)), Self::LIKE);
        range.map(|(first, last)| Statuses(first, last)).ok_or_else(complaint)
    }

    fn pattern() -> Option<String> {
        Some("^[2-5]([0-9]{2}|xx|[0-9]{2}-[2-5][0-9]{2})$".into())
    }
}

/// A small number in decimal digits.
fn digits(text: &str) -> Option<u16> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_classes_and_ranges() {
        let read = |text| Statuses::parse(text).map(|Statuses(first, last)| (first, last)).ok();

        assert_eq!(read("2xx"), Some((200, 299)));
        assert_eq!(read("410"), Some((410, 410)));
        assert_eq!(read("200-204"), Some((200, 204)));
        for wrong in [
            "", "xx", "1xx", "6xx", "100", "600", "204-200", "199-204", "2XX", "+200", "0200", "200-", "200-2xx",
            "99999xx",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_percentage_is_at_most_a_hundred() {
        let read = |text| Percent::parse(text).map(|Percent(part)| part).ok();

        assert_eq!((read("0%"), read("10%"), read("100%")), (Some(0.0), Some(0.1), Some(1.0)));
        for wrong in ["", "%", "10", "101%", "-1%", "1.5%", "10 %"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
