//! `countersign health`: an image without a shell can still look after itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// The gateway's admin address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    admin: SocketAddr,
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
        let mut stream = TcpStream::connect_timeout(&self.admin, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    }
}
