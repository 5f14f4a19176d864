//! Senders and apps that send without pause, and send again what was not acknowledged.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::Request;
use http_body_util::Full;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Connection, SOON, Sender, request};

/// Where a gateway listens, inbound and outbound; `None` while there is none.
pub(crate) type Addresses = Option<(SocketAddr, SocketAddr)>;

/// A way that events take.
pub(crate) struct Way {
    /// What it is called here.
    pub name: &'static str,
    /// Where they are sent.
    path: &'static str,
    /// Where they must arrive.
    pub arrives: &'static [&'static str],
    known_by: KnownBy,
}

/// What tells a repeat.
#[derive(Clone, Copy, PartialEq)]
enum KnownBy {
    /// `Countersign-Event-Id`.
    EventId,
    /// `Idempotency-Key`.
    IdempotencyKey,
    /// The sender's own id, in what it signed.
    SignedId,
}

impl Way {
    /// Whether senders take it, and not the app.
    pub(crate) fn is_inbound(&self) -> bool {
        self.known_by == KnownBy::SignedId
    }
}

/// All ways on which events are acknowledged before they have arrived.
pub(crate) const WAYS: [Way; 6] = [
    Way { name: "queue", path: "/hooks/queue", arrives: &["/hooks/queue"], known_by: KnownBy::SignedId },
    Way { name: "both", path: "/hooks/both", arrives: &["/hooks/both"], known_by: KnownBy::SignedId },
    Way { name: "partner", path: "/endpoints/partner", arrives: &["/lvconnect"], known_by: KnownBy::EventId },
    Way { name: "tracker", path: "/endpoints/tracker", arrives: &["/lmif"], known_by: KnownBy::EventId },
    Way { name: "keyed", path: "/endpoints/tracker", arrives: &["/lmif"], known_by: KnownBy::IdempotencyKey },
    Way { name: "all", path: "/events/user:created", arrives: &["/lvconnect", "/lmif"], known_by: KnownBy::EventId },
];

/// How many send at once on each way.
const SENDERS: usize = 3;

/// What was acknowledged: the way, by the event's id.
pub(crate) type Acknowledged = HashMap<String, &'static Way>;

/// Everybody who sends.
pub(crate) struct Load {
    senders: JoinSet<()>,
    books: Arc<Books>,
}

#[derive(Default)]
struct Books {
    acknowledged: Mutex<Acknowledged>,
    wrong: Mutex<Vec<String>>,
}

impl Load {
    /// Begins to send to wherever the gateway is.
    pub(crate) fn start(addresses: &watch::Receiver<Addresses>, rng: &mut Rng) -> Self {
        let (mut senders, books) = (JoinSet::new(), Arc::<Books>::default());
        for way in &WAYS {
            for number in 0..SENDERS {
                let (addresses, books, rng) = (addresses.clone(), Arc::clone(&books), rng.fork());
                let one = One { way, number, addresses, books, rng, connection: None };
                senders.spawn(one.send_all());
            }
        }
        Self { senders, books }
    }

    /// Ends, and says what was acknowledged, and what was answered that never should be.
    pub(crate) async fn stop(mut self) -> (Acknowledged, Vec<String>) {
        self.senders.shutdown().await;
        let take = |wrong: &Mutex<Vec<String>>| std::mem::take(&mut *wrong.lock().unwrap());
        (std::mem::take(&mut *self.books.acknowledged.lock().unwrap()), take(&self.books.wrong))
    }
}

/// One who sends an event after the other.
struct One {
    way: &'static Way,
    number: usize,
    addresses: watch::Receiver<Addresses>,
    books: Arc<Books>,
    rng: Rng,
    connection: Option<Connection>,
}

impl One {
    async fn send_all(mut self) {
        for event in 0_u32.. {
            let id = format!("evt:{}:{}:{event}", self.way.name, self.number);
            let request = event_request(self.way, &id, length(&mut self.rng));
            while !self.is_acknowledged(&request).await {
                tokio::time::sleep(Duration::from_millis(self.rng.u64(1..20))).await;
            }
            self.books.acknowledged.lock().unwrap().insert(id, self.way);
            if self.rng.u8(..10) == 0 {
                self.is_acknowledged(&request).await;
            }
        }
    }

    /// Sends a request once. Whatever comes of it but a 2xx, the sender knows nothing and sends it again.
    async fn is_acknowledged(&mut self, request: &Request<Full<Bytes>>) -> bool {
        let Some(connection) = self.connected().await else { return false };
        let answer = timeout(SOON, connection.try_send(request.clone())).await;
        let Ok(answer) = answer else {
            self.books.wrong.lock().unwrap().push(format!("{} was not answered", self.way.name));
            return false;
        };
        let Ok(answer) = answer else {
            self.connection = None;
            return false;
        };
        if !answer.status.is_success() && answer.status != 503 {
            self.books.wrong.lock().unwrap().push(format!("{} was answered {answer:?}", self.way.name));
        }
        answer.status.is_success()
    }

    async fn connected(&mut self) -> Option<&Connection> {
        if self.connection.is_none() {
            let (inbound, outbound) = self.addresses.wait_for(Option::is_some).await.ok()?.unwrap();
            let address = if self.way.is_inbound() { inbound } else { outbound };
            let stream = TcpStream::connect(address).await.ok()?;
            stream.set_nodelay(true).ok()?;
            self.connection = Some(Connection::http1(stream, &address.to_string()).await);
        }
        self.connection.as_ref()
    }
}

/// Up to 2 KB for most events, and for a few more than a store keeps in one piece.
fn length(rng: &mut Rng) -> usize {
    let most = if rng.u8(..50) == 0 { 150_000 } else { 2000 };
    rng.usize(..most)
}

/// An event with this id, as it is sent on its way.
pub(crate) fn event_request(way: &Way, id: &str, length: usize) -> Request<Full<Bytes>> {
    let body = format!(r#"{{"id":"{id}","type":"user:created","data":"{}"}}"#, "x".repeat(length));
    let header = match way.known_by {
        KnownBy::SignedId => return request(way.path, &Sender::lmif().sign(body)),
        KnownBy::EventId => "countersign-event-id",
        KnownBy::IdempotencyKey => "idempotency-key",
    };
    let mut request = Request::post(way.path).body(Full::new(body.into())).unwrap();
    request.headers_mut().insert(header, id.parse().unwrap());
    if way.path.starts_with("/endpoints/") {
        request.headers_mut().insert("countersign-event-type", "user:created".parse().unwrap());
    }
    request
}
