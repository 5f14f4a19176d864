//! Where in a verified request a value stands.

use http::HeaderName;

use super::grammar::{GrammarError, GrammarErrorKind};
use super::recipe::Text;

/// Where a value stands: a header, a field of the JSON payload, a parameter
/// of the query, the payload's digest, or a fixed word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// SHA-256 of the verified payload.
    DigestBody,
    /// The value of a header that occurs once.
    Header(HeaderName),
    /// A string or number of the verified payload.
    Json(Pointer),
    /// A fixed text, from the configuration.
    Literal(Text),
    /// A parameter of the query that occurs once, percent-decoded.
    Query(Text),
}

/// A JSON pointer (RFC 6901), `/` and a name for every step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(pub Text);

/// More steps than any sender's payload has levels.
const MOST_STEPS: usize = 32;

impl Pointer {
    /// Reads a pointer such as `/data/id`.
    ///
    /// # Errors
    ///
    /// Where it is not a pointer, or the pointer to the whole document; the span counts bytes of `text`.
    pub fn parse(text: &str) -> Result<Self, GrammarError> {
        if text.is_empty() {
            return Err(GrammarErrorKind::Empty.at(0..0));
        }
        if !text.starts_with('/') {
            return Err(GrammarErrorKind::NoSlash.at(0..0));
        }
        if let Some((at, _)) = text.match_indices('/').nth(MOST_STEPS) {
            return Err(GrammarErrorKind::TooDeep.at(at..text.len()));
        }
        for (at, _) in text.match_indices('~') {
            if !text[at + 1..].starts_with(['0', '1']) {
                return Err(GrammarErrorKind::BadEscape.at(at..at + 1));
            }
        }
        Ok(Self(text.to_owned().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_has_a_slash_before_every_name() {
        for text in ["/id", "/event/type", "/a~1b/c~0d", "/", "/0/ñ"] {
            assert_eq!(Pointer::parse(text).map(|pointer| pointer.0.into_owned()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_not_a_pointer_is_refused_at_its_place() {
        assert_eq!(Pointer::parse(""), Err(GrammarErrorKind::Empty.at(0..0)));
        assert_eq!(Pointer::parse("id"), Err(GrammarErrorKind::NoSlash.at(0..0)));
        assert_eq!(Pointer::parse("/a~2"), Err(GrammarErrorKind::BadEscape.at(2..3)));
        assert_eq!(Pointer::parse("/a/~"), Err(GrammarErrorKind::BadEscape.at(3..4)));
        assert_eq!(Pointer::parse(&"/a".repeat(33)), Err(GrammarErrorKind::TooDeep.at(64..66)));
    }
}
