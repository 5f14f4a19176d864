//! What of a line may be shown in a message.
//!
//! A configuration holds references to secrets, never secrets; but a mistake
//! may be exactly that one stands where a reference should. Hence whatever is
//! written in a place for secrets is hidden, unless it reads as a reference;
//! and so are passwords in URLs, pasted PEM, and comments.

use super::node::{Map, Node, Span, Value};
use super::read::{Name, Word as _};
use super::suggest::nearest;
use super::text::is_variable_name;

/// What stands in an excerpt for hidden text, whatever its length.
const HIDDEN: &str = "***";

/// Words in keys whose values are secrets, or might be.
const SECRETIVE: [&str; 7] = ["auth", "basic", "bearer", "credential", "passw", "secret", "token"];

/// Keys of a reference to a secret, and of how a secret is encoded.
const REFERENCE: [&str; 8] = ["base64", "encoding", "env", "file", "id", "not_after", "not_before", "strip_prefix"];

/// Keys whose one-line values are never secret: shown even where the line could not be read.
const HARMLESS: [&str; 39] = [
    "age",
    "algorithm",
    "bodies",
    "body",
    "concurrency",
    "connect_timeout",
    "connections",
    "covers_body",
    "delivery",
    "ecdsa",
    "encoding",
    "entries",
    "envelope",
    "format",
    "header",
    "host",
    "jitter",
    "level",
    "listen",
    "memory",
    "path",
    "payload",
    "public_url",
    "rate",
    "read_timeout",
    "schedule",
    "scheme",
    "separator",
    "shutdown",
    "signed",
    "size",
    "timeout",
    "tolerance",
    "unit",
    "upstream",
    "url",
    "window",
    "within",
    "workers",
];

/// One character of an excerpt, and the bytes of the file that it stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) character: char,
    pub(super) span: Span,
}

/// The keys and scalars of a document, and which of them are hidden.
#[derive(Debug)]
pub(super) struct Mask {
    leaves: Vec<Leaf>,
    /// Where secrets belong: there, what is no key and no scalar is hidden too,
    /// except for brackets and the like. A secret may look like an anchor, an
    /// alias or a tag.
    places: Vec<Span>,
    /// Whether a part of the text could not be read: aliases in it may show
    /// that what an anchor marks is a secret.
    partial: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Leaf {
    span: Span,
    hidden: bool,
}

/// Where in the document a node stands.
#[derive(Clone, Copy)]
enum Ground {
    /// Among keys that this program gives a meaning.
    Keys,
    /// In a map whose keys are names of the user's.
    Names,
    /// Where a secret, or a reference to one, belongs.
    Secrets,
}

impl Mask {
    pub(super) fn new(text: &str, root: Option<&Node>) -> Mask {
        let broken = |map: &Map| map.entries.iter().any(|entry| matches!(entry.node.value, Value::Broken));
        let partial = root.is_some_and(|root| matches!(&root.value, Value::Map(map) if broken(map)));
        let mut mask = Mask { leaves: Vec::new(), places: Vec::new(), partial };
        if let Some(root) = root {
            mask.walk(text, root, Ground::Keys);
        }
        // Where an alias shows one text in two places, the stricter place counts.
        mask.leaves.sort_unstable_by_key(|leaf| (leaf.span, !leaf.hidden));
        mask.leaves.dedup_by_key(|leaf| leaf.span);
        mask.places.sort_unstable();
        mask
    }

    fn walk(&mut self, text: &str, node: &Node, ground: Ground) {
        let ground = if self.partial && node.anchored { Ground::Secrets } else { ground };
        match &node.value {
            Value::Broken | Value::Null => {}
            Value::List(list) => list.iter().for_each(|node| self.walk(text, node, ground)),
            Value::Map(map) => {
                for entry in &map.entries {
                    self.entry(text, entry.key.span, &entry.key.value, &entry.node, ground);
                }
                for (key, node) in &map.refused {
                    if let Value::Text(name) = &key.value {
                        self.entry(text, key.span, &name.text, node, ground);
                    } else {
                        self.walk(text, key, Ground::Secrets);
                        self.walk(text, node, Ground::Secrets);
                    }
                }
            }
            Value::Text(scalar) => {
                let secret = matches!(ground, Ground::Secrets) && !is_encoding(&scalar.text);
                self.scalar(text, node.span, secret || holds_pem(&scalar.text));
            }
        }
    }

