//! An admin address to ask, and deliveries behind it.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};

use crate::admin::{Server, State, Testing, View};
use crate::config::{
    Admin, Config, Endpoint, EndpointDelivery, Envelope, EventPattern, GivenEnvironment, Listen, Pace, Retry,
    UpstreamUrl, UrlScheme, parse,
};
use crate::scheme::{KeySpec, Keyring, Secret, preset};
use crate::store::Store;
use crate::store::ledger::{
    Accept, Attempt, AttemptAnswer, DeliveryId, Ended, Ledger, LedgerError, Message, NewDelivery, Next, Pending, Room,
    Start, Target, TargetKind,
};
use crate::store::recall::Recall;
use crate::telemetry::log::{Format, Log};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::words::AttemptOutcome;

/// In no answer may there be any of it.
pub(super) const SECRET: &str = "recognisable-secret-of-the-tests";

const CONFIG: &str = "
inbound:
  listen: 127.0.0.1:0
  sources:
    lmif:
      path: /hooks/lmif
      scheme: lmif
      secrets: [{env: SECRET, id: first}, {env: SECRET, not_after: 2099-01-01T00:00:00Z}]
      upstream: app
upstreams:
  app:
    url: [http://127.0.0.1:3000/base, http://127.0.0.2:3000/base]
    timeout: 3s
    sign: {scheme: lmif, secrets: [{env: SECRET, id: app}]}
store: {memory: {}}
";

/// When the deliveries of the tests begin.
pub(super) const START: &str = "2026-01-01T00:00:00Z";

pub(super) struct Rig {
    pub(super) ledger: Arc<Recall>,
    pub(super) tested: Arc<Tested>,
    address: SocketAddr,
}

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The word of a refusal.
    pub(super) fn word(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned())
    }
}

/// Which endpoints a test event was made for.
#[derive(Default)]
pub(super) struct Tested(Mutex<Vec<String>>);

impl Tested {
    pub(super) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Testing for Tested {
    fn test(&self, endpoint: &str, now: Timestamp) -> Pending<DeliveryId> {
        self.0.lock().unwrap().push(endpoint.to_owned());
        Box::pin(ready(match endpoint {
            "partner" => Ok(DeliveryId::new(now, 1)),
            _ => Err(LedgerError::State),
        }))
    }
}

/// How the gateway of a test keeps deliveries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    InALedger,
    NotAtAll,
}

/// Runs a test before an admin address.
pub(super) fn with_rig(kept: Kept, test: impl AsyncFnOnce(&Rig)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (ledger, tested) = (Recall::with(&[upstream("app"), endpoint("partner")]), Arc::<Tested>::default());
        let admin =
            Admin { listen: Listen::Tcp("127.0.0.1:0".parse().unwrap()), token: Some(Secret::new(SECRET.into())) };
        let server = Server::bind(&admin).unwrap();
        let address = server.address().address().unwrap();
        let config = config();
        let view = View::new(&config);
        view.show_endpoints(vec![Arc::new(partner())]);
        let (state_ledger, testing) = (ledger.clone() as Arc<dyn Ledger>, tested.clone() as Arc<dyn Testing>);
        let state = State {
            view,
            store: Store::memory(),
            ledger: (kept == Kept::InALedger).then_some(state_ledger),
            metrics: Arc::new(Metrics::new()),
            log: Log::start(Format::Text, tracing::level_filters::LevelFilter::OFF).unwrap(),
            inbound: None,
            outbound: None,
            testing: Some(testing),
        };
        spawn_local(server.serve(state));
        test(&Rig { ledger, tested, address }).await;
    });
}

fn config() -> Config {
    let environment = GivenEnvironment::default().variable("SECRET", SECRET);
    parse(CONFIG, "countersign.yaml", &environment, START.parse().unwrap()).unwrap().0
}

