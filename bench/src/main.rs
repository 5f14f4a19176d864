//! Measures countersign beside what people would use instead, doing the same job:
//! verify `X-LMIF-Signature`, forward to an upstream on loopback, return its answer.

mod compare;
mod durable;
mod floor;
mod load;
mod part;
mod peer;
mod process;
mod report;
mod soak;
mod upstream;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that docs/performance.md shows, as tables, JSON and plots.
    Compare(compare::Compare),
    /// Durable acknowledgements beside the disk's own rate, and a restart with a full queue.
    Durable(durable::Durable),
    /// The bare hyper program that is the floor.
    Floor(floor::Floor),
    /// Send signed requests and print how many were answered.
    Load(load::Load),
    /// All traffic at once for minutes, through every change; then what is held and what arrived is accounted for.
    Soak(soak::Soak),
    /// Answer every request with 200.
    Upstream(upstream::Upstream),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    match command {
        Command::Compare(compare) => compare.run(),
        Command::Durable(durable) => durable.run(),
        Command::Floor(floor) => floor.run(),
        Command::Load(load) => println!("{}", load.run().line()),
        Command::Soak(soak) => return soak.run(),
        Command::Upstream(upstream) => upstream.run(),
    }
    ExitCode::SUCCESS
}

/// A runtime for one thread, as all programs here use.
fn runtime() -> tokio::runtime::LocalRuntime {
    let options = tokio::runtime::LocalOptions::default();
    tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).expect("a runtime")
}
