//! The commands.

mod check;
mod deliveries;
mod explain;
mod health;
mod operator;
mod run;
mod schema;
mod scheme;
mod schemes;
mod send;
mod shown;
mod sign;
mod table;
mod targets;
mod verify;

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::demo;

/// A webhook gateway: verifies, deduplicates, queues and forwards what senders sign, and signs for apps that cannot.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Run(ConfigFile),
    /// Check a configuration, and show what it means; ends with 0, or with 78 where it has errors.
    Check(ConfigFile),
    /// Sign the body on standard input as a sender would, and print the headers (for jws: the body).
    Sign(sign::Sign),
    /// Verify the body on standard input; ends with 0, or with 1 where the signature is rejected.
    Verify(verify::Verify),
    /// Say why the request with the body on standard input is rejected: which of the usual mistakes it is.
    Explain(explain::Explain),
    /// Play the sender: send signed events to a URL, and report what became of them.
    Send(send::Send),
    /// List, show, replay and discard deliveries, through the admin address of a running gateway.
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    /// List, pause, resume and test endpoints, through the admin address of a running gateway.
    #[command(subcommand)]
    Endpoints(targets::Endpoints),
    /// List, pause and resume upstreams, through the admin address of a running gateway.
    #[command(subcommand)]
    Upstreams(targets::Upstreams),
    /// List the built-in schemes.
    Schemes(schemes::Schemes),
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
    /// Show the gateway at work: an app, four senders, and what became of every delivery.
    Demo,
    /// Ask a running gateway whether it is ready; for a container's health check.
    Health(health::Health),
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(file) => run::run(&file.config),
        Command::Check(file) => finish(check::run(&file.config)),
        Command::Sign(sign) => finish(sign.run()),
        Command::Verify(verify) => finish(verify.run()),
        Command::Explain(explain) => finish(explain.run()),
        Command::Send(send) => finish(send.run()),
        Command::Deliveries(deliveries) => deliveries.run(),
        Command::Endpoints(endpoints) => endpoints.run(),
        Command::Upstreams(upstreams) => upstreams.run(),
        Command::Schemes(schemes) => finish(schemes.run()),
        Command::Schema => finish(schema::run()),
        Command::Demo => finish(demo()),
        Command::Health(health) => health.run(),
    }
}

fn demo() -> anyhow::Result<ExitCode> {
    let report = demo::play().context("the demo did not run")?;
    print(report.to_string())?;
    Ok(if report.is_as_it_should_be() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        // What EX_USAGE is to a shell: the command was not one that could be carried out.
        ExitCode::from(2)
    })
}

/// Writes to standard output. Who closes it early, as `head` does, has seen enough.
fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(()),
    }
}
