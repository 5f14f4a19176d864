//! The demo's gateway: both sides, and deliveries from a store.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::folder::Folder;
use super::sender::Sender;
use super::{secret, sent};
use crate::app::Delivering;
use crate::config::{self, Config, GivenEnvironment, StoreConfig};
use crate::http::server::Listeners;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::{clock, inbound, outbound};

/// A running gateway. What it holds is dropped in this order: deliveries end before their folder does.
pub(super) struct Running {
    /// Where senders send to.
    pub(super) inbound: SocketAddr,
    /// Where the app sends to.
    pub(super) outbound: SocketAddr,
    pub(super) config: Config,
    _delivering: Delivering,
    _folder: Folder,
}

impl Running {
    /// Starts a gateway between an app, its partner, and whoever sends.
    pub(super) fn start(app: SocketAddr, partner: SocketAddr) -> anyhow::Result<Self> {
        let folder = Folder::new().context("the demo's store needs a folder that can be written")?;
        let config = configure(&folder, app, partner)?;
        let StoreConfig::Sqlite { path, keep } = &config.store else { anyhow::bail!("the demo has a store") };
        let (store, metrics) = (Store::open_sqlite(path, keep, clock::now())?, Arc::new(Metrics::new()));

        let receiving = config.inbound.as_ref().context("the demo receives")?;
        let mut listeners = Listeners::bind(&receiving.listen, 1)?;
        let (inbound, socket) = (address(&listeners)?, listeners.next_socket().context("one worker has one socket")?);
        let gateway = inbound::Gateway::new(receiving, &config.upstreams, store.clone(), metrics.clone());
        spawn_local(inbound::Worker::new(gateway).serve(socket));

        let sending = config.outbound.as_ref().context("the demo sends")?;
        let mut listeners = Listeners::bind(&sending.listen, 1)?;
        let (outbound, socket) = (address(&listeners)?, listeners.next_socket().context("one worker has one socket")?);
        let gateway = outbound::Gateway::new(sending, store.clone(), metrics.clone());
        spawn_local(outbound::Worker::new(gateway).serve(socket));

        let ledger = store.ledger().context("the demo's store is a file")?;
        let _delivering = Delivering::start(&config, ledger, metrics, mpsc::channel(1).0)?;
        Ok(Self { inbound, outbound, config, _delivering, _folder: folder })
    }
}

fn address(listeners: &Listeners) -> anyhow::Result<SocketAddr> {
    listeners.address.address().context("the demo listens on loopback")
}

fn configure(folder: &Folder, app: SocketAddr, partner: SocketAddr) -> anyhow::Result<Config> {
    let text = include_str!("countersign.yaml")
        .replace("{app}", &app.to_string())
        .replace("{partner}", &partner.to_string())
        .replace("{store}", &folder.store().display().to_string());
    let variables = Sender::VARIABLES.iter().copied().chain([sent::VARIABLE]);
    let environment = variables
        .fold(GivenEnvironment::default(), |environment, variable| environment.variable(variable, secret(variable)));
    let (config, _) = config::parse(&text, "demo", &environment, clock::now())
        .map_err(|errors| anyhow::anyhow!("{errors}"))
        .context("the demo's own configuration")?;
    Ok(config)
}
