//! From text to [`Node`]s: the only file that knows the YAML crate.
//!
//! The crate's events are used, not its serde half: that one stops at the first
//! mistake, and its messages print neighbouring lines, secrets or not. What of
//! YAML has no place in a configuration is refused here: directives, tags,
//! merge keys, several documents, keys that are not texts.

use std::collections::HashMap;

use serde_yaml::granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput, options};

use super::error::Problems;
use super::node::{Entry, Map, Node, Span, Spanned, Style, Text, Value};

/// How deep maps and lists may be nested, aliases followed.
const DEPTH: usize = 32;

/// How many nodes aliases may add: a few lines of aliases to aliases would
/// otherwise fill the memory.
const ALIASED_NODES: usize = 250_000;

/// Reads the one document that a part of the text holds.
///
/// # Errors
///
/// A mistake after which nothing of it can be read. Smaller ones are only reported.
pub(super) fn document(text: &str, part: Span, aliases: Aliases, problems: &mut Problems) -> Result<Node, SyntaxError> {
    Reader::new(text, part, aliases, problems).document()
}

/// A mistake after which nothing can be read any more.
pub(super) struct SyntaxError {
    at: Span,
    label: String,
}

impl SyntaxError {
    pub(super) fn report(self, problems: &mut Problems) {
        problems.syntax(self.at, "this is not valid YAML", self.label);
    }
}

/// Whether an alias may name an anchor that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aliases {
    /// It may stand in a section that is read elsewhere.
    Elsewhere,
    Known,
}

struct Reader<'t, 'p> {
    events: Parser<'t, StrInput<'t>>,
    text: &'t str,
    part: Span,
    aliases: Aliases,
    /// Complete nodes by anchor, with their number of nodes and depth.
    anchors: HashMap<usize, (Node, Size)>,
    aliased: usize,
    problems: &'p mut Problems,
}

#[derive(Clone, Copy)]
struct Size {
    nodes: usize,
    depth: usize,
}

impl<'t, 'p> Reader<'t, 'p> {
    fn new(text: &'t str, part: Span, aliases: Aliases, problems: &'p mut Problems) -> Reader<'t, 'p> {
        let options = options! {
            strict_indentation: true,
            disallow_directives: true,
            emit_unresolved_aliases: true,
            emit_comments: false,
            flow_nesting_limit: DEPTH,
            block_nesting_limit: DEPTH,
        };
        let events = Parser::new_from_str_with_options(&text[part.start..part.end], options);
        Reader { events, text, part, aliases, anchors: HashMap::new(), aliased: 0, problems }
    }

