//! Senders that come when they come, whether or not those before them were answered.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{Connection, Delivery, Sender, request};

/// Senders of LMIF events with ids of their own, on as many connections as are needed at once.
pub(crate) struct Rush {
    address: SocketAddr,
    path: &'static str,
    sender: Sender,
    idle: Arc<Mutex<Vec<Connection>>>,
    count: usize,
}

/// What became of one event that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub id: String,
    /// Since the rush began.
    pub came: Duration,
    /// From when it was to be sent to the end of the answer.
    pub took: Duration,
    pub status: u16,
    pub retry_after: Option<String>,
}

impl Sent {
    pub(crate) fn is_taken(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Rush {
    pub(crate) fn at(address: SocketAddr, path: &'static str) -> Self {
        Self { address, path, sender: Sender::lmif(), idle: Arc::default(), count: 0 }
    }

    /// So many a second come for a while; returns when the last was answered.
    pub(crate) async fn of(&mut self, rate: u32, time: Duration) -> Vec<Sent> {
        let (start, between) = (Instant::now(), Duration::from_secs(1) / rate);
        let mut sending = JoinSet::new();
        for number in 0.. {
            let due = start + between * number;
            if due >= start + time {
                break;
            }
            self.count += 1;
            let id = format!("evt_{}", self.count);
            let delivery = self.sender.event(&id);
            // The time that passes between two events is the load.
            sleep_until(due).await;
            let sent = send(self.address, self.path, delivery, self.idle.clone());
            sending.spawn(async move {
                let (status, retry_after) = sent.await;
                Sent { id, came: due - start, took: due.elapsed(), status, retry_after }
            });
        }
        sending.join_all().await
    }
}

async fn send(
    address: SocketAddr,
    path: &str,
    delivery: Delivery,
    idle: Arc<Mutex<Vec<Connection>>>,
) -> (u16, Option<String>) {
    let kept = idle.lock().unwrap().pop();
    let connection = match kept {
        Some(connection) => connection,
        None => {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            Connection::http1(stream, "hooks.example").await
        }
    };
    let answer = connection.send(request(path, &delivery)).await;
    idle.lock().unwrap().push(connection);
    (answer.status.as_u16(), answer.header("retry-after").map(str::to_owned))
}

/// The time that all but this share of them took no longer than.
pub(crate) fn percentile<'a>(sent: impl IntoIterator<Item = &'a Sent>, share: f64) -> Duration {
    let mut took: Vec<_> = sent.into_iter().map(|sent| sent.took).collect();
    took.sort_unstable();
    let place = ((took.len() as f64 * share).ceil() as usize).clamp(1, took.len());
    took[place - 1]
}
