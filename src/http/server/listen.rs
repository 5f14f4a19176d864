//! Takes an address.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

use super::socket_file::{self, SocketFile};
use crate::config::Listen;

pub(super) const BACKLOG: i32 = 4096;

/// The address is taken.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    address: Listen,
    #[source]
    source: io::Error,
}

/// One listening socket for every worker, all on one address.
pub struct Listeners {
    /// The address, with the port that the system gave for port 0.
    pub address: Listen,
    sockets: Vec<ListeningSocket>,
    file: Option<SocketFile>,
}

/// A listening socket, for the thread that will accept on it.
pub enum ListeningSocket {
    /// At an address.
    Tcp(StdTcpListener),
    /// At a Unix socket.
    Unix(StdUnixListener),
}

impl Listeners {
    /// Takes the address, so that a second process fails here, and shares it among the workers.
    ///
    /// # Errors
    ///
    /// If the address is in use, or is not ours.
    pub fn bind(address: &Listen, workers: usize) -> Result<Self, BindError> {
        let bound = match address {
            Listen::Tcp(address) => Self::at_address(*address, workers),
            Listen::Unix(path) => Self::at_socket(path, workers),
        };
        bound.map_err(|source| BindError { address: address.clone(), source })
    }

    /// The address is taken alone first: with SO_REUSEPORT a second process would share it.
    fn at_address(address: SocketAddr, workers: usize) -> io::Result<Self> {
        let alone = open(address, false)?;
        let address = alone.local_addr()?;
        let sockets = if workers == 1 {
            vec![alone]
        } else {
            drop(alone);
            (0..workers).map(|_| open(address, true)).collect::<io::Result<_>>()?
        };
        let sockets = sockets.into_iter().map(ListeningSocket::Tcp).collect();
        Ok(Self { address: Listen::Tcp(address), sockets, file: None })
    }

    /// All accept from the one queue that a Unix socket has.
    fn at_socket(path: &Path, workers: usize) -> io::Result<Self> {
        let (socket, file) = socket_file::take(path)?;
        let mut sockets = (1..workers).map(|_| socket.try_clone()).collect::<io::Result<Vec<_>>>()?;
        sockets.push(socket);
        let sockets = sockets.into_iter().map(ListeningSocket::Unix).collect();
        Ok(Self { address: Listen::Unix(path.to_owned()), sockets, file: Some(file) })
    }

    /// The socket of the next worker.
    pub fn next_socket(&mut self) -> Option<ListeningSocket> {
        self.sockets.pop()
    }

    /// Lets nobody find the way here any more. Sockets are open until their workers close them.
    pub fn close(&mut self) {
        self.file = None;
    }
}

fn open(address: SocketAddr, shared: bool) -> io::Result<StdTcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
