//! The way through a proxy.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::dial::{connect, secure};
use super::endpoint::Wire;
use super::error::SendError;
use crate::config::{Proxy, UrlScheme};

/// Asks a proxy to connect to an address (RFC 9110 §9.3.6).
///
/// To the address that was checked, not to the endpoint's name: the proxy would look the name up again, and whoever
/// answers for it could say something else then. The proxy itself is configured, and trusted as upstreams are.
pub(super) async fn tunnel(proxy: &Proxy, address: SocketAddr) -> Result<Wire, SendError> {
    let request = request(proxy, address)?;
    let stream = connect(&proxy.url).await.map_err(SendError::Connect)?;
    let stream: Wire = match (proxy.url.scheme, &proxy.tls) {
        (UrlScheme::Https, Some(tls)) => Box::new(secure(stream, tls, &proxy.url.host).await?),
        _ => Box::new(stream),
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(SendError::Broken)?;
    let asking = async move {
        let answer = sender.send_request(request).await.map_err(SendError::ended)?;
        if !answer.status().is_success() {
            return Err(SendError::Proxy(answer.status()));
        }
        drop(sender);
        hyper::upgrade::on(answer).await.map_err(SendError::ended)
    };
    let driving = async {
        // Its errors reach whoever asks on it.
        let _ = connection.with_upgrades().await;
        Ok(())
    };
    let (tunnel, ()) = tokio::try_join!(asking, driving)?;
    Ok(Box::new(TokioIo::new(tunnel)))
}

fn request(proxy: &Proxy, address: SocketAddr) -> Result<Request<Empty<Bytes>>, SendError> {
    // Without the scope of a link-local address, which means nothing elsewhere.
    let authority = SocketAddr::new(address.ip(), address.port()).to_string();
    let host = HeaderValue::try_from(&authority).map_err(unwritable)?;
    let uri = Uri::builder().authority(authority).build().map_err(unwritable)?;
    let mut request = Request::connect(uri).header(header::HOST, host);
    if let Some(authorization) = &proxy.authorization {
        let mut value = HeaderValue::from_bytes(authorization.expose()).map_err(unwritable)?;
        value.set_sensitive(true);
        request = request.header(header::PROXY_AUTHORIZATION, value);
    }
    request.body(Empty::new()).map_err(unwritable)
}

fn unwritable(_: impl Into<http::Error>) -> SendError {
    SendError::Connect(io::Error::new(io::ErrorKind::InvalidInput, "the proxy's authorization cannot be sent"))
}
