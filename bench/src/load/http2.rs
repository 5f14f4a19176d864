//! Several requests at a time on a connection.

use std::future::Future;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::template::path;
use super::{State, Template, tls};

/// Requests at a time on a connection.
pub(super) const STREAMS: usize = 8;

#[derive(Clone)]
struct Here;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

pub(super) async fn open(state: Rc<State>) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(state.load.target).await.ok()?;
    let _ = stream.set_nodelay(true);
    let stream = tls::connect(stream, b"h2").await?;
    let (sender, connection) = handshake(Here, TokioIo::new(stream)).await.ok()?;
    spawn_local(connection);
    Some(sender)
}

/// Over all streams of a connection.
pub(super) async fn send(state: Rc<State>, sender: SendRequest<Full<Bytes>>) -> Option<()> {
    let streams: Vec<_> = (0..STREAMS).map(|_| spawn_local(stream(state.clone(), sender.clone()))).collect();
    for stream in streams {
        stream.await.ok()??;
    }
    Some(())
}

async fn stream(state: Rc<State>, mut sender: SendRequest<Full<Bytes>>) -> Option<()> {
    let mut template = Template::new(&state.load, state.way);
    while let Some(number) = state.next() {
        let signature = template.sign(number);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("https://localhost{}", path(number, state.way.sources as u64)))
            .header("content-type", "application/json")
            .header("user-agent", "bench")
            .header("accept", "*/*")
            .header("x-lmif-signature", [b"sha256=".as_slice(), &signature].concat())
            .body(Full::new(Bytes::copy_from_slice(&template.body)))
            .expect("a request");
        let start = Instant::now();
        let answer = sender.send_request(request).await.ok()?;
        let status = answer.status();
        answer.into_body().collect().await.ok()?;
        state.answered(start, status == state.expected());
    }
    Some(())
}
