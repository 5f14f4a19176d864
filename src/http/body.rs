//! A request body that is sent as the frames in which it was received.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::scheme::Body;

/// The frames of a body, handed to hyper without joining or copying them. Its
/// exact size makes hyper write one `Content-Length`.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    first: Option<Bytes>,
    rest: VecDeque<Bytes>,
    left: u64,
}

impl From<Body> for Frames {
    fn from(body: Body) -> Self {
        let left = body.len() as u64;
        let mut frames = body.into_frames().filter(|frame| !frame.is_empty());
        Self { first: frames.next(), rest: frames.collect(), left }
    }
}

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(bytes) = self.first.take().or_else(|| self.rest.pop_front()) else { return Poll::Ready(None) };
        self.left -= bytes.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
