//! Hands a verified event to the app.

use std::rc::Rc;

use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::entry::Entry;
use super::message::Outgoing;
use super::read::Event;
use super::refusal::Refusal;
use super::reply::{self, Reply};
use crate::clock::{self, Instant};
use crate::http::balance::UpstreamClient;
use crate::http::body::Frames;
use crate::http::client::{Lease, SendError};
use crate::http::gate::Gate;
use crate::store::{Claim, KeptAnswer, Succession};

/// Sends the event to its upstream and answers with what the app says.
pub(super) async fn forward(event: Box<Event>, claim: Option<Claim>, mut entry: Box<Entry>) -> Response<Reply> {
    let client = event.client.clone();
    let (outgoing, _share) = Outgoing::of(event);
    match outgoing.request(&client.upstream().url, entry.attempt()) {
        Ok(request) => send(&client, request, claim, entry).await,
        Err(error) => fail(Refusal::Unanswered(error), claim, entry),
    }
}

/// Sends a request to the app, and answers with what it says.
pub(super) async fn send(
    client: &Rc<UpstreamClient>,
    request: Request<Frames>,
    claim: Option<Claim>,
    entry: Box<Entry>,
) -> Response<Reply> {
    let route = entry.route().clone();
    match ask(client, &route.way, request, entry.sent()).await {
        Ok((answer, lease)) if !is_redirect(answer.status()) => reply::answer(answer, lease, claim, entry).await,
        Ok(_) => fail(Refusal::Redirected, claim, entry),
        Err(error) => fail(Refusal::Unanswered(error), claim, entry),
    }
}

/// Asks the app, and tells the gate on the way there how long it took; since `sent` a sender waits.
pub(super) async fn ask(
    client: &UpstreamClient,
    way: &Gate,
    request: Request<Frames>,
    sent: Instant,
) -> Result<(Response<Incoming>, Lease), SendError> {
    let pass = way.pass(sent);
    let answered = client.send(request).await;
    match &answered {
        Ok((answer, _)) if answer.status().is_success() => pass.answered(clock::instant()),
        Err(SendError::Late) => pass.late(clock::instant()),
        _ => {}
    }
    answered
}

/// A sender that follows a redirect may turn the POST into a GET, or show its
/// signature to another host. And nobody expects to switch protocols.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    status.is_redirection() || status.is_informational()
}

/// Gives up a delivery that the app did not answer, so that the sender's retry passes.
pub(super) fn fail(refusal: Refusal, claim: Option<Claim>, entry: Box<Entry>) -> Response<Reply> {
    if let Some(claim) = claim {
        claim.release(failure(&refusal), succession(&refusal));
    }
    entry.refuse(refusal)
}

/// The failure as those who wait for the same delivery are told it.
pub(super) fn failure(refusal: &Refusal) -> KeptAnswer {
    let body = format!("{{\"error\":\"{}\"}}", refusal.word());
    let content_type = Some(HeaderValue::from_static("application/json"));
    KeptAnswer { status: refusal.status(), content_type, body: Some(body.into()) }
}

/// Who waited through a whole timeout is not made to wait for another one.
pub(super) fn succession(refusal: &Refusal) -> Succession {
    match refusal {
        Refusal::Unanswered(SendError::Late) => Succession::Nobody,
        _ => Succession::Next,
    }
}
