//! The listener.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tower::{ServiceBuilder, ServiceExt};

use super::access::Token;
use super::answer::{Answer, text};
use super::api;
use super::health::Health;
use super::state::State;
use crate::clock;
use crate::config::Admin;

/// How many requests are answered at once; more are told to come again.
const AT_ONCE: usize = 32;

/// How long a connection may take to say what it wants, or idle.
const PATIENCE: Duration = Duration::from_secs(30);

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
        Ok(Self { address, socket, token: Token::new(admin.token.clone()) })
    }

    /// Answers until the process ends.
    pub async fn serve(self, state: State) {
        let state = Rc::new(state);
        let answering = Rc::new(Answering { health: Health::new(state.clone()), state, token: self.token });
        let listener = match TcpListener::from_std(self.socket) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(cause = %error, "the admin address cannot be served"),
        };
        let service = ServiceBuilder::new().load_shed().concurrency_limit(AT_ONCE).service_fn(move |request| {
            let answering = answering.clone();
            async move { Ok::<_, Infallible>(answering.answer(request).await) }
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
                async { Ok::<_, Infallible>(answer.await.unwrap_or_else(|_| api::Refusal::Overloaded.answer())) }
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
    state: Rc<State>,
    health: Health,
    token: Token,
}

impl Answering {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path();
        if path.starts_with("/api/") {
            return match self.token.admit(request.headers()) {
                Ok(()) => api::answer(&self.state, request, clock::now()).await,
                // Nothing lies there that a stranger could tell from what does not.
                Err(refusal) => refusal.answer(),
            };
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
            "/readyz" => self.health.ready(),
            _ => self.health.metrics(clock::now()).await,
        }
    }
}
