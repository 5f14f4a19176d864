//! A sender that never waits for more than the answer. Every body is distinct, and every signature right unless it is
//! forged on purpose.

mod http1;
mod http2;
mod idle;
mod template;
pub(crate) mod tls;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http1::Connection;
pub(crate) use idle::Idle;
pub(crate) use template::{SECRET, Template, path};

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

/// What the requests travel in.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wire {
    /// HTTP/1.1 over kept connections.
    Plain,
    /// The same over TLS 1.3.
    Tls,
    /// A connection, and so a full handshake, for each request.
    Handshakes,
    /// HTTP/2 over TLS 1.3: an eighth of the connections, eight requests at a time on each.
    Http2,
}

/// How requests get there, and to how many sources in turn.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub wire: Wire,
    pub sources: usize,
}

impl Default for Way {
    fn default() -> Self {
        Self { wire: Wire::Plain, sources: 1 }
    }
}

pub(crate) struct Done {
    pub requests: u64,
    pub unexpected: u64,
    pub seconds: f64,
    pub latencies: Vec<u32>,
}

impl Done {
    pub(crate) fn line(&self) -> String {
        format!(
            "requests {} unexpected {} seconds {:.3} per_second {:.0} p50_us {} p99_us {}",
            self.requests,
            self.unexpected,
            self.seconds,
            self.requests as f64 / self.seconds,
            self.percentile(0.5),
            self.percentile(0.99)
        )
    }

    /// Microseconds from the first byte sent to the answer, of this part of the requests.
    pub(crate) fn percentile(&self, part: f64) -> u32 {
        self.latencies.get((self.latencies.len() as f64 * part) as usize).copied().unwrap_or(0)
    }
}

impl Load {
    pub(crate) fn run(&self) -> Done {
        self.over(Way::default(), || ())
    }

    /// `begun` is called when all connections stand, and what it takes to make them is over.
    pub(crate) fn over(&self, way: Way, begun: impl FnOnce()) -> Done {
        crate::runtime().block_on(async {
            let state = Rc::new(State {
                load: self.clone(),
                way,
                next: Cell::new(0),
                unexpected: Cell::new(0),
                latencies: RefCell::default(),
                until: Cell::new(Instant::now()),
            });
            let start = if way.wire == Wire::Http2 {
                let connections = 0..self.connections.div_ceil(http2::STREAMS);
                let connections = all(&state, connections.map(|_| http2::open(state.clone()))).await;
                let start = state.begin(begun);
                all(&state, connections.into_iter().map(|connection| http2::send(state.clone(), connection))).await;
                start
            } else {
                let connections = all(&state, (0..self.connections).map(|_| Connection::open(state.clone()))).await;
                let start = state.begin(begun);
                all(&state, connections.into_iter().map(Connection::send)).await;
                start
            };
            let mut latencies = state.latencies.take();
            latencies.sort_unstable();
            let seconds = start.elapsed().as_secs_f64();
            Done { requests: latencies.len() as u64, unexpected: state.unexpected.get(), seconds, latencies }
        })
    }
}

/// What all of them came to. One that has ended before its time is something that nobody expects.
async fn all<T: 'static>(
    state: &State,
    tasks: impl Iterator<Item = impl Future<Output = Option<T>> + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = tasks.map(tokio::task::spawn_local).collect();
    let mut ends = Vec::new();
    for task in tasks {
        match task.await {
            Ok(Some(end)) => ends.push(end),
            _ => state.unexpected.set(state.unexpected.get() + 1),
        }
    }
    ends
}

struct State {
    load: Load,
    way: Way,
    next: Cell<u64>,
    unexpected: Cell<u64>,
    latencies: RefCell<Vec<u32>>,
    until: Cell<Instant>,
}

impl State {
    fn begin(&self, begun: impl FnOnce()) -> Instant {
        begun();
        let start = Instant::now();
        self.until.set(start + Duration::from_secs_f64(self.load.seconds));
        start
    }

    /// The number of a request that is to be sent, while there is time.
    fn next(&self) -> Option<u64> {
        (Instant::now() < self.until.get()).then(|| self.take())
    }

    fn take(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    fn expected(&self) -> u16 {
        if self.load.forge { 401 } else { self.load.status }
    }

    fn answered(&self, start: Instant, as_expected: bool) {
        self.latencies.borrow_mut().push(start.elapsed().as_micros() as u32);
        if !as_expected {
            self.unexpected.set(self.unexpected.get() + 1);
        }
    }
}
