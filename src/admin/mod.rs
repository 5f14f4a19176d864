//! The operator's address: whether the gateway lives, is ready, and what it counts.
//!
//! `/livez`, `/readyz` and `/metrics` are open to whoever reaches the address; all
//! that lies under `/api/v1/` demands the token.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tower::{ServiceBuilder, ServiceExt};

use crate::config::Admin;
use crate::inbound::Gateway;
use crate::scheme::Secret;
use crate::store::Store;
use crate::telemetry::log::Log;
use crate::telemetry::metrics::Metrics;

/// How many requests are answered at once; more are told to come again.
const AT_ONCE: usize = 32;

/// How long a connection may take to say what it wants, or idle.
const PATIENCE: Duration = Duration::from_secs(30);

/// The content type of the Prometheus text format, version 0.0.4.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The admin address cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on the admin address {address}")]
pub struct AdminError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// The admin address, taken and not yet served.
pub struct Server {
    /// The address, with the port that the system gave for port 0.
    pub address: SocketAddr,
    /// What lets an operator in.
    pub token: Token,
    socket: StdListener,
}

/// The token that the admin address demands; clones are the same one.
#[derive(Clone)]
pub struct Token(Rc<RefCell<Option<Secret>>>);

impl Token {
    /// Demands another one from the next request on.
    pub fn set(&self, token: Option<Secret>) {
        self.0.replace(token);
    }
}

/// What the operator may ask about.
pub struct State {
    gateway: Arc<Gateway>,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    log: Log,
}

impl State {
    /// The state of this gateway.
    pub fn new(gateway: Arc<Gateway>, store: Arc<Store>, metrics: Arc<Metrics>, log: Log) -> Self {
        Self { gateway, store, metrics, log }
    }

    /// Shows what is counted where it happens, and not in the metrics themselves.
    fn gather(&self) {
        let Self { gateway, store, metrics, log } = self;
        metrics.body_bytes.set(gateway.body_bytes() as f64);
        metrics.connections.set(gateway.connections() as f64);
        metrics.log_lines_dropped.absolute(log.dropped());
        let totals = store.totals();
        metrics.store.show(totals.written, totals.unwritten, totals.failures, totals.answer_bytes);
        for scope in store.stats() {
            metrics.scope(&scope.name).show(scope.entries, scope.in_flight, scope.evictions);
        }
    }
}

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    ///
    /// If it is in use, or is not ours.
    pub fn bind(admin: &Admin) -> Result<Self, AdminError> {
        let bound = StdListener::bind(admin.listen).and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok((socket.local_addr()?, socket))
        });
        let (address, socket) = bound.map_err(|source| AdminError { address: admin.listen, source })?;
        Ok(Self { address, socket, token: Token(Rc::new(RefCell::new(admin.token.clone()))) })
    }

    /// Answers until the process ends.
    pub async fn serve(self, state: State) {
        let answering = Rc::new(Answering { state, token: self.token });
        let listener = match TcpListener::from_std(self.socket) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(cause = %error, "the admin address cannot be served"),
        };
        let service = ServiceBuilder::new().load_shed().concurrency_limit(AT_ONCE).service_fn(move |request| {
            let answering = answering.clone();
            async move { Ok::<_, Infallible>(answering.answer(&request)) }
        });
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let service = service.clone();
            let answer = move |request: Request<Incoming>| {
                // Too many at once is the only error there is.
                let answer = service.clone().oneshot(request);
                async { Ok::<_, Infallible>(answer.await.unwrap_or_else(|_| overloaded())) }
            };
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            spawn_local(connection);
        }
    }
}

struct Answering {
    state: State,
    token: Token,
}

impl Answering {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if path.starts_with("/api/") {
            return self.api(request.headers());
        }
        if !matches!(path, "/livez" | "/readyz" | "/metrics") {
            return text(StatusCode::NOT_FOUND, "not found\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match path {
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready(),
            _ => self.metrics(),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        if self.state.gateway.draining() {
            text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else if !self.state.store.healthy() {
            text(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be written\n")
        } else {
            text(StatusCode::OK, "ok\n")
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        self.state.gather();
        let mut answer = Response::new(self.state.metrics.render().into());
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROMETHEUS));
        answer
    }

    /// Nothing lies there that a stranger could tell from what does not.
    fn api(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        if self.token.0.borrow().as_ref().is_some_and(|token| !bears(headers, token)) {
            let mut answer = text(StatusCode::UNAUTHORIZED, "");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return answer;
        }
        text(StatusCode::NOT_FOUND, "not found\n")
    }
}

/// Whether the request bears the token (RFC 6750 §2.1), compared in constant time.
fn bears(headers: &HeaderMap, token: &Secret) -> bool {
    let mut offered = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (offered.next(), offered.next()) else { return false };
    value
        .as_bytes()
        .split_at_checked(7)
        .is_some_and(|(scheme, offered)| scheme.eq_ignore_ascii_case(b"bearer ") && token.matches(offered))
}

fn overloaded() -> Response<Full<Bytes>> {
    text(StatusCode::SERVICE_UNAVAILABLE, "overloaded\n")
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
