//! An app and receivers that check what they are sent, count it by id, and fail now and then.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::SECRET;

/// What arrived: how often, by the path and the event's id.
pub(crate) type Arrivals = HashMap<(String, String), u32>;

/// How often the other side fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mood {
    /// It takes everything.
    Well,
    /// It fails one time in five: with a status, without an answer, or by being late.
    Moody,
    /// It takes nothing.
    Down,
}

/// A server for everything that the gateway delivers.
pub(crate) struct Flaky {
    pub address: SocketAddr,
    state: Arc<State>,
    serving: AbortHandle,
}

struct State {
    mood: Mutex<Mood>,
    rng: Mutex<Rng>,
    arrived: watch::Sender<Arrivals>,
    counts: Mutex<Counts>,
}

/// What became of the requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Those that were answered 2xx.
    pub taken: u32,
    /// Those that were answered otherwise, or not at all.
    pub failed: u32,
    /// What was wrong with those that should never have been sent.
    pub wrong: Vec<String>,
}

impl Flaky {
    pub(crate) async fn start(mood: Mood, rng: Rng) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), mood, rng).await
    }

    /// One at this address.
    pub(crate) async fn at(address: SocketAddr, mood: Mood, rng: Rng) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, rng, arrived) = (Mutex::new(mood), Mutex::new(rng), watch::Sender::default());
        let state = Arc::new(State { mood, rng, arrived, counts: Mutex::default() });
        let serving = tokio::spawn(serve(listener, Arc::clone(&state))).abort_handle();
        Self { address, state, serving }
    }

    pub(crate) fn be(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    pub(crate) fn arrivals(&self) -> Arrivals {
        self.state.arrived.borrow().clone()
    }

    /// Changes whenever something arrives.
    pub(crate) fn watch(&self) -> watch::Receiver<Arrivals> {
        self.state.arrived.subscribe()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.counts.lock().unwrap().clone()
    }
}

impl Drop for Flaky {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(connection(stream, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    // What is given up is reset, and not closed in peace.
    let _ = stream.set_zero_linger();
    let service = service_fn(|request| answer(request, &state));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// What is done to a request; an error resets the connection.
async fn answer(request: Request<Incoming>, state: &State) -> Result<Response<Full<Bytes>>, &'static str> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| "the gateway was killed")?.to_bytes();
    let checked = check(&head, &body);
    let Ok(event) = checked else {
        state.counts.lock().unwrap().wrong.push(checked.unwrap_err());
        return Ok(status(400));
    };
    let chance = state.rng.lock().unwrap().u8(..100);
    let mood = *state.mood.lock().unwrap();
    let failure = match (mood, chance) {
        (Mood::Down, _) | (Mood::Moody, 0..8) => Some(503),
        (Mood::Moody, 8..14) => Some(500),
        (Mood::Moody, 14..18) => None,
        _ => {
            if mood == Mood::Moody && chance < 22 {
                tokio::time::sleep(LATE).await;
            }
            state.counts.lock().unwrap().taken += 1;
            state.arrived.send_modify(|arrived| *arrived.entry((head.uri.path().to_owned(), event)).or_default() += 1);
            return Ok(status(200));
        }
    };
    state.counts.lock().unwrap().failed += 1;
    failure.map(status).ok_or("gone")
}

/// Later than a source with `sync_then_queue` waits.
const LATE: Duration = Duration::from_millis(150);

fn status(status: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// The id of the event that was sent, where everything is as the sender's document has it.
fn check(head: &http::request::Parts, body: &[u8]) -> Result<String, String> {
    let wrong = |what: &str| format!("{what} in {head:?}");
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let event: serde_json::Value = serde_json::from_slice(body).map_err(|_| wrong("no JSON"))?;
    let event = event["id"].as_str().ok_or_else(|| wrong("no id"))?.to_owned();
    let (signature, id) = match head.uri.path() {
        "/lvconnect" => (format!("sha1={}", sign::<Hmac<sha1::Sha1>>(body)), "x-lvconnect-delivery"),
        "/lmif" => (format!("sha256={}", sign::<Hmac<sha2::Sha256>>(body)), ""),
        _ => (format!("sha256={}", sign::<Hmac<sha2::Sha256>>(body)), "countersign-event-id"),
    };
    let name = if signature.starts_with("sha1=") { "x-lvconnect-signature" } else { "x-lmif-signature" };
    if header(name) != signature {
        return Err(wrong("another signature"));
    }
    if !id.is_empty() && header(id) != event {
        return Err(wrong("another id"));
    }
    Ok(event)
}

fn sign<M: Mac + KeyInit>(body: &[u8]) -> String {
    let mut mac = <M as KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
