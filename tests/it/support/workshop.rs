//! An app that does so many requests at a time, each in the same time, as a pool of threads does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::wild;

/// It answers 200, and remembers the ids of the events.
pub(crate) struct Workshop {
    pub address: SocketAddr,
    done: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Workshop {
    pub(crate) async fn open(at_once: usize, each: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, done) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let (workers, remembered) = (Arc::new(Semaphore::new(at_once)), done.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, workers.clone(), each, remembered.clone()));
            }
        });
        Self { address, done, serving }
    }

    /// The events that it did, in their order.
    pub(crate) fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    workers: Arc<Semaphore>,
    each: Duration,
    done: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    while let Some(event) = wild::request(&mut stream).await {
        let working = workers.acquire().await.unwrap();
        // Its work is time.
        tokio::time::sleep(each).await;
        drop(working);
        done.lock().unwrap().push(event);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await.ok()?;
    }
    None
}
