//! What both directions need of HTTP: bodies that keep their frames, a client
//! with connections of its own, and which headers end at a hop.

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod header;
pub(crate) mod timer;
