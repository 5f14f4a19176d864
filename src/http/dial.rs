//! How connections are made.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::Builder;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connection::Connection;
use super::error::SendError;
use crate::config::{Upstream, UpstreamUrl, UrlScheme};

/// Makes connections to one target.
pub(crate) trait Dial: 'static {
    /// How long that may take.
    fn connect_timeout(&self) -> Duration;

    /// Makes one.
    async fn dial(&self) -> Result<Connection, SendError>;
}

/// Whoever configured an upstream is trusted to know where it is.
impl Dial for Arc<Upstream> {
    fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    async fn dial(&self) -> Result<Connection, SendError> {
        if self.url.scheme == UrlScheme::Unix {
            let stream = UnixStream::connect(&self.url.host).await.map_err(SendError::Connect)?;
            return Connection::over(stream, &Builder::new()).await;
        }
        let stream = connect(&self.url).await.map_err(SendError::Connect)?;
        match (self.url.scheme, &self.tls) {
            (UrlScheme::Https, Some(tls)) => {
                Connection::over(secure(stream, tls, &self.url.host).await?, &Builder::new()).await
            }
            _ => Connection::over(stream, &Builder::new()).await,
        }
    }
}

/// Connects to whoever is there, at the first address that takes the connection.
pub(super) async fn connect(url: &UpstreamUrl) -> io::Result<TcpStream> {
    let mut refused = io::Error::from(io::ErrorKind::NotFound);
    for address in lookup_host((url.host.as_str(), url.port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Speaks TLS to the host of this name.
pub(super) async fn secure<S>(stream: S, tls: &Arc<ClientConfig>, host: &str) -> Result<TlsStream<S>, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = host.to_owned().try_into().map_err(|error| SendError::Tls(io::Error::other(error)))?;
    TlsConnector::from(tls.clone()).connect(name, stream).await.map_err(SendError::Tls)
}
