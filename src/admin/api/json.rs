//! What the store knows, as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::store::ledger::{
    Attempt, AttemptAnswer, ChangeRecord, Depth, Hold, Shown, ShownMessage, State, Summary, Target, TargetKind,
};

/// Headers whose values are never shown: whoever knows them can act in another's name.
const SECRET_HEADERS: [http::HeaderName; 4] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::SET_COOKIE];

/// What stands in place of such a value.
const NOT_SHOWN: &str = "(not shown)";

/// The word for a state.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Dead => "dead",
        State::Delivered => "delivered",
        State::Discarded => "discarded",
        State::Due => "due",
        State::Leased => "leased",
        State::Paused => "paused",
    }
}

/// A delivery without its message.
pub(super) fn summary(summary: &Summary) -> Value {
    json!({
        "id": summary.id.to_string(),
        "state": state(summary.state),
        "source": summary.source.as_deref(),
        "endpoint": of_kind(&summary.target, TargetKind::Endpoint),
        "upstream": of_kind(&summary.target, TargetKind::Upstream),
        "event_id": summary.event_id,
        "event_type": summary.event_type,
        "attempt_count": summary.attempts,
        "accepted": time(summary.accepted),
        "due": summary.due.map(time),
        "ended": summary.ended.map(time),
    })
}

/// A delivery with all that is kept of it.
pub(super) fn shown(shown: &Shown) -> Value {
    let mut delivery = summary(&shown.summary);
    delivery["message"] = message(&shown.message);
    delivery["attempts"] = shown.attempts.iter().map(attempt).collect();
    delivery
}

fn message(message: &ShownMessage) -> Value {
    match message {
        ShownMessage::Digest { length, sha256 } => {
            let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "path": null, "headers": null, "body": { "length": length, "sha256": hex } })
        }
        ShownMessage::Full(message) => {
            json!({ "path": message.path, "headers": headers(&message.headers), "body": body(&message.body) })
        }
    }
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number,
        "started": time(attempt.started),
        "duration_ms": attempt.took.as_micros() as f64 / 1000.0,
        "outcome": attempt.outcome.word(),
        "status": attempt.answer.as_ref().map(|answer| answer.status),
        "error": attempt.error,
        "answer": attempt.answer.as_ref().map(answer),
    })
}

fn answer(answer: &AttemptAnswer) -> Value {
    json!({ "headers": headers(&answer.headers), "body": body(&answer.body) })
}

fn headers(headers: &HeaderMap) -> Value {
    let shown = |(name, value): (&http::HeaderName, &http::HeaderValue)| match SECRET_HEADERS.contains(name) {
        true => json!([name.as_str(), NOT_SHOWN]),
        false => json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]),
    };
    headers.iter().map(shown).collect()
}

/// A body as text, or in base64 where it is none.
fn body(body: &[u8]) -> Value {
    match std::str::from_utf8(body) {
        Ok(text) => json!({ "length": body.len(), "text": text }),
        Err(_) => json!({ "length": body.len(), "base64": STANDARD.encode(body) }),
    }
}

/// A change that was made by hand.
pub(super) fn change(record: &ChangeRecord) -> Value {
    let target = |kind| record.target.as_ref().and_then(|target| of_kind(target, kind));
    json!({
        "at": time(record.at),
        "what": record.what,
        "delivery": record.delivery.map(|id| id.to_string()),
        "endpoint": target(TargetKind::Endpoint),
        "upstream": target(TargetKind::Upstream),
        "count": record.count,
        "reason": record.reason,
    })
}

/// Whether a target goes on, and how much waits for it.
pub(super) fn waiting(depth: Option<&Depth>) -> Value {
    let (state, since, reason) = match depth.and_then(|depth| depth.held.as_ref()) {
        None => ("running", None, None),
        Some(Hold::Gone) => ("gone", None, None),
        Some(Hold::Paused(since, reason)) => ("paused", Some(time(*since)), Some(reason.as_str())),
    };
    let count = |read: fn(&Depth) -> u64| depth.map_or(0, read);
    json!({
        "state": state,
        "since": since,
        "reason": reason,
        "queue": {
            "due": count(|depth| depth.due),
            "leased": count(|depth| depth.leased),
            "paused": count(|depth| depth.paused),
            "dead": count(|depth| depth.dead),
        },
    })
}

fn of_kind(target: &Target, kind: TargetKind) -> Option<&str> {
    (target.kind == kind).then_some(&*target.name)
}

/// A time as in RFC 3339, to the millisecond.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_somebody_in_elsewhere_is_not_shown() {
        let mut map = HeaderMap::new();
        map.insert("authorization", "Bearer recognisable".parse().unwrap());
        map.insert("set-cookie", "a=recognisable".parse().unwrap());
        map.insert("x-other", "seen".parse().unwrap());

        let shown = headers(&map).to_string();

        assert!(!shown.contains("recognisable") && shown.contains("seen"), "{shown}");
    }

    #[test]
    fn a_body_that_is_no_text_is_base64() {
        assert_eq!(body(b"{}"), json!({ "length": 2, "text": "{}" }));
        assert_eq!(body(b"\xff\x00"), json!({ "length": 2, "base64": "/wA=" }));
    }

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(time("2026-01-01T00:00:00.5Z".parse().unwrap()), "2026-01-01T00:00:00.500Z");
    }
}
