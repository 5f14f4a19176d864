//! What both directions need of HTTP: a server that lets no doubtful request through,
//! bodies that keep their frames, a client with connections of its own, which of an app's
//! addresses is asked, how many requests at once, which headers end at a hop, and which addresses an endpoint may have.

pub(crate) mod anywhere;
pub(crate) mod backoff;
pub(crate) mod balance;
pub(crate) mod bearer;
pub(crate) mod body;
pub(crate) mod client;
mod connection;
mod dial;
mod egress;
pub(crate) mod endpoint;
mod error;
mod fair;
pub(crate) mod foreign;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub(crate) mod gate;
pub(crate) mod header;
mod proxy;
pub(crate) mod resolve;
pub(crate) mod server;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod timer;
