//! Maps whose keys this program gives a meaning: none is ignored, none is
//! forgotten, and what is misspelt is recognised.

use std::ops::RangeInclusive;

use super::error::Problems;
use super::mask;
use super::node::{Entry, Map, Node, Span, Spanned, Style, Text, Value};
use super::outline::{self, Shape};
use super::page::quote;
use super::read::{Read, expected};
use super::suggest::nearest;

/// A map whose keys this program gives a meaning.
pub(super) struct Fields<'n, 'p> {
    node: &'n Node,
    what: &'static str,
    entries: &'n [Entry],
    asked: Vec<&'static str>,
    elsewhere: Vec<&'static str>,
    missing: Vec<(&'static str, &'static str)>,
    /// What the keys take, where that is asked.
    outline: Vec<(&'static str, Vec<Shape>)>,
    pub(super) problems: &'p mut Problems,
}

impl<'n, 'p> Fields<'n, 'p> {
    /// `what` it describes stands in messages: a key in backticks, or a noun with its article.
    pub(super) fn of(node: &'n Node, what: &'static str, problems: &'p mut Problems) -> Option<Fields<'n, 'p>> {
        match &node.value {
            Value::Map(Map { entries, .. }) => {
                let (asked, elsewhere, missing) = (Vec::new(), Vec::new(), Vec::new());
                return Some(Fields { node, what, entries, asked, elsewhere, missing, outline: Vec::new(), problems });
            }
            Value::Broken => {}
            other => {
                let at = if matches!(other, Value::Null) { node.owner } else { node.span };
                let label = "write `{key: value}`, or a line for each key";
                problems.error(at, format!("{what} must be a map, found {}", node.kind()), label);
            }
        }
        None
    }

    /// A key that may be left out.
    pub(super) fn optional<T: Read>(&mut self, key: &'static str) -> Option<T> {
        let entry = self.find(key);
        if self.problems.is_asked() {
            self.outline(key, outline::of::<T>);
            return None;
        }
        T::read(&entry?.node, self.problems)
    }

    /// A key that may not be left out.
    pub(super) fn required<T: Read>(&mut self, key: &'static str) -> Option<T> {
        if self.find(key).is_none() {
            self.missing(key, "");
        }
        self.optional(key)
    }

    /// A number of things, from 1, that may be left out.
    pub(super) fn count(&mut self, key: &'static str, most: u64) -> Option<usize> {
        let entry = self.find(key);
        if self.problems.is_asked() {
            self.outline(key, || vec![Shape::Integer(1..=most)]);
            return None;
        }
        number(&entry?.node, key, "a whole number", 1..=most, self.problems)?.try_into().ok()
    }

    /// A key that has its place somewhere else.
    pub(super) fn elsewhere(&mut self, key: &'static str, label: &str) {
        if let Some(entry) = self.entry(key) {
            self.elsewhere.push(key);
            self.problems.error(entry.key.span, format!("{} has no `{key}`", self.what), label);
        }
    }

    /// Whether every key was asked for, or is one of these.
    pub(super) fn all_asked(&self, more: &[&str]) -> bool {
        let known = |key: &str| self.asked.contains(&key) || more.contains(&key);
        self.entries.iter().all(|entry| known(&entry.key.value))
    }

    /// Whether the map has the key, readable or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Where a key stands.
    pub(super) fn key(&self, key: &str) -> Option<Span> {
        self.entry(key).map(|entry| entry.key.span)
    }

    /// Where the value of a key stands.
    pub(super) fn value(&self, key: &str) -> Option<Span> {
        self.entry(key).map(|entry| entry.node.span)
    }

    /// Where the map begins: what concerns all of it is reported there.
    pub(super) fn first(&self) -> Span {
        self.entries.first().map_or(self.node.span, |entry| entry.key.span)
    }

    /// Notes that a key is missing, and what may stand in its place.
    pub(super) fn missing(&mut self, key: &'static str, or: &'static str) {
        self.missing.push((key, or));
    }

    fn outline(&mut self, key: &'static str, shapes: impl FnOnce() -> Vec<Shape>) {
        if self.problems.is_asked_deep() {
            self.outline.push((key, shapes()));
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'n Entry> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entry(key)
    }

    fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key.value == key)
    }

