//! The app and the receivers: they check what they are sent, and fail in their own ways.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::world::{Habit, RECEIVERS, SECRETS, WAYS, World};

/// How a place is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mood {
    /// It takes everything.
    Well,
    /// It fails one time in ten: with a status, without an answer, or by being late.
    Moody,
    /// It thinks about each event.
    Slow,
    /// It answers nothing.
    Hanging,
}

pub(super) struct Place {
    address: SocketAddr,
    mood: Cell<Mood>,
    is_up: watch::Sender<bool>,
    rng: RefCell<Rng>,
    /// The receivers that refuse or leave have stopped to.
    pub is_kind: Cell<bool>,
}

/// How long a slow one thinks: longer than `sync_then_queue` waits, shorter than any other time.
const THOUGHT: Duration = Duration::from_millis(300);

/// Longer than the gateway waits for anybody.
const HANGS: Duration = Duration::from_secs(6);

impl Place {
    pub(super) fn new(address: SocketAddr, rng: Rng) -> Rc<Self> {
        let (mood, is_up) = (Cell::new(Mood::Moody), watch::Sender::new(true));
        Rc::new(Self { address, mood, is_up, rng: RefCell::new(rng), is_kind: Cell::new(false) })
    }

    pub(super) fn be(&self, mood: Mood) {
        self.mood.set(mood);
    }

    /// Stops and closes its connections, when it has answered what it has been asked; or starts again.
    pub(super) fn stand(&self, is_up: bool) {
        self.is_up.send_replace(is_up);
    }

    pub(super) async fn serve(self: Rc<Self>, world: Rc<World>) -> Infallible {
        let mut is_up = self.is_up.subscribe();
        loop {
            let _ = is_up.wait_for(|is_up| *is_up).await;
            let listener = TcpListener::bind(self.address).await.expect("the address was free");
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { continue };
                        let (place, world) = (Rc::clone(&self), Rc::clone(&world));
                        tokio::task::spawn_local(place.connection(stream, world));
                    }
                    _ = is_up.wait_for(|is_up| !*is_up) => break,
                }
            }
        }
    }

    async fn connection(self: Rc<Self>, stream: TcpStream, world: Rc<World>) {
        let _ = stream.set_nodelay(true);
        let mut is_up = self.is_up.subscribe();
        let service = service_fn(|request| self.answer(request, &world));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = is_up.wait_for(|is_up| !*is_up) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    /// What is done to a request; an error resets the connection.
    async fn answer(&self, request: Request<Incoming>, world: &World) -> Result<Response<Full<Bytes>>, &'static str> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| "the gateway has gone")?.to_bytes();
        let checked = check(head.uri.path(), &head.headers, &body);
        let Some((place, habit, id)) = checked else {
            let body = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
            world.books.complain("arrived and should not have", format!("{} {:?} {body}", head.uri, head.headers));
            return Ok(status(400));
        };
        let chance = self.rng.borrow_mut().u8(..100);
        if let Some(answer) = self.habit(habit, chance, &id, world).await {
            return answer;
        }
        match (self.mood.get(), chance) {
            (Mood::Hanging, _) => {
                tokio::time::sleep(HANGS).await;
                return Err("never");
            }
            (Mood::Slow, _) | (Mood::Moody, 8..10) => tokio::time::sleep(THOUGHT).await,
            (Mood::Moody, 0..3) => return Ok(status(503)),
            (Mood::Moody, 3..6) => return Ok(status(500)),
            (Mood::Moody, 6..8) => return Err("gone"),
            (Mood::Moody | Mood::Well, _) => {}
        }
        world.books.take(place, &id);
        Ok(status(200))
    }

    async fn habit(
        &self,
        habit: Habit,
        chance: u8,
        id: &str,
        world: &World,
    ) -> Option<Result<Response<Full<Bytes>>, &'static str>> {
        match (habit, chance) {
            _ if self.is_kind.get() => None,
            (Habit::Leaves, 97..) => {
                world.books.count("410 answered");
                Some(Ok(status(410)))
            }
            (Habit::Hangs, 97..) => {
                tokio::time::sleep(HANGS).await;
                Some(Err("never"))
            }
            (Habit::Refuses, _) if !world.books.is_released("refuser", id) => Some(Ok(status(500))),
            _ => None,
        }
    }
}

/// The place and the id of an event that is what its sender, or the app, has sent.
fn check(path: &str, headers: &HeaderMap, body: &[u8]) -> Option<(&'static str, Habit, String)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let event: Value = serde_json::from_slice(body).ok()?;
    let id = event["id"].as_str()?.to_owned();
    let is_whole = event["data"].as_str()?.len() as u64 == event["size"].as_u64()?;
    if !is_whole || event["genuine"] != Value::Bool(true) {
        return None;
    }
    let name = path.strip_prefix('/')?;
    if let Some(way) = WAYS.iter().find(|way| way.name == name) {
        let is_told = header("countersign-source")? == name && header("countersign-verified")? == "true";
        let names_it = header("countersign-event-id")?.starts_with(&id);
        return (is_told && names_it).then_some((way.name, Habit::None, id));
    }
    let receiver = RECEIVERS.iter().find(|receiver| receiver.name == name)?;
    let verifies = receiver.style.verifies(&SECRETS, header, body);
    verifies.then_some((receiver.name, receiver.habit, id))
}

fn status(status: u16) -> Response<Full<Bytes>> {
    let body = if status == 200 { r#"{"taken":true}"# } else { "" };
    Response::builder().status(status).body(Full::new(body.into())).expect("an answer")
}
