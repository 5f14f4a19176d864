//! What was found, checked and written down.

use std::collections::BTreeMap;
use std::fmt::Write;

use rusqlite::Connection;

use super::Soak;
use super::app::OUTBOUND;
use super::books::{Account, Told};
use super::watch::{Rest, Sample, sum};
use super::world::{RECEIVERS, WAYS, World};

/// What was seen of the gateway in the second part.
pub(super) struct Findings {
    pub before: Rest,
    pub after: Rest,
    pub samples: Vec<Sample>,
}

pub(super) struct Report<'a> {
    world: &'a World,
    findings: &'a Findings,
    account: Account,
    checks: Vec<Check>,
}

struct Check {
    what: &'static str,
    is_good: bool,
    seen: String,
}

/// By how many MiB memory may grow after the first third of the second part, beside what is remembered.
const GROWTH: f64 = 8.0;

/// What an event of the app that is remembered may take: it is in two scopes.
const REMEMBERED: f64 = 256.0;

/// How large the files may become: `retention.size` bounds what is over, and what waits is beside it.
const FILE: u64 = 192 << 20;
const WAL: u64 = 64 << 20;

impl<'a> Report<'a> {
    pub(super) fn new(world: &'a World, findings: &'a Findings) -> Self {
        let account = world.books.account();
        let mut report = Self { world, findings, account, checks: Vec::new() };
        report.check_ledger();
        report.check_rest();
        report.check_memory();
        report.check_counters();
        report.check_log();
        report.check_file();
        report
    }

    pub(super) fn is_good(&self) -> bool {
        self.checks.iter().all(|check| check.is_good)
    }

    fn check(&mut self, what: &'static str, is_good: bool, seen: impl Into<String>) {
        self.checks.push(Check { what, is_good, seen: seen.into() });
    }

    /// There is nothing of this sort.
    fn check_none(&mut self, what: &'static str, list: &[String]) {
        let shown: Vec<_> = list.iter().take(5).map(String::as_str).collect();
        let seen = if list.is_empty() { "0".to_owned() } else { format!("{}: {}", list.len(), shown.join("; ")) };
        self.check(what, list.is_empty(), seen);
    }

    fn check_ledger(&mut self) {
        let lost = std::mem::take(&mut self.account.lost);
        self.check_none("acknowledged, and neither arrived nor discarded", &lost);
        let unexplained = std::mem::take(&mut self.account.unexplained);
        self.check_none("arrived again without a replay or a kill", &unexplained);
        let complaints = |sort| self.world.books.complaints(sort);
        let (arrived, dead) = (complaints("arrived and should not have"), complaints("dead and should not be"));
        let (answers, never) = (complaints("answered otherwise"), complaints("never acknowledged"));
        let (late, ended) = (complaints("came too late"), complaints("ended badly"));
        self.check_none("forged, stale, half, or otherwise wrong, and arrived", &arrived);
        self.check_none("dead, at a receiver that does not refuse", &dead);
        self.check_none("answers that should not have been given", &answers);
        self.check_none("genuine, and not acknowledged within 90 s", &never);
        self.check_none("waited for in vain", &late);
        self.check_none("ends of the gateway by SIGTERM with another status than 0", &ended);
    }

    fn check_rest(&mut self) {
        let (before, after) = (&self.findings.before, &self.findings.after);
        let list = |sorts: &BTreeMap<String, usize>| {
            let list: Vec<_> = sorts.iter().map(|(sort, count)| format!("{count} {sort}")).collect();
            list.join(", ")
        };
        let seen = format!("{}; at first {}", list(&after.descriptors), list(&before.descriptors));
        let threads = format!("{}; at first {}", after.threads, before.threads);
        let held =
            ["inbound_connections", "outbound_connections", "dedup_in_flight", "body_bytes", "outbound_body_bytes"];
        let held: Vec<_> = held.iter().map(|name| (*name, sum(&after.metrics, name))).collect();
        let queue = sum(&after.metrics, "queue_deliveries");
        let is_empty = held.iter().all(|(_, value)| *value == 0.0) && !after.metrics.is_empty();
        let (descriptors, count) = (after.descriptors == before.descriptors, after.threads == before.threads);
        self.check("descriptors at rest, as at first", descriptors, seen);
        self.check("threads at rest, as at first", count, threads);
        let held: Vec<_> = held.iter().map(|(name, value)| format!("{name} {value}")).collect();
        self.check("connections, claims and bodies that are held", is_empty, held.join(", "));
        self.check("due, leased, paused or dead in the queue", queue == 0.0, format!("{queue}"));
    }