    fn document(mut self) -> Result<Node, SyntaxError> {
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Err(SyntaxError { at, label: "there is nothing in this file".into() });
                }
                event => {
                    let (node, _) = self.node(event, at, 0)?;
                    self.end()?;
                    return Ok(node);
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(..), at) => {
                    return Err(SyntaxError {
                        at,
                        label: "a second document begins here; there may be one only".into(),
                    });
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), SyntaxError> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                let bytes = span.byte_range().unwrap_or_default();
                let at = Span::new(self.part.start + bytes.start, self.part.start + bytes.end.max(bytes.start));
                Ok((event, at))
            }
            Some(Err(error)) => Err(self.syntax_error(&error)),
            None => Ok((Event::StreamEnd, Span::new(self.part.end, self.part.end))),
        }
    }

    fn syntax_error(&self, error: &ScanError) -> SyntaxError {
        let offset = self.part.start + error.marker().byte_offset().unwrap_or_default();
        // What ends too early is shown where it ends, not on the empty line below or in the next section.
        let written = self.text[..self.part.end].trim_end().len();
        let start = offset.min(written);
        let width = self.text[start..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        SyntaxError { at: Span::new(start, start + width), label: explain(error) }
    }

    fn node(&mut self, event: Event<'t>, at: Span, depth: usize) -> Result<(Node, Size), SyntaxError> {
        if depth > DEPTH {
            return Err(SyntaxError { at, label: format!("nested more than {DEPTH} deep") });
        }
        let (value, size, anchor, tag, end) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, at), Size { nodes: 1, depth: 0 }, anchor, tag, at.end)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let (list, size, end) = self.list(depth)?;
                (list, size, anchor, tag, end)
            }
            Event::MappingStart(_, anchor, tag) => {
                let (map, size, end) = self.map(depth)?;
                (map, size, anchor, tag, end)
            }
            Event::Alias(anchor) => return self.alias(anchor, at, depth),
            _ => return Ok((self.unknown_alias(at), Size { nodes: 1, depth: 0 })),
        };
        let span = Span::new(at.start, end);
        if tag.is_some() {
            self.problems.error(span, "a YAML tag is not read here", "leave out the `!…` before it");
        }
        let node = Node { anchored: anchor != 0, ..Node::new(span, value) };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    fn scalar(&self, text: &str, style: ScalarStyle, at: Span) -> Value {
        let plain = style == ScalarStyle::Plain;
        if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
            return Value::Null;
        }
        let source = &self.text[at.start..at.end];
        let verbatim = match style {
            ScalarStyle::Plain if source == text => Some(at.start),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted if source.get(1..source.len() - 1) == Some(text) => {
                Some(at.start + 1)
            }
            _ => None,
        };
        Value::Text(Text { text: text.to_owned(), style: if plain { Style::Plain } else { Style::Quoted }, verbatim })
    }

    fn list(&mut self, depth: usize) -> Result<(Value, Size, usize), SyntaxError> {
        let mut list = Vec::new();
        let mut whole = Size { nodes: 1, depth: 0 };
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok((Value::List(list), whole, at.end));
            }
            let (node, size) = self.node(event, at, depth + 1)?;
            whole = whole.with(size);
            list.push(node);
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Value, Size, usize), SyntaxError> {
        let mut map = Map::default();
        let mut first: HashMap<String, Span> = HashMap::new();
        let mut whole = Size { nodes: 1, depth: 0 };
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok((Value::Map(map), whole, at.end));
            }
            let (key, _) = self.node(event, at, depth + 1)?;
            let (event, at) = self.next()?;
            let (mut node, size) = self.node(event, at, depth + 1)?;
            whole = whole.with(size);
            node.owner = key.span;
            match self.key(&key, &mut first) {
                Some(key) => map.entries.push(Entry { key, node }),
                None => map.refused.push((key, node)),
            }
        }
    }

    /// A key that is a text, and not there yet.
    fn key(&mut self, node: &Node, first: &mut HashMap<String, Span>) -> Option<Spanned<String>> {
        let Value::Text(text) = &node.value else {
            if !matches!(node.value, Value::Broken) {
                let title = format!("a key must be a text, found {}", node.kind());
                self.problems.error(node.span, title, "put it in quotes if it is meant to be one");
            }
            return None;
        };
        if text.style == Style::Plain && text.text == "<<" {
            let label = "write the keys out, or use an alias for a whole value";
            self.problems.error(node.span, "YAML merge keys are not read here", label);
            return None;
        }
        if let Some(first) = first.get(&text.text) {
            self.problems.repeated(node.span, *first, "this key is given twice");
            return None;
        }
        first.insert(text.text.clone(), node.span);
        Some(node.spanned(text.text.clone()))
    }

    fn alias(&mut self, anchor: usize, at: Span, depth: usize) -> Result<(Node, Size), SyntaxError> {
        // An anchor whose node is not complete yet is an alias inside of what it names.
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(SyntaxError { at, label: "this alias names what it stands in".into() });
        };
        self.aliased += size.nodes;
        if self.aliased > ALIASED_NODES {
            return Err(SyntaxError { at, label: format!("aliases add more than {ALIASED_NODES} values") });
        }
        if depth + size.depth > DEPTH {
            return Err(SyntaxError { at, label: format!("with this alias, nested more than {DEPTH} deep") });
        }
        Ok((node.clone(), *size))
    }

    fn unknown_alias(&mut self, at: Span) -> Node {
        if self.aliases == Aliases::Known {
            self.problems.error(at, "this alias names no anchor", "a text that begins with `*` needs quotes");
        }
        Node::new(at, Value::Broken)
    }
}

impl Size {
    fn with(self, child: Size) -> Size {
        Size { nodes: self.nodes + child.nodes, depth: self.depth.max(child.depth + 1) }
    }
}

/// What is wrong, in words of the file instead of the parser's.
fn explain(error: &ScanError) -> String {
    use ErrorKind as Kind;
    match error.kind() {
        Kind::TabNotAllowed | Kind::TabInBlockIndentation | Kind::TabInIndentation | Kind::TabInPlainScalar => {
            "a tab cannot indent; use spaces".into()
        }
        Kind::UnclosedFlowCollection { open } => format!("this `{open}` is never closed"),
        Kind::UnclosedQuotedScalar => "this quote is never closed".into(),
        Kind::MappingValueNotAllowed => "no `:` may stand here; a text that holds one needs quotes".into(),
        Kind::ExpectedBlockMappingKey => "a key should stand here, indented like the keys above".into(),
        Kind::SimpleKeyExpected | Kind::InvalidSimpleKey => "a key and its `:` should stand here".into(),
        Kind::InvalidQuotedScalarIndent => "a quote above is not closed, or this line is not indented enough".into(),
        Kind::InvalidIndentation | Kind::InvalidFlowScalarIndent => {
            "a bracket or quote above is not closed, or this line is not indented like the others".into()
        }
        Kind::ExpectedFlowMappingSeparator => "`,` or `}` should stand here".into(),
        Kind::ExpectedFlowSequenceSeparator => "`,` or `]` should stand here".into(),
        Kind::ExpectedBlockSequenceEntry => "a `-` should stand here, or less indentation".into(),
        Kind::RecursionLimitExceeded => format!("nested more than {DEPTH} deep"),
        Kind::UnexpectedCharacter { character } => {
            format!("`{}` cannot begin a text without quotes", character.escape_default())
        }
        Kind::DirectiveDisallowed => "YAML directives are not read here; remove the line".into(),
        _ => error.info(),
    }
}
