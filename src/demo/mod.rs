//! `countersign demo`: the gateway at work, in one process.
//!
//! A real gateway listens on loopback, an app that records what it sees stands
//! behind it, and four senders send: good deliveries, forged and tampered ones,
//! duplicates, and one that the app fails at first. The report says what became of
//! each; the command ends with 1 if anything is not as it should be.

mod app;
mod report;
mod sender;

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

use crate::clock;
use crate::config::{self, Config, GivenEnvironment};
use crate::inbound::{Gateway, Listeners, Worker};
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use app::App;
pub use report::Report;
use report::{Expected, Line};
use sender::{Delivery, Sender};

/// Plays the demo; the report says what became of every delivery.
///
/// # Errors
///
/// If no report comes about.
pub fn play() -> anyhow::Result<Report> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let app = App::start().await?;
        let config = configure(&app)?;
        let gateway = start(&config)?;
        let mut report = Report::new(gateway, app.address);
        for sender in Sender::all(&config) {
            for line in story(&sender, &app, gateway).await? {
                report.add(line);
            }
        }
        Ok(report)
    })
}

/// The secret that a sender and the gateway share.
fn secret(variable: &str) -> String {
    format!("the demo's own {variable}, known to sender and gateway")
}

fn configure(app: &App) -> anyhow::Result<Config> {
    let text = include_str!("countersign.yaml").replace("127.0.0.1:3000", &app.address.to_string());
    let environment = Sender::VARIABLES
        .iter()
        .fold(GivenEnvironment::default(), |environment, variable| environment.variable(variable, secret(variable)));
    let (config, _) = config::parse(&text, "demo", &environment, clock::now())
        .map_err(|errors| anyhow::anyhow!("{errors}"))
        .context("the demo's own configuration")?;
    Ok(config)
}

fn start(config: &Config) -> anyhow::Result<std::net::SocketAddr> {
    let inbound = config.inbound.as_ref().context("the demo receives")?;
    let gateway = Gateway::new(inbound, &config.upstreams, Store::memory(), Arc::new(Metrics::new()));
    let mut listeners = Listeners::bind(inbound.listen, 1)?;
    let socket = listeners.next_socket().context("one worker has one socket")?;
    spawn_local(Worker::new(gateway).serve(socket));
    Ok(listeners.address)
}

/// What one sender goes through.
async fn story(sender: &Sender, app: &Rc<App>, gateway: std::net::SocketAddr) -> anyhow::Result<Vec<Line>> {
    let (first, second) = (sender.delivery(1)?, sender.delivery(2)?);
    let scenes: [(&str, Delivery, u32, Expected); 7] = [
        ("good", first.clone(), 0, Expected::delivered()),
        ("the same again: a duplicate", first.clone(), 0, Expected::replayed()),
        ("forged: signed with another secret", sender.forged(3)?, 0, Expected::refused()),
        ("tampered: one byte of the body changed", first.tampered(), 0, Expected::refused()),
        ("unsigned", first.unsigned(), 0, Expected::refused()),
        ("the app fails", second.clone(), 1, Expected::failed()),
        ("the retry after the failure", second, 0, Expected::delivered()),
    ];
    let mut lines = Vec::new();
    for (what, delivery, failures, expected) in scenes {
        app.fail_next(failures);
        let answer = delivery.send(gateway).await?;
        lines.push(Line { sender: sender.name, what, answer, seen: app.take_seen(), expected });
    }
    Ok(lines)
}
