//! How the value of a signature's carrier is written, and how it is read.

use std::borrow::Cow;

use http::HeaderName;
use memchr::memmem;

use super::grammar::{GrammarError, GrammarErrorKind, PieceKind, pieces};
use super::{Carrier, Format, Item, Placeholder, Rejection};

impl Format {
    /// Reads a format such as `t={timestamp},v1={signature}`.
    ///
    /// Without a `separator` there is none, or `,` where the format holds two placeholders.
    ///
    /// # Errors
    ///
    /// Where it is not a format; the span counts bytes of `text`.
    pub fn parse(text: &str, separator: Option<&str>) -> Result<Self, GrammarError> {
        if text.is_empty() || separator == Some("") {
            return Err(GrammarErrorKind::Empty.at(0..0));
        }
        let separator = separator.or_else(|| (text.matches('{').count() > 1).then_some(","));
        let mut items: Vec<Item> = Vec::new();
        let mut at = 0;
        for written in separator.map_or_else(|| vec![text], |separator| text.split(separator).collect()) {
            let item = item(written, at)?;
            if let Some(kind) = conflict(&items, &item) {
                return Err(kind.at(at..at + written.len()));
            }
            items.push(item);
            at += written.len() + separator.map_or(0, str::len);
        }
        if items.iter().all(|item| item.value != Placeholder::Signature) {
            return Err(GrammarErrorKind::NoSignature.at(0..text.len()));
        }
        Ok(Self { items: Cow::Owned(items), separator: separator.map(|text| Cow::Owned(text.to_owned())) })
    }

    /// Calls `each` with what the items of `value` hold. Items that the format does not know are passed over.
    pub(super) fn read<'v>(
        &self,
        value: &'v [u8],
        mut each: impl FnMut(Placeholder, &'v [u8]) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        for (position, written) in split(value, self.separator.as_deref()).enumerate() {
            // What another parser would trim is not trimmed here, it is refused.
            if written.first().is_some_and(u8::is_ascii_whitespace)
                || written.last().is_some_and(u8::is_ascii_whitespace)
            {
                return Err(Rejection::Malformed);
            }
            if let Some((item, rest)) = self.item(position, written) {
                each(item.value, rest)?;
            }
        }
        Ok(())
    }

    /// The item that `written` is, and what follows its literal beginning.
    fn item<'v>(&self, position: usize, written: &'v [u8]) -> Option<(&Item, &'v [u8])> {
        if self.positional() {
            // The last item repeats; without a separator there is only one.
            return self.items.get(position).or(self.items.last()).map(|item| (item, written));
        }
        self.items.iter().find_map(|item| Some((item, written.strip_prefix(item.prefix.as_bytes())?)))
    }

    fn positional(&self) -> bool {
        self.items.iter().all(|item| item.prefix.is_empty())
    }

    /// Whether a value can hold more than one signature.
    pub(super) fn repeats(&self) -> bool {
        let last = self.items.last().map(|item| item.value);
        self.separator.is_some() && (!self.positional() || last == Some(Placeholder::Signature))
    }

    /// Writes a value with these signatures, which are as many as [`repeats`](Self::repeats) allows.
    pub(super) fn write(&self, signatures: &[String], timestamp: &str) -> String {
        let mut items = Vec::new();
        for item in self.items.iter() {
            match item.value {
                Placeholder::Signature => items.extend(signatures.iter().map(|text| format!("{}{text}", item.prefix))),
                Placeholder::Timestamp => items.push(format!("{}{timestamp}", item.prefix)),
            }
        }
        items.join(self.separator.as_deref().unwrap_or_default())
    }
}

/// What stands between separators; the whole value where there are none.
fn split<'v>(value: &'v [u8], separator: Option<&str>) -> impl Iterator<Item = &'v [u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let found = separator.and_then(|text| Some((memmem::find(value, text.as_bytes())?, text.len())));
        let (item, tail) = match found {
            Some((at, len)) => (&value[..at], Some(&value[at + len..])),
            None => (value, None),
        };
        rest = tail;
        Some(item)
    })
}

/// One item: at most one literal, then a placeholder, then nothing.
fn item(written: &str, at: usize) -> Result<Item, GrammarError> {
    let mut prefix = "";
    let mut value = None;
    for piece in pieces(written, at)? {
        if value.is_some() {
            return Err(GrammarErrorKind::Trailing.at(piece.span));
        }
        match piece.kind {
            PieceKind::Literal(text) => prefix = text,
            PieceKind::Placeholder("signature") => value = Some(Placeholder::Signature),
            PieceKind::Placeholder("timestamp") => value = Some(Placeholder::Timestamp),
            PieceKind::Placeholder(_) => return Err(GrammarErrorKind::UnknownInFormat.at(piece.span)),
        }
    }
    let value = value.ok_or_else(|| GrammarErrorKind::NoPlaceholder.at(at..at + written.len()))?;
    // `read` refuses what begins so.
    if prefix.starts_with(|first: char| first.is_ascii_whitespace()) {
        return Err(GrammarErrorKind::Spaced.at(at..at + prefix.len()));
    }
    Ok(Item { prefix: prefix.to_owned().into(), value })
}

/// Why `item` cannot stand beside `others`.
fn conflict(others: &[Item], item: &Item) -> Option<GrammarErrorKind> {
    if others.iter().any(|other| other.value == item.value) {
        return Some(GrammarErrorKind::Repeated);
    }
    if others.iter().any(|other| other.prefix.is_empty() != item.prefix.is_empty()) {
        return Some(GrammarErrorKind::MixedItems);
    }
    let alike = |a: &str, b: &str| !a.is_empty() && (a.starts_with(b) || b.starts_with(a));
    others.iter().any(|other| alike(&other.prefix, &item.prefix)).then_some(GrammarErrorKind::Ambiguous)
}

