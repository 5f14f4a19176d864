//! Serves HTTP, for senders, the app and operators alike: accepts connections, lets no request
//! through that can be read in two ways, and keeps the limits of time, size and number.
//!
//! ```text
//! accept.rs ─▶ connection.rs ─▶ speak.rs ─▶ guard/ ─▶ hyper ─▶ request.rs ─▶ Service::answer
//! ```
//!
//! What is served is a [`Service`]; what its workers share is an [`Intake`].

mod accept;
mod announcement;
mod budget;
mod connection;
mod content;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod guard;
mod head;
mod host;
mod intake;
mod listen;
mod request;
mod running;
mod socket_file;
mod speak;
mod unread;
mod way;
mod wire;

use std::error::Error;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};

use crate::config::Limits;

pub(crate) use accept::serve;
pub(crate) use budget::{Budget, Share};
pub(crate) use content::frames;
pub(crate) use guard::Peer;
pub(crate) use host::host;
pub(crate) use intake::Intake;
pub use listen::{BindError, Listeners, ListeningSocket};
pub(crate) use running::{Run, Running};
pub(crate) use unread::Unread;
pub(crate) use way::Way;

/// What answers the requests of one listener, on one thread.
pub(crate) trait Service: 'static {
    /// The body of an answer.
    type Answer: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + 'static;

    /// What it shares with the other threads.
    fn intake(&self) -> &Arc<Intake>;

    /// What is not over on this thread.
    fn running(&self) -> &Rc<Running>;

    /// The limits for the next connection.
    fn limits(&self) -> Limits;

    /// Whether a connection from this address begins with what a proxy says of it; `None`: from a Unix socket.
    fn is_proxy(&self, address: Option<IpAddr>) -> bool;

    /// The TLS of the next connection; `None`: clear text.
    fn tls(&self) -> Option<Arc<rustls::ServerConfig>>;

    /// Answers one request. Its future is dropped when the other side hangs up.
    fn answer(
        self: Rc<Self>,
        peer: Rc<Peer>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Answer>> + 'static;
}
