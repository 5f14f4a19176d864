//! A gateway in this process, before a ledger in memory and an app that does what the test says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep};

use crate::clock;
use crate::config::{self, Config, GivenEnvironment};
use crate::inbound::{Gateway, ListeningSocket, Worker};
use crate::scheme::Message;
use crate::store::Store;
use crate::store::ledger::{DeliveryId, Ledger, Target, TargetKind};
use crate::store::recall::Recall;
use crate::telemetry::metrics::Metrics;

/// What the app does to a request.
pub(super) enum Action {
    /// Answers with this status.
    Answer(u16),
    /// Answers with this status once it is released.
    AnswerReleased(u16),
}

#[derive(Default)]
struct State {
    actions: VecDeque<Action>,
    received: Vec<HeaderMap>,
}

/// A gateway with one LMIF source, an app behind it and a ledger beside it.
pub(super) struct Harness {
    pub(super) ledger: Arc<Recall>,
    gateway: Arc<Gateway>,
    metrics: Arc<Metrics>,
    config: Config,
    address: SocketAddr,
    app: SocketAddr,
    state: Rc<RefCell<State>>,
    released: Rc<Semaphore>,
}

/// What a sender was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn is_replayed(&self) -> bool {
        self.headers.contains_key("countersign-replayed")
    }

    /// The id that it was accepted under.
    pub(super) fn id(&self) -> DeliveryId {
        let id = self.text.strip_prefix("{\"delivery\":\"").and_then(|rest| rest.strip_suffix("\"}"));
        id.and_then(DeliveryId::parse).unwrap_or_else(|| panic!("no id of a delivery in {} {}", self.status, self.text))
    }
}

impl Harness {
    /// With these more keys for the source.
    pub(super) async fn new(keys: &str, actions: impl IntoIterator<Item = Action>) -> Harness {
        let state = Rc::new(RefCell::new(State { actions: actions.into_iter().collect(), ..State::default() }));
        let released = Rc::new(Semaphore::new(0));
        let app = serve(state.clone(), released.clone()).await;
        let config = configured(app, keys);
        let ledger = Recall::with(&[Target { kind: TargetKind::Upstream, name: "app".into() }]);
        let (store, metrics) = (Store::recalling(ledger.clone()), Arc::new(Metrics::new()));
        let gateway = Gateway::new(config.inbound.as_ref().unwrap(), &config.upstreams, store, metrics.clone());
        let socket = StdListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        spawn_local(Worker::new(gateway.clone()).serve(ListeningSocket::Tcp(socket)));
        Harness { ledger, gateway, metrics, config, address, app, state, released }
    }

    /// Goes over to other keys for the source.
    pub(super) fn reload(&self, keys: &str) {
        let config = configured(self.app, keys);
        self.gateway.reload(config.inbound.as_ref().unwrap(), &config.upstreams);
    }

    /// Sends an event with this id.
    pub(super) async fn post(&self, id: &str) -> Answer {
        self.posting(id).await.unwrap()
    }

    /// Begins to send an event with this id; aborted, it hangs up.
    pub(super) fn posting(&self, id: &str) -> JoinHandle<Answer> {
        let mut request = self.request(id, "/hooks/lmif?a=b");
        request.headers_mut().insert("host", "hooks.example".parse().unwrap());
        spawn_local(send(self.address, request))
    }

    /// A signed request.
    pub(super) fn request(&self, id: &str, target: &str) -> Request<Full<Bytes>> {
        let source = &self.config.inbound.as_ref().unwrap().sources[0];
        let body = Bytes::from(format!(r#"{{"id":"{id}","type":"box.created"}}"#));
        let message = Message {
            body,
            event_id: None,
            event_type: None,
            method: &Method::POST,
            path: "/",
            query: None,
            public_url: None,
            headers: &HeaderMap::new(),
        };
        let signed = source.scheme.sign(&source.keyring, &message, clock::now()).unwrap();
        let mut request = Request::post(target).body(Full::new(signed.body)).unwrap();
        request.headers_mut().extend(signed.headers);
        request
    }

    /// Sends any request.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        send(self.address, request).await
    }

    /// How many requests had this outcome.
    pub(super) fn outcome(&self, outcome: &str) -> u64 {
        self.metric(&format!(r#"countersign_inbound_deliveries_total{{source="lmif",outcome="{outcome}"}} "#))
    }

    /// How many requests were verified.
    pub(super) fn verified(&self) -> u64 {
        self.metric(r#"countersign_verified_total{source="lmif",key="1"} "#)
    }

    fn metric(&self, name: &str) -> u64 {
        self.metrics.render().lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).unwrap()
    }

    /// The headers of what reached the app.
    pub(super) fn received(&self) -> Vec<HeaderMap> {
        self.state.borrow().received.clone()
    }

    /// Lets the app answer one request.
    pub(super) fn release(&self) {
        self.released.add_permits(1);
    }

    /// Waits until something is so.
    pub(super) async fn until(&self, is_so: impl Fn(&Harness) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < Duration::from_secs(20), "it never was");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// What the gateway accepts deliveries with.
    pub(super) fn ledger(&self) -> &dyn Ledger {
        &*self.ledger
    }
}

fn configured(app: SocketAddr, keys: &str) -> Config {
    let text = format!(
        "inbound:
  listen: 127.0.0.1:0
  sources:
    lmif:
      path: /hooks/lmif
      scheme: lmif
      secrets: [{{env: SECRET}}]
      upstream: app
      {keys}
upstreams:
  app: {{url: \"http://{app}/base\", timeout: 3s, retry: {{schedule: [0s, 1m]}}}}
store: {{sqlite: {{path: unused.db}}}}
"
    );
    let environment = GivenEnvironment::default().variable("SECRET", "a secret of the tests, long enough");
    config::parse(&text, "test.yaml", &environment, clock::now()).unwrap_or_else(|error| panic!("{error}")).0
}

async fn serve(state: Rc<RefCell<State>>, released: Rc<Semaphore>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (state, released) = (state.clone(), released.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (state, released) = (state.clone(), released.clone());
                async move { Ok::<_, Infallible>(answer(&state, &released, request).await) }
            });
            spawn_local(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn answer(state: &RefCell<State>, released: &Semaphore, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    body.collect().await.unwrap();
    let action = {
        let mut state = state.borrow_mut();
        state.received.push(head.headers);
        state.actions.pop_front().unwrap_or(Action::Answer(200))
    };
    let status = match action {
        Action::Answer(status) => status,
        Action::AnswerReleased(status) => {
            released.acquire().await.unwrap().forget();
            status
        }
    };
    let mut answer = Response::new(Full::from("the app's own words"));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert("set-cookie", "a=b".parse().unwrap());
    answer.headers_mut().insert("x-app", "1".parse().unwrap());
    answer
}

async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = AbortOnDrop(spawn_local(connection));
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    drop(connection);
    let text = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, text }
}

/// Hangs up when its sender is aborted.
struct AbortOnDrop(JoinHandle<Result<(), hyper::Error>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
