//! What became of every delivery of the demo.

use std::fmt;
use std::net::SocketAddr;

use super::app::Seen;
use super::sender::Answer;

/// The demo's report.
pub struct Report {
    gateway: SocketAddr,
    app: SocketAddr,
    lines: Vec<Line>,
}

/// What became of one delivery.
pub(super) struct Line {
    pub sender: &'static str,
    pub what: &'static str,
    pub answer: Answer,
    pub seen: Vec<Seen>,
    pub expected: Expected,
}

/// What should have become of it.
pub(super) struct Expected {
    status: u16,
    replayed: bool,
    reaches_app: bool,
}

impl Expected {
    pub(super) fn delivered() -> Self {
        Self { status: 200, replayed: false, reaches_app: true }
    }

    pub(super) fn replayed() -> Self {
        Self { status: 200, replayed: true, reaches_app: false }
    }

    pub(super) fn refused() -> Self {
        Self { status: 401, replayed: false, reaches_app: false }
    }

    pub(super) fn failed() -> Self {
        Self { status: 500, replayed: false, reaches_app: true }
    }
}

impl Line {
    fn is_as_it_should_be(&self) -> bool {
        let Self { answer, seen, expected, .. } = self;
        answer.status == expected.status
            && answer.replayed == expected.replayed
            && seen.len() == usize::from(expected.reaches_app)
    }

    fn answer(&self) -> String {
        let replayed = if self.answer.replayed { ", the first answer again" } else { "" };
        format!("{}{replayed}", self.answer.status.as_u16())
    }

    fn seen(&self) -> String {
        match &self.seen[..] {
            [] => "nothing".into(),
            [one] => format!("{}, {} bytes", one.event_type, one.bytes),
            several => format!("{} requests", several.len()),
        }
    }
}

impl Report {
    pub(super) fn new(gateway: SocketAddr, app: SocketAddr) -> Self {
        Self { gateway, app, lines: Vec::new() }
    }

    pub(super) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Whether everything became what it should.
    pub fn is_as_it_should_be(&self) -> bool {
        self.lines.iter().all(Line::is_as_it_should_be)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "A gateway on {}, an app behind it on {}, and four senders.\n", self.gateway, self.app)?;
        writeln!(f, "{:<12} {:<40} {:<29} {:<30}", "sender", "delivery", "the sender was answered", "the app saw")?;
        let mut last = "";
        for line in &self.lines {
            if !last.is_empty() && last != line.sender {
                writeln!(f)?;
            }
            last = line.sender;
            let verdict = if line.is_as_it_should_be() { "ok" } else { "NOT AS IT SHOULD BE" };
            let (answer, seen) = (line.answer(), line.seen());
            writeln!(f, "{:<12} {:<40} {answer:<29} {seen:<30} {verdict}", line.sender, line.what)?;
        }
        let right = self.lines.iter().filter(|line| line.is_as_it_should_be()).count();
        writeln!(f, "\n{right} of {} deliveries became what they should.", self.lines.len())
    }
}
