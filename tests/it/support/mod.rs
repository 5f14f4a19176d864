//! What the tests are written with: a gateway, an app behind it, senders in front.

mod app;
mod command;
mod connection;
mod frames;
mod gateway;
mod sender;
pub(crate) mod tls;

pub(crate) use app::{Action, App, Connections, response};
pub(crate) use command::{Cli, Ended};
pub(crate) use connection::{Connection, request};
pub(crate) use frames::{Frames, block, frame};
pub(crate) use gateway::{Answer, Gateway, GatewayBuilder, SECRET, source};
pub(crate) use sender::{Delivery, Sender};

/// How long a test waits for what must happen.
pub(crate) const SOON: std::time::Duration = std::time::Duration::from_secs(20);