    /// Refuses the keys that nobody asked for, and says which are missing. To be
    /// called when all are read.
    pub(super) fn finish(self) {
        self.conclude(Naming::Free);
    }

    /// As [`Fields::finish`], where a key may be a secret in the wrong place.
    pub(super) fn finish_secretive(self) {
        self.conclude(Naming::IfHarmless);
    }

    fn conclude(mut self, naming: Naming) {
        if self.problems.is_asked() {
            let missing = self.missing.iter().map(|(key, _)| *key);
            self.problems.answer(|| Shape::object(self.what, self.outline, missing));
            return;
        }
        let known = |key: &str| self.asked.iter().chain(&self.elsewhere).any(|known| *known == key);
        let unknown: Vec<&Entry> = self.entries.iter().filter(|entry| !known(&entry.key.value)).collect();
        if !unknown.is_empty() {
            // Keys that are there already were not meant.
            let open: Vec<&str> =
                self.asked.iter().chain(&self.elsewhere).copied().filter(|key| self.entry(key).is_none()).collect();
            for entry in unknown {
                let meant = unknown_key(&entry.key, self.what, &self.asked, &open, naming, self.problems);
                // What is only misspelt is not missing.
                let is_meant = |(key, or): &(&str, &str)| {
                    meant.is_some_and(|meant| *key == meant || or.contains(&format!("`{meant}`")))
                };
                self.missing.retain(|missing| naming == Naming::Free && !is_meant(missing));
            }
        }
        for (key, or) in self.missing {
            let message = format!("{} has no `{key}`{or}", self.what);
            self.problems.error(self.node.owner, message, format!("`{key}: …`{or} belongs here"));
        }
    }
}

/// Whether a message may name a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    Free,
    IfHarmless,
}

/// Reports a key, and returns which of the open ones was probably meant.
fn unknown_key<'k>(
    key: &Spanned<String>,
    what: &str,
    known: &[&str],
    open: &[&'k str],
    naming: Naming,
    problems: &mut Problems,
) -> Option<&'k str> {
    let keys = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    if naming == Naming::IfHarmless && !mask::may_name(&key.value) {
        problems.error(key.span, format!("unknown key in {what}"), format!("the keys are {keys}"));
        return None;
    }
    let meant = nearest(&key.value, open.iter().copied());
    let label = meant.map_or_else(|| format!("the keys are {keys}"), |meant| format!("did you mean `{meant}`?"));
    problems.error(key.span, format!("unknown key {} in {what}", quote(&key.value)), label);
    meant
}

/// A map with exactly one key, which says what its value is. `like` says how to write it.
pub(super) fn choice<'n>(
    node: &'n Node,
    what: &'static str,
    like: &str,
    known: &[&'static str],
    problems: &mut Problems,
) -> Option<(&'static str, &'n Entry)> {
    let Value::Map(Map { entries, .. }) = &node.value else {
        expected(what, like, node, problems);
        return None;
    };
    if problems.is_asked() && entries.is_empty() {
        problems.answer(|| Shape::Choice { what, keys: known.iter().map(|key| (*key, Vec::new())).collect() });
        return None;
    }
    let [entry] = entries.as_slice() else {
        problems.error(node.span, format!("{what} has exactly one key, found {}", entries.len()), like);
        return None;
    };
    let found = known.iter().copied().find(|key| *key == entry.key.value);
    if found.is_none() {
        unknown_key(&entry.key, what, known, known, Naming::Free, problems);
    }
    found.map(|key| (key, entry))
}

/// A whole number in a range, written in digits and without quotes.
pub(super) fn number(
    node: &Node,
    key: &str,
    what: &str,
    range: RangeInclusive<u64>,
    problems: &mut Problems,
) -> Option<u64> {
    let like = format!("a whole number from {} to {}", range.start(), range.end());
    let Value::Text(Text { text, style: Style::Plain, .. }) = &node.value else {
        expected(what, &like, node, problems);
        return None;
    };
    if problems.is_asked() {
        problems.answer(|| Shape::Integer(range));
        return None;
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && range.contains(number));
    if number.is_none() {
        problems.error(node.span, format!("`{key}` cannot be {}", quote(text)), like);
    }
    number
}
