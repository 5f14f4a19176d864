//! What every answer has in common, whoever gives it.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::{HttpService, service_fn};

use super::Service;
use super::guard::{Busy, Peer};

/// The service of one connection, for hyper.
pub(super) fn service<S: Service>(
    service: &Rc<S>,
    peer: Rc<Peer>,
) -> impl HttpService<Incoming, ResBody = Held<S::Answer>, Error = Infallible, Future: 'static> + use<S> {
    let service = service.clone();
    service_fn(move |request: Request<Incoming>| {
        let (service, peer) = (service.clone(), peer.clone());
        async move { Ok::<_, Infallible>(answer(service, peer, request).await) }
    })
}

async fn answer<S: Service>(service: Rc<S>, peer: Rc<Peer>, request: Request<Incoming>) -> Response<Held<S::Answer>> {
    let (is_last, is_head) = (peer.chunked.get(), request.method() == Method::HEAD);
    let busy = peer.busy();
    let mut answer = service.clone().answer(peer, request).await.map(|body| Held::new(body, busy));
    if is_head {
        without_content(&mut answer);
    }
    if is_last || service.intake().draining() {
        // HTTP/2 has no such header; hyper takes it out there.
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Takes the content out of the answer to a HEAD (RFC 9110 §9.3.2), which hyper
/// does for HTTP/1 alone.
fn without_content<B: Body + Unpin>(answer: &mut Response<Held<B>>) {
    if let Some(length) = answer.body().size_hint().exact() {
        answer.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    answer.body_mut().body = None;
}

/// The body of an answer. Its connection is not idle before it is sent.
pub(super) struct Held<B> {
    /// Gone where the request was a HEAD.
    body: Option<B>,
    busy: Busy,
}

impl<B> Held<B> {
    fn new(body: B, mut busy: Busy) -> Self {
        busy.is_unread();
        Self { body: Some(body), busy }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let Self { body, busy } = &mut *self;
        let Some(body) = body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        if frame.is_pending() {
            busy.is_read();
        } else {
            busy.is_unread();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
