//! All of it in one run. Peers take turns, round by round, so that a machine whose speed drifts is the same for all of
//! them; the figures to judge by are ratios within a round.

use std::path::PathBuf;
use std::process::Command;

use crate::part::{self, Plan};
use crate::peer::{LOAD_CORE, Stage};
use crate::report::Report;

#[derive(clap::Args)]
pub(crate) struct Compare {
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/countersign")]
    countersign: String,
    /// Another build of it to compare with.
    #[arg(long)]
    before: Option<String>,
    /// Where the tables, the figures and the plots are written.
    #[arg(long, default_value = "target/bench-report")]
    folder: PathBuf,
    /// Where the plots are written as well.
    #[arg(long)]
    plots: Option<PathBuf>,
    /// A document into which the tables are written, each in its place.
    #[arg(long)]
    document: Option<PathBuf>,
    /// Rounds of each comparison.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each peer in each round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// A minute, to see that all of it works: one round of a quarter of a second. The figures mean little.
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The parts to run.
    #[arg(long, value_delimiter = ',', default_values = part::NAMES, value_parser = part::NAMES)]
    only: Vec<String>,
    /// Lines that are added to countersign's configuration.
    #[arg(long, default_value = "")]
    extra: String,
}

impl Compare {
    pub(crate) fn run(&self) {
        // The load shares a core with the upstream, away from what is measured.
        let id = std::process::id().to_string();
        let _ = Command::new("taskset").args(["-cp", LOAD_CORE, &id]).output();
        let (rounds, seconds) = if self.quick { (1, 0.25) } else { (self.rounds, self.seconds) };
        let pace = format!("{rounds} rounds of {seconds} s, {} connections", self.connections);
        let mut report = Report::new(self.folder.clone(), self.plots.clone(), self.document.clone(), &pace);
        let (countersign, before) = (self.countersign.clone(), self.before.clone());
        let stage = Stage::new(self.folder.join("stage"), countersign, before, self.extra.clone());
        let plan = Plan { stage: &stage, rounds, seconds, connections: self.connections, is_quick: self.quick };
        for part in part::NAMES.iter().filter(|part| self.only.iter().any(|name| name == *part)) {
            report.section(part);
            part::run(part, &plan, &mut report);
        }
        report.finish();
        let _ = std::fs::remove_dir_all(&stage.folder);
    }
}
