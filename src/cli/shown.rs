//! The operator's answers, readable.

use std::fmt::Write as _;

use serde_json::Value;

use super::table::{Table, cut, printable, terminal_width, time, word};

/// How much of an answer stands in the table of attempts, in characters.
const SHOWN_OF_ANSWER: usize = 60;

/// A page of deliveries.
pub(super) fn deliveries(answer: &Value) -> String {
    let names = ["ID", "STATE", "TARGET", "SOURCE", "EVENT", "TYPE", "ATTEMPTS", "ACCEPTED", "NEXT"];
    let mut table = Table::new(&names, &[4, 5]);
    for delivery in answer["deliveries"].as_array().into_iter().flatten() {
        table.row([
            word(&delivery["id"]),
            word(&delivery["state"]),
            target(delivery),
            word(&delivery["source"]),
            word(&delivery["event_id"]),
            word(&delivery["event_type"]),
            word(&delivery["attempt_count"]),
            time(&delivery["accepted"]),
            time(&delivery["due"]),
        ]);
    }
    table.show(terminal_width())
}

/// One delivery with all that is kept of it.
pub(super) fn delivery(delivery: &Value) -> String {
    let lines = [
        ("delivery", word(&delivery["id"])),
        ("state", word(&delivery["state"])),
        ("source", word(&delivery["source"])),
        ("target", target(delivery)),
        ("event", word(&delivery["event_id"])),
        ("type", word(&delivery["event_type"])),
        ("accepted", time(&delivery["accepted"])),
        ("next", time(&delivery["due"])),
        ("ended", time(&delivery["ended"])),
        ("attempts", word(&delivery["attempt_count"])),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:10}{}", printable(&value));
    }
    format!("{text}{}\n{}", attempts(&delivery["attempts"]), message(&delivery["message"]))
}

fn attempts(attempts: &Value) -> String {
    let attempts = attempts.as_array().map(Vec::as_slice).unwrap_or_default();
    if attempts.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["ATTEMPT", "STARTED", "TOOK", "OUTCOME", "STATUS", "ERROR", "ANSWER"], &[6, 5]);
    for attempt in attempts {
        table.row([
            word(&attempt["number"]),
            time(&attempt["started"]),
            format!("{} ms", word(&attempt["duration_ms"])),
            word(&attempt["outcome"]),
            word(&attempt["status"]),
            word(&attempt["error"]),
            cut(&body(&attempt["answer"]["body"]), SHOWN_OF_ANSWER),
        ]);
    }
    format!("\n{}", table.show(terminal_width()))
}

fn message(message: &Value) -> String {
    let mut text = String::new();
    if let Some(path) = message["path"].as_str().filter(|path| !path.is_empty()) {
        let _ = writeln!(text, "{}", printable(path));
    }
    for header in message["headers"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{}: {}", printable(&word(&header[0])), printable(&word(&header[1])));
    }
    let _ = writeln!(text, "\n{}", printable(&body(&message["body"])));
    text
}

/// A body, or what is known of it.
fn body(body: &Value) -> String {
    match (&body["text"], &body["base64"], &body["sha256"]) {
        (Value::String(text), _, _) => text.clone(),
        (_, Value::String(base64), _) => format!("base64: {base64}"),
        (_, _, Value::String(digest)) => format!("not kept: {} bytes, SHA-256 {digest}", body["length"]),
        _ => "-".to_owned(),
    }
}

/// Endpoints or upstreams, and what waits for them.
pub(super) fn targets(targets: &Value) -> String {
    let mut table =
        Table::new(&["NAME", "STATE", "DUE", "LEASED", "PAUSED", "DEAD", "URL", "SINCE", "REASON"], &[8, 6]);
    for target in targets.as_array().into_iter().flatten() {
        let queue = &target["queue"];
        table.row([
            word(&target["name"]),
            word(&target["state"]),
            word(&queue["due"]),
            word(&queue["leased"]),
            word(&queue["paused"]),
            word(&queue["dead"]),
            word(&target["url"]),
            time(&target["since"]),
            word(&target["reason"]),
        ]);
    }
    table.show(terminal_width())
}

fn target(delivery: &Value) -> String {
    match &delivery["endpoint"] {
        Value::Null => word(&delivery["upstream"]),
        endpoint => word(endpoint),
    }
}