    fn entry(&mut self, text: &str, key: Span, name: &str, node: &Node, ground: Ground) {
        let (hidden, below) = enter(name, &node.value, ground);
        self.leaves.push(Leaf { span: key, hidden });
        if matches!((ground, below), (Ground::Keys, Ground::Secrets)) {
            self.places.push(place(text, key, node));
        }
        self.walk(text, node, below);
    }

    fn scalar(&mut self, text: &str, span: Span, hidden: bool) {
        let source = &text[span.start..span.end];
        let mut shown = span.start;
        let parts = [user_info(source), query(source)];
        for (before, after) in parts.into_iter().flatten().filter(|_| !hidden) {
            let (from, to) = (span.start + before, span.start + after);
            if from < shown {
                continue;
            }
            self.leaves.push(Leaf { span: Span::new(shown, from), hidden: false });
            self.leaves.push(Leaf { span: Span::new(from, to), hidden: true });
            shown = to;
        }
        self.leaves.push(Leaf { span: Span::new(shown, span.end), hidden });
    }

    fn is_place(&self, at: usize) -> bool {
        let begun = self.places.partition_point(|place| place.start <= at);
        begun > 0 && self.places[begun - 1].end > at
    }

    /// The characters of a line that was read.
    pub(super) fn line(&self, text: &str, line: Span) -> Vec<Shown> {
        // A leaf of several lines may begin above; no two leaves overlap.
        let first = self.leaves.partition_point(|leaf| leaf.span.end <= line.start);
        let mut leaves = self.leaves[first..].iter().peekable();
        let mut shown = Vec::new();
        let mut at = line.start;
        while at < line.end {
            while leaves.next_if(|leaf| leaf.span.end <= at).is_some() {}
            let leaf = leaves.peek().filter(|leaf| leaf.span.start <= at);
            match leaf {
                Some(leaf) if leaf.hidden => {
                    hide(Span::new(at, leaf.span.end.min(line.end)), &mut shown);
                    at = leaf.span.end;
                }
                None if begins_comment(text, line.start, at) => break,
                None if self.is_place(at) && !is_structure(text.as_bytes()[at]) => {
                    let end = (at..line.end).find(|at| is_structure(text.as_bytes()[*at])).unwrap_or(line.end);
                    let end = leaves.peek().map_or(end, |leaf| leaf.span.start.min(end));
                    hide(Span::new(at, end), &mut shown);
                    at = end;
                }
                _ => at = show(text, at, &mut shown),
            }
        }
        trim(shown)
    }
}

/// Where the value of a key stands, and what is written before it. The node of
/// an alias stands elsewhere; its name stands on the line of the key.
fn place(text: &str, key: Span, node: &Node) -> Span {
    let start = key.end;
    let line = text[start..].find('\n').map_or(text.len(), |length| start + length);
    Span::new(start, if node.span.start < start { line } else { line.max(node.span.end) })
}

fn is_structure(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'[' | b']' | b'{' | b'}' | b',' | b':' | b'-' | b'|' | b'>')
}

/// Whether a key is hidden, and where its value stands.
fn enter(key: &str, value: &Value, ground: Ground) -> (bool, Ground) {
    match ground {
        Ground::Names => (false, Ground::Keys),
        Ground::Keys if matches!(key, "endpoints" | "schemes" | "sources" | "upstreams") => (false, Ground::Names),
        Ground::Keys if is_secretive(key) => (false, Ground::Secrets),
        Ground::Keys => (false, Ground::Keys),
        Ground::Secrets if refers(key, value) => (false, Ground::Keys),
        Ground::Secrets => (!may_name(key), Ground::Secrets),
    }
}

