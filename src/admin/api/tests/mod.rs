//! The API through a listening address, with a ledger in memory behind it.

mod asking;
mod changing;
mod described;
mod numbers;
mod rig;
pub(super) mod schema;
