//! An app on loopback that does to each request what the test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::SOON;

/// What the app does to a request, once it has read it whole.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Answers with a status and a body of JSON, framed by its length.
    Answer(u16, &'static str),
    /// Writes these bytes before it has read the request's body, and never reads that.
    Early(Vec<u8>),
    /// Says nothing, for ever.
    Hang,
    /// Writes these bytes as they are, and does the next action.
    Part(Vec<u8>),
    /// Writes these bytes as they are, and keeps the connection.
    Raw(Vec<u8>),
    /// Writes these bytes as they are, and closes the connection.
    RawThenClose(Vec<u8>),
    /// Waits until [`App::release`], then does the next action.
    Wait,
}

/// A request that reached the app.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub method: Method,
    /// The target as it stood in the request line.
    pub target: String,
    pub headers: HeaderMap,
    /// The head's lines as they were sent.
    pub head: String,
    pub body: Bytes,
}

impl Received {
    /// The value of a header that is there once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name} in\n{}", self.head));
        assert!(values.next().is_none(), "{name} is there twice in\n{}", self.head);
        value.to_str().unwrap()
    }
}

/// An HTTP/1.1 server of its own, so that it can misbehave.
pub(crate) struct App {
    pub address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
    /// The address, as long as nobody listens there.
    closed: Option<TcpSocket>,
}

struct State {
    actions: Mutex<VecDeque<Action>>,
    /// What is done once the list of actions is used up.
    usual: Action,
    received: watch::Sender<Vec<Received>>,
    connections: watch::Sender<Connections>,
    released: Semaphore,
    /// Requests that are not answered yet, and the most that there ever were.
    working: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// How many connections the app has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connections {
    pub opened: usize,
    pub closed: usize,
}

impl App {
    /// Answers every request with this status and `{"ok":true}`.
    pub(crate) async fn answering(status: u16) -> Self {
        Self::doing([], Action::Answer(status, r#"{"ok":true}"#)).await
    }

    /// Does these actions first, one a request, and then always the last.
    pub(crate) async fn doing(first: impl IntoIterator<Item = Action>, usual: Action) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), first, usual).await
    }

    /// The same at this address.
    pub(crate) async fn at(address: SocketAddr, first: impl IntoIterator<Item = Action>, usual: Action) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, state) = (listener.local_addr().unwrap(), State::new(first, usual));
        let serving = tokio::spawn(serve(listener, state.clone()));
        Self { address, state, serving, closed: None }
    }

    /// Puts a Unix socket before it, until the value is dropped.
    pub(crate) fn behind_socket(&self, path: &Path) -> Socket {
        let (listener, app) = (UnixListener::bind(path).unwrap(), self.address);
        let serving = tokio::spawn(async move {
            while let Ok((mut outer, _)) = listener.accept().await {
                tokio::spawn(async move { copy_bidirectional(&mut outer, &mut TcpStream::connect(app).await?).await });
            }
        });
        Socket(serving)
    }

    /// Refuses connections until [`App::come_up`], and then answers 200.
    pub(crate) fn down() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, state) = (socket.local_addr().unwrap(), State::new([], Action::Answer(200, r#"{"ok":true}"#)));
        Self { address, state, serving: tokio::spawn(async {}), closed: Some(socket) }
    }

    /// Listens from now on.
    pub(crate) fn come_up(&mut self) {
        let listener = self.closed.take().expect("it was down").listen(1024).unwrap();
        self.serving = tokio::spawn(serve(listener, self.state.clone()));
    }

    /// Listens no more.
    pub(crate) async fn stop(mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }

    /// Every request so far, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.borrow().clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn until_received(&self, count: usize) {
        let mut received = self.state.received.subscribe();
        let come = received.wait_for(|received| received.len() >= count);
        timeout(SOON, come).await.unwrap_or_else(|_| panic!("{count} requests did not come")).unwrap();
    }

    /// How many requests the app ever worked on at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state.most_at_once.load(Ordering::Relaxed)
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> Connections {
        *self.state.connections.borrow()
    }

    /// Waits until so many connections have ended, whoever closed them.
    pub(crate) async fn until_closed(&self, count: usize) {
        let mut connections = self.state.connections.subscribe();
        let closed = connections.wait_for(|connections| connections.closed >= count);
        timeout(SOON, closed).await.unwrap_or_else(|_| panic!("{count} connections did not end")).unwrap();
    }

    /// Lets all go on that [`Action::Wait`], also those that still come.
    pub(crate) fn release(&self) {
        self.state.released.add_permits(100_000);
    }

    /// Lets one go on that waits, or the next that comes.
    pub(crate) fn release_one(&self) {
        self.state.released.add_permits(1);
    }
}

