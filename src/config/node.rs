//! A YAML document as a tree that remembers where everything stands.

use std::ops::Range;

/// A range of bytes of the configuration's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// One value of the document.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where the value stands.
    pub(super) span: Span,
    /// Where its key stands, or the value itself where it has none: what is
    /// missing in it is reported there.
    pub(super) owner: Span,
    /// Whether an alias may stand for it elsewhere.
    pub(super) anchored: bool,
    pub(super) value: Value,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// It could not be read, and that has been reported: whoever meets it says nothing more.
    Broken,
    List(Vec<Node>),
    Map(Map),
    Null,
    Text(Text),
}

/// A map.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    /// Their keys differ.
    pub(super) entries: Vec<Entry>,
    /// Keys that were refused, such as the second of the same name, and their
    /// values: not read, but known, so that no secret among them is shown.
    pub(super) refused: Vec<(Node, Node)>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Spanned<String>,
    pub(super) node: Node,
}

/// A scalar. Whether it is a number, a word or a text is for its reader to say:
/// `off` and `no` are words like any other.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) style: Style,
    /// Where the text begins, if it stands in the file letter for letter.
    pub(super) verbatim: Option<usize>,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quoted,
}

/// A value that has been read, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Span,
    /// As [`Node::owner`].
    pub(super) owner: Span,
    /// As [`Text::verbatim`].
    pub(super) verbatim: Option<usize>,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }
}

impl Node {
    pub(super) fn new(span: Span, value: Value) -> Node {
        Node { span, owner: span, anchored: false, value }
    }

    /// What it is, for a message that says that it should be something else.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Broken => "something unreadable",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Null => "nothing",
            Value::Text(_) => "a text",
        }
    }

    /// The same place, with what was read from it.
    pub(super) fn spanned<T>(&self, value: T) -> Spanned<T> {
        let verbatim = match &self.value {
            Value::Text(text) => text.verbatim,
            _ => None,
        };
        Spanned { value, span: self.span, owner: self.owner, verbatim }
    }
}

impl<T> Spanned<T> {
    /// The same place, with another value.
    pub(super) fn with<U>(&self, value: U) -> Spanned<U> {
        Spanned { value, span: self.span, owner: self.owner, verbatim: self.verbatim }
    }

    /// Where a part of the text stands, given in bytes of the text; all of it
    /// where the file spells the text in another way (escapes, several lines).
    pub(super) fn within(&self, part: Range<usize>) -> Span {
        match self.verbatim {
            Some(start) if start + part.end <= self.span.end => Span::new(start + part.start, start + part.end),
            _ => self.span,
        }
    }
}
