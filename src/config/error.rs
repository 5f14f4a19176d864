//! Mistakes and warnings, with the place in the file where each stands.
//!
//! They are collected as [`Problems`] while the file is read, and become
//! [`Diagnostic`]s when it is known which parts of the text must not be shown.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::node::{Node, Span};
use super::outline::Asking;
use super::page::Page;

/// So many mistakes, and so many warnings, are shown; the rest is counted.
const SHOWN: usize = 1000;

/// Whether the gateway can start in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but something may not be as meant.
    Warning,
}

/// One mistake or warning. Its `Display` is what a terminal shows: message,
/// place, the line with a caret, and what would be right. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it keeps the gateway from starting.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What would be right; may be empty.
    pub label: String,
    /// The file, as it was named.
    pub file: Arc<str>,
    /// Where in the file; `None`: the file as a whole.
    pub place: Option<Place>,
}

/// A place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// The line, shortened and with secrets hidden.
    pub(super) excerpt: String,
    /// The characters before the caret in the excerpt, and how many carets.
    pub(super) underline: (usize, usize),
}

/// Why a configuration was refused: every mistake in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics {
    /// The mistakes, in the order of the file.
    pub errors: Vec<Diagnostic>,
    /// How many more there are.
    pub omitted: usize,
}

/// What a configuration that was accepted leaves to be desired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The warnings, in the order of the file.
    pub warnings: Vec<Diagnostic>,
    /// How many more there are.
    pub omitted: usize,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
    errors: usize,
    /// Where the reader is asked what it takes, instead of being given a file.
    pub(super) asking: Option<Asking>,
}

/// One thing that was found.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) severity: Severity,
    pub(super) at: Span,
    pub(super) message: String,
    pub(super) label: Label,
    pub(super) excerpt: Excerpt,
}

/// What is said at the caret.
#[derive(Debug)]
pub(super) enum Label {
    /// Where the same thing stands first; its line is filled in at the end.
    First(Span),
    Text(String),
}

/// What is known about the line that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excerpt {
    /// Its parts were read, secrets are known as such.
    Read,
    /// It could not be read: anything in it may be a secret.
    Unread,
}

impl Problems {
    /// A mistake. `label` stands at the caret and says what would be right.
    pub(super) fn error(&mut self, at: Span, message: impl Into<String>, label: impl Into<String>) {
        self.add(Severity::Error, at, message.into(), Label::Text(label.into()), Excerpt::Read);
    }

    /// A mistake that leaves the line around it unread.
    pub(super) fn syntax(&mut self, at: Span, message: impl Into<String>, label: impl Into<String>) {
        self.add(Severity::Error, at, message.into(), Label::Text(label.into()), Excerpt::Unread);
    }

    /// Something stands here that stands at `first` already.
    pub(super) fn repeated(&mut self, at: Span, first: Span, message: impl Into<String>) {
        self.add(Severity::Error, at, message.into(), Label::First(first), Excerpt::Read);
    }

    /// Something that works and is probably not what was meant.
    pub(super) fn warning(&mut self, at: Span, message: impl Into<String>, label: impl Into<String>) {
        self.add(Severity::Warning, at, message.into(), Label::Text(label.into()), Excerpt::Read);
    }

    /// How many mistakes there are.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    fn add(&mut self, severity: Severity, at: Span, message: String, label: Label, excerpt: Excerpt) {
        self.errors += usize::from(severity == Severity::Error);
        self.found.push(Problem { severity, at, message, label, excerpt });
    }

    /// Whether a mistake was found.
    pub(super) fn failed(&self) -> bool {
        self.errors > 0
    }

    /// How much was found, to [`Problems::rewind`] to.
    pub(super) fn mark(&self) -> usize {
        self.found.len()
    }

    /// Forgets what was found since: it will be found again.
    pub(super) fn rewind(&mut self, mark: usize) {
        self.found.truncate(mark);
        self.errors = self.found.iter().filter(|problem| problem.severity == Severity::Error).count();
    }

    /// Puts every problem into words. `root` is what could be read of `text`.
    pub(super) fn conclude(mut self, text: &str, file: &str, root: Option<&Node>) -> Result<Report, Diagnostics> {
        let wanted = if self.failed() { Severity::Error } else { Severity::Warning };
        // What an alias repeats is reported once, where it is written.
        let mut seen = HashSet::new();
        self.found.retain(|problem| problem.severity == wanted && seen.insert((problem.at, problem.message.clone())));
        self.found.sort_by_key(|problem| problem.at);
        let omitted = self.found.len().saturating_sub(SHOWN);
        self.found.truncate(SHOWN);
        let page = Page::new(text, file, root);
        let diagnostics = self.found.into_iter().map(|problem| page.diagnostic(problem)).collect();
        match wanted {
            Severity::Error => Err(Diagnostics { errors: diagnostics, omitted }),
            Severity::Warning => Ok(Report { warnings: diagnostics, omitted }),
        }
    }
}

impl Diagnostic {
    /// A mistake that concerns a file as a whole.
    pub(super) fn of_file(file: &str, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
        let (message, label) = (message.into(), label.into());
        Diagnostic { severity: Severity::Error, message, label, file: file.into(), place: None }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(error: Diagnostic) -> Diagnostics {
        Diagnostics { errors: vec![error], omitted: 0 }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}: {}", self.message)?;
        let Some(place) = &self.place else {
            write!(f, " --> {}", self.file)?;
            return if self.label.is_empty() { Ok(()) } else { write!(f, "\n  = {}", self.label) };
        };
        let margin = place.line.to_string().len();
        let (before, width) = place.underline;
        writeln!(f, "{:margin$}--> {}:{}:{}", "", self.file, place.line, place.column)?;
        writeln!(f, "{:margin$} |", "")?;
        writeln!(f, "{} | {}", place.line, place.excerpt)?;
        write!(f, "{:margin$} | {:before$}{:^<width$}", "", "", "")?;
        if self.label.is_empty() { Ok(()) } else { write!(f, " {}", self.label) }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        all(&self.errors, self.omitted, "error", f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        all(&self.warnings, self.omitted, "warning", f)
    }
}

/// Every diagnostic, an empty line between two, and how many are left out.
fn all(diagnostics: &[Diagnostic], omitted: usize, word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (position, diagnostic) in diagnostics.iter().enumerate() {
        let between = if position > 0 { "\n\n" } else { "" };
        write!(f, "{between}{diagnostic}")?;
    }
    if omitted > 0 {
        write!(f, "\n\nand {omitted} more {word}s")?;
    }
    Ok(())
}
