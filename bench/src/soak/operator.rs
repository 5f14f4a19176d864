//! An operator, who looks at everything, delivers again, discards, pauses and resumes.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::Value;
use tokio::time::sleep;

use super::client::{Answer, Client, Protocol, Unanswered};
use super::world::{RECEIVERS, WAYS, World};

/// Begins to look after the gateway, as long as the world is open.
pub(super) fn start(world: &Rc<World>) {
    tokio::task::spawn_local(run(Rc::clone(world)));
}

async fn run(world: Rc<World>) {
    let (mut is_open, mut rng) = (world.is_open.subscribe(), world.fork());
    while is_open.wait_for(|is_open| *is_open).await.is_ok() {
        sleep(Duration::from_millis(rng.u64(100..500))).await;
        let _busy = world.begin();
        match rng.u8(..12) {
            0 => replay_some(&world).await,
            1 | 2 => look_after_the_dead(&world, |at| if at % 3 == 0 { Fate::Discard } else { Fate::Replay }).await,
            3 => resume(&world, "leaver").await,
            4 => pause_for_a_while(&world, "upstreams/app").await,
            5 => pause_for_a_while(&world, "endpoints/partner").await,
            _ => {
                let paths = ["deliveries?limit=200", "deliveries?state=due&limit=20", "targets", "changes", "sources"];
                let _ = ask(&world, "GET", paths[rng.usize(..paths.len())]).await;
            }
        }
    }
}

/// What becomes of a dead delivery.
pub(super) enum Fate {
    Replay,
    Discard,
}

/// Delivers again, or discards, what the refuser has refused.
pub(super) async fn look_after_the_dead(world: &World, fate: impl Fn(usize) -> Fate) {
    for (at, delivery) in deliveries(world, "state=dead&limit=50").await.iter().enumerate() {
        let Some((id, place, event)) = read(delivery) else { continue };
        if place != "refuser" {
            world.books.complain("dead and should not be", format!("{event} at {place}"));
            continue;
        }
        match fate(at) {
            Fate::Replay => {
                world.books.release(place, &event);
                if changed(world, &format!("deliveries/{id}/replay")).await != Some(0) {
                    world.books.replay(place, &event);
                    world.books.count("dead ones delivered again by hand");
                }
            }
            Fate::Discard => {
                // Whether a request that broke was done is not known; the event may be as good as discarded.
                if changed(world, &format!("deliveries/{id}/discard")).await != Some(0) {
                    world.books.discard(place, &event);
                    world.books.count("dead ones discarded by hand");
                }
            }
        }
    }
}

async fn replay_some(world: &World) {
    for delivery in deliveries(world, "state=delivered&limit=3").await {
        let Some((id, place, event)) = read(&delivery) else { continue };
        // Before it is asked for, as it may arrive before the answer.
        world.books.replay(place, &event);
        world.books.count("replays by hand");
        changed(world, &format!("deliveries/{id}/replay")).await;
    }
}

async fn pause_for_a_while(world: &World, target: &str) {
    world.books.count("pauses by hand");
    changed(world, &format!("{target}/pause")).await;
    sleep(world.beat / 3).await;
    while !matches!(ask(world, "POST", &format!("{target}/resume")).await, Ok(Answer { status: 200, .. })) {
        sleep(Duration::from_millis(100)).await;
    }
}

async fn resume(world: &World, endpoint: &str) {
    let _ = ask(world, "POST", &format!("endpoints/{endpoint}/resume")).await;
}

/// Nothing is paused any more.
pub(super) async fn resume_all(world: &World) {
    for receiver in &RECEIVERS {
        resume(world, receiver.name).await;
    }
    let _ = ask(world, "POST", "upstreams/app/resume").await;
}

async fn deliveries(world: &World, filter: &str) -> Vec<Value> {
    let Ok(answer) = ask(world, "GET", &format!("deliveries?{filter}")).await else { return Vec::new() };
    let list: Option<Value> = serde_json::from_slice(&answer.body).ok();
    list.and_then(|list| list["deliveries"].as_array().cloned()).unwrap_or_default()
}

/// A delivery's id, where it goes, and the id of its event as the books have it.
fn read(delivery: &Value) -> Option<(String, &'static str, String)> {
    let id = delivery["id"].as_str()?.to_owned();
    // LoginRadius' id is followed by the body's digest.
    let event = delivery["event_id"].as_str()?.split(':').next()?.to_owned();
    let place = match delivery["source"].as_str() {
        Some(source) => WAYS.iter().find(|way| way.name == source)?.name,
        None => RECEIVERS.iter().find(|receiver| Some(receiver.name) == delivery["endpoint"].as_str())?.name,
    };
    Some((id, place, event))
}

/// How many a change has changed; `None`: nobody knows.
async fn changed(world: &World, path: &str) -> Option<u64> {
    match ask(world, "POST", path).await {
        Ok(Answer { status: 200, body, .. }) => serde_json::from_slice::<Value>(&body).ok()?["changed"].as_u64(),
        // It was in another state by then.
        Ok(Answer { status: 404 | 409, .. }) | Err(Unanswered::Unsent) => Some(0),
        Ok(Answer { status: 503, .. }) | Err(_) => None,
        Ok(other) => {
            world.books.complain("answered otherwise", format!("{path}: {other:?}"));
            None
        }
    }
}

async fn ask(world: &World, method: &str, path: &str) -> Result<Answer, Unanswered> {
    world.books.count("requests to the API");
    admin(world, method, &format!("/api/v1/{path}")).await
}

async fn admin(world: &World, method: &str, path: &str) -> Result<Answer, Unanswered> {
    let request = Request::builder().method(method).uri(path).body(Full::new(Bytes::new())).expect("a request");
    Client::new(world.addresses.admin, Protocol::Http1).send(request).await
}

/// All metrics, by their names with their labels.
pub(super) async fn metrics(world: &World) -> Option<BTreeMap<String, f64>> {
    let Ok(Answer { status: 200, body, .. }) = admin(world, "GET", "/metrics").await else { return None };
    let text = String::from_utf8_lossy(&body);
    let value = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.strip_prefix("countersign_")?.to_owned(), value.parse().ok()?))
    };
    Some(text.lines().filter(|line| !line.starts_with('#')).filter_map(value).collect())
}

pub(super) async fn is_ready(world: &World) -> bool {
    matches!(admin(world, "GET", "/readyz").await, Ok(Answer { status: 200, .. }))
}
