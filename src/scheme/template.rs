//! The bytes that are signed: reading a template, and filling it in.

use std::borrow::Cow;

use http::HeaderName;

use super::grammar::{GrammarError, GrammarErrorKind, Piece, PieceKind, pieces};
use super::{Part, Pointer, Template};

impl Template {
    /// Reads a template such as `{timestamp}.{body}`.
    ///
    /// # Errors
    ///
    /// Where it is not a template; the span counts bytes of `text`.
    pub fn parse(text: &str) -> Result<Self, GrammarError> {
        if text.is_empty() {
            return Err(GrammarErrorKind::Empty.at(0..0));
        }
        let mut parts = Vec::new();
        for piece in pieces(text, 0)? {
            let part = part(&piece)?;
            if part == Part::Body && parts.contains(&Part::Body) {
                return Err(GrammarErrorKind::Repeated.at(piece.span));
            }
            parts.push(part);
        }
        Ok(Self(Cow::Owned(parts)))
    }

    /// The parts before and after `{body}`; `None` after, where the body is not signed.
    pub(super) fn around_body(&self) -> (&[Part], Option<&[Part]>) {
        match self.0.iter().position(|part| *part == Part::Body) {
            Some(at) => (&self.0[..at], Some(&self.0[at + 1..])),
            None => (&self.0, None),
        }
    }
}

fn part(piece: &Piece<'_>) -> Result<Part, GrammarError> {
    let name = match piece.kind {
        PieceKind::Literal(text) => return Ok(Part::Literal(text.to_owned().into())),
        PieceKind::Placeholder(name) => name,
    };
    let unknown = || GrammarErrorKind::UnknownInTemplate.at(piece.span.clone());
    let Some((kind, argument)) = name.split_once(':') else {
        return match name {
            "body" => Ok(Part::Body),
            "id" => Ok(Part::Id),
            "method" => Ok(Part::Method),
            "timestamp" => Ok(Part::Timestamp),
            "url" => Ok(Part::Url),
            _ => Err(unknown()),
        };
    };
    // Behind the brace, the kind and the colon.
    let at = piece.span.start + kind.len() + 2;
    let span = at..at + argument.len();
    if argument.is_empty() && matches!(kind, "header" | "json" | "query") {
        return Err(GrammarErrorKind::Empty.at(span));
    }
    match kind {
        "header" => {
            argument.parse::<HeaderName>().map(Part::Header).map_err(|_| GrammarErrorKind::BadHeaderName.at(span))
        }
        "json" => Pointer::parse(argument).map(Part::Json).map_err(|error| error.shifted(at)),
        "query" => Ok(Part::Query(argument.to_owned().into())),
        "url" if argument == "decoded" => Ok(Part::UrlDecoded),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> GrammarError {
        Template::parse(text).expect_err(text)
    }

    #[test]
    fn every_placeholder_is_understood() {
        let template = Template::parse(
            "v0:{timestamp}.{id}{method}{url}{url:decoded}{header:X-A}{query:data.id};{json:/a/b}{body}",
        );

        let literal = |text: &'static str| Part::Literal(text.into());
        assert_eq!(
            template.unwrap().0.into_owned(),
            [
                literal("v0:"),
                Part::Timestamp,
                literal("."),
                Part::Id,
                Part::Method,
                Part::Url,
                Part::UrlDecoded,
                Part::Header(HeaderName::from_static("x-a")),
                Part::Query("data.id".into()),
                literal(";"),
                Part::Json(Pointer("/a/b".into())),
                Part::Body,
            ]
        );
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        assert_eq!(error(""), GrammarErrorKind::Empty.at(0..0));
        assert_eq!(error("{ts}.{body}"), GrammarErrorKind::UnknownInTemplate.at(0..4));
        assert_eq!(error("{body}{cookie:a}"), GrammarErrorKind::UnknownInTemplate.at(6..16));
        assert_eq!(error("{body}{url:encoded}"), GrammarErrorKind::UnknownInTemplate.at(6..19));
        assert_eq!(error("é{body}{body}"), GrammarErrorKind::Repeated.at(8..14));
        assert_eq!(error("{header:}{body}"), GrammarErrorKind::Empty.at(8..8));
        assert_eq!(error("{header:a b}{body}"), GrammarErrorKind::BadHeaderName.at(8..11));
        assert_eq!(error("{body}{json:/a~}"), GrammarErrorKind::BadEscape.at(14..15));
        assert_eq!(error("{body}.{json:a}"), GrammarErrorKind::NoSlash.at(13..13));
        assert_eq!(error("{body"), GrammarErrorKind::Unclosed.at(0..1));
        assert_eq!(error("{bo{dy}}"), GrammarErrorKind::Unclosed.at(0..1));
        assert_eq!(error("a}{body}"), GrammarErrorKind::StrayBrace.at(1..2));
    }
}
