//! An app that does whatever a test wants once it has read a request.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// It takes one request from each connection, and hands the connection over to the test.
pub(crate) struct Wild {
    pub address: SocketAddr,
    events: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Wild {
    pub(crate) async fn doing<F>(act: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, events) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let (act, read) = (Arc::new(act), events.clone());
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (act, read) = (act.clone(), read.clone());
                tokio::spawn(async move {
                    if let Some(event) = request(&mut stream).await {
                        read.lock().unwrap().push(event);
                        act(stream).await;
                    }
                });
            }
        });
        Self { address, events, serving }
    }

    /// The ids of the events that it has read, in order.
    pub(crate) fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }
}

impl Drop for Wild {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Reads a request, and returns the event's id.
pub(super) async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap().to_lowercase();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let length: usize = header("content-length").unwrap().parse().unwrap();
    while buffer.len() < end + length {
        if stream.read_buf(&mut buffer).await.ok()? == 0 {
            return None;
        }
    }
    // The gateway sends one request at a time.
    assert_eq!(buffer.len(), end + length);
    Some(header("countersign-event-id").unwrap().to_owned())
}
