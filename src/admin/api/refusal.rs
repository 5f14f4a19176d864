//! What an operator is refused, and how that is said.

use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::admin::answer::{self, Answer};
use crate::http::server::Unread;
use crate::store::ledger::LedgerError;

/// Why an operator did not get what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::admin) enum Refusal {
    /// What is given cannot be understood; in words, with nothing of what was given but names.
    #[error("{0}")]
    BadRequest(String),
    /// The body did not come in time.
    #[error("the body did not come in time")]
    BodyTimeout,
    /// The body is larger than any that is meant.
    #[error("the body is larger than 64 KiB")]
    BodyTooLarge,
    /// A page in a browser may have sent it.
    #[error("without a token, a request must name this machine by its address and be none of a browser's page")]
    Foreign,
    /// There is no such method here.
    #[error("the method is another one")]
    MethodNotAllowed(&'static str),
    /// Nothing was asked for that there is.
    #[error("there is no such thing")]
    NotFound,
    /// The endpoint's scheme signs something that no sample event has.
    #[error("there is no sample event for the endpoint's scheme")]
    NoSample,
    /// There is nothing that could keep a delivery.
    #[error("the store is in memory and keeps no deliveries")]
    NoQueue,
    /// Too much is asked at once.
    #[error("too much is asked at once")]
    Overloaded,
    /// The delivery is in a state that does not allow it.
    #[error("the delivery's state does not allow it")]
    State,
    /// The token is missing or wrong.
    #[error("the token is missing or wrong")]
    Unauthorized,
    /// The store did not do it.
    #[error("the store cannot be used")]
    Unavailable,
    /// The request cannot be read.
    #[error(transparent)]
    Unread(#[from] Unread),
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Refusal {
        match error {
            LedgerError::NotFound => Refusal::NotFound,
            LedgerError::State => Refusal::State,
            LedgerError::Unavailable => Refusal::Unavailable,
        }
    }
}

impl Refusal {
    fn status_and_word(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Foreign => (StatusCode::FORBIDDEN, "foreign"),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::NoSample => (StatusCode::CONFLICT, "no_sample"),
            Self::NoQueue => (StatusCode::CONFLICT, "no_queue"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::State => (StatusCode::CONFLICT, "state"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            Self::Unread(unread) => (unread.status(), unread.word()),
        }
    }

    pub(in crate::admin) fn answer(&self) -> Answer {
        let (status, word) = self.status_and_word();
        if status == StatusCode::UNAUTHORIZED {
            let mut answer = answer::text(status, "");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return answer;
        }
        let mut answer = answer::json(status, &json!({ "error": word, "message": self.to_string() }));
        match self {
            Self::MethodNotAllowed(allowed) => {
                answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Overloaded | Self::Unavailable => {
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // What was not read of the body is not read for nothing.
            Self::BodyTimeout | Self::BodyTooLarge | Self::Unread(_) => {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        answer
    }
}
