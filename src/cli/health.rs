//! `countersign health`: an image without a shell can still look after itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::config::Listen;

const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// The gateway's admin address, or `unix:/path`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090", value_parser = address)]
    admin: Listen,
}

impl Health {
    /// Ends with 0 where `/readyz` answers 200, else with 1: container runtimes reserve what is above
    /// (<https://docs.docker.com/reference/dockerfile/#healthcheck>).
    pub(super) fn run(&self) -> ExitCode {
        self.ready().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        })
    }

    fn ready(&self) -> anyhow::Result<ExitCode> {
        let answer = self.ask().with_context(|| format!("cannot ask {}", self.admin))?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
        super::print(body)?;
        let ready = head.split(' ').nth(1) == Some("200");
        Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn ask(&self) -> std::io::Result<String> {
        match &self.admin {
            Listen::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, PATIENCE)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                ask(stream)
            }
            Listen::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                ask(stream)
            }
        }
    }
}

fn ask(mut stream: impl Read + Write) -> std::io::Result<String> {
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}

/// An IP address and a port, as a URL or plain, or a Unix socket.
fn address(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Listen::Unix(path.into()));
    }
    let plain = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    plain.parse().map(Listen::Tcp).map_err(|_| "it is an IP address and a port, or `unix:/path`".to_owned())
}
