//! What became of every delivery of the demo.

use std::fmt;
use std::net::SocketAddr;

use super::app::{Check, Seen};
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
    /// `None`: the answer was given before.
    pub answer: Option<Answer>,
    pub seen: Vec<Seen>,
    pub expected: Expected,
}

/// What should have become of it.
pub(super) struct Expected {
    status: Option<u16>,
    replayed: bool,
    arrives: bool,
}

impl Expected {
    pub(super) fn delivered() -> Self {
        Self { status: Some(200), replayed: false, arrives: true }
    }

    pub(super) fn failed() -> Self {
        Self { status: Some(500), replayed: false, arrives: true }
    }

    pub(super) fn later() -> Self {
        Self { status: None, replayed: false, arrives: true }
    }

    pub(super) fn queued() -> Self {
        Self { status: Some(202), replayed: false, arrives: true }
    }

    pub(super) fn refused() -> Self {
        Self { status: Some(401), replayed: false, arrives: false }
    }

    pub(super) fn replayed(status: u16) -> Self {
        Self { status: Some(status), replayed: true, arrives: false }
    }
}

impl Line {
    fn is_as_it_should_be(&self) -> bool {
        let Self { answer, seen, expected, .. } = self;
        let status = answer.as_ref().map(|answer| answer.status.as_u16());
        let replayed = answer.as_ref().is_some_and(|answer| answer.replayed);
        status == expected.status
            && replayed == expected.replayed
            && seen.len() == usize::from(expected.arrives)
            && seen.iter().all(|seen| !matches!(seen.check, Check::Bad(_)))
    }

    fn answer(&self) -> String {
        let Some(answer) = &self.answer else { return "(before)".into() };
        let replayed = if answer.replayed { ", the first answer again" } else { "" };
        format!("{}{replayed}", answer.status.as_u16())
    }

    fn seen(&self) -> String {
        match &self.seen[..] {
            [] => "nothing".into(),
            [one] => one.to_string(),
            several => format!("{} requests", several.len()),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} bytes", self.event_type, self.bytes)?;
        if let Some(attempt) = &self.attempt {
            write!(f, ", attempt {attempt}")?;
        }
        match self.check {
            Check::Bad(verdict) | Check::Good(verdict) => write!(f, ", {verdict}"),
            Check::None => Ok(()),
        }
    }
}

impl Report {
    pub(super) fn new(gateway: SocketAddr, app: SocketAddr) -> Self {
        Self { gateway, app, lines: Vec::new() }
    }

    pub(super) fn extend(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines);
    }

    /// Whether everything became what it should.
    pub fn is_as_it_should_be(&self) -> bool {
        self.lines.iter().all(Line::is_as_it_should_be)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "A gateway on {}, an app behind it on {}, four senders, and a partner of the app.\n",
            self.gateway, self.app
        )?;
        writeln!(f, "{:<12} {:<40} {:<29} what arrived", "sender", "delivery", "was answered")?;
        let mut last = "";
        for line in &self.lines {
            if !last.is_empty() && last != line.sender {
                writeln!(f)?;
            }
            last = line.sender;
            let verdict = if line.is_as_it_should_be() { "ok" } else { "NOT AS IT SHOULD BE" };
            let (answer, seen) = (line.answer(), line.seen());
            writeln!(f, "{:<12} {:<40} {answer:<29} {seen:<48} {verdict}", line.sender, line.what)?;
        }
        let right = self.lines.iter().filter(|line| line.is_as_it_should_be()).count();
        writeln!(f, "\n{right} of {} deliveries became what they should.", self.lines.len())
    }
}
