//! Who the demo's gateway delivers to: it records what it sees.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::timeout;

/// How long the demo waits for a delivery that should come at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at a request before it is answered.
type Checking = Box<dyn Fn(&HeaderMap, &[u8]) -> Check>;

/// A server that answers 200, or 500 as often as it is told to, and 401 to what it does not accept.
pub(super) struct App {
    pub address: SocketAddr,
    checking: Checking,
    failures: Cell<u32>,
    seen: RefCell<Vec<Seen>>,
    news: Notify,
}

/// A request that reached it.
pub(super) struct Seen {
    pub event_type: String,
    pub bytes: usize,
    /// `Countersign-Attempt`, from the second on.
    pub attempt: Option<String>,
    pub check: Check,
}

/// What it thinks of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Bad(&'static str),
    Good(&'static str),
    /// It trusts the gateway.
    None,
}

impl App {
    /// An app that trusts its gateway.
    pub(super) async fn start() -> io::Result<Rc<Self>> {
        Self::checking(Box::new(|_, _| Check::None)).await
    }

    /// A receiver that checks for itself.
    pub(super) async fn checking(checking: Checking) -> io::Result<Rc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (failures, seen, news) = (Cell::default(), RefCell::default(), Notify::new());
        let app = Rc::new(Self { address: listener.local_addr()?, checking, failures, seen, news });
        spawn_local(app.clone().serve(listener));
        Ok(app)
    }

    /// Answers the next requests with 500.
    pub(super) fn fail_next(&self, requests: u32) {
        self.failures.set(requests);
    }

    /// What was seen since the last look.
    pub(super) fn take_seen(&self) -> Vec<Seen> {
        self.seen.take()
    }

    /// What is seen next.
    pub(super) async fn next_seen(&self) -> anyhow::Result<Vec<Seen>> {
        let next = async {
            while self.seen.borrow().is_empty() {
                self.news.notified().await;
            }
            vec![self.seen.borrow_mut().remove(0)]
        };
        timeout(PATIENCE, next).await.context("a delivery did not come")
    }

    async fn serve(self: Rc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let app = self.clone();
            let service = service_fn(move |request| app.clone().receive(request));
            spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn receive(self: Rc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let check = (self.checking)(&parts.headers, &body);
        self.seen.borrow_mut().push(Seen::of(&parts.headers, body.len(), check));
        self.news.notify_one();
        let mut answer = Response::new(Full::from("{\"ok\":true}"));
        if self.failures.get() > 0 {
            self.failures.set(self.failures.get() - 1);
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            *answer.body_mut() = Full::default();
        } else if matches!(check, Check::Bad(_)) {
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
        }
        Ok(answer)
    }
}

impl Seen {
    fn of(headers: &HeaderMap, bytes: usize, check: Check) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let event_type = text("countersign-event-type").or_else(|| text("x-lvconnect-event"));
        let attempt = text("countersign-attempt").filter(|attempt| attempt != "1");
        Self { event_type: event_type.unwrap_or_else(|| "an event".into()), bytes, attempt, check }
    }
}
