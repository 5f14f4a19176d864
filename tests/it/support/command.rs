//! The binary's commands, run to their end.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use super::SOON;

/// A command about to be run.
pub(crate) struct Cli(Command);

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// All that it said.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl Cli {
    /// The binary with these arguments and no variables but those that are given.
    pub(crate) fn new<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).env_clear();
        Self(command)
    }

    pub(crate) fn argument(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn run(self) -> Ended {
        self.run_on(b"")
    }

    /// Runs it with these bytes on standard input.
    pub(crate) fn run_on(mut self, input: &[u8]) -> Ended {
        self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = self.0.spawn().unwrap();
        let (mut stdin, input) = (process.stdin.take().unwrap(), input.to_vec());
        // A command that fails early does not read its input.
        let writing = thread::spawn(move || drop(stdin.write_all(&input)));
        let ended = watch(process.id());
        let output = process.wait_with_output().unwrap();
        drop(ended);
        writing.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().expect("the command did not end by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Kills a process that does not end in time; dropping the value says that it has.
fn watch(process: u32) -> mpsc::Sender<()> {
    let (ended, waiting) = mpsc::channel();
    thread::spawn(move || {
        if waiting.recv_timeout(SOON) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-s", "KILL", &process.to_string()]).status();
        }
    });
    ended
}
