//! Processes that are measured from outside, by what the kernel says of them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A process on the cores that it was given, ended with its owner.
pub(crate) struct Pinned(pub Child);

impl Pinned {
    /// `cores` as `taskset` takes them: `0`, `0,1`.
    pub(crate) fn start(cores: &str, program: &str, arguments: &[String], variables: &[(&str, &str)]) -> Self {
        Self(spawn(cores, program, arguments, variables, Stdio::null()))
    }

    /// Microseconds of CPU, user and system, of the process and its children so far.
    pub(crate) fn cpu(&self) -> f64 {
        self.tree().iter().map(|id| cpu(*id)).sum()
    }

    /// Resident memory in MiB. Of several processes, what they share counts once.
    pub(crate) fn memory(&self) -> f64 {
        match *self.tree() {
            [id] => memory(id),
            ref ids => ids.iter().map(|id| kib(&format!("/proc/{id}/smaps_rollup"), "Pss:") / 1024.0).sum(),
        }
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
        let started: Vec<String> = self.tree().iter().skip(1).map(u32::to_string).collect();
        let _ = self.0.kill();
        // nginx's worker outlives a master that is killed.
        if !started.is_empty() {
            let _ = Command::new("kill").arg("-9").args(started).stderr(Stdio::null()).status();
        }
        let _ = self.0.wait();
    }
}

/// Another run of this program on these cores, whose output is read when it is over.
pub(crate) fn own(cores: &str, arguments: &[String]) -> Child {
    let program = std::env::current_exe().expect("this program").display().to_string();
    spawn(cores, &program, arguments, &[], Stdio::piped())
}

fn spawn(cores: &str, program: &str, arguments: &[String], variables: &[(&str, &str)], output: Stdio) -> Child {
    let child = Command::new("taskset")
        .args(["-c", cores, program])
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(Stdio::null())
        .spawn();
    child.unwrap_or_else(|error| panic!("cannot start {program}: {error}"))
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
    kib(&format!("/proc/{id}/status"), "VmRSS:") / 1024.0
}

/// A line of a file of the kernel's that ends in kB.
fn kib(path: &str, name: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0)
}

/// An address on loopback that nobody has at this moment, below the ports that outgoing connections are given: between
/// now and its use there may be thousands of these.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + (std::process::id() % 16) as u16 * 1000;
    let ports = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Relaxed) % 1000);
    let free = ports.take(1000).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    free.and_then(|listener| listener.local_addr().ok()).expect("a free port")
}

/// Waits until something listens; the time that took.
pub(crate) fn until_listening(address: SocketAddr) -> Duration {
    let start = Instant::now();
    until(start, address, || TcpStream::connect(address).is_ok())
}

/// Waits until a request is answered with success; the time since `start`.
pub(crate) fn until_answered(start: Instant, address: SocketAddr, request: &[u8]) -> Duration {
    until(start, address, || {
        let answer = || {
            let (mut stream, mut answer) = (TcpStream::connect(address)?, [0; 12]);
            stream.write_all(request)?;
            stream.read_exact(&mut answer).map(|()| answer)
        };
        answer().is_ok_and(|answer| answer[8..10] == *b" 2")
    })
}

fn until(start: Instant, address: SocketAddr, is_so: impl Fn() -> bool) -> Duration {
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(300), "nothing answers on {address}");
        std::thread::sleep(Duration::from_micros(200));
    }
    start.elapsed()
}
