//! The app's answer, on its way to the sender.
//!
//! Only a whole 2xx answer settles a delivery. So the claim travels with the
//! answer's body: it is settled at the body's end, released where the body
//! breaks, and if the sender hangs up the rest is read without it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::task::spawn_local;
use tokio::time::Sleep;

use super::entry::Entry;
use super::forward::{fail, failure};
use super::refusal::Refusal;
use crate::config::Acknowledgement;
use crate::http::client::{Lease, SendError};
use crate::http::header::strip_answer;
use crate::store::ledger::DeliveryId;
use crate::store::{Claim, KEPT_BODY, KeptAnswer, Succession};

const REPLAYED: &str = "countersign-replayed";

/// Passes the app's answer on. A short one is read before anything is sent, so
/// that a delivery is settled when its sender hears of it.
pub(super) async fn answer(
    answer: Response<Incoming>,
    lease: Lease,
    claim: Option<Claim>,
    entry: Box<Entry>,
) -> Response<Reply> {
    let (mut parts, body) = answer.into_parts();
    strip_answer(&mut parts.headers);
    let keep = Keep::of(parts.status, &parts.headers);
    let stream = Box::new(Stream { body, lease: Some(lease), claim, entry: Some(entry), keep, late: None });
    if is_short(&stream.body) {
        return stream.whole(parts).await;
    }
    Response::from_parts(parts, Reply::of(Kind::Stream(Running(Some(stream)))))
}

/// Whether an answer is read before anything of it is passed on.
pub(super) fn is_short(body: &Incoming) -> bool {
    body.size_hint().upper().is_some_and(|size| size <= KEPT_BODY as u64)
}

/// Passes a 2xx answer on that was read whole, and settles its delivery.
pub(super) fn whole(mut answer: Response<Bytes>, claim: Option<Claim>, entry: Box<Entry>) -> Response<Reply> {
    if let Some(claim) = claim {
        claim.settle(kept(&answer), crate::clock::now());
    }
    entry.delivered(answer.status());
    strip_answer(answer.headers_mut());
    answer.map(Reply::full)
}

/// What is kept of an answer for duplicates.
pub(super) fn kept(answer: &Response<Bytes>) -> KeptAnswer {
    let mut keep = Keep::of(answer.status(), answer.headers());
    keep.whole &= answer.body().len() <= KEPT_BODY;
    keep.answer(answer.body().clone())
}

