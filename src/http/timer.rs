//! A timer that is set for every request and hardly ever moved.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// Waits for a moment that is put off again and again, as deadlines of requests are.
///
/// To register a timer and take it back costs each request two locks of the
/// runtime's wheel. So one that was set for an earlier moment stays: it fires too early
/// once in a while, and is moved then.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready once `due` has passed.
    pub(crate) fn poll_due(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_fires_when_due_wherever_it_was_set_before() {
        let mut timer = Timer::default();
        let start = Instant::now();

        for seconds in [5, 7, 6, 20, 19] {
            let due = Instant::now() + Duration::from_secs(seconds);
            let early = poll_fn(|cx| Poll::Ready(timer.poll_due(due, cx).is_ready())).await;
            assert!(!early);
        }
        poll_fn(|cx| timer.poll_due(start + Duration::from_secs(9), cx)).await;

        assert_eq!(start.elapsed(), Duration::from_secs(9));
    }
}
