//! Reading on after a syntax error, section by section.

use super::error::Problems;
use super::node::{Entry, Map, Node, Span, Spanned, Value};
use super::yaml::{Aliases, document};

/// Reads a document; `None`: nothing of it can be used, which has been reported.
///
/// After a syntax error every top-level section is read for itself, so that a
/// mistake in one does not hide the mistakes in the others.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    let mark = problems.mark();
    match document(text, Span::new(0, text.len()), Aliases::Known, problems) {
        Ok(node) => Some(node),
        Err(error) => {
            problems.rewind(mark);
            let root = sections(text, problems);
            if root.is_none() {
                error.report(problems);
            }
            root
        }
    }
}

/// Reads section by section; `None` if that shows no mistake, or nothing at all.
fn sections(text: &str, problems: &mut Problems) -> Option<Node> {
    let starts = section_starts(text);
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let mut whole = Map::default();
    let mut failed = false;
    for (start, end) in starts.iter().copied().zip(ends) {
        let mark = problems.mark();
        match document(text, Span::new(start, end), Aliases::Elsewhere, problems) {
            Ok(Node { value: Value::Map(section), .. }) => {
                whole.entries.extend(section.entries);
                whole.refused.extend(section.refused);
            }
            Ok(_) => return None,
            Err(error) => {
                failed = true;
                problems.rewind(mark);
                error.report(problems);
                whole.entries.push(broken_section(text, start));
            }
        }
    }
    let span = Span::new(*starts.first()?, *starts.first()?);
    failed.then(|| Node::new(span, Value::Map(whole)))
}

/// Where lines begin that name a key at the very left.
fn section_starts(text: &str) -> Vec<usize> {
    let names_key = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        name.len() < line.trim_end().len() && !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase())
    };
    let mut start = 0;
    let mut starts = Vec::new();
    for line in text.split_inclusive('\n') {
        if names_key(line) {
            starts.push(start);
        }
        start += line.len();
    }
    starts
}

fn broken_section(text: &str, start: usize) -> Entry {
    let name = text[start..].split(':').next().unwrap_or_default();
    let span = Span::new(start, start + name.len());
    Entry {
        key: Spanned { value: name.to_owned(), span, owner: span, verbatim: Some(start) },
        node: Node::new(span, Value::Broken),
    }
}