/// The first answer again.
pub(super) fn again(kept: KeptAnswer) -> Response<Reply> {
    let mut answer = shared(kept);
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

/// What the sender of an event is answered that is on disk.
pub(super) fn queued(id: DeliveryId, words: &Acknowledgement) -> KeptAnswer {
    let body = words.body.clone().unwrap_or_else(|| format!("{{\"delivery\":\"{id}\"}}").into());
    KeptAnswer { status: words.status, content_type: words.content_type.clone(), body: Some(body) }
}

/// An answer that was given to another request for the same delivery.
pub(super) fn shared(kept: KeptAnswer) -> Response<Reply> {
    let mut answer = Response::new(kept.body.map_or_else(Reply::empty, Reply::full));
    *answer.status_mut() = kept.status;
    if let Some(content_type) = kept.content_type {
        answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    if kept.status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// The body of an answer.
pub(crate) struct Reply {
    kind: Kind,
}

enum Kind {
    Full(Bytes),
    Stream(Running),
}

impl Reply {
    pub(super) fn empty() -> Self {
        Self::full(Bytes::new())
    }

    pub(super) fn full(bytes: Bytes) -> Self {
        Self::of(Kind::Full(bytes))
    }

    fn of(kind: Kind) -> Self {
        Self { kind }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenAnswer>>> {
        match &mut self.kind {
            Kind::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Kind::Stream(running) => running.poll_data(cx),
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = BrokenAnswer;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenAnswer>>> {
        self.poll_data(cx).map(|data| data.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Stream(running) => running.0.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(running) => {
                running.0.as_ref().map_or_else(SizeHint::default, |stream| stream.body.size_hint())
            }
        }
    }
}

/// The app's answer ended before it was whole; the sender's connection is broken off too.
#[derive(Debug, thiserror::Error)]
#[error("the upstream's answer is not whole")]
pub(crate) struct BrokenAnswer;

/// A stream that is read to its end even if nobody listens any more.
struct Running(Option<Box<Stream>>);

impl Running {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenAnswer>>> {
        let Some(stream) = &mut self.0 else { return Poll::Ready(None) };
        let data = ready!(stream.poll_data(cx));
        if !matches!(data, Some(Ok(_))) || stream.lease.is_none() {
            self.0 = None;
        }
        Poll::Ready(data)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut stream) = self.0.take() {
            spawn_local(async move { while let Some(Ok(_)) = poll_fn(|cx| stream.poll_data(cx)).await {} });
        }
    }
}

/// An answer that is being read from the app.
struct Stream {
    body: Incoming,
    /// Gone once the answer was read to its end.
    lease: Option<Lease>,
    claim: Option<Claim>,
    entry: Option<Box<Entry>>,
    keep: Keep,
    late: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    async fn whole(mut self: Box<Self>, parts: Parts) -> Response<Reply> {
        while self.lease.is_some() && !self.body.is_end_stream() {
            match poll_fn(|cx| self.poll_body(cx)).await {
                Some(Ok(bytes)) => self.keep.add(&bytes),
                None => break,
                Some(Err(refusal)) => {
                    let entry = self.entry.take().expect("an entry is closed once, with its stream");
                    return fail(refusal, self.claim.take(), entry);
                }
            }
        }
        let body = self.keep.bytes.take().unwrap_or_default().freeze();
        self.end(body.clone());
        Response::from_parts(parts, Reply::full(body))
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenAnswer>>> {
        match ready!(self.poll_body(cx)) {
            Some(Ok(bytes)) => {
                self.keep.add(&bytes);
                if self.body.is_end_stream() {
                    self.end_of_stream();
                }
                Poll::Ready(Some(Ok(bytes)))
            }
            Some(Err(refusal)) => {
                self.abort(refusal);
                Poll::Ready(Some(Err(BrokenAnswer)))
            }
            None => {
                self.end_of_stream();
                Poll::Ready(None)
            }
        }
    }

    /// The next bytes, under the time that may pass between two reads.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Refusal>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.late = None;
                    // Trailers go no further.
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(Refusal::Unanswered(SendError::Broken(error)))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    ready!(self.poll_late(cx));
                    return Poll::Ready(Some(Err(Refusal::Unanswered(SendError::Late))));
                }
            }
        }
    }

    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.timeout();
        self.late.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout))).as_mut().poll(cx)
    }

    fn timeout(&self) -> Duration {
        self.lease.as_ref().map_or(Duration::ZERO, |lease| lease.upstream().timeout)
    }

    fn end_of_stream(&mut self) {
        let body = self.keep.bytes.take().unwrap_or_default().freeze();
        self.end(body);
    }

    /// The answer is whole: the delivery is settled, or failed, by its status.
    fn end(&mut self, body: Bytes) {
        let (Some(lease), Some(entry)) = (self.lease.take(), self.entry.take()) else { return };
        lease.keep();
        let answer = self.keep.answer(body);
        let status = answer.status;
        match self.claim.take() {
            Some(claim) if status.is_success() => claim.settle(answer, crate::clock::now()),
            Some(claim) => claim.release(answer, Succession::Next),
            None => {}
        }
        entry.delivered(status);
    }

    fn abort(&mut self, refusal: Refusal) {
        let (Some(_broken), Some(entry)) = (self.lease.take(), self.entry.take()) else { return };
        if let Some(claim) = self.claim.take() {
            claim.release(failure(&refusal), Succession::Next);
        }
        entry.broken_off(&refusal);
    }
}

/// What is kept of an answer for duplicates.
struct Keep {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    /// Gone once the body has passed what is kept, or where it means nothing without its other headers.
    bytes: Option<BytesMut>,
    whole: bool,
}

impl Keep {
    fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        let whole = !headers.contains_key(header::CONTENT_ENCODING);
        let content_type = headers.get(header::CONTENT_TYPE).cloned();
        Self { status, content_type, bytes: Some(BytesMut::new()), whole }
    }

    fn add(&mut self, data: &[u8]) {
        let Some(bytes) = &mut self.bytes else { return };
        if bytes.len() + data.len() <= KEPT_BODY {
            bytes.extend_from_slice(data);
        } else {
            self.bytes = None;
            self.whole = false;
        }
    }

    fn answer(&self, body: Bytes) -> KeptAnswer {
        let body = self.whole.then_some(body);
        KeptAnswer { status: self.status, content_type: self.content_type.clone(), body }
    }
}
