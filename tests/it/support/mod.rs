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
pub(crate) use frames::{Frames, block, frame, head, whole};
pub(crate) use gateway::{Answer, Gateway, GatewayBuilder, SECRET, source};
pub(crate) use sender::{Delivery, Sender};

/// The SHA-256 of some bytes, as it stands for an event id.
pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> String {
    use sha2::{Digest as _, Sha256};
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// How long a test waits for what must happen.
pub(crate) const SOON: std::time::Duration = std::time::Duration::from_secs(20);
