//! Answers what a sender asks of an address beside taking events.
//!
//! What is signed was verified as an event is, by the same engine. What is not signed proves nothing, and learns
//! nothing: it is told that somebody is here, or gets its own words back, where they are harmless.

use http::{HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;

use super::read::{self, Event};
use super::refusal::Refusal;
use super::reply::Reply;
use super::route::Route;
use super::worker::Wired;
use crate::scheme::{Greeting, Head, Unfit};

/// A request that is no POST: a handshake, or nothing that is meant here.
pub(super) async fn unsigned(wired: &Wired, route: &Route, request: Request<Incoming>) -> Result<Greeting, Refusal> {
    let source = &route.source;
    let Some(handshake) = &source.scheme.sender.handshake else {
        return Err(read::past(wired, request, Refusal::MethodNotAllowed("POST")).await);
    };
    let head = Head {
        method: request.method(),
        path: request.uri().path(),
        query: request.uri().query(),
        headers: request.headers(),
        public_url: None,
    };
    let greeted = handshake.greet(&head, source.verify_token.as_ref());
    read::skipped(wired, request.into_body()).await?;
    greeted.map_err(|unfit| refused(unfit, handshake.methods()))
}

/// What a verified request is answered with that is no event.
pub(super) fn signed(event: &Event) -> Option<Result<Greeting, Refusal>> {
    let source = &event.route.source;
    source.scheme.sender.handshake.as_ref()?;
    let head = Head {
        method: &Method::POST,
        path: event.uri.path(),
        query: event.uri.query(),
        headers: &event.headers,
        public_url: None,
    };
    let greeted = source.scheme.greet(&event.verified, &head, &source.keyring)?;
    Some(greeted.map_err(|unfit| refused(unfit, "POST")))
}

/// The answer to a handshake, which no browser takes for anything but what it is.
pub(super) fn answer(greeting: Greeting) -> Response<Reply> {
    let mut answer = Response::new(Reply::full(greeting.body.into_owned().into()));
    *answer.status_mut() = greeting.status;
    if let Some(content_type) = greeting.content_type {
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    answer
}

fn refused(unfit: Unfit, allow: &'static str) -> Refusal {
    match unfit {
        Unfit::Challenge => Refusal::BadChallenge,
        Unfit::Method => Refusal::MethodNotAllowed(allow),
        Unfit::Token => Refusal::WrongToken,
    }
}