    fn check_memory(&mut self) {
        let samples = &self.findings.samples;
        let third = samples.len() / 3;
        let mean = |part: &[Sample]| part.iter().map(|sample| sample.memory).sum::<f64>() / part.len().max(1) as f64;
        let width = (samples.len() / 6).max(1);
        let early = mean(&samples[third.min(samples.len())..(third + width).min(samples.len())]);
        let late = mean(&samples[samples.len().saturating_sub(width)..]);
        let most = samples.iter().map(|sample| sample.memory).fold(0.0, f64::max);
        let remembered = self.world.books.told(OUTBOUND, Told::Fresh) as f64 * 2.0 / 3.0 * REMEMBERED / 1_048_576.0;
        let bound = GROWTH + remembered;
        let seen = format!(
            "{early:.1} MiB after a third, {late:.1} MiB at the end: {:+.1}; allowed {bound:.1}, of which {remembered:.1} \
             for the app's events that were remembered since; at most {most:.1}, at rest {:.1}",
            late - early,
            self.findings.after.memory
        );
        self.check("resident memory of one process", !samples.is_empty() && late - early <= bound, seen);
    }

    /// The gateway's counters beside what senders were told, and what arrived, since it was started last.
    ///
    /// Who was told nothing may have been counted or not.
    fn check_counters(&mut self) {
        let (world, metrics) = (self.world, &self.findings.after.metrics);
        let (mut differ, mut compared) = (Vec::new(), 0);
        let mut compare = |what: String, ours: u64, unsure: u64, theirs: f64| {
            compared += 1;
            if !(ours..=ours + unsure).contains(&(theirs as u64)) {
                differ.push(format!("{what}: {ours} and up to {unsure}, counted {theirs}"));
            }
        };
        let mut at_app = 0.0;
        for way in &WAYS {
            let told = |told| world.books.told(way.name, told);
            let outcome = |word: &str| {
                sum(metrics, &format!("inbound_deliveries_total{{source=\"{}\",outcome=\"{word}\"}}", way.name))
            };
            let unsure = told(Told::Nothing);
            let name = |what: &str| format!("{}, {what}", way.name);
            compare(
                name("accepted"),
                told(Told::Fresh),
                unsure,
                outcome("delivered") + outcome("queued") + outcome("conflict"),
            );
            compare(name("repeats"), told(Told::Repeat), unsure, outcome("duplicate") + outcome("replayed"));
            compare(name("refused"), told(Told::Refused), unsure, outcome("refused"));
            compare(name("failed"), told(Told::Failed), unsure, outcome("failed") + outcome("shed"));
            at_app += outcome("delivered");
        }
        let success =
            |target: &str| sum(metrics, &format!("attempts_total{{target=\"{target}\",outcome=\"success\"}}"));
        let taken = WAYS.iter().map(|way| world.books.taken(way.name)).sum();
        compare("arrived at the app".to_owned(), taken, 0, at_app + success("app"));
        for receiver in &RECEIVERS {
            compare(
                format!("arrived at {}", receiver.name),
                world.books.taken(receiver.name),
                0,
                success(receiver.name),
            );
        }
        let seen = if differ.is_empty() { format!("0 of {compared}") } else { differ.join("; ") };
        self.check("counters of the gateway that differ from ours", differ.is_empty(), seen);
    }

    fn check_log(&mut self) {
        let log = self.world.machine.log.lock().expect("nobody panics with it");
        let (errors, reports, lines) = (log.errors.clone(), log.reports, log.lines);
        drop(log);
        let dropped = sum(&self.findings.after.metrics, "log_lines_dropped");
        let seen = format!("{reports} in {lines} lines");
        self.check(
            "errors in the log that name the driver's own mistake in a file",
            reports > 0 || !self.is_spoilt(),
            seen,
        );
        self.check_none("all other errors in the log", &errors);
        self.check("lines of the log that were dropped", dropped == 0.0, format!("{dropped}"));
    }

