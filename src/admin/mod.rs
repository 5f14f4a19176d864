//! The operator's address: whether the gateway lives, is ready, and what it counts; what it
//! was configured to do, what became of every delivery, and the hands to change that.
//!
//! `/livez`, `/readyz` and `/metrics` are open to whoever reaches the address; all
//! that lies under `/api/v1/` demands the token.

mod access;
mod answer;
mod api;
#[cfg(any(test, fuzzing))]
pub(crate) use api::fuzz;
mod health;
mod server;
mod state;

pub use access::Token;
pub use server::{AdminError, Server};
pub use state::{Listening, State, Testing, View};
