//! Connections that are open and say nothing.

use tokio::net::TcpStream;
use tokio::runtime::LocalRuntime;
use tokio::task::spawn_local;

use super::http1::exchange;
use super::{Load, Template, Way};

/// Open until it is dropped.
pub(crate) struct Idle {
    _runtime: LocalRuntime,
    _connections: Vec<TcpStream>,
}

impl Idle {
    /// As many connections as `load` says, 64 of them being made at a time. On each `requests` were answered.
    pub(crate) fn open(load: &Load, requests: usize) -> Self {
        let runtime = crate::runtime();
        let connections = runtime.block_on(async {
            let mut connections = Vec::new();
            while connections.len() < load.connections {
                let next = connections.len()..load.connections.min(connections.len() + 64);
                let next: Vec<_> = next.map(|number| spawn_local(connection(load.clone(), number, requests))).collect();
                for connection in next {
                    connections.push(connection.await.expect("it is answered"));
                }
            }
            connections
        });
        Self { _runtime: runtime, _connections: connections }
    }
}

async fn connection(load: Load, number: usize, requests: usize) -> TcpStream {
    let mut stream = TcpStream::connect(load.target).await.expect("the target listens");
    let (mut template, mut request, mut answer) = (Template::new(&load, Way::default()), Vec::new(), vec![0; 16_384]);
    for again in 0..requests {
        template.write(&mut request, (number * requests + again) as u64);
        let count = exchange(&mut stream, &request, &mut answer).await.expect("an answer");
        assert!(answer[..count].starts_with(b"HTTP/1.1 200"), "it is taken");
    }
    stream
}