/// Whether a value in a place for secrets is a part of a reference, and may be shown.
fn refers(key: &str, value: &Value) -> bool {
    let Value::Text(value) = value else { return false };
    match key {
        "env" => is_variable_name(&value.text),
        "id" => Name::parse(&value.text).is_ok(),
        "not_after" | "not_before" => value.text.starts_with(|c: char| c.is_ascii_digit()),
        "base64" | "encoding" => false,
        key => REFERENCE.contains(&key),
    }
}

/// Whether a key in a place for secrets may be named in a message: it is one
/// that belongs there, or nearly.
pub(super) fn may_name(key: &str) -> bool {
    nearest(key, REFERENCE).is_some() || is_secretive(key) || matches!(key, "key" | "name" | "value")
}

fn is_secretive(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRETIVE.iter().any(|word| key.contains(word))
        // A private key may stand among public ones by mistake.
        || matches!(key.as_str(), "keys" | "value")
        || nearest(&key, ["secret", "secrets", "token", "password"]).is_some()
}

fn is_encoding(text: &str) -> bool {
    matches!(text, "base64" | "base64url" | "hex" | "utf8")
}

fn holds_pem(text: &str) -> bool {
    text.contains("-----BEGIN") || text.contains('\n')
}

/// Where user and password of a URL stand in a text.
fn user_info(text: &str) -> Option<(usize, usize)> {
    let start = text.find("://")? + 3;
    let authority = text[start..].split(['/', '?', '#']).next().unwrap_or_default();
    // A password may hold a slash that its writer forgot to encode: the last `@` of all decides.
    let end = if authority.contains('@') { authority.rfind('@') } else { text[start..].rfind('@') }?;
    Some((start, start + end))
}

/// Where the query of a URL stands in a text, as far as the quotes around it: it may let its bearer in.
fn query(text: &str) -> Option<(usize, usize)> {
    let authority = text.find("://")? + 3;
    let start = authority + text[authority..].find('?')? + 1;
    let end = text.trim_end_matches(['"', '\'']).len();
    (start < end).then_some((start, end))
}

/// The characters of a line that could not be read: what stands behind a key
/// is hidden, unless the key is one of those whose values are never secret.
pub(super) fn unread_line(text: &str, line: Span) -> Vec<Shown> {
    let source = &text[line.start..line.end];
    let indent = source.len() - source.trim_start_matches([' ', '\t', '-']).len();
    let key_length = source[indent..].find(':').unwrap_or_default();
    let key = &source[indent..indent + key_length];
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let value = if is_key { indent + key_length + 1 } else { indent };
    let harmless = HARMLESS.contains(&key) && is_harmless(&source[value..]);
    let mut shown = Vec::new();
    let mut at = line.start;
    while at < line.start + value || (harmless && at < line.end && !begins_comment(text, line.start, at)) {
        at = show(text, at, &mut shown);
    }
    if !harmless && value < source.len() {
        if is_key {
            shown.push(Shown { character: ' ', span: Span::new(at, at) });
        }
        hide(Span::new(at, line.end), &mut shown);
    }
    trim(shown)
}

fn is_harmless(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    !SECRETIVE.iter().chain(&["value", "@", "?"]).any(|word| value.contains(word))
}

fn begins_comment(text: &str, line: usize, at: usize) -> bool {
    text.as_bytes()[at] == b'#' && (at == line || matches!(text.as_bytes()[at - 1], b' ' | b'\t'))
}

fn show(text: &str, at: usize, shown: &mut Vec<Shown>) -> usize {
    let character = text[at..].chars().next().unwrap_or_default();
    let end = at + character.len_utf8().max(1);
    shown.push(Shown { character, span: Span::new(at, end) });
    end
}

fn hide(span: Span, shown: &mut Vec<Shown>) {
    shown.extend(HIDDEN.chars().map(|character| Shown { character, span }));
}

fn trim(mut shown: Vec<Shown>) -> Vec<Shown> {
    let kept = shown.iter().rposition(|shown| !shown.character.is_whitespace()).map_or(0, |last| last + 1);
    shown.truncate(kept);
    shown
}
