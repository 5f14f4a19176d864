//! The gateway, tested through real sockets: the real binary between a sender and
//! an app that the test controls.

mod support;

mod check;
mod cli;
mod dedup;
mod delivery;
mod demo;
mod docs;
mod drain;
mod forward;
mod hostile;
mod http2;
mod http2_hostile;
mod limits;
mod observed;
mod operating;
mod reload;
mod restart;
mod rotation;
mod schemes;
mod secrecy;
mod tls;
mod upstream;
mod waiting;
