//! Answers as text and as JSON.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::Value;

/// What an operator is answered.
pub(super) type Answer = Response<Full<Bytes>>;

pub(super) fn text(status: StatusCode, body: &'static str) -> Answer {
    of(status, "text/plain; charset=utf-8", body)
}

pub(super) fn json(status: StatusCode, body: &Value) -> Answer {
    of(status, "application/json", format!("{body}\n"))
}

/// An answer that nothing on the way keeps: it may be another one the next moment.
pub(super) fn of(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
