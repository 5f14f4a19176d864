//! The app's side, over real sockets, with a ledger and a receiver of the test's.

mod accepting;
mod refusing;
mod relaying;
mod repeating;
mod samples;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};

use super::{Gateway, Worker};
use crate::config::{
    Endpoint, EndpointDelivery, Envelope, EventPattern, Limits, Listen, Outbound, Pace, Retry, UpstreamUrl, UrlScheme,
};
use crate::delivery::{Attempting, Courier, Tried, Unanswered};
use crate::http::server::ListeningSocket;
use crate::scheme::{KeySpec, Keyring, Scheme, Secret, preset};
use crate::store::Store;
use crate::store::ledger::{AttemptAnswer, Leased, Target, TargetKind};
use crate::store::recall::Recall;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::words::AttemptOutcome;

/// A `queue` endpoint without an envelope that wants all events.
fn endpoint(name: &str, scheme: &str) -> Endpoint {
    let scheme: &Scheme = preset(scheme).unwrap();
    let secret = KeySpec {
        id: "1".into(),
        secret: Secret::new(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_vec()),
        encoding: None,
        not_before: None,
        not_after: None,
    };
    let authority = HeaderValue::from_static("partner.example");
    let (scheme_of_url, host) = (UrlScheme::Https, "partner.example".to_owned());
    Endpoint {
        name: name.into(),
        url: UpstreamUrl { scheme: scheme_of_url, host, port: 443, path: "/hooks".into(), authority },
        query: None,
        keyring: Keyring::new(scheme, vec![secret]).unwrap(),
        scheme: Arc::new(scheme.clone()),
        events: vec![EventPattern("*".into())],
        delivery: EndpointDelivery::Queue,
        retry: Retry::lmif(),
        pace: Pace::default(),
        envelope: Envelope::None,
        connect_timeout: Duration::from_secs(1),
        tls: None,
        proxy: None,
    }
}

fn wanting(name: &str, pattern: &str) -> Endpoint {
    Endpoint { events: vec![EventPattern(pattern.into())], ..endpoint(name, "lvconnect") }
}

fn sync(name: &str) -> Endpoint {
    Endpoint { delivery: EndpointDelivery::Sync, events: Vec::new(), ..endpoint(name, "lvconnect") }
}

fn outbound(endpoints: Vec<Endpoint>) -> Outbound {
    let read_timeout = Duration::from_secs(5);
    Outbound {
        listen: Listen::Tcp("127.0.0.1:0".parse().unwrap()),
        token: None,
        limits: Limits { body: 4096, memory: 1 << 20, connections: 100, read_timeout },
        egress: crate::config::Egress::default(),
        endpoints: endpoints.into_iter().map(Arc::new).collect(),
    }
}

/// A gateway that serves.
struct Play {
    gateway: Arc<Gateway>,
    ledger: Arc<Recall>,
    receiver: Rc<Receiver>,
    address: SocketAddr,
}

/// Plays with these endpoints.
async fn play(endpoints: Vec<Endpoint>, test: impl AsyncFnOnce(&Play)) {
    play_with(outbound(endpoints), test).await;
}

async fn play_with(outbound: Outbound, test: impl AsyncFnOnce(&Play)) {
    let target = |endpoint: &Arc<Endpoint>| Target { kind: TargetKind::Endpoint, name: endpoint.name.clone() };
    let ledger = Recall::with(&outbound.endpoints.iter().map(target).collect::<Vec<_>>());
    let gateway = Gateway::new(&outbound, Store::recalling(ledger.clone()), Arc::new(Metrics::new()));
    let receiver = Rc::new(Receiver::default());
    let courier = receiver.clone();
    let worker = Worker::with(gateway.clone(), Box::new(move |_, _| courier.clone()));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let play = Play { gateway, ledger, receiver, address };
    let playing = async {
        let served = spawn_local(worker.serve(ListeningSocket::Tcp(socket)));
        test(&play).await;
        play.gateway.drain();
        served.await.unwrap().unwrap();
    };
    LocalSet::new().run_until(playing).await;
}

/// What the app is answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ str| line.split_once(": ").is_some_and(|(other, _)| other.eq_ignore_ascii_case(name));
        self.head.lines().find(|line| of(line)).and_then(|line| Some(line.split_once(": ")?.1))
    }

    fn is_replayed(&self) -> bool {
        self.header("countersign-replayed") == Some("true")
    }

    /// The ids of its deliveries.
    fn ids(&self) -> Vec<String> {
        let answer: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        let deliveries = answer["deliveries"].as_array().unwrap();
        deliveries.iter().map(|delivery| delivery["id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Play {
    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.request("POST", path, headers, body).await
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n");
        stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
    }
}

/// Who is sent to.
struct Receiver {
    answers: RefCell<VecDeque<Tried>>,
    seen: RefCell<Vec<Leased>>,
    /// An attempt waits for a permit.
    open: Semaphore,
}

impl Default for Receiver {
    fn default() -> Self {
        Self { answers: RefCell::default(), seen: RefCell::default(), open: Semaphore::new(1000) }
    }
}

impl Receiver {
    fn answer(&self, status: u16, content_type: &'static str, body: &'static str) {
        let headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::SET_COOKIE, HeaderValue::from_static("a=1")),
        ]);
        let body = Bytes::from_static(body.as_bytes());
        self.answers.borrow_mut().push_back(Ok(AttemptAnswer { status, headers, body }));
    }

    fn fail(&self, outcome: AttemptOutcome) {
        self.answers.borrow_mut().push_back(Err(Unanswered { outcome, error: "it failed".into() }));
    }

    /// How many attempts were made.
    fn attempts(&self) -> usize {
        self.seen.borrow().len()
    }
}

impl Courier for Receiver {
    fn attempt<'a>(&'a self, leased: &'a Leased, number: u32) -> Attempting<'a> {
        assert_eq!(number, 1);
        Box::pin(async move {
            self.seen.borrow_mut().push(leased.clone());
            let _permit = self.open.acquire().await.unwrap();
            self.answers.borrow_mut().pop_front().expect("the test says what is answered")
        })
    }
}
