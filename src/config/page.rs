//! Quoting: the line of a mistake, with a caret, and short texts in messages.

use std::sync::Arc;

use super::error::{Diagnostic, Excerpt, Label, Place, Problem};
use super::mask::{self, Mask, Shown};
use super::node::{Node, Span};

/// How far an excerpt reaches to each side of its place, in characters.
const REACH: usize = 100;

/// How much of a text of the file a message quotes, in characters.
const QUOTED: usize = 80;

/// The text, ready to be quoted from.
pub(super) struct Page<'t> {
    text: &'t str,
    file: Arc<str>,
    line_starts: Vec<usize>,
    mask: Mask,
}

impl<'t> Page<'t> {
    pub(super) fn new(text: &'t str, file: &str, root: Option<&Node>) -> Page<'t> {
        let line_starts =
            std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
        Page { text, file: file.into(), line_starts, mask: Mask::new(text, root) }
    }

    pub(super) fn diagnostic(&self, problem: Problem) -> Diagnostic {
        let label = match problem.label {
            Label::First(first) => format!("it stands on line {} already", self.line(first.start) + 1),
            Label::Text(text) => text,
        };
        let place = Some(self.place(problem.at, problem.excerpt));
        let (severity, message) = (problem.severity, problem.message);
        Diagnostic { severity, message, label, file: Arc::clone(&self.file), place }
    }

    /// The line, from 0, that a byte stands on.
    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset) - 1
    }

    fn place(&self, at: Span, excerpt: Excerpt) -> Place {
        let line = self.line(at.start);
        let start = self.line_starts[line];
        let end = self.line_starts.get(line + 1).copied().unwrap_or(self.text.len());
        let end = start + self.text[start..end].trim_end().len();
        // A line may be as long as the file; only what can be seen of it is looked at.
        let near = Span::new(
            boundary(self.text, at.start.saturating_sub(4 * REACH)).max(start),
            boundary(self.text, at.start + 4 * REACH).min(end).max(start),
        );
        let shown = match excerpt {
            Excerpt::Read => self.mask.line(self.text, near),
            Excerpt::Unread => mask::unread_line(self.text, near),
        };
        let column = self.text[start..at.start].chars().count() + 1;
        let (excerpt, underline) = shorten(&shown, at, near.start > start);
        Place { line: line + 1, column, excerpt, underline }
    }
}

/// The byte, or one shortly before it, where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// The window of the line around a place, as one text, and where in it the carets go.
fn shorten(line: &[Shown], at: Span, cut: bool) -> (String, (usize, usize)) {
    let caret = line.iter().position(|shown| shown.span.end > at.start).unwrap_or(line.len());
    let width = line[caret..].iter().take_while(|shown| shown.span.start < at.end).count();
    let from = if caret > REACH { caret - REACH / 2 } else { 0 };
    let to = (caret + REACH).min(line.len());
    let head = if cut || from > 0 { "…" } else { "" };
    let tail = if to < line.len() { "…" } else { "" };
    let window: String = line[from..to].iter().map(|shown| shown.character).map(visible).collect();
    let before = caret - from + head.chars().count();
    (format!("{head}{window}{tail}"), (before, width.clamp(1, (to - caret).max(1))))
}

/// A character that cannot steer a terminal.
fn visible(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

/// A text of the file as a message quotes it: short, and on one line.
pub(super) fn quote(text: &str) -> String {
    let tail = if text.chars().count() > QUOTED { "…" } else { "" };
    format!("`{}{tail}`", text.chars().take(QUOTED).map(visible).collect::<String>())
}
