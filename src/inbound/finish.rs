//! What has begun is finished, whoever waits for it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::spawn_local;

/// Runs a future in place, and goes on with it in the background if it is dropped.
///
/// hyper drops a request's future when the sender hangs up. A delivery that the app
/// may have seen must still be settled or released by what the app answers.
/// Spawning every delivery would do as well, but costs each one two trips through
/// the scheduler for the sake of the few.
pub(super) fn even_if_dropped<T: 'static>(future: impl Future<Output = T> + 'static) -> EvenIfDropped<T> {
    EvenIfDropped { running: Some(Box::pin(future)) }
}

/// See [`even_if_dropped`].
pub(super) struct EvenIfDropped<T: 'static> {
    running: Option<Pin<Box<dyn Future<Output = T>>>>,
}

impl<T> Future for EvenIfDropped<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(running) = &mut self.running else { return Poll::Pending };
        let poll = running.as_mut().poll(cx);
        if poll.is_ready() {
            self.running = None;
        }
        poll
    }
}

impl<T> Drop for EvenIfDropped<T> {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            spawn_local(running);
        }
    }
}
