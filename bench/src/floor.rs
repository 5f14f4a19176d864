//! The least that hyper needs for the job: no dedup, no limits, no metrics, no
//! timeouts. What countersign costs beyond it is what those cost.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

#[derive(clap::Args)]
pub(crate) struct Floor {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    upstream: SocketAddr,
}

struct State {
    key: Hmac<Sha256>,
    upstream: SocketAddr,
    kept: RefCell<Vec<SendRequest<Full<Bytes>>>>,
}

impl Floor {
    pub(crate) fn run(&self) {
        let key = Hmac::new_from_slice(crate::load::SECRET.as_bytes()).expect("any length is a key");
        let state = Rc::new(State { key, upstream: self.upstream, kept: RefCell::default() });
        crate::runtime().block_on(async {
            let listener = TcpListener::bind(self.listen).await.expect("the floor's address");
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let state = state.clone();
                let service = service_fn(move |request| pass(state.clone(), request));
                spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    }
}

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

async fn pass(state: Rc<State>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    Ok(forward(state, request).await.unwrap_or_else(|status| {
        let mut answer = Response::new(Empty::new().map_err(|never| match never {}).boxed());
        *answer.status_mut() = status;
        answer
    }))
}

async fn forward(state: Rc<State>, request: Request<Incoming>) -> Result<Answer, StatusCode> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
    let offered = parts.headers.get("x-lmif-signature").ok_or(StatusCode::UNAUTHORIZED)?;
    let offered = offered.as_bytes().strip_prefix(b"sha256=").and_then(decode).ok_or(StatusCode::UNAUTHORIZED)?;
    let mut mac = state.key.clone();
    mac.update(&body);
    mac.verify_slice(&offered).map_err(|_| StatusCode::UNAUTHORIZED)?;
    let kept = state.kept.borrow_mut().pop();
    let mut sender = match kept {
        Some(sender) => sender,
        None => connect(state.upstream).await.ok_or(StatusCode::BAD_GATEWAY)?,
    };
    sender.ready().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut request = Request::new(Full::new(body));
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (parts.method, parts.uri, parts.headers);
    let answer = sender.send_request(request).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    state.kept.borrow_mut().push(sender);
    Ok(answer.map(BodyExt::boxed))
}

async fn connect(upstream: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(upstream).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    spawn_local(connection);
    Some(sender)
}

fn decode(hex: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
