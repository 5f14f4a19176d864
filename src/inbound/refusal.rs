//! Why a request goes no further, and what its sender is told.

use http::{HeaderValue, Response, StatusCode, header};

use super::reply::Reply;
use crate::http::client::SendError;
use crate::http::server::Unread;
use crate::scheme::Rejection;

/// Why a request was not answered by the app.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// What a handshake wants back is missing, or is not given back.
    #[error("the handshake holds nothing that is echoed")]
    BadChallenge,
    /// The same delivery is still being made.
    #[error("the same delivery is being made")]
    InFlight,
    /// Webhooks are POST requests; these methods are answered.
    #[error("the method is not one of {0}")]
    MethodNotAllowed(&'static str),
    /// No source has this host and path.
    #[error("no source has this path")]
    NotFound,
    /// All bodies together would pass `limits.memory`.
    #[error("the memory for bodies is used up")]
    Overloaded,
    /// The app redirects: a sender that follows would lose its signature or its body.
    #[error("the upstream redirects")]
    Redirected,
    /// The signature was not accepted.
    #[error("the signature was rejected")]
    Rejected(#[source] Rejection),
    /// Something that is demanded beside the signature is missing or wrong.
    #[error("what the source demands is not there")]
    Requirement,
    /// More events wait to be put on disk than are soon.
    #[error("too many events wait for the store")]
    StoreBusy,
    /// The event cannot be written to disk.
    #[error("the store cannot be used")]
    StoreUnavailable,
    /// The app gave no answer.
    #[error("the upstream gave no answer")]
    Unanswered(#[source] SendError),
    /// The request was not read to its end.
    #[error(transparent)]
    Unread(Unread),
    /// More requests wait for the app than it answers soon.
    #[error("too many requests wait for the upstream")]
    UpstreamBusy,
    /// A handshake does not show the source's `verify_token`.
    #[error("the token of the handshake is not the source's")]
    WrongToken,
}

impl Refusal {
    /// The status that the sender is answered with.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::BadChallenge => StatusCode::BAD_REQUEST,
            Self::Unread(unread) => unread.status(),
            Self::InFlight | Self::Overloaded | Self::StoreBusy | Self::StoreUnavailable | Self::UpstreamBusy => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unanswered(SendError::Late) => StatusCode::GATEWAY_TIMEOUT,
            Self::Redirected | Self::Unanswered(_) => StatusCode::BAD_GATEWAY,
            Self::Rejected(_) | Self::Requirement | Self::WrongToken => StatusCode::UNAUTHORIZED,
        }
    }

    /// The word in the answer's body and in the log. A rejected signature has
    /// none in the body: a forger must not learn how close it came.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::BadChallenge => "bad_challenge",
            Self::InFlight => "in_flight",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::NotFound => "not_found",
            Self::Overloaded => "overloaded",
            Self::Redirected => "upstream_redirected",
            Self::Rejected(rejection) => rejection.reason(),
            Self::Requirement => "requirement",
            Self::StoreBusy => "store_busy",
            Self::StoreUnavailable => "store_unavailable",
            Self::Unanswered(SendError::Broken(_)) => "upstream_broken",
            Self::Unanswered(SendError::Late) => "upstream_late",
            Self::Unanswered(_) => "upstream_unreachable",
            Self::Unread(unread) => unread.word(),
            Self::UpstreamBusy => "upstream_busy",
            Self::WrongToken => "wrong_token",
        }
    }

    /// What the sender is answered.
    pub(super) fn answer(&self) -> Response<Reply> {
        let mut answer = Response::new(self.body());
        *answer.status_mut() = self.status();
        let passes = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
        let headers = answer.headers_mut();
        if passes {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if !self.is_silent() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Self::MethodNotAllowed(allow) = self {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if let Self::Unread(_) = self {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    fn body(&self) -> Reply {
        if self.is_silent() {
            return Reply::empty();
        }
        Reply::full(format!("{{\"error\":\"{}\"}}", self.word()).into())
    }

    /// Whether who is not trusted is told no reason.
    fn is_silent(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Requirement | Self::WrongToken)
    }
}

impl<T: Into<Unread>> From<T> for Refusal {
    fn from(unread: T) -> Self {
        Self::Unread(unread.into())
    }
}
