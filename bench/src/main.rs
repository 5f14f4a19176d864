//! Measures countersign beside HAProxy and a bare hyper program doing the same job:
//! verify `X-LMIF-Signature`, forward to an upstream on loopback, return its answer.

mod compare;
mod durable;
mod floor;
mod load;
mod process;
mod upstream;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every peer in interleaved rounds and print the ratios.
    Compare(compare::Compare),
    /// Durable acknowledgements beside the disk's own rate, and a restart with a full queue.
    Durable(durable::Durable),
    /// The bare hyper program that is the floor.
    Floor(floor::Floor),
    /// Send signed requests and print how many were answered.
    Load(load::Load),
    /// Answer every request with 200.
    Upstream(upstream::Upstream),
}

fn main() {
    let command = Cli::parse().command;
    match command {
        Command::Compare(compare) => compare.run(),
        Command::Durable(durable) => durable.run(),
        Command::Floor(floor) => floor.run(),
        Command::Load(load) => println!("{}", load.run().line()),
        Command::Upstream(upstream) => upstream.run(),
    }
}

/// A runtime for one thread, as all programs here use.
fn runtime() -> tokio::runtime::LocalRuntime {
    let options = tokio::runtime::LocalOptions::default();
    tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).expect("a runtime")
}
