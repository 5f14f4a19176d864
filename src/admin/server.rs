//! The listener.

use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::{ServiceBuilder, ServiceExt};

use super::access::Token;
use super::answer::{Answer, text};
use super::api;
use super::health::Health;
use super::state::State;
use crate::clock;
use crate::config::{Admin, Limits, Listen};
use crate::http::server::{self, BindError, Intake, Listeners, Peer, Running, Unread};

/// How many requests are answered at once; more are told to come again.
const AT_ONCE: usize = 32;

/// What is taken in. How large a body may be, is up to who reads it.
const LIMITS: Limits =
    Limits { body: usize::MAX, memory: usize::MAX, connections: 256, read_timeout: Duration::from_secs(30) };

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
        let answering = ServiceBuilder::new().load_shed().concurrency_limit(AT_ONCE).service_fn(move |request| {
            let answering = answering.clone();
            async move { Ok::<_, Infallible>(answering.answer(request).await) }
        });
        let served = Served { answering, intake: Intake::new(), running: Rc::default() };
        if let Err(error) = server::serve(Rc::new(served), socket).await {
            tracing::error!(cause = %error, "the admin address cannot be served");
        }
    }
}

/// The address, as the server that senders and the app have as well serves it.
struct Served<S> {
    answering: S,
    intake: Arc<Intake>,
    running: Rc<Running>,
}

impl<S> server::Service for Served<S>
where
    S: tower::Service<Request<Incoming>, Response = Answer, Future: 'static> + Clone + 'static,
{
    type Answer = Full<Bytes>;

    fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    fn running(&self) -> &Rc<Running> {
        &self.running
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    fn is_proxy(&self, _: Option<IpAddr>) -> bool {
        false
    }

    fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        None
    }

    async fn answer(self: Rc<Self>, peer: Rc<Peer>, request: Request<Incoming>) -> Answer {
        match peer.bad_head.take() {
            Some(bad) => api::Refusal::from(Unread::from(bad)).answer(),
            // Too many at once is the only error there is.
            None => match self.answering.clone().oneshot(request).await {
                Ok(answer) => answer,
                Err(_) => api::Refusal::Overloaded.answer(),
            },
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
