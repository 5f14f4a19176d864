//! The app behind the demo's gateway: it records what it sees.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::spawn_local;

/// An app that answers 200, or 500 as often as it is told to.
pub(super) struct App {
    pub address: SocketAddr,
    failures: Cell<u32>,
    seen: RefCell<Vec<Seen>>,
}

/// A request that reached the app.
pub(super) struct Seen {
    pub event_type: String,
    pub bytes: usize,
}

impl App {
    pub(super) async fn start() -> io::Result<Rc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let app = Rc::new(Self { address, failures: Cell::default(), seen: RefCell::default() });
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

    async fn serve(self: Rc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let app = self.clone();
            let service = service_fn(move |request| app.clone().receive(request));
            spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn receive(self: Rc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.map_or(0, |body| body.to_bytes().len());
        self.seen.borrow_mut().push(Seen { event_type: event_type(&parts.headers), bytes });
        let mut answer = Response::new(Full::from("{\"ok\":true}"));
        if self.failures.get() > 0 {
            self.failures.set(self.failures.get() - 1);
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            *answer.body_mut() = Full::default();
        }
        Ok(answer)
    }
}

fn event_type(headers: &HeaderMap) -> String {
    let value = headers.get("countersign-event-type").and_then(|value| value.to_str().ok());
    value.unwrap_or("an event").to_owned()
}
