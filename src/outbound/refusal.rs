//! Why a request of the app's is not done, and what it is told.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::reply::{self, Reply};
use crate::delivery::Unanswered;
use crate::http::server::Unread;
use crate::store::KeptAnswer;
use crate::telemetry::words::{AttemptOutcome, OutboundOutcome};

/// Why a request of the app's is not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The event's id cannot be written into a header, or is not the one in the body.
    #[error("the event id cannot be used")]
    EventId,
    /// The event's id was given before, with another body or type.
    #[error("the event id was given before, with another body")]
    EventIdConflict,
    /// The event's type cannot be written into a header or an envelope.
    #[error("the event type cannot be used")]
    EventType,
    /// The scheme or the envelope carries the event's type, and none was given.
    #[error("the event type is missing")]
    EventTypeMissing,
    /// A page in a browser may have sent it.
    #[error("without a token, a request must name this machine by its address and be none of a browser's page")]
    Foreign,
    /// The key was given before, with another body, type or id.
    #[error("the idempotency key was given before, with another body")]
    IdempotencyConflict,
    /// The key is empty, too long, or given twice.
    #[error("the idempotency key cannot be used")]
    IdempotencyKey,
    /// The same request is still being done.
    #[error("the same request is being done")]
    InFlight,
    /// Events are given by POST.
    #[error("the method is not POST")]
    MethodNotAllowed,
    /// The envelope takes a JSON object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// There is no such path or endpoint.
    #[error("there is no such endpoint")]
    NotFound,
    /// The envelope takes JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The scheme signs something that the event does not have.
    #[error("the scheme cannot sign this event")]
    NotSignable,
    /// All bodies together would pass `limits.memory`.
    #[error("the memory for bodies is used up")]
    Overloaded,
    /// Nothing was accepted.
    #[error("the store cannot be used")]
    StoreUnavailable,
    /// The request does not bear the token.
    #[error("the token is missing or wrong")]
    Unauthorized,
    /// The receiver gave no answer.
    #[error("the endpoint gave no answer")]
    Unanswered(Unanswered),
    /// The request was not read to its end.
    #[error(transparent)]
    Unread(Unread),
}

impl Refusal {
    /// The status that the app is answered with.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::EventId
            | Self::EventType
            | Self::EventTypeMissing
            | Self::IdempotencyKey
            | Self::NotAnObject
            | Self::NotJson
            | Self::NotSignable => StatusCode::BAD_REQUEST,
            Self::EventIdConflict => StatusCode::CONFLICT,
            Self::Foreign => StatusCode::FORBIDDEN,
            Self::Unread(unread) => unread.status(),
            Self::IdempotencyConflict => StatusCode::UNPROCESSABLE_ENTITY,
            Self::InFlight | Self::Overloaded | Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Unanswered(unanswered) if unanswered.outcome == AttemptOutcome::Timeout => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::Unanswered(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// The word in the answer's body and in the log.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::EventId => "event_id",
            Self::EventIdConflict => "event_id_conflict",
            Self::EventType => "event_type",
            Self::EventTypeMissing => "event_type_missing",
            Self::Foreign => "foreign",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::IdempotencyKey => "idempotency_key",
            Self::InFlight => "in_flight",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotAnObject => "not_an_object",
            Self::NotFound => "not_found",
            Self::NotJson => "not_json",
            Self::NotSignable => "not_signable",
            Self::Overloaded => "overloaded",
            Self::StoreUnavailable => "store_unavailable",
            Self::Unauthorized => "unauthorized",
            Self::Unread(unread) => unread.word(),
            Self::Unanswered(unanswered) => match unanswered.outcome {
                AttemptOutcome::EgressDenied => "egress_denied",
                AttemptOutcome::Timeout => "endpoint_late",
                AttemptOutcome::Tls => "endpoint_tls",
                AttemptOutcome::Connect | AttemptOutcome::Status | AttemptOutcome::Success => "endpoint_unreachable",
            },
        }
    }

    /// What the request counts as.
    pub(super) fn outcome(&self) -> OutboundOutcome {
        match self {
            Self::EventIdConflict | Self::IdempotencyConflict => OutboundOutcome::Conflict,
            Self::InFlight | Self::Overloaded | Self::StoreUnavailable => OutboundOutcome::Shed,
            Self::Unanswered(_) => OutboundOutcome::Failed,
            _ => OutboundOutcome::Refused,
        }
    }

    /// The refusal as those who wait for the same event are told it.
    pub(super) fn kept(&self) -> KeptAnswer {
        let body = Some(self.body().into());
        KeptAnswer { status: self.status(), content_type: Some(HeaderValue::from_static("application/json")), body }
    }

    fn body(&self) -> String {
        format!("{{\"error\":\"{}\"}}", self.word())
    }

    /// What the app is answered.
    pub(super) fn answer(&self) -> Response<Reply> {
        let mut answer = match self {
            Self::Unauthorized => Response::new(Reply::new(Bytes::new())),
            _ => reply::json(self.body()),
        };
        *answer.status_mut() = self.status();
        let headers = answer.headers_mut();
        match self {
            Self::InFlight | Self::Overloaded | Self::StoreUnavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::MethodNotAllowed => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        if let Self::Unread(_) = self {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl<T: Into<Unread>> From<T> for Refusal {
    fn from(unread: T) -> Self {
        Self::Unread(unread.into())
    }
}
