//! Connections to an endpoint: only to addresses that it may have.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::Connection;
use super::dial::{Dial, secure};
use super::error::SendError;
use super::proxy;
use super::resolve::{Resolve, System};
use crate::config::{Egress, Endpoint, UrlScheme};

/// How much of an answer hyper holds at once, its head included: nobody vouches for what an endpoint sends.
const BUFFER: usize = 64 * 1024;

/// How many addresses of an endpoint are tried: whoever answers for its name chooses how many there are.
const TRIED: usize = 8;

/// Makes connections to an endpoint.
///
/// The name is looked up for each connection, and only what was looked up and checked is connected to: a name that has
/// another address a moment later gains nothing by it.
pub(crate) struct Outside {
    endpoint: Arc<Endpoint>,
    egress: Egress,
    resolver: Box<dyn Resolve>,
}

/// A stream of bytes of whatever kind.
pub(super) type Wire = Box<dyn Stream>;

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Outside {
    /// The way to an endpoint, as the system knows its name.
    pub(crate) fn new(endpoint: Arc<Endpoint>, egress: Egress) -> Self {
        Self::resolved_by(System, endpoint, egress)
    }

    /// The same, as somebody else knows its name.
    pub(crate) fn resolved_by(resolver: impl Resolve, endpoint: Arc<Endpoint>, egress: Egress) -> Self {
        Self { endpoint, egress, resolver: Box::new(resolver) }
    }

    /// The addresses that may be connected to; never none.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, SendError> {
        let url = &self.endpoint.url;
        let addresses = self.resolver.resolve(&url.host, url.port).await.map_err(SendError::Connect)?;
        let mut allowed = Vec::new();
        let mut denied = SendError::Connect(io::ErrorKind::NotFound.into());
        for address in addresses {
            match self.egress.check(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(what) => denied = SendError::EgressDenied(address.ip(), what),
            }
        }
        allowed.truncate(TRIED);
        if allowed.is_empty() { Err(denied) } else { Ok(allowed) }
    }

    async fn reach(&self, address: SocketAddr) -> Result<Wire, SendError> {
        match &self.endpoint.proxy {
            Some(proxy) => proxy::tunnel(proxy, address).await,
            None => {
                let stream = TcpStream::connect(address).await.map_err(SendError::Connect)?;
                stream.set_nodelay(true).map_err(SendError::Connect)?;
                Ok(Box::new(stream))
            }
        }
    }

    async fn speak(&self, wire: Wire) -> Result<Connection, SendError> {
        let mut builder = Builder::new();
        builder.max_buf_size(BUFFER);
        match (self.endpoint.url.scheme, &self.endpoint.tls) {
            (UrlScheme::Https, Some(tls)) => {
                Connection::over(secure(wire, tls, &self.endpoint.url.host).await?, &builder).await
            }
            _ => Connection::over(wire, &builder).await,
        }
    }
}

impl Dial for Outside {
    fn connect_timeout(&self) -> Duration {
        self.endpoint.connect_timeout
    }

    async fn dial(&self) -> Result<Connection, SendError> {
        let addresses = self.addresses().await?;
        // An address that swallows packets leaves time for the next one.
        let share = self.endpoint.connect_timeout / addresses.len() as u32;
        let mut refused = SendError::Connect(io::ErrorKind::NotFound.into());
        for address in addresses {
            match timeout(share, self.reach(address)).await {
                Ok(Ok(wire)) => return self.speak(wire).await,
                Ok(Err(error)) => refused = error,
                Err(_) => refused = SendError::Connect(io::ErrorKind::TimedOut.into()),
            }
        }
        Err(refused)
    }
}

#[cfg(test)]
mod tests;
