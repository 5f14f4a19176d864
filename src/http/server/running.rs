//! What a drain waits for.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

/// The connections and requests of one worker that are not over.
#[derive(Default)]
pub(crate) struct Running {
    count: Cell<usize>,
    none: Notify,
}

/// One of them, until it is dropped.
pub(crate) struct Run(Rc<Running>);

impl Running {
    /// Counts one more.
    pub(crate) fn one_more(self: &Rc<Self>) -> Run {
        self.count.set(self.count.get() + 1);
        Run(self.clone())
    }

    /// Ready when there is none.
    pub(super) async fn until_none(&self) {
        while self.count.get() > 0 {
            self.none.notified().await;
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        if self.0.count.get() == 0 {
            self.0.none.notify_one();
        }
    }
}
