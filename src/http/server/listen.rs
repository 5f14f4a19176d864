//! Takes an address.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};

use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 4096;

/// The address is taken.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// One listening socket for every worker, all on one address.
pub struct Listeners {
    /// The address, with the port that the system gave for port 0.
    pub address: SocketAddr,
    sockets: Vec<StdListener>,
}

impl Listeners {
    /// Takes the address alone first, so that a second process fails here, and
    /// then shares it among the workers.
    ///
    /// # Errors
    ///
    /// If the address is in use, or is not ours.
    pub fn bind(address: SocketAddr, workers: usize) -> Result<Self, BindError> {
        Self::sockets(address, workers).map_err(|source| BindError { address, source })
    }

    fn sockets(address: SocketAddr, workers: usize) -> io::Result<Self> {
        let alone = open(address, false)?;
        if workers == 1 {
            return Ok(Self { address: alone.local_addr()?, sockets: vec![alone] });
        }
        let address = alone.local_addr()?;
        drop(alone);
        let sockets = (0..workers).map(|_| open(address, true)).collect::<io::Result<_>>()?;
        Ok(Self { address, sockets })
    }

    /// The socket of the next worker.
    pub fn next_socket(&mut self) -> Option<StdListener> {
        self.sockets.pop()
    }
}

fn open(address: SocketAddr, shared: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
