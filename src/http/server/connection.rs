//! Opens a connection: for whom it is, over TLS or not, and which version of HTTP is spoken on it.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::field::{self, DisplayValue};

use super::Service;
use super::announcement::{self, Announced};
use super::guard::Peer;
use super::intake::Intake;
use super::speak::{Opened, Version};
use super::wire::Wire;

/// How HTTP/2 begins where nothing was negotiated before (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long those connections that the kernel let in last may take to say what they are, once the intake drains.
const OPENING_OF_LAST: Duration = Duration::from_millis(500);

/// Serves a connection to its end.
pub(super) async fn connection<S: Service>(service: &Rc<S>, wire: Wire, address: Option<IpAddr>) {
    if wire.set_nodelay().is_err() {
        return;
    }
    let limit = service.limits().read_timeout;
    let incoming = Incoming { wire, address, ahead: Vec::new() };
    // The rarer ways are in boxes, as every connection would carry the room for them otherwise.
    let incoming = if service.is_proxy(address) {
        match Box::pin(announced(service, incoming, limit)).await {
            Some(incoming) => incoming,
            None => return,
        }
    } else {
        incoming
    };
    match service.tls() {
        None => clear(service, incoming, limit).await,
        Some(tls) => Box::pin(encrypted(service, incoming, limit, tls)).await,
    }
}

/// A connection of which nothing is known but where it comes from.
struct Incoming {
    wire: Wire,
    address: Option<IpAddr>,
    /// What was read of it already.
    ahead: Vec<u8>,
}

/// The connection behind what a proxy says of it. It ends where the proxy does not say it.
async fn announced<S: Service>(service: &Rc<S>, incoming: Incoming, limit: Duration) -> Option<Incoming> {
    let Incoming { mut wire, address, .. } = incoming;
    let (said, ahead) = opening(service.intake(), limit, listen(&mut wire, address)).await?;
    let address = match said {
        Announced::Address(address) => Some(address),
        Announced::Nowhere => None,
        Announced::Proxy => address,
    };
    Some(Incoming { wire, address, ahead })
}

/// What the proxy says, and what was read behind it.
async fn listen(wire: &mut Wire, proxy: Option<IpAddr>) -> io::Result<(Announced, Vec<u8>)> {
    let mut read = Vec::with_capacity(1024);
    // One that only looks whether somebody is here says nothing.
    while wire.read_buf(&mut read).await? > 0 {
        match announcement::scan(&read) {
            Ok(None) => {}
            Ok(Some((said, length))) => {
                read.drain(..length);
                return Ok((said, read));
            }
            Err(cause) => {
                tracing::warn!(proxy = shown(proxy), %cause, "a proxy does not say for whom it connects");
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

async fn clear<S: Service>(service: &Rc<S>, incoming: Incoming, limit: Duration) {
    let Incoming { wire: mut stream, address, ahead } = incoming;
    let peer = Peer::new(address, false);
    let Some((version, read)) = opening(service.intake(), limit, detect(&mut stream, ahead)).await else { return };
    Opened { stream, version, peer, read, limit }.speak(service).await;
}

async fn encrypted<S: Service>(service: &Rc<S>, incoming: Incoming, limit: Duration, tls: Arc<rustls::ServerConfig>) {
    let peer = Peer::new(incoming.address, true);
    // In a box, because a handshake takes more room than what comes after it.
    let Some((stream, version)) = Box::pin(handshake(service.intake(), incoming, limit, tls)).await else { return };
    Opened { stream, version, peer, read: Vec::new(), limit }.speak(service).await;
}

async fn handshake(
    intake: &Intake,
    incoming: Incoming,
    limit: Duration,
    tls: Arc<rustls::ServerConfig>,
) -> Option<(Box<TlsStream<Wire>>, Version)> {
    let Incoming { wire, address, ahead } = incoming;
    let handshake = TlsAcceptor::from(tls).accept(wire.after(ahead));
    let handshake = async {
        handshake.await.inspect_err(|cause| tracing::debug!(address = shown(address), %cause, "no TLS was agreed on"))
    };
    let stream = opening(intake, limit, handshake).await?;
    let version = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Version::Http2,
        _ => Version::Http1,
    };
    Some((Box::new(stream), version))
}

/// An address, for the log.
fn shown(address: Option<IpAddr>) -> Option<DisplayValue<IpAddr>> {
    address.map(field::display)
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
async fn detect(stream: &mut Wire, mut read: Vec<u8>) -> io::Result<(Version, Vec<u8>)> {
    read.reserve(1024);
    loop {
        let compared = read.len().min(PREFACE.len());
        if read[..compared] != PREFACE[..compared] {
            return Ok((Version::Http1, read));
        }
        if compared == PREFACE.len() {
            return Ok((Version::Http2, read));
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
