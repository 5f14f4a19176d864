//! Texts with placeholders in braces, and what may be wrong with them.

use std::ops::Range;

/// A text of the scheme grammar that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct GrammarError {
    /// The bytes of the text that are wrong; empty where something is missing.
    pub span: Range<usize>,
    /// What is wrong with them.
    pub kind: GrammarErrorKind,
}

/// What is wrong with a text of the scheme grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarErrorKind {
    /// One item's literal beginning is the beginning of another's.
    #[error("this literal beginning cannot be told from that of another item")]
    Ambiguous,
    /// `~` is not followed by `0` or `1` (RFC 6901 §3).
    #[error("`~` must be followed by `0` or `1`; a `~` itself is written `~0`, a `/` in a name `~1`")]
    BadEscape,
    /// Not the name of a header.
    #[error("this is not the name of a header")]
    BadHeaderName,
    /// The text, or the name within a placeholder, is empty.
    #[error("this must not be empty")]
    Empty,
    /// Some items have a literal beginning and others have none.
    #[error("either every item has a literal beginning, such as `v1=`, or none has")]
    MixedItems,
    /// An item of a format has no placeholder.
    #[error("every item holds `{{signature}}` or `{{timestamp}}`; other items of the header are ignored anyway")]
    NoPlaceholder,
    /// A pointer does not begin with `/`.
    #[error("a JSON pointer begins with `/`, such as `/data/id`")]
    NoSlash,
    /// The format has no `{signature}`.
    #[error("the format must hold `{{signature}}`")]
    NoSignature,
    /// The placeholder is there a second time.
    #[error("this may be there only once")]
    Repeated,
    /// The literal beginning of an item begins with white space.
    #[error("white space between items belongs to `separator`, such as `separator: \", \"`")]
    Spaced,
    /// A closing brace without an opening one.
    #[error("`}}` without `{{`")]
    StrayBrace,
    /// More than 32 steps.
    #[error("a JSON pointer has at most 32 steps")]
    TooDeep,
    /// Text behind the placeholder of an item.
    #[error("nothing may follow the placeholder of an item")]
    Trailing,
    /// A brace that is not closed.
    #[error("`{{` without `}}`")]
    Unclosed,
    /// A placeholder that a format does not know.
    #[error("a format holds `{{signature}}` and `{{timestamp}}` only")]
    UnknownInFormat,
    /// A placeholder that a template does not know.
    #[error(
        "unknown placeholder; there are `{{body}}`, `{{timestamp}}`, `{{id}}`, `{{method}}`, `{{url}}`, \
         `{{url:decoded}}`, `{{header:X}}`, `{{query:x}}` and `{{json:/p}}`"
    )]
    UnknownInTemplate,
}

impl GrammarError {
    /// The same, where the text begins at byte `base` of what the user wrote.
    pub(super) fn shifted(self, base: usize) -> Self {
        Self { span: self.span.start + base..self.span.end + base, ..self }
    }
}

impl GrammarErrorKind {
    /// This, at these bytes of the text.
    pub(super) fn at(self, span: Range<usize>) -> GrammarError {
        GrammarError { span, kind: self }
    }
}

/// A literal or a placeholder, and where it stands; a placeholder's place includes its braces.
pub(super) struct Piece<'a> {
    pub(super) span: Range<usize>,
    pub(super) kind: PieceKind<'a>,
}

pub(super) enum PieceKind<'a> {
    Literal(&'a str),
    /// What stands between the braces.
    Placeholder(&'a str),
}

/// Divides `text`, which begins at byte `base` of what the user wrote.
pub(super) fn pieces(text: &str, base: usize) -> Result<Vec<Piece<'_>>, GrammarError> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let (len, kind) = match rest.find(['{', '}']) {
            Some(0) => placeholder(rest, base + at)?,
            end => {
                let literal = &rest[..end.unwrap_or(rest.len())];
                (literal.len(), PieceKind::Literal(literal))
            }
        };
        pieces.push(Piece { span: base + at..base + at + len, kind });
        at += len;
    }
    Ok(pieces)
}

fn placeholder(text: &str, at: usize) -> Result<(usize, PieceKind<'_>), GrammarError> {
    if text.starts_with('}') {
        return Err(GrammarErrorKind::StrayBrace.at(at..at + 1));
    }
    match text[1..].find(['{', '}']).map(|end| end + 1) {
        Some(end) if text[end..].starts_with('}') => Ok((end + 1, PieceKind::Placeholder(&text[1..end]))),
        _ => Err(GrammarErrorKind::Unclosed.at(at..at + 1)),
    }
}