    /// Whether a file with a mistake was loaded.
    fn is_spoilt(&self) -> bool {
        self.world.books.counted("reloads of a file with a mistake") > 0
    }

    fn check_file(&mut self) {
        let file = self.findings.samples.iter().map(|sample| sample.file).max().unwrap_or(0);
        let wal = self.findings.samples.iter().map(|sample| sample.wal).max().unwrap_or(0);
        let seen = format!("{:.1} MiB, WAL {:.1} MiB", file as f64 / 1_048_576.0, wal as f64 / 1_048_576.0);
        self.check("size of the store at most", file <= FILE && wal <= WAL, seen);
        let store = Connection::open(self.world.machine.store()).expect("the store");
        let text = store.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        let text = text.unwrap_or_else(|error| error.to_string());
        self.check("SQLite's own check of the file", text == "ok", text.clone());
        let waiting = store.query_row("SELECT count(*) FROM delivery WHERE state = 0", [], |row| row.get::<_, i64>(0));
        let waiting = waiting.unwrap_or(-1);
        self.check("deliveries that wait, in the file", waiting == 0, waiting.to_string());
        let failures = sum(&self.findings.after.metrics, "store_write_failures")
            + sum(&self.findings.after.metrics, "store_unwritten");
        self.check("transactions of the store that failed", failures == 0.0, failures.to_string());
    }

    pub(super) fn markdown(&self, soak: &Soak, seed: u64) -> String {
        let mut text = String::new();
        let account = &self.account;
        let _ = writeln!(text, "## Result: {}\n", if self.is_good() { "good" } else { "something is wrong" });
        let _ = writeln!(
            text,
            "{} minutes, {} events a second meant, seed {seed}. {} deliveries acknowledged, {} arrived, {} discarded by \
             hand; {} arrived again because the gateway was killed.\n",
            soak.minutes, soak.rate, account.acknowledged, account.arrived, account.discarded, account.after_kills
        );
        let _ = writeln!(text, "| Checked | | Seen |\n| --- | --- | --- |");
        for check in &self.checks {
            let verdict = if check.is_good { "good" } else { "**wrong**" };
            let _ = writeln!(text, "| {} | {verdict} | {} |", check.what, check.seen.replace('|', "\\|"));
        }
        let _ = writeln!(text, "\n| What was done | Times |\n| --- | --- |");
        for (what, count) in self.world.books.sent.borrow().iter() {
            let _ = writeln!(text, "| {what} | {count} |");
        }
        let steps = self.world.clock.steps.borrow();
        let steps: Vec<_> = steps.iter().map(|step| format!("{:+} h", step / 3600)).collect();
        let _ = writeln!(text, "| steps of the gateway's clock | {}: {} |", steps.len(), steps.join(", "));
        let _ =
            writeln!(text, "\n| Told, in the second part | First time | Repeat | Refused | Failed | Other | Nothing |");
        let _ = writeln!(text, "| --- | --- | --- | --- | --- | --- | --- |");
        for way in WAYS.iter().map(|way| way.name).chain([OUTBOUND]) {
            let told = |told| self.world.books.told(way, told);
            let _ = writeln!(
                text,
                "| {way} | {} | {} | {} | {} | {} | {} |",
                told(Told::Fresh),
                told(Told::Repeat),
                told(Told::Refused),
                told(Told::Failed),
                told(Told::Else),
                told(Told::Nothing)
            );
        }
        let _ = writeln!(
            text,
            "\n| Minute of the second part | Memory, MiB | Store, MiB | WAL, MiB |\n| --- | --- | --- | --- |"
        );
        let step = (self.findings.samples.len() / 12).max(1);
        for sample in self.findings.samples.iter().step_by(step) {
            let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
            let _ = writeln!(
                text,
                "| {:.1} | {:.1} | {:.1} | {:.1} |",
                sample.at / 60.0,
                sample.memory,
                mib(sample.file),
                mib(sample.wal)
            );
        }
        let log = self.world.machine.log.lock().expect("nobody panics with it");
        let _ = writeln!(text, "\n| Warnings in the log ({} lines in all) | Times |\n| --- | --- |", log.lines);
        for (sort, count) in &log.warnings {
            let _ = writeln!(text, "| {sort} | {count} |");
        }
        text
    }
}
