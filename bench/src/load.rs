//! A sender that never waits for more than the answer. Every body is distinct.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::upstream::{content_length, find};

pub(crate) const SECRET: &str = "a secret of the benchmark, long enough";

#[derive(Clone, clap::Args)]
pub(crate) struct Load {
    #[arg(long)]
    pub target: SocketAddr,
    /// Bytes of each body.
    #[arg(long, default_value_t = 4096)]
    pub size: usize,
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Sign with another secret.
    #[arg(long)]
    pub forge: bool,
    /// Tells the bodies of one run from those of another.
    #[arg(long, default_value = "run")]
    pub run: String,
    /// The status that is expected, unless it is forged.
    #[arg(long, default_value_t = 200)]
    pub status: u16,
}

pub(crate) struct Done {
    pub requests: u64,
    pub unexpected: u64,
    pub seconds: f64,
    pub latencies: Vec<u32>,
}

impl Done {
    pub(crate) fn line(&self) -> String {
        let at = |part: f64| self.latencies.get((self.latencies.len() as f64 * part) as usize).copied().unwrap_or(0);
        format!(
            "requests {} unexpected {} seconds {:.3} per_second {:.0} p50_us {} p99_us {}",
            self.requests,
            self.unexpected,
            self.seconds,
            self.requests as f64 / self.seconds,
            at(0.5),
            at(0.99)
        )
    }
}

impl Load {
    pub(crate) fn run(&self) -> Done {
        crate::runtime().block_on(async {
            let state = Rc::new(State {
                load: self.clone(),
                next: Cell::new(0),
                unexpected: Cell::new(0),
                latencies: RefCell::default(),
                until: Instant::now() + Duration::from_secs_f64(self.seconds),
            });
            let start = Instant::now();
            let senders: Vec<_> =
                (0..self.connections).map(|_| tokio::task::spawn_local(send(state.clone()))).collect();
            for sender in senders {
                let _ = sender.await;
            }
            let mut latencies = state.latencies.take();
            latencies.sort_unstable();
            let seconds = start.elapsed().as_secs_f64();
            Done { requests: latencies.len() as u64, unexpected: state.unexpected.get(), seconds, latencies }
        })
    }
}

struct State {
    load: Load,
    next: Cell<u64>,
    unexpected: Cell<u64>,
    latencies: RefCell<Vec<u32>>,
    until: Instant,
}

async fn send(state: Rc<State>) -> Option<()> {
    let load = &state.load;
    let key = if load.forge { "somebody's guess" } else { SECRET };
    let key = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length is a key");
    let expected = format!("HTTP/1.1 {}", if load.forge { 401 } else { load.status });
    let mut stream = TcpStream::connect(load.target).await.expect("the target listens");
    let _ = stream.set_nodelay(true);
    let (mut template, mut request, mut answer) = (Template::new(load), Vec::new(), vec![0; 16 * 1024]);
    while Instant::now() < state.until {
        let number = state.next.replace(state.next.get() + 1);
        template.write(&mut request, number, &key);
        let start = Instant::now();
        stream.write_all(&request).await.ok()?;
        let count = read(&mut stream, &mut answer).await?;
        state.latencies.borrow_mut().push(start.elapsed().as_micros() as u32);
        if !answer[..count].starts_with(expected.as_bytes()) {
            state.unexpected.set(state.unexpected.get() + 1);
        }
    }
    Some(())
}

/// A request that is made once, but for its number and its signature.
struct Template {
    head: Vec<u8>,
    body: Vec<u8>,
    /// Where the number stands in the body.
    number: std::ops::Range<usize>,
}

impl Template {
    fn new(load: &Load) -> Self {
        let beginning = format!("{{\"id\":\"evt_{}_", load.run);
        let number = beginning.len()..beginning.len() + 12;
        let mut body = format!(
            "{beginning}{:012}\",\"type\":\"box.created\",\"createdAt\":\"2026-01-15T10:00:00Z\",\"data\":{{\"items\":[",
            0
        )
        .into_bytes();
        // Items as real events have them, not one long string that a parser skips in one step.
        let mut item = 0;
        while body.len() + 80 < load.size {
            let _ = write!(body, "{{\"id\":\"item-{item}\",\"name\":\"a name\",\"count\":{item}}},");
            item += 1;
        }
        body.extend_from_slice(b"null],\"pad\":\"");
        body.resize(load.size.saturating_sub(3).max(body.len()), b'x');
        body.extend_from_slice(b"\"}}");
        let head = format!(
            "POST /hooks/lmif HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nUser-Agent: bench\r\nAccept: */*\r\nContent-Length: {}\r\nX-LMIF-Signature: sha256=",
            load.target,
            body.len()
        );
        Self { head: head.into_bytes(), body, number }
    }

    fn write(&mut self, request: &mut Vec<u8>, number: u64, key: &Hmac<Sha256>) {
        let _ = write!(&mut self.body[self.number.clone()], "{number:012}");
        let mut mac = key.clone();
        mac.update(&self.body);
        request.clear();
        request.extend_from_slice(&self.head);
        for byte in mac.finalize().into_bytes() {
            let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
            request.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        request.extend_from_slice(b"\r\n\r\n");
        request.extend_from_slice(&self.body);
    }
}

async fn read(stream: &mut TcpStream, answer: &mut [u8]) -> Option<usize> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut answer[filled..]).await.ok()?;
        if count == 0 {
            return None;
        }
        filled += count;
        if let Some(end) = find(&answer[..filled]) {
            let whole = end + content_length(&answer[..end]);
            while filled < whole {
                let count = stream.read(&mut answer[filled..]).await.ok()?;
                if count == 0 {
                    return None;
                }
                filled += count;
            }
            return Some(filled);
        }
    }
}
