//! The gateway, tested through real sockets: the real binary between a sender and
//! an app that the test controls.

mod support;

mod cli;
mod dedup;
mod delivery;
mod demo;
mod docs;
mod drain;
mod forward;
mod hostile;
mod http2;
mod limits;
mod observed;
mod operating;
mod reload;
mod restart;
mod schemes;
mod tls;
mod upstream;
mod waiting;
