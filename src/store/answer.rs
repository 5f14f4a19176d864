//! What a duplicate is answered with.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

/// The largest body that is kept, in bytes.
pub const KEPT_BODY: usize = 16 * 1024;

/// What an answer costs beside its content: reference counts and the allocator's rounding.
const OVERHEAD: usize = 32;

/// An answer as far as it is kept for duplicates: never a cookie, nor any other header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status as answered first.
    pub status: StatusCode,
    /// The content type as answered first; gone together with the body.
    pub content_type: Option<HeaderValue>,
    /// The body, if it is at most [`KEPT_BODY`] long; `None`: not kept.
    pub body: Option<Bytes>,
}

impl KeptAnswer {
    /// An answer of which nothing is known but its status.
    pub fn bare(status: StatusCode) -> KeptAnswer {
        KeptAnswer { status, content_type: None, body: None }
    }
}

/// Content type and body in one allocation of their own.
///
/// Both usually are slices of a connection's read buffer, which must not live as long as a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Content {
    /// The body was not kept, or was dropped to make room.
    #[default]
    Gone,
    /// An empty body without a content type.
    Empty,
    /// Length of the content type (two bytes, little endian), content type, body.
    Kept(Arc<[u8]>),
}

impl Content {
    pub(super) fn of(answer: &KeptAnswer) -> Content {
        let Some(body) = answer.body.as_ref().filter(|body| body.len() <= KEPT_BODY) else { return Content::Gone };
        let content_type = answer.content_type.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
        Content::from_parts(content_type, body)
    }

    pub(super) fn from_parts(content_type: &[u8], body: &[u8]) -> Content {
        if content_type.is_empty() && body.is_empty() {
            return Content::Empty;
        }
        let Ok(length) = u16::try_from(content_type.len()) else { return Content::Gone };
        Content::Kept([&length.to_le_bytes()[..], content_type, body].concat().into())
    }

    /// Content type (empty: none) and body.
    pub(super) fn parts(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Content::Gone => None,
            Content::Empty => Some((&[], &[])),
            Content::Kept(packed) => {
                let (length, rest) = packed.split_first_chunk::<2>()?;
                rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
            }
        }
    }

    /// How much of the room for bodies this takes, in bytes.
    pub(super) fn cost(&self) -> usize {
        match self {
            Content::Gone | Content::Empty => 0,
            Content::Kept(packed) => cost(packed.len() - 2),
        }
    }

    pub(super) fn into_answer(self, status: StatusCode) -> KeptAnswer {
        let Some((content_type, body)) = self.parts() else { return KeptAnswer::bare(status) };
        let (type_length, body_length) = (content_type.len(), body.len());
        let Content::Kept(packed) = self else {
            return KeptAnswer { status, content_type: None, body: Some(Bytes::new()) };
        };
        let packed = Bytes::from_owner(packed);
        let content_type = packed.slice(2..2 + type_length);
        KeptAnswer {
            status,
            content_type: HeaderValue::from_maybe_shared(content_type).ok().filter(|value| !value.is_empty()),
            body: Some(packed.slice(packed.len() - body_length..)),
        }
    }
}

/// How much of the room for bodies a content type and a body take that are so long together, in bytes.
pub(super) fn cost(length: usize) -> usize {
    length + 2 + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_survives_being_packed() {
        for (content_type, body) in [
            (None, Some(&b""[..])),
            (None, Some(b"ok")),
            (Some("text/plain"), Some(b"")),
            (Some("text/plain"), Some(b"ok")),
            (None, None),
        ] {
            let answer = KeptAnswer {
                status: StatusCode::CREATED,
                content_type: content_type.map(HeaderValue::from_static),
                body: body.map(Bytes::from_static),
            };

            assert_eq!(Content::of(&answer).into_answer(StatusCode::CREATED), answer);
        }
    }

    #[test]
    fn a_body_over_the_limit_is_not_kept() {
        let answer = KeptAnswer { body: Some(vec![0; KEPT_BODY + 1].into()), ..KeptAnswer::bare(StatusCode::OK) };

        assert_eq!(Content::of(&answer), Content::Gone);
    }
}
