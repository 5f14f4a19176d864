//! Typed reading of [`Node`]s: every mistake is reported, and what is right
//! beside it is read all the same.

use std::ops::Range;

use super::error::Problems;
use super::node::{Map, Node, Spanned, Value};
use super::outline::{self, Shape};
use super::page::quote;
use super::suggest::did_you_mean;

/// The end of every refusal of something that a later version will do.
const LATER: &str = "is not available in this version";

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

/// What can be read from a node. `None`: it could not, which has been reported.
pub(super) trait Read: Sized {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self>;
}

/// What is written as one text.
pub(super) trait Word: Sized {
    /// With its article, such as "a duration".
    const WHAT: &'static str;
    /// How to write it, such as "a number with its unit, such as `10s`".
    const LIKE: &'static str;

    fn parse(text: &str) -> Result<Self, Complaint>;

    /// A regular expression for editors that all such texts match, and few others. Anchored, of what every dialect has.
    fn pattern() -> Option<String> {
        None
    }
}

/// What is wrong with a text.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) label: String,
    /// The bytes of the text that it is about; `None`: all of them.
    pub(super) part: Option<Range<usize>>,
    /// The words that would be right, where these are a closed set.
    pub(super) words: Vec<&'static str>,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>, label: impl Into<String>) -> Complaint {
        Complaint { message: message.into(), label: label.into(), part: None, words: Vec::new() }
    }

    /// Something that is known and does not work yet.
    pub(super) fn later(what: &str, instead: impl Into<String>) -> Complaint {
        Complaint::new(format!("{} {LATER}", quote(what)), instead)
    }

    pub(super) fn about(self, part: Range<usize>) -> Complaint {
        Complaint { part: Some(part), ..self }
    }

    /// The same about a text that stands from `start` to `end` of a longer one.
    pub(super) fn behind(self, start: usize, end: usize) -> Complaint {
        let part = self.part.clone().map_or(start..end, |part| start + part.start..start + part.end);
        self.about(part)
    }

    pub(super) fn report<T>(self, place: &Spanned<T>, problems: &mut Problems) {
        let at = self.part.map_or(place.span, |part| place.within(part));
        problems.error(at, self.message, self.label);
    }
}

/// Says that something else should stand here.
pub(super) fn expected(what: &str, like: &str, node: &Node, problems: &mut Problems) {
    match &node.value {
        Value::Broken => {}
        // `signed: {body}` reads as a map: the most likely reason by far.
        Value::Map(_) if what == String::WHAT => {
            let label = "a text that begins with a brace needs quotes around it";
            problems.error(node.span, format!("expected {what}, found a map"), label);
        }
        Value::Null => problems.error(node.owner, format!("expected {what}, found nothing"), like),
        _ => problems.error(node.span, format!("expected {what}, found {}", node.kind()), like),
    }
}

impl<W: Word> Read for W {
    fn read(node: &Node, problems: &mut Problems) -> Option<W> {
        let Value::Text(text) = &node.value else {
            expected(W::WHAT, W::LIKE, node, problems);
            return None;
        };
        if problems.is_asked() {
            problems.answer(Shape::word::<W>);
            return None;
        }
        match W::parse(&text.text) {
            Ok(word) => Some(word),
            Err(complaint) => {
                complaint.report(&node.spanned(()), problems);
                None
            }
        }
    }
}

impl<T: Read> Read for Spanned<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Spanned<T>> {
        T::read(node, problems).map(|value| node.spanned(value))
    }
}

impl Word for String {
    const WHAT: &'static str = "a text";
    const LIKE: &'static str = "a text belongs here";

    fn parse(text: &str) -> Result<String, Complaint> {
        if text.is_empty() {
            return Err(Complaint::new("an empty text means nothing here", "leave the key out, or give it a value"));
        }
        Ok(text.to_owned())
    }
}

/// Lists: what can be read of them. Empty ones are refused, as they would say nothing.
impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Vec<T>> {
        match &node.value {
            Value::List(list) if list.is_empty() => {
                problems.error(node.span, "this list is empty", "give it a value, or leave the key out");
                None
            }
            // Every item is looked at, even if the first one is wrong.
            Value::List(list) => {
                let items: Vec<Option<T>> = list.iter().map(|item| T::read(item, problems)).collect();
                items.into_iter().collect()
            }
            _ => {
                expected("a list", "write it as `[…]`, or a line with `- ` for each", node, problems);
                None
            }
        }
    }
}

/// A map whose keys are names that the user gives.
#[derive(Debug)]
pub(super) struct Named<T> {
    /// Every name, even of what could not be read.
    pub(super) entries: Vec<(Spanned<String>, Option<T>)>,
    /// Whether these are all names there are: if not, none can be called unknown.
    pub(super) complete: bool,
}

impl<T> Default for Named<T> {
    fn default() -> Named<T> {
        Named { entries: Vec::new(), complete: true }
    }
}

impl<T: Read> Read for Named<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Named<T>> {
        let Value::Map(Map { entries, .. }) = &node.value else {
            expected("a map of names", "write `name: …`, one line for each", node, problems);
            return Some(Named { entries: Vec::new(), complete: false });
        };
        problems.answer(|| Shape::Names(outline::of::<T>()));
        let entries = entries.iter().map(|entry| {
            if let Err(complaint) = Name::parse(&entry.key.value) {
                complaint.report(&entry.key, problems);
            }
            (entry.key.clone(), T::read(&entry.node, problems))
        });
        Some(Named { entries: entries.collect(), complete: true })
    }
}

/// A name that the user gives. It goes into headers, metrics and logs as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) String);

impl Word for Name {
    const WHAT: &'static str = "a name";
    const LIKE: &'static str = "letters, digits, `-`, `_` and `.`";

    fn parse(text: &str) -> Result<Name, Complaint> {
        let wrong = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if let Some((start, c)) = text.char_indices().find(|(_, c)| wrong(*c)) {
            let complaint =
                Complaint::new("a name holds a character that it may not", format!("a name is made of {}", Self::LIKE));
            return Err(complaint.about(start..start + c.len_utf8()));
        }
        if text.is_empty() || text.len() > LONGEST_NAME {
            let message = format!("a name has 1 to {LONGEST_NAME} characters");
            return Err(Complaint::new(message, format!("this one has {}", text.len())));
        }
        Ok(Name(text.to_owned()))
    }

    fn pattern() -> Option<String> {
        Some(format!("^[A-Za-z0-9._-]{{1,{LONGEST_NAME}}}$"))
    }
}

/// One of a closed set of words; `None` in the table: a later version knows it.
pub(super) fn one_of<T: Clone>(text: &str, what: &str, table: &[(&'static str, Option<T>)]) -> Result<T, Complaint> {
    match table.iter().find(|(word, _)| *word == text) {
        Some((_, Some(value))) => Ok(value.clone()),
        Some((word, None)) => Err(Complaint::later(word, format!("write {}", words(table)))),
        None => {
            let known = table.iter().filter(|(_, value)| value.is_some()).map(|(word, _)| *word);
            let meant = did_you_mean(text, known.clone());
            let complaint =
                Complaint::new(format!("{} is not {what}", quote(text)), format!("write {}{meant}", words(table)));
            Err(Complaint { words: known.collect(), ..complaint })
        }
    }
}

/// The words that work, as a sentence lists them.
fn words<T>(table: &[(&'static str, Option<T>)]) -> String {
    let known = table.iter().filter(|(_, value)| value.is_some());
    let quoted: Vec<String> = known.map(|(word, _)| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        other => other.concat(),
    }
}
