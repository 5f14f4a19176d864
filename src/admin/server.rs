//! The listener.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::spawn_local;
use tower::{ServiceBuilder, ServiceExt};

use super::access::Token;
use super::answer::{Answer, text};
use super::api;
use super::health::Health;
use super::state::State;
use crate::clock;
use crate::config::{Admin, Listen};
use crate::http::server::{BindError, Listener, Listeners};

/// How many requests are answered at once; more are told to come again.
const AT_ONCE: usize = 32;

/// How long a connection may take to say what it wants, or idle.
const PATIENCE: Duration = Duration::from_secs(30);

/// The admin address cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the admin address cannot be used")]
pub struct AdminError(#[from] BindError);

/// The admin address, taken and not yet served.
pub struct Server {
    /// What lets an operator in.
    pub token: Token,
    listeners: Listeners,
}

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    ///
    /// If it is in use, or is not ours.
    pub fn bind(admin: &Admin) -> Result<Self, AdminError> {
        Ok(Self { listeners: Listeners::bind(&admin.listen, 1)?, token: Token::new(admin.token.clone()) })
    }

    /// Where it listens, with the port that the system gave for port 0.
    pub fn address(&self) -> &Listen {
        &self.listeners.address
    }

    /// Answers until the process ends.
    pub async fn serve(mut self, state: State) {
        let state = Rc::new(state);
        let answering = Rc::new(Answering { health: Health::new(state.clone()), state, token: self.token });
        let socket = self.listeners.next_socket().expect("one was bound");
        let listener = match Listener::new(socket) {
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