fn partner() -> Endpoint {
    let scheme = preset("lvconnect").unwrap().clone();
    let key = KeySpec {
        id: "1".to_owned(),
        secret: Secret::new(SECRET.into()),
        encoding: None,
        not_before: None,
        not_after: None,
    };
    Endpoint {
        name: "partner".into(),
        url: UpstreamUrl {
            scheme: UrlScheme::Https,
            host: "partner.example".to_owned(),
            port: 443,
            path: "/hooks".to_owned(),
            authority: "partner.example".parse().unwrap(),
        },
        query: Some(format!("key={SECRET}")),
        keyring: Keyring::new(&scheme, vec![key]).unwrap(),
        scheme: Arc::new(scheme),
        events: vec![EventPattern("user:*".to_owned())],
        delivery: EndpointDelivery::Queue,
        retry: Retry::lmif(),
        pace: Pace::default(),
        envelope: Envelope::None,
        connect_timeout: Duration::from_secs(2),
        tls: None,
        proxy: None,
    }
}

pub(super) fn upstream(name: &str) -> Target {
    Target { kind: TargetKind::Upstream, name: name.into() }
}

pub(super) fn endpoint(name: &str) -> Target {
    Target { kind: TargetKind::Endpoint, name: name.into() }
}

/// So many seconds after the deliveries of the tests begin.
pub(super) fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = START.parse().unwrap();
    start + jiff::SignedDuration::from_secs(seconds)
}

impl Rig {
    pub(super) async fn get(&self, path: &str) -> Asked {
        self.ask(Method::GET, path, "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Asked {
        self.ask(Method::POST, path, body).await
    }

    /// Asks with the token; the path is behind `/api/v1` unless it is one of those beside.
    pub(super) async fn ask(&self, method: Method, path: &str, body: &str) -> Asked {
        let path = if path == "/metrics" || path == "/readyz" { path.to_owned() } else { format!("/api/v1{path}") };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {SECRET}"))
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        spawn_local(connection);
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Asked { status: head.status.as_u16(), headers: head.headers, text: String::from_utf8(body.into()).unwrap() }
    }

    /// Accepts a delivery so many seconds after the start.
    pub(super) async fn accept(&self, target: Target, event_id: &str, seconds: i64) -> DeliveryId {
        let id = self.ledger.next_id(at(seconds));
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {SECRET}").parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        let source = (target.kind == TargetKind::Upstream).then(|| Arc::from("lmif"));
        let message = Message {
            path: "/hooks".to_owned(),
            headers,
            body: Bytes::from_static(b"{\"a\":1}"),
            ..Message::default()
        };
        let delivery = NewDelivery {
            id,
            target,
            source,
            event_id: event_id.to_owned(),
            event_type: Some("box.created".to_owned()),
            message: Arc::new(message),
            start: Start::Due(at(seconds)),
        };
        self.ledger.accept(Accept { deliveries: vec![(delivery, None)], answered: None }).await.unwrap();
        id
    }

    /// Attempts what is due for a target; `next` follows.
    pub(super) async fn attempt(&self, target: Target, next: Next) {
        let room = Room { deliveries: 1, bytes: 1 << 20 };
        let leases = self.ledger.lease(target.clone(), at(3600), room).await.unwrap();
        for leased in leases.leased {
            let mut headers = HeaderMap::new();
            headers.insert("set-cookie", format!("a={SECRET}").parse().unwrap());
            let answer = AttemptAnswer { status: 500, headers, body: Bytes::from_static(b"\xffbroken") };
            let attempt = Attempt {
                number: leased.attempts + 1,
                started: at(3600),
                took: Duration::from_micros(1500),
                outcome: AttemptOutcome::Status,
                answer: Some(answer),
                error: None,
            };
            let ended = Ended { id: leased.id, target: target.clone(), attempt, next, pause: None };
            self.ledger.record(ended).await.unwrap();
        }
    }

    /// The id of a delivery that was never accepted.
    pub(super) fn ledger_id(&self) -> DeliveryId {
        self.ledger.next_id(at(0))
    }

    /// The value of a metric, by its name with all labels.
    pub(super) async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
    }
}
