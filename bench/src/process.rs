//! Processes that are measured from outside, by what the kernel says of them.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process on one core, ended with its owner.
pub(crate) struct Pinned(pub Child);

impl Pinned {
    pub(crate) fn start(core: usize, program: &str, arguments: &[String], variables: &[(&str, &str)]) -> Self {
        let child = Command::new("taskset")
            .args(["-c", &core.to_string(), program])
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("cannot start {program}: {error}")))
    }

    /// Microseconds of CPU, user and system, of the process and its children so far.
    pub(crate) fn cpu(&self) -> f64 {
        self.tree().iter().map(|id| cpu(*id)).sum()
    }

    /// Resident memory in MiB, of the process and its children.
    pub(crate) fn memory(&self) -> f64 {
        self.tree().iter().map(|id| memory(*id)).sum()
    }

    /// The process (`taskset` becomes it) and what it started.
    fn tree(&self) -> Vec<u32> {
        let mut ids = vec![self.0.id()];
        let mut next = 0;
        while let Some(id) = ids.get(next).copied() {
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
            ids.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            next += 1;
        }
        ids
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sum over all threads of the scheduler's own clock, which counts nanoseconds and not ticks.
fn cpu(id: u32) -> f64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else { return 0.0 };
    let nanos = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1000.0
}

pub(crate) fn memory(id: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}

/// An address on loopback that nobody has at this moment.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Waits until something listens; the time that took.
pub(crate) fn until_listening(address: SocketAddr) -> Duration {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "nothing listens on {address}");
        std::thread::sleep(Duration::from_micros(200));
    }
    start.elapsed()
}
