//! What became of the events, for a reader or for a program.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::play::{Plan, Played};
use super::tally::{Counts, Latency, Role};
use crate::cli::table::Table;

/// Everything that there is to say.
pub(super) struct Report {
    pub(super) to: String,
    pub(super) played: Played,
    pub(super) plan: Plan,
}

impl Report {
    /// Whether all that was to be sent was, all good events and their repeats got a 2xx, and all that were tampered with
    /// were refused.
    pub(super) fn is_as_it_should_be(&self) -> bool {
        self.unsent() == 0 && self.played.tally.wrong() == 0
    }

    /// How many requests were not sent, or not answered when it ended.
    fn unsent(&self) -> u64 {
        self.plan.requests() - self.played.tally.sent()
    }

    pub(super) fn text(&self) -> String {
        let (tally, seconds) = (&self.played.tally, self.played.took.as_secs_f64());
        let rate = tally.sent() as f64 / seconds.max(0.001);
        let (sent, noun) = (tally.sent(), if tally.sent() == 1 { "request" } else { "requests" });
        let mut text = format!("{sent} {noun} to {} in {seconds:.2} s, {rate:.0} a second\n\n", self.to);
        text += &self.table();
        let answers = tally.statuses.iter().map(|(status, count)| format!("{status}: {count}"));
        let _ = writeln!(text, "\nanswers  {}", joined(answers));
        if let Some(Latency { p50, p90, p99, most }) = tally.latency() {
            let [p50, p90, p99, most] = [p50, p90, p99, most].map(milliseconds);
            let _ = writeln!(text, "latency  p50 {p50:.1} ms, p90 {p90:.1} ms, p99 {p99:.1} ms, max {most:.1} ms");
        }
        for (error, count) in &tally.errors {
            let _ = writeln!(text, "no answer  {count}: {error}");
        }
        text += &self.verdict();
        text
    }

    fn table(&self) -> String {
        let names = ["", "SENT", "2XX", "REPLAYED", "REFUSED", "OTHER", "NO ANSWER"];
        let mut table = Table::new(&names, &[]);
        for (role, counts) in self.roles() {
            let Counts { sent, success, replayed, refused, other, unanswered } = counts;
            let numbers = [sent, success, replayed, refused, other, unanswered].map(|number| number.to_string());
            table.row([role.word().to_owned()].into_iter().chain(numbers));
        }
        table.show(None)
    }

    /// The roles that the plan has.
    fn roles(&self) -> impl Iterator<Item = (Role, Counts)> {
        let planned = [self.plan.count, self.plan.duplicates, self.plan.tampered];
        let roles = Role::ALL.into_iter().zip(planned).filter(|(_, planned)| *planned > 0);
        roles.map(|(role, _)| (role, self.played.tally.of(role)))
    }

    fn verdict(&self) -> String {
        let tally = &self.played.tally;
        let [good, duplicate, tampered] = Role::ALL.map(|role| tally.of(role));
        let wrong = [
            (good.sent - good.success, "good without a 2xx"),
            (duplicate.sent - duplicate.success, "repeated without a 2xx"),
            (tampered.sent - tampered.refused, "tampered with and not refused"),
            (self.unsent(), if self.played.is_interrupted { "not sent: interrupted" } else { "not sent" }),
        ];
        let wrong = wrong.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        if self.is_as_it_should_be() {
            "\nall as it should be\n".to_owned()
        } else {
            format!("\nNOT AS IT SHOULD BE: {}\n", joined(wrong))
        }
    }

    pub(super) fn json(&self) -> Value {
        let tally = &self.played.tally;
        let statuses: serde_json::Map<_, _> =
            tally.statuses.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
        let latency = tally.latency().map(|Latency { p50, p90, p99, most }| {
            let [p50, p90, p99, max] = [p50, p90, p99, most].map(milliseconds);
            json!({ "p50": p50, "p90": p90, "p99": p99, "max": max })
        });
        json!({
            "to": self.to,
            "as_expected": self.is_as_it_should_be(),
            "interrupted": self.played.is_interrupted,
            "sent": tally.sent(),
            "unsent": self.unsent(),
            "seconds": self.played.took.as_secs_f64(),
            "good": counts(tally.of(Role::Good)),
            "duplicate": counts(tally.of(Role::Duplicate)),
            "tampered": counts(tally.of(Role::Tampered)),
            "statuses": statuses,
            "errors": tally.errors,
            "latency_ms": latency,
        })
    }
}

fn counts(counts: Counts) -> Value {
    let Counts { sent, success, replayed, refused, other, unanswered } = counts;
    json!({
        "sent": sent, "success": success, "replayed": replayed, "refused": refused, "other": other,
        "unanswered": unanswered,
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}
