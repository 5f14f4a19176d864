//! What follows from an attempt.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::{Tried, Unanswered};
use crate::config::Retry;
use crate::store::ledger::{Attempt, AttemptAnswer, Next, TargetKind};
use crate::telemetry::words::AttemptOutcome;

/// The longest that a target may put an attempt off with `Retry-After`.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// What follows from an attempt at a target.
pub(crate) struct Rules<'a> {
    /// The schedule, and which statuses mean what.
    pub(crate) retry: &'a Retry,
    /// Whether 410 pauses the target: it does an endpoint.
    pub(crate) kind: TargetKind,
}

/// An attempt and what follows.
#[derive(Debug)]
pub(crate) struct Concluded {
    /// The attempt, as it is kept.
    pub(crate) attempt: Attempt,
    /// What follows for the delivery.
    pub(crate) next: Next,
    /// Why the target is to be paused, if it is.
    pub(crate) pause: Option<String>,
    /// Whether the target as a whole seems to be down or overloaded, whatever the event.
    pub(crate) is_target_down: bool,
}

/// Concludes the attempt of this number, which began at `started` and took so long.
pub(crate) fn conclude(rules: &Rules<'_>, number: u32, started: Timestamp, took: Duration, tried: Tried) -> Concluded {
    let ended = started.saturating_add(took).unwrap_or(started);
    let (outcome, answer, error) = match tried {
        Ok(answer) if rules.retry.success.contains(answer.status) => (AttemptOutcome::Success, Some(answer), None),
        Ok(answer) => (AttemptOutcome::Status, Some(answer), None),
        Err(Unanswered { outcome, error }) => (outcome, None, Some(error)),
    };
    let status = answer.as_ref().map(|answer| answer.status);
    let is_gone = rules.kind == TargetKind::Endpoint && status == Some(410) && outcome == AttemptOutcome::Status;
    let next = match (outcome, status) {
        (AttemptOutcome::Success, _) => Next::Delivered,
        (_, Some(status)) if rules.retry.give_up_on.contains(status) => Next::Dead,
        _ => rules.next(number, ended, answer.as_ref(), is_gone),
    };
    Concluded {
        next,
        pause: is_gone.then(|| "the endpoint answered 410".to_owned()),
        is_target_down: match outcome {
            AttemptOutcome::Success | AttemptOutcome::EgressDenied => false,
            // 502 and 504 mean no app, 429 and 503 too much: https://www.standardwebhooks.com
            AttemptOutcome::Status => status.is_some_and(|status| matches!(status, 429 | 502 | 503 | 504)),
            AttemptOutcome::Connect | AttemptOutcome::Timeout | AttemptOutcome::Tls => true,
        },
        attempt: Attempt { number, started, took, outcome, answer, error },
    }
}

impl Rules<'_> {
    fn next(&self, number: u32, ended: Timestamp, answer: Option<&AttemptAnswer>, is_gone: bool) -> Next {
        let Some(delay) = self.retry.schedule.get(number as usize) else {
            // What a paused endpoint did not take waits until it goes on.
            return if is_gone { Next::Due(ended) } else { Next::Dead };
        };
        let delay = delay.mul_f64(1.0 + self.retry.jitter * fastrand::f64());
        let wanted = answer.and_then(|answer| retry_after(&answer.headers, ended)).unwrap_or_default();
        let due = ended.saturating_add(delay.max(wanted.min(LONGEST_WAIT)));
        Next::Due(due.unwrap_or(ended))
    }
}

/// How long the other side wants to be left alone: seconds or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim_ascii();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(LONGEST_WAIT, Duration::from_secs));
    }
    // `GMT` is the only zone that HTTP has, and RFC 2822 knows it.
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    Duration::try_from(date.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;

    const START: &str = "2026-01-01T00:00:00Z";

    fn answer(status: u16, retry_after: Option<&'static str>) -> Tried {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(value));
        }
        Ok(AttemptAnswer { status, headers, body: Bytes::new() })
    }

    fn concluded(kind: TargetKind, retry: &Retry, number: u32, tried: Tried) -> Concluded {
        let took = Duration::from_secs(2);
        conclude(&Rules { retry, kind }, number, START.parse().unwrap(), took, tried)
    }

    fn seconds(next: Next) -> Option<i64> {
        let start: Timestamp = START.parse().unwrap();
        match next {
            Next::Due(at) => Some(at.as_second() - start.as_second()),
            _ => None,
        }
    }

    #[test]
    fn a_delay_counts_from_the_end_of_the_attempt() {
        let next = |number| seconds(concluded(TargetKind::Upstream, &Retry::lmif(), number, answer(500, None)).next);

        assert_eq!(
            (1..=7).map(next).collect::<Vec<_>>(),
            [Some(62), Some(302), Some(1802), Some(7202), Some(28_802), Some(86_402), None]
        );
    }

    #[test]
    fn every_status_but_success_is_tried_again() {
        for status in [100, 199, 300, 301, 304, 400, 401, 404, 409, 410, 422, 429, 500, 503, 599] {
            let concluded = concluded(TargetKind::Upstream, &Retry::lmif(), 1, answer(status, None));

            assert_eq!((concluded.attempt.outcome, seconds(concluded.next)), (AttemptOutcome::Status, Some(62)));
        }
        for status in [200, 201, 202, 204, 299] {
            let concluded = concluded(TargetKind::Upstream, &Retry::lmif(), 1, answer(status, None));

            assert_eq!((concluded.attempt.outcome, concluded.next), (AttemptOutcome::Success, Next::Delivered));
        }
    }

    #[test]
    fn the_other_side_may_put_an_attempt_off_but_not_for_ever() {
        let after = |value| seconds(concluded(TargetKind::Upstream, &Retry::lmif(), 1, answer(503, Some(value))).next);

        assert_eq!(after("10"), Some(62));
        assert_eq!(after("120"), Some(122));
        assert_eq!(after("Thu, 01 Jan 2026 00:10:00 GMT"), Some(600));
        assert_eq!(after("Wed, 31 Dec 2025 00:10:00 GMT"), Some(62));
        assert_eq!(after("99999999999999999999999"), Some(86_402));
        assert_eq!(after("soon"), Some(62));
        assert_eq!(after("-5"), Some(62));
    }

    #[test]
    fn a_status_may_end_a_delivery_at_once() {
        let retry = Retry { give_up_on: crate::config::StatusSet(vec![400..=400]), ..Retry::lmif() };

        assert_eq!(concluded(TargetKind::Upstream, &retry, 1, answer(400, None)).next, Next::Dead);
    }

    #[test]
    fn an_endpoint_that_is_gone_is_paused_and_loses_nothing() {
        let paused = concluded(TargetKind::Endpoint, &Retry::none(), 1, answer(410, None));

        assert!(paused.pause.is_some());
        assert_eq!(seconds(paused.next), Some(2));
        let app = concluded(TargetKind::Upstream, &Retry::none(), 1, answer(410, None));
        assert!(app.pause.is_none());
        assert_eq!(app.next, Next::Dead);
    }

    #[test]
    fn a_delay_is_lengthened_by_chance_and_never_shortened() {
        let retry = Retry { jitter: 0.5, ..Retry::lmif() };

        for _ in 0..100 {
            let next = seconds(concluded(TargetKind::Upstream, &retry, 2, answer(500, None)).next).unwrap();
            assert!((302..=452).contains(&next), "{next}");
        }
    }
}
