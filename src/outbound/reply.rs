//! What the app is answered.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::http::header::strip_answer;
use crate::store::ledger::{AttemptAnswer, DeliveryId};
use crate::store::{KEPT_BODY, KeptAnswer};

const REPLAYED: &str = "countersign-replayed";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The body of an answer.
pub(super) type Reply = Full<Bytes>;

/// An answer of our own.
pub(super) fn json(body: String) -> Response<Reply> {
    let mut answer = Response::new(Reply::from(body));
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON);
    answer
}

/// Which deliveries an event has, and to which endpoints.
pub(super) fn deliveries(status: StatusCode, of: &[(DeliveryId, &str)]) -> KeptAnswer {
    let delivery = |(id, endpoint): &(DeliveryId, &str)| format!(r#"{{"id":"{id}","endpoint":"{endpoint}"}}"#);
    let deliveries: Vec<_> = of.iter().map(delivery).collect();
    let body = format!(r#"{{"deliveries":[{}]}}"#, deliveries.join(","));
    KeptAnswer { status, content_type: Some(JSON), body: Some(body.into()) }
}

/// An answer as it is kept.
pub(super) fn kept(kept: KeptAnswer) -> Response<Reply> {
    let mut answer = Response::new(Reply::new(kept.body.unwrap_or_default()));
    *answer.status_mut() = kept.status;
    if let Some(content_type) = kept.content_type {
        answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    if kept.status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// The first answer again.
pub(super) fn again(first: KeptAnswer) -> Response<Reply> {
    let mut answer = kept(first);
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

/// The receiver's own answer.
pub(super) fn relayed(received: AttemptAnswer) -> Response<Reply> {
    let status = status(&received);
    let mut answer = Response::new(Reply::new(received.body));
    *answer.status_mut() = status;
    *answer.headers_mut() = received.headers;
    strip_answer(answer.headers_mut());
    // Cookies are between the receiver and us.
    answer.headers_mut().remove(header::SET_COOKIE);
    // Many clients follow it by themselves: the receiver would choose where inside the app's network its client asks.
    answer.headers_mut().remove(header::LOCATION);
    answer
}

/// What is kept of the receiver's answer.
pub(super) fn keep(received: &AttemptAnswer) -> KeptAnswer {
    let is_plain = !received.headers.contains_key(header::CONTENT_ENCODING);
    let is_short = received.body.len() <= KEPT_BODY;
    let body = (is_plain && is_short).then(|| received.body.clone());
    let content_type = received.headers.get(header::CONTENT_TYPE).cloned();
    KeptAnswer { status: status(received), content_type, body }
}

fn status(received: &AttemptAnswer) -> StatusCode {
    StatusCode::from_u16(received.status).unwrap_or(StatusCode::BAD_GATEWAY)
}