impl Carrier {
    /// Reads a header name, or one with `{n}` in it, which stands for 1 to 100.
    ///
    /// # Errors
    ///
    /// Where it is not a header name; the span counts bytes of `text`.
    pub fn parse(text: &str) -> Result<Self, GrammarError> {
        let bad = || GrammarErrorKind::BadHeaderName.at(0..text.len());
        let name = |text: &str| text.parse::<HeaderName>().map_err(|_| bad());
        let Some((prefix, suffix)) = text.split_once("{n}") else {
            return Ok(Self::Headers(Cow::Owned(vec![name(text)?])));
        };
        // The name as a whole must be one; its parts alone need not be.
        name(&format!("{prefix}1{suffix}"))?;
        Ok(Self::Numbered { prefix: prefix.to_ascii_lowercase().into(), suffix: suffix.to_ascii_lowercase().into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, separator: Option<&str>) -> GrammarError {
        Format::parse(text, separator).expect_err(text)
    }

    fn read<'v>(format: &Format, value: &'v str) -> Result<Vec<(Placeholder, &'v str)>, Rejection> {
        let mut held = Vec::new();
        format.read(value.as_bytes(), |placeholder, text| {
            held.push((placeholder, std::str::from_utf8(text).unwrap()));
            Ok(())
        })?;
        Ok(held)
    }

    #[test]
    fn items_with_literal_beginnings_come_in_any_order_among_unknown_ones() {
        let format = Format::parse("t={timestamp},v1={signature}", None).unwrap();

        assert_eq!(
            read(&format, "v0=x,v1=ab,,t=12,v1=cd,zz").unwrap(),
            [(Placeholder::Signature, "ab"), (Placeholder::Timestamp, "12"), (Placeholder::Signature, "cd"),]
        );
    }

    #[test]
    fn items_without_literal_beginnings_go_by_position_and_the_last_repeats() {
        let format = Format::parse("{timestamp},{signature}", None).unwrap();

        assert_eq!(
            read(&format, "12,ab,cd").unwrap(),
            [(Placeholder::Timestamp, "12"), (Placeholder::Signature, "ab"), (Placeholder::Signature, "cd"),]
        );
    }

    #[test]
    fn without_a_separator_the_value_is_one_item() {
        let format = Format::parse("sha256={signature}", None).unwrap();

        assert_eq!(read(&format, "sha256=ab,sha256=cd").unwrap(), [(Placeholder::Signature, "ab,sha256=cd")]);
        assert_eq!(read(&format, "sha1=ab").unwrap(), []);
    }

    #[test]
    fn a_literal_beginning_may_hold_the_comma_of_standard_webhooks() {
        let format = Format::parse("v1,{signature}", Some(" ")).unwrap();

        assert_eq!(
            read(&format, "v1,ab v1a,xy v1,cd").unwrap(),
            [(Placeholder::Signature, "ab"), (Placeholder::Signature, "cd")]
        );
    }

    #[test]
    fn whitespace_around_an_item_is_refused() {
        let format = Format::parse("t={timestamp},v1={signature}", None).unwrap();

        for value in ["t=1, v1=ab", "t=1 ,v1=ab", "t=1,v1=ab\t", " t=1,v1=ab"] {
            assert_eq!(read(&format, value), Err(Rejection::Malformed), "{value}");
        }
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        assert_eq!(error("", None), GrammarErrorKind::Empty.at(0..0));
        assert_eq!(error("{signature}", Some("")), GrammarErrorKind::Empty.at(0..0));
        assert_eq!(error("{sig}", None), GrammarErrorKind::UnknownInFormat.at(0..5));
        assert_eq!(error("t={timestamp}", None), GrammarErrorKind::NoSignature.at(0..13));
        assert_eq!(error("{signature}=", None), GrammarErrorKind::Trailing.at(11..12));
        assert_eq!(error("t={timestamp},v1", Some(",")), GrammarErrorKind::NoPlaceholder.at(14..16));
        assert_eq!(error("a={signature},b={signature}", None), GrammarErrorKind::Repeated.at(14..27));
        assert_eq!(error("{timestamp},v1={signature}", None), GrammarErrorKind::MixedItems.at(12..26));
        assert_eq!(error("t={timestamp}, v1={signature}", None), GrammarErrorKind::Spaced.at(14..18));
        assert_eq!(error("v={timestamp};v={signature}", Some(";")), GrammarErrorKind::Ambiguous.at(14..27));
        assert_eq!(error("t={timestamp},v1={signature", None), GrammarErrorKind::Unclosed.at(17..18));
    }

    #[test]
    fn a_header_name_may_hold_a_number() {
        let numbered = Carrier::Numbered { prefix: "x-sig-".into(), suffix: "-v".into() };

        assert_eq!(Carrier::parse("X-Sig-{n}-V"), Ok(numbered));
        assert_eq!(Carrier::parse("X-Sig"), Ok(Carrier::Headers(Cow::Owned(vec![HeaderName::from_static("x-sig")]))));
        assert_eq!(Carrier::parse("X Sig"), Err(GrammarErrorKind::BadHeaderName.at(0..5)));
        assert_eq!(Carrier::parse("X-{m}"), Err(GrammarErrorKind::BadHeaderName.at(0..5)));
    }
}