/// A Unix socket before an app.
pub(crate) struct Socket(JoinHandle<()>);

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.send_modify(|connections| connections.opened += 1);
        let state = state.clone();
        tokio::spawn(async move {
            connection(stream, &state).await;
            state.connections.send_modify(|connections| connections.closed += 1);
        });
    }
}

impl State {
    fn new(first: impl IntoIterator<Item = Action>, usual: Action) -> Arc<Self> {
        Arc::new(Self {
            actions: Mutex::new(first.into_iter().collect()),
            usual,
            received: watch::Sender::default(),
            connections: watch::Sender::default(),
            released: Semaphore::new(0),
            working: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        })
    }

    /// What is done to the next request: up to the first action that ends it.
    fn next_actions(&self) -> (Vec<Action>, Action) {
        let mut actions = self.actions.lock().unwrap();
        let mut first = Vec::new();
        loop {
            match actions.pop_front() {
                Some(action @ (Action::Part(_) | Action::Wait)) => first.push(action),
                last => return (first, last.unwrap_or_else(|| self.usual.clone())),
            }
        }
    }

    /// The answer to the request whose head was read, where the app does not care for its body.
    fn early_answer(&self) -> Option<Vec<u8>> {
        let mut actions = self.actions.lock().unwrap();
        match actions.pop_front()? {
            Action::Early(bytes) => Some(bytes),
            other => {
                actions.push_front(other);
                None
            }
        }
    }
}

/// Serves until the connection ends.
async fn connection(mut stream: TcpStream, state: &State) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let mut request = read_head(&mut stream, &mut buffer).await?;
        if let Some(answer) = state.early_answer() {
            state.received.send_modify(|received| received.push(request));
            stream.write_all(&answer).await.ok()?;
            return std::future::pending().await;
        }
        request.body = read_body(&request, &mut stream, &mut buffer).await?;
        let (first, last) = state.next_actions();
        let most = state.working.fetch_add(1, Ordering::Relaxed) + 1;
        state.most_at_once.fetch_max(most, Ordering::Relaxed);
        state.received.send_modify(|received| received.push(request));
        let ready = prepare(&mut stream, state, first).await;
        state.working.fetch_sub(1, Ordering::Relaxed);
        ready?;
        match last {
            Action::Answer(status, body) => stream.write_all(&framed(status, body)).await.ok()?,
            Action::Hang => while stream.read_buf(&mut buffer).await.ok()? > 0 {},
            Action::Raw(bytes) => stream.write_all(&bytes).await.ok()?,
            Action::RawThenClose(bytes) => return stream.write_all(&bytes).await.ok(),
            Action::Early(_) | Action::Part(_) | Action::Wait => unreachable!("not a last action"),
        }
    }
}

/// Does what comes before the last action to a request.
async fn prepare(stream: &mut TcpStream, state: &State, actions: Vec<Action>) -> Option<()> {
    for action in actions {
        match action {
            Action::Part(bytes) => stream.write_all(&bytes).await.ok()?,
            _ => state.released.acquire().await.ok()?.forget(),
        }
    }
    Some(())
}

fn framed(status: u16, body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: ");
    format!("{head}{}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An answer of these lines, each with its end, and this body with its length.
pub(crate) fn response(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// Reads a request's head; it is not the gateway's parser that judges what the gateway sends.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None if stream.read_buf(buffer).await.ok()? == 0 => return None,
            None => {}
        }
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.parse().unwrap(), words.next()?.to_owned());
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.trim().parse().unwrap());
    }
    assert!(!headers.contains_key("transfer-encoding"), "the app is sent one Content-Length:\n{head}");
    let lengths: Vec<_> = headers.get_all("content-length").iter().collect();
    assert!(lengths.len() == 1, "the app is sent one Content-Length:\n{head}");
    Some(Received { method, target, headers, head, body: Bytes::new() })
}

async fn read_body(request: &Received, stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Bytes> {
    let length = request.header("content-length").parse().unwrap();
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some(buffer.drain(..length).collect::<Vec<_>>().into())
}
