//! `countersign demo`: the gateway at work, in one process.
//!
//! A real gateway listens on loopback; an app that records what it sees stands
//! behind it, and a partner who verifies what the app has sent. Four senders send good
//! deliveries, forged and tampered ones, duplicates, and one that the app fails at first. One
//! event is queued while the app fails, and arrives; one of the app's own is signed, and
//! arrives at the partner. The report says what became of each; the command ends with 1 if
//! anything is not as it should be.

mod app;
mod folder;
mod gateway;
mod queued;
mod report;
mod sender;
mod sent;

use std::rc::Rc;

use tokio::runtime::{Builder, LocalOptions};

use app::App;
use gateway::Running;
pub use report::Report;
use report::{Expected, Line};
use sender::{Delivery, Sender};
use sent::Partner;

/// Plays the demo; the report says what became of every delivery.
///
/// # Errors
///
/// If no report comes about.
pub fn play() -> anyhow::Result<Report> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let (app, partner) = (App::start().await?, Partner::start().await?);
        let running = Running::start(app.address, partner.address())?;
        let mut report = Report::new(running.inbound, app.address);
        for sender in Sender::all(&running.config) {
            report.extend(story(&sender, &app, running.inbound).await?);
        }
        report.extend(queued::story(&running, &app).await?);
        report.extend(sent::story(&running, &partner).await?);
        Ok(report)
    })
}

/// The secret that a sender and the gateway share.
fn secret(variable: &str) -> String {
    format!("the demo's own {variable}, known to sender and gateway")
}

/// What one sender goes through.
async fn story(sender: &Sender, app: &Rc<App>, gateway: std::net::SocketAddr) -> anyhow::Result<Vec<Line>> {
    let (first, second) = (sender.delivery(1)?, sender.delivery(2)?);
    let scenes: [(&str, Delivery, u32, Expected); 7] = [
        ("good", first.clone(), 0, Expected::delivered()),
        ("the same again: a duplicate", first.clone(), 0, Expected::replayed(200)),
        ("forged: signed with another secret", sender.forged(3)?, 0, Expected::refused()),
        ("tampered: one byte of the body changed", first.tampered(), 0, Expected::refused()),
        ("unsigned", first.unsigned(), 0, Expected::refused()),
        ("the app fails", second.clone(), 1, Expected::failed()),
        ("the retry after the failure", second, 0, Expected::delivered()),
    ];
    let mut lines = Vec::new();
    for (what, delivery, failures, expected) in scenes {
        app.fail_next(failures);
        let answer = Some(delivery.send(gateway).await?);
        lines.push(Line { sender: sender.name, what, answer, seen: app.take_seen(), expected });
    }
    Ok(lines)
}
