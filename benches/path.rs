//! What the whole path costs: a sender, the gateway and an app on loopback, each on
//! a thread of its own, and beside it the same sender and app without a gateway.
//!
//! `cargo bench --bench path` prints requests a second and the ratio, round by round.
//! How the gateway stands beside HAProxy is what `bench/` measures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use countersign::config::{self, GivenEnvironment};
use countersign::inbound::{Gateway, Listeners, Worker};
use countersign::scheme::{KeySpec, Keyring, Message, Secret, preset};
use countersign::store::Store;
use countersign::telemetry::metrics::Metrics;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use tokio::runtime::{Builder, LocalOptions};

const SECRET: &str = "a secret of the benchmark, long enough";
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

fn main() {
    let app = app();
    let gateway = gateway(app);
    println!("{:>6} {:>14} {:>14} {:>8}", "bytes", "direct /s", "gateway /s", "ratio");
    let mut number = 0;
    for size in [1024, 4096, 65536] {
        for _ in 0..ROUNDS {
            let (direct, through) = (send(app, size, &mut number), send(gateway, size, &mut number));
            println!("{size:>6} {direct:>14.0} {through:>14.0} {:>8.2}", direct / through);
        }
    }
}

fn gateway(app: SocketAddr) -> SocketAddr {
    let text = format!(
        "workers: 1
inbound:
  listen: 127.0.0.1:0
  sources:
    lmif: {{path: /hooks/lmif, scheme: lmif, secrets: [{{env: SECRET}}], upstream: app}}
upstreams:
  app: {{url: \"http://{app}\"}}
store: {{memory: {{}}}}
"
    );
    let environment = GivenEnvironment::default().variable("SECRET", SECRET);
    let (config, _) = config::parse(&text, "bench", &environment, Timestamp::now()).expect("it is right");
    let inbound = config.inbound.as_ref().expect("it receives");
    let gateway = Gateway::new(inbound, &config.upstreams, Store::memory(), Arc::new(Metrics::new()));
    let mut listeners = Listeners::bind(&inbound.listen, 1).expect("a free port");
    let address = listeners.address.address().expect("an address");
    let socket = listeners.next_socket().expect("one socket");
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        runtime.expect("a runtime").block_on(Worker::new(gateway).serve(socket))
    });
    address
}

/// Answers every request with 200, a thread for each connection.
fn app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> Option<()> {
    let mut buffer = vec![0; 128 * 1024];
    loop {
        read(&mut stream, &mut buffer)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"ok\":true}").ok()?;
    }
}

/// Requests a second over one connection, every body a new event.
fn send(to: SocketAddr, size: usize, number: &mut u64) -> f64 {
    let scheme = preset("lmif").expect("a preset");
    let secret = Secret::new(SECRET.into());
    let key = KeySpec { id: "0".into(), secret, encoding: None, not_before: None, not_after: None };
    let keyring = Keyring::new(scheme, vec![key]).expect("a secret");
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let (mut buffer, mut waited, mut sent) = (vec![0; 4096], Duration::ZERO, 0);
    while waited < ROUND {
        *number += 1;
        let request = request(scheme, &keyring, size, *number);
        // Making a request is not what is measured.
        let start = Instant::now();
        stream.write_all(&request).expect("the connection stays open");
        let answer = read(&mut stream, &mut buffer).expect("an answer");
        waited += start.elapsed();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
        sent += 1;
    }
    f64::from(sent) / waited.as_secs_f64()
}

fn request(scheme: &countersign::scheme::Scheme, keyring: &Keyring, size: usize, number: u64) -> Vec<u8> {
    let mut body = format!(r#"{{"id":"evt_{number}","type":"box.created","data":""#);
    body.push_str(&"x".repeat(size.saturating_sub(body.len() + 2)));
    body.push_str("\"}");
    let message = Message {
        body: body.into(),
        event_id: None,
        event_type: None,
        method: &Method::POST,
        path: "/hooks/lmif",
        query: None,
        public_url: None,
        headers: &HeaderMap::new(),
    };
    let signed = scheme.sign(keyring, &message, Timestamp::now()).expect("a secret is valid");
    let mut request = b"POST /hooks/lmif HTTP/1.1\r\nHost: bench\r\n".to_vec();
    for (name, value) in signed.headers {
        request.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(format!("Content-Length: {}\r\n\r\n", signed.body.len()).into_bytes());
    request.extend(signed.body);
    request
}

/// Reads one whole message.
fn read<'b>(stream: &mut TcpStream, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).ok().filter(|count| *count > 0)?;
        filled += count;
        let head = buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let Some(head) = head else { continue };
        let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())?;
        if filled == head + 4 + length {
            return Some(&buffer[..filled]);
        }
    }
}
