//! `concurrency` and `rate`: how fast a queue is worked off.

use crate::config::fields::Fields;
use crate::config::node::Span;
use crate::config::page::quote;
use crate::config::read::{Complaint, Word};
use crate::config::resolved::Pace;

/// `concurrency` and `rate`, beside the other keys of a target.
pub(in crate::config) fn pace(fields: &mut Fields<'_, '_>) -> Pace {
    let usual = Pace::default();
    let rate: Option<Rate> = fields.optional("rate");
    Pace {
        concurrency: fields.count("concurrency", 10_000).unwrap_or(usual.concurrency),
        rate: rate.map(|Rate(rate)| rate),
    }
}

/// Where these of the keys stand that mean nothing without a queue.
pub(in crate::config) fn of_queue(keys: &[&'static str], fields: &Fields<'_, '_>) -> Vec<(&'static str, Span)> {
    keys.iter().filter_map(|key| Some((*key, fields.key(key)?))).collect()
}

/// So many attempts a second.
struct Rate(f64);

impl Word for Rate {
    const WHAT: &'static str = "a rate";
    const LIKE: &'static str = "a whole number from 1 to 100000 and `/s`, `/m` or `/h`, such as `50/s`";

    fn parse(text: &str) -> Result<Rate, Complaint> {
        let parts = text.split_once('/');
        let number = parts.and_then(|(number, _)| number.parse::<u32>().ok().filter(|n| (1..=100_000).contains(n)));
        let digits = parts.is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
        let seconds = parts.and_then(|(_, unit)| match unit {
            "s" => Some(1.0),
            "m" => Some(60.0),
            "h" => Some(3600.0),
            _ => None,
        });
        let rate = number.zip(seconds).filter(|_| digits).map(|(number, seconds)| f64::from(number) / seconds);
        rate.map(Rate).ok_or_else(|| Complaint::new(format!("{} is not a rate", quote(text)), Self::LIKE))
    }

    fn pattern() -> Option<String> {
        Some("^[0-9]{1,6}/[smh]$".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_what_it_is_divided_by() {
        let read = |text| Rate::parse(text).map(|Rate(rate)| rate).ok();

        assert_eq!(read("50/s"), Some(50.0));
        assert_eq!(read("30/m"), Some(0.5));
        assert_eq!(read("36/h"), Some(0.01));
        for wrong in ["", "50", "/s", "0/s", "+5/s", "1.5/s", "50/d", "50 /s", "100001/s", "99999999999/s", "1/s/s"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
