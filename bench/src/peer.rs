//! What is measured: programs that do the same job, each in the best form that can be written for it.

mod gateway;
mod haproxy;
mod nginx;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use gateway::{Config, gateway};

use crate::load::{Load, SECRET, Template, Way};
use crate::process::{Pinned, free_address, until_answered, until_listening};

/// What is measured has a core, load and upstream the other.
pub(crate) const PEER_CORE: &str = "0";
pub(crate) const LOAD_CORE: &str = "1";

/// A peer that runs.
pub(crate) struct Peer {
    pub name: &'static str,
    pub address: SocketAddr,
    pub process: Pinned,
    /// Milliseconds from the start of the process to its first answer.
    pub started: f64,
}

/// Where all of them are played.
pub(crate) struct Stage {
    pub folder: PathBuf,
    pub upstream: SocketAddr,
    pub countersign: String,
    pub before: Option<String>,
    /// Lines that are added to countersign's configuration.
    pub extra: String,
    _upstream: Pinned,
}

/// How a peer listens.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Listen {
    Clear,
    /// TLS 1.3; HTTP/2 or HTTP/1.1, as ALPN decides.
    Tls,
}

pub(crate) const HAPROXY: &str = "HAProxy";
pub(crate) const HAPROXY_16K: &str = "HAProxy, 16 KiB buffers";
pub(crate) const NGINX: &str = "nginx + Lua";
pub(crate) const FLOOR: &str = "bare hyper";
pub(crate) const BEFORE: &str = "countersign before";
pub(crate) const COUNTERSIGN: &str = "countersign";

impl Stage {
    pub(crate) fn new(folder: PathBuf, countersign: String, before: Option<String>, extra: String) -> Self {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for what the peers need");
        // nginx takes a relative path to be below its own folder.
        let folder = folder.canonicalize().expect("the folder is there");
        let certificate = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate for P-256");
        let (chain, key) = (certificate.cert.pem(), certificate.signing_key.serialize_pem());
        for (name, text) in [("tls.crt", &chain), ("tls.key", &key), ("tls.pem", &format!("{chain}{key}"))] {
            fs::write(folder.join(name), text).expect("the folder can be written");
        }
        crate::load::tls::trust(&folder.join("tls.crt"));
        let (upstream, own) = (free_address(), own());
        let process = Pinned::start(LOAD_CORE, &own, &arguments(&["upstream", "--listen", &upstream.to_string()]), &[]);
        until_listening(upstream);
        Self { folder, upstream, countersign, before, extra, _upstream: process }
    }

    /// All that can listen so.
    pub(crate) fn names(&self, listen: Listen) -> Vec<&'static str> {
        let mut names = vec![HAPROXY];
        if listen == Listen::Clear {
            names.push(HAPROXY_16K);
        }
        names.push(NGINX);
        if listen == Listen::Clear {
            names.push(FLOOR);
        }
        if self.before.is_some() {
            names.push(BEFORE);
        }
        names.push(COUNTERSIGN);
        names
    }

    pub(crate) fn start(&self, name: &'static str, listen: Listen) -> Peer {
        let address = free_address();
        let (program, arguments) = match name {
            HAPROXY | HAPROXY_16K => {
                let buffer = if name == HAPROXY { 1_200_000 } else { 16_384 };
                let path = self.write("haproxy.cfg", &haproxy::config(self, address, listen, buffer));
                ("haproxy".into(), arguments(&["-f", &path]))
            }
            NGINX => {
                let path = self.write("nginx.conf", &nginx::config(self, address, listen));
                ("nginx".into(), arguments(&["-c", &path]))
            }
            FLOOR => {
                let places = [&address.to_string(), "--upstream", &self.upstream.to_string()];
                (own(), arguments(&[&["floor", "--listen"], places.as_slice()].concat()))
            }
            _ => return gateway(self, name, PEER_CORE, &Config { listen, ..Config::default() }),
        };
        self.run(name, PEER_CORE, &program, &arguments, address, listen, "/hooks/lmif")
    }

    #[expect(clippy::too_many_arguments, reason = "each is a word of one sentence")]
    fn run(
        &self,
        name: &'static str,
        cores: &str,
        program: &str,
        arguments: &[String],
        address: SocketAddr,
        listen: Listen,
        path: &str,
    ) -> Peer {
        let start = Instant::now();
        let process = Pinned::start(cores, program, arguments, &VARIABLES);
        let took = match listen {
            Listen::Clear => until_answered(start, address, &first(address, path)),
            Listen::Tls => until_listening(address),
        };
        // Whatever the start leaves to be done is done before anything is measured.
        std::thread::sleep(Duration::from_millis(300));
        Peer { name, address, process, started: took.as_secs_f64() * 1e3 }
    }

    /// A file of a peer's; its path.
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("the folder can be written");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// The secret, and for HAProxy an allocator that does not give its large buffers back after each request.
const VARIABLES: [(&str, &str); 3] =
    [("SECRET", SECRET), ("MALLOC_MMAP_THRESHOLD_", "33554432"), ("MALLOC_TRIM_THRESHOLD_", "268435456")];

/// The first request to a peer.
fn first(target: SocketAddr, path: &str) -> Vec<u8> {
    let load = Load {
        target,
        size: 1024,
        connections: 1,
        seconds: 0.0,
        forge: false,
        run: format!("first-{}-{target}", std::process::id()),
        status: 200,
    };
    let mut request = Vec::new();
    Template::new(&load, Way::default()).write(&mut request, 0);
    let after = request.iter().skip(5).position(|byte| *byte == b' ').expect("a request line") + 5;
    [b"POST ", path.as_bytes(), &request[after..]].concat()
}

fn own() -> String {
    std::env::current_exe().expect("this program").display().to_string()
}

pub(crate) fn arguments(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
