//! Connections to wherever the person says who runs a command.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::Builder;
use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};

use super::connection::Connection;
use super::dial::{Dial, secure};
use super::error::SendError;

/// A host and a port. Every address is good: whoever types it may go there.
pub(crate) struct Anywhere {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `None`: clear text.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) connect_timeout: Duration,
}

impl Anywhere {
    async fn reach(&self) -> io::Result<TcpStream> {
        let mut refused = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in lookup_host((self.host.as_str(), self.port)).await? {
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
}

impl Dial for Anywhere {
    fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    async fn dial(&self) -> Result<Connection, SendError> {
        let stream = self.reach().await.map_err(SendError::Connect)?;
        match &self.tls {
            Some(tls) => Connection::over(secure(stream, tls, &self.host).await?, &Builder::new()).await,
            None => Connection::over(stream, &Builder::new()).await,
        }
    }
}
