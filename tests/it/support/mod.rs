//! What the tests are written with: a gateway, an app behind it, senders in front.

mod app;
mod command;
mod connection;
mod disk;
mod flaky;
mod frames;
mod gateway;
mod load;
mod machine;
mod operator;
mod proxy;
mod rush;
mod sender;
pub(crate) mod tls;
mod undo;
mod wild;
mod workshop;

pub(crate) use app::{Action, App, Connections, Received, response};
pub(crate) use command::{Cli, Ended};
pub(crate) use connection::{Connection, request};
pub(crate) use disk::{Disk, compiled};
pub(crate) use flaky::{Arrivals, Flaky, Mood};
pub(crate) use frames::{Frames, block, frame, goaway, head, whole};
pub(crate) use gateway::{Answer, Gateway, GatewayBuilder, SECRET, often, source};
pub(crate) use load::{Acknowledged, Addresses, Load, WAYS, Way, event_request};
pub(crate) use machine::{ALL_AT_ONCE, Machine};
pub(crate) use operator::{Operated, TOKEN};
pub(crate) use proxy::Proxy;
pub(crate) use rush::{Rush, Sent, percentile};
pub(crate) use sender::{Delivery, Sender};
pub(crate) use undo::Loss;
pub(crate) use wild::Wild;
pub(crate) use workshop::Workshop;

/// The SHA-256 of some bytes, as it stands for an event id.
pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> String {
    use sha2::{Digest as _, Sha256};
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// How long a test waits for what must happen.
pub(crate) const SOON: std::time::Duration = std::time::Duration::from_secs(20);
