//! Why a request of the app's is not done, and what it is told.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::reply::{self, Reply};
use crate::delivery::Unanswered;
use crate::http::server::{BadContent, BadHead};
use crate::store::KeptAnswer;
use crate::telemetry::words::{AttemptOutcome, OutboundOutcome};

/// Why a request of the app's is not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
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
    /// The head was not whole within `limits.read_timeout`.
    #[error("the head came too slowly")]
    HeadTimeout,
    /// The head has more bytes than any app's.
    #[error("the head is too large")]
    HeadTooLarge,
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
}

impl Refusal {
    /// The status that the app is answered with.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest
            | Self::BodyBroken
            | Self::EventId
            | Self::EventType
            | Self::EventTypeMissing
            | Self::IdempotencyKey
            | Self::NotAnObject
            | Self::NotJson
            | Self::NotSignable => StatusCode::BAD_REQUEST,
            Self::BodyTimeout | Self::HeadTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::EventIdConflict => StatusCode::CONFLICT,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
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
            Self::BadRequest => "bad_request",
            Self::BodyBroken => "body_broken",
            Self::BodyTimeout => "body_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::EventId => "event_id",
            Self::EventIdConflict => "event_id_conflict",
            Self::EventType => "event_type",
            Self::EventTypeMissing => "event_type_missing",
            Self::HeadTimeout => "head_timeout",
            Self::HeadTooLarge => "head_too_large",
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
        if self.ends_connection() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    /// Whether what follows on the connection cannot be trusted, or would have to be read for nothing.
    fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::BadRequest
                | Self::BodyBroken
                | Self::BodyTimeout
                | Self::BodyTooLarge
                | Self::HeadTimeout
                | Self::HeadTooLarge
        )
    }
}

impl From<BadHead> for Refusal {
    fn from(bad: BadHead) -> Self {
        match bad {
            BadHead::Ambiguous => Self::BadRequest,
            BadHead::TooLarge => Self::HeadTooLarge,
            BadHead::TooSlow => Self::HeadTimeout,
        }
    }
}

impl From<BadContent> for Refusal {
    fn from(bad: BadContent) -> Self {
        match bad {
            BadContent::Broken => Self::BodyBroken,
            BadContent::TooLarge => Self::BodyTooLarge,
            BadContent::TooSlow => Self::BodyTimeout,
        }
    }
}
