//! What becomes of an event that is queued while the app fails.

use std::rc::Rc;

use super::app::App;
use super::gateway::Running;
use super::report::{Expected, Line};
use super::sender::Sender;

/// LoginRadius never tries again: what it sends is queued.
pub(super) async fn story(running: &Running, app: &Rc<App>) -> anyhow::Result<Vec<Line>> {
    let delivery = Sender::queued(&running.config).delivery(7)?;
    let line = |what, answer, seen, expected| Line { sender: "queued", what, answer, seen, expected };

    app.fail_next(1);
    let answer = delivery.send(running.inbound).await?;
    let failed = line("accepted, and the app fails", Some(answer), app.next_seen().await?, Expected::queued());
    let recovered = line("the app recovers", None, app.next_seen().await?, Expected::later());
    let answer = delivery.send(running.inbound).await?;
    let again = line("the same again: a duplicate", Some(answer), app.take_seen(), Expected::replayed(202));
    Ok(vec![failed, recovered, again])
}
