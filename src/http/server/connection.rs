//! Opens a connection: over TLS or not, and which version of HTTP is spoken on it.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::Service;
use super::guard::Peer;
use super::intake::Intake;
use super::speak::{Opened, Version};

/// How HTTP/2 begins where nothing was negotiated before (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long those connections that the kernel let in last may take to say what they are, once the intake drains.
const OPENING_OF_LAST: Duration = Duration::from_millis(500);

/// Serves a connection to its end.
pub(super) async fn connection<S: Service>(service: &Rc<S>, stream: TcpStream, address: SocketAddr) {
    // Answers are small and written at once: waiting to fill a segment only delays them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let limit = service.limits().read_timeout;
    // The rarer ways are in boxes, as every connection would carry the room for them otherwise.
    match service.tls() {
        None => clear(service, stream, address, limit).await,
        Some(tls) => Box::pin(encrypted(service, stream, address, limit, tls)).await,
    }
}

async fn clear<S: Service>(service: &Rc<S>, mut stream: TcpStream, address: SocketAddr, limit: Duration) {
    let peer = Peer::new(address, false);
    let Some((version, read)) = opening(service.intake(), limit, detect(&mut stream)).await else { return };
    Opened { stream, version, peer, read, limit }.speak(service).await;
}

async fn encrypted<S: Service>(
    service: &Rc<S>,
    stream: TcpStream,
    address: SocketAddr,
    limit: Duration,
    tls: Arc<rustls::ServerConfig>,
) {
    let handshake = TlsAcceptor::from(tls).accept(stream);
    let Some(stream) = opening(service.intake(), limit, handshake).await else { return };
    let version = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Version::Http2,
        _ => Version::Http1,
    };
    Opened { stream, version, peer: Peer::new(address, true), read: Vec::new(), limit }.speak(service).await;
}

/// What a connection begins with, if that comes in time: within `limit`, or at
/// once where the intake drains.
async fn opening<T>(intake: &Intake, limit: Duration, opening: impl Future<Output = io::Result<T>>) -> Option<T> {
    let mut drain = intake.watch();
    let hurried = async {
        // An error means that the gateway is gone, which is no reason to wait either.
        let _ = drain.wait_for(|draining| *draining).await;
        sleep(OPENING_OF_LAST).await;
    };
    tokio::select! {
        biased;
        opened = timeout(limit, opening) => opened.ok()?.ok(),
        () = hurried => None,
    }
}

/// Tells the versions apart by the first bytes, which are handed on with the answer.
async fn detect(stream: &mut TcpStream) -> io::Result<(Version, Vec<u8>)> {
    let mut read = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let compared = read.len().min(PREFACE.len());
        if read[..compared] != PREFACE[..compared] {
            return Ok((Version::Http1, read));
        }
        if compared == PREFACE.len() {
            return Ok((Version::Http2, read));
        }
    }
}
