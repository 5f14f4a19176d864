//! Every peer in turn, round by round, so that a machine whose speed drifts is the
//! same for all of them. The figure is a ratio within a round.

use std::net::SocketAddr;

use crate::load::{Load, SECRET};
use crate::process::{Pinned, free_address, until_listening};

#[derive(clap::Args)]
pub(crate) struct Compare {
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/countersign")]
    countersign: String,
    /// Another build of it to compare with.
    #[arg(long)]
    before: Option<String>,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Sizes of the bodies.
    #[arg(long, value_delimiter = ',', default_value = "1024,4096,65536,1048576")]
    sizes: Vec<usize>,
    /// Lines that are added to countersign's configuration.
    #[arg(long, default_value = "")]
    extra: String,
}

struct Peer {
    name: String,
    address: SocketAddr,
    process: Pinned,
    started: f64,
    fresh: f64,
}

/// The secret, and for HAProxy an allocator that does not give its large buffers back after each request.
const VARIABLES: [(&str, &str); 3] =
    [("SECRET", SECRET), ("MALLOC_MMAP_THRESHOLD_", "33554432"), ("MALLOC_TRIM_THRESHOLD_", "268435456")];

const PROXY_CORE: usize = 0;
const LOAD_CORE: usize = 1;

impl Compare {
    pub(crate) fn run(&self) {
        let folder = std::env::temp_dir().join(format!("countersign-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        pin_self();
        let upstream = free_address();
        let own = std::env::current_exe().expect("this program").display().to_string();
        let arguments = ["upstream".into(), "--listen".into(), upstream.to_string()];
        let _upstream = Pinned::start(LOAD_CORE, &own, &arguments, &[]);
        until_listening(upstream);
        let peers = self.peers(&own, upstream, &folder);
        println!("{:<20} {:>12} {:>12}", "", "start ms", "fresh MiB");
        for peer in &peers {
            println!("{:<20} {:>12.1} {:>12.1}", peer.name, peer.started, peer.fresh);
        }
        for size in &self.sizes {
            self.table(&peers, *size, false);
        }
        self.table(&peers, 4096, true);
        println!("\n{:<20} {:>12}", "", "loaded MiB");
        for peer in &peers {
            println!("{:<20} {:>12.1}", peer.name, peer.process.memory());
        }
        let _ = std::fs::remove_dir_all(folder);
    }

    fn peers(&self, own: &str, upstream: SocketAddr, folder: &std::path::Path) -> Vec<Peer> {
        let mut peers = Vec::new();
        // One that takes every size, and one as it comes, which takes bodies of up to some 15 KiB.
        for (name, buffer) in [("haproxy", 1_200_000), ("haproxy 16k", 16_384)] {
            let haproxy = free_address();
            let path = folder.join(format!("{name}.cfg"));
            std::fs::write(&path, haproxy_config(haproxy, upstream, buffer)).expect("the folder can be written");
            let arguments = ["-f".to_owned(), path.display().to_string()];
            peers.push(start(name, "haproxy", &arguments, haproxy));
        }
        let floor = free_address();
        let arguments =
            ["floor", "--listen", &floor.to_string(), "--upstream", &upstream.to_string()].map(String::from);
        peers.push(start("bare hyper", own, &arguments, floor));
        let builds = [("before", self.before.as_ref()), ("countersign", Some(&self.countersign))];
        for (name, build) in builds {
            let Some(build) = build else { continue };
            let address = free_address();
            let path = folder.join(format!("{name}.yaml"));
            std::fs::write(&path, self.config(address, upstream)).expect("the folder can be written");
            let arguments = ["run".into(), "--config".into(), path.display().to_string()];
            peers.push(start(name, build, &arguments, address));
        }
        peers
    }

    fn config(&self, address: SocketAddr, upstream: SocketAddr) -> String {
        format!(
            "workers: 1\ninbound:\n  listen: {address}\n  limits: {{body: 2MiB}}\n  sources:\n    lmif:\n      path: /hooks/lmif\n      scheme: lmif\n      secrets: [{{env: SECRET}}]\n      upstream: app\nupstreams:\n  app: {{url: \"http://{upstream}\"}}\nstore: {{memory: {{}}}}\n{}\n",
            self.extra
        )
    }

    fn table(&self, peers: &[Peer], size: usize, forge: bool) {
        let peers: Vec<&Peer> = peers.iter().filter(|peer| peer.name != "haproxy 16k" || size < 15_000).collect();
        let mut rounds = vec![Vec::new(); peers.len()];
        for round in 0..self.rounds {
            for (peer, costs) in peers.iter().zip(&mut rounds) {
                costs.push(self.cost(peer, size, forge, round));
            }
        }
        let what = if forge { "forged" } else { "valid" };
        println!(
            "\n{size} bytes, {what}: CPU µs a request (median), ratio to haproxy and to bare hyper by round (median), requests/s"
        );
        let floor = peers.iter().position(|peer| peer.name == "bare hyper").unwrap_or(0);
        for (place, peer) in peers.iter().enumerate() {
            let ratio = |to: usize| median(rounds[place].iter().zip(&rounds[to]).map(|(a, b)| a.0 / b.0).collect());
            let (cost, rate) = (
                median(rounds[place].iter().map(|cost| cost.0).collect()),
                median(rounds[place].iter().map(|cost| cost.1).collect()),
            );
            println!("{:<20} {cost:>9.1} {:>8.3} {:>8.3} {rate:>9.0}", peer.name, ratio(0), ratio(floor));
        }
    }

    fn cost(&self, peer: &Peer, size: usize, forge: bool, round: usize) -> (f64, f64) {
        let run = format!("{size}-{round}-{}", std::process::id());
        let load = Load {
            target: peer.address,
            size,
            connections: self.connections,
            seconds: self.seconds,
            forge,
            run,
            status: 200,
        };
        let before = peer.process.cpu();
        let done = load.run();
        let used = peer.process.cpu() - before;
        assert!(done.requests > 0 && done.unexpected == 0, "{}: {}", peer.name, done.line());
        (used / done.requests as f64, done.requests as f64 / done.seconds)
    }
}

fn start(name: &str, program: &str, arguments: &[String], address: SocketAddr) -> Peer {
    let process = Pinned::start(PROXY_CORE, program, arguments, &VARIABLES);
    let started = until_listening(address).as_secs_f64() * 1e3;
    std::thread::sleep(std::time::Duration::from_millis(300));
    let fresh = process.memory();
    Peer { name: name.into(), address, process, started, fresh }
}

/// The load shares a core with the upstream, away from what is measured.
fn pin_self() {
    let id = std::process::id().to_string();
    let _ = std::process::Command::new("taskset").args(["-cp", &LOAD_CORE.to_string(), &id]).output();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The best that HAProxy 2.6 can do: its own HMAC converter over a body that is
/// buffered whole, a comparison in constant time, and a guard for bodies that do
/// not fit, which it would otherwise judge by their beginning.
fn haproxy_config(listen: SocketAddr, upstream: SocketAddr, buffer: usize) -> String {
    use std::fmt::Write;
    let mut key = String::new();
    // base64 of the secret, as the converter wants it.
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in SECRET.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize] as char;
            let _ = write!(key, "{}", if place <= chunk.len() { digit } else { '=' });
        }
    }
    format!(
        "global
  nbthread 1
  maxconn 4000
  tune.bufsize {buffer}
  tune.maxrewrite 1024
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 2s
  timeout http-request 10s
  option http-keep-alive
  http-reuse always
frontend in
  bind {listen}
  option http-buffer-request
  http-request set-var(txn.read) req.body_len
  http-request deny deny_status 413 unless {{ req.body_size,sub(txn.read) eq 0 }}
  http-request set-var(txn.mac) req.body,hmac(sha256,{key}),hex,lower
  http-request set-var(txn.offered) req.hdr(x-lmif-signature),regsub(^sha256=,)
  http-request deny deny_status 401 unless {{ var(txn.offered),secure_memcmp(txn.mac) }}
  default_backend app
backend app
  server app {upstream}
"
    )
}
