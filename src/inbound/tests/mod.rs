//! What becomes of events whose sender is not to wait for the app.

mod harness;
mod queue;
mod sync_then_queue;
