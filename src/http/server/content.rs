//! Reads the body of a request under the limits of size and time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming};
use tokio::time::{Sleep, sleep};

use crate::config::Limits;

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadContent {
    /// It ended early, or broke its framing.
    Broken,
    /// It has more bytes than `limits.body`.
    TooLarge,
    /// It was not whole within `limits.read_timeout`.
    TooSlow,
}

/// Hands over the frames of a body as they come; what `each` refuses ends it.
pub(crate) async fn frames<E: From<BadContent>>(
    limits: &Limits,
    mut incoming: Incoming,
    mut each: impl FnMut(Bytes) -> Result<(), E>,
) -> Result<(), E> {
    if incoming.size_hint().lower() > limits.body as u64 {
        return Err(BadContent::TooLarge.into());
    }
    let mut late = Late { limit: limits.read_timeout, timer: None };
    let mut size = 0;
    while !incoming.is_end_stream() {
        let Some(frame) = poll_fn(|cx| late.poll_frame(&mut incoming, cx)).await? else { break };
        // Trailers go no further: some servers take them for headers of the next request.
        let Ok(bytes) = frame.into_data() else { continue };
        size += bytes.len();
        if size > limits.body {
            return Err(BadContent::TooLarge.into());
        }
        each(bytes)?;
    }
    Ok(())
}

/// The time that a body may take. It is set only if the body does not lie there already.
struct Late {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Late {
    fn poll_frame(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, BadContent>> {
        if let Poll::Ready(frame) = Pin::new(incoming).poll_frame(cx) {
            return Poll::Ready(frame.transpose().map_err(|_| BadContent::Broken));
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        timer.as_mut().poll(cx).map(|()| Err(BadContent::TooSlow))
    }
}
