//! A request that was not read to its end, and what both listeners answer to that.

use http::StatusCode;

use super::content::BadContent;
use super::head::BadHead;

/// Why a request was not read to its end. What follows it on its connection cannot be trusted, or would have to be read
/// for nothing: the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    /// The head can be read in two ways, or names no host.
    #[error("the request is malformed")]
    BadRequest,
    /// The body ended early, or broke its framing.
    #[error("the body is not whole")]
    BodyBroken,
    /// The body was not whole within `limits.read_timeout`.
    #[error("the body came too slowly")]
    BodyTimeout,
    /// The body has more bytes than `limits.body`.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The head was not whole within `limits.read_timeout`.
    #[error("the head came too slowly")]
    HeadTimeout,
    /// The head has more bytes than anybody's.
    #[error("the head is too large")]
    HeadTooLarge,
}

impl Unread {
    /// The status that it is answered with.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::BodyTimeout | Self::HeadTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }

    /// The word in the answer's body and in the log.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::BodyBroken => "body_broken",
            Self::BodyTimeout => "body_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::HeadTimeout => "head_timeout",
            Self::HeadTooLarge => "head_too_large",
        }
    }
}

impl From<BadHead> for Unread {
    fn from(bad: BadHead) -> Self {
        match bad {
            BadHead::Ambiguous => Self::BadRequest,
            BadHead::TooLarge => Self::HeadTooLarge,
            BadHead::TooSlow => Self::HeadTimeout,
        }
    }
}

impl From<BadContent> for Unread {
    fn from(bad: BadContent) -> Self {
        match bad {
            BadContent::Broken => Self::BodyBroken,
            BadContent::TooLarge => Self::BodyTooLarge,
            BadContent::TooSlow => Self::BodyTimeout,
        }
    }
}
