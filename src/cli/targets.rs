//! `countersign endpoints` and `countersign upstreams`: where deliveries go, and whether they may.

use std::process::ExitCode;

use serde_json::json;

use super::deliveries::{Reason, encode};
use super::operator::{Operator, OperatorArgs};
use super::shown;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Endpoints {
    /// List the receivers, and what waits for them.
    List(OperatorArgs),
    /// Hold the deliveries to one; they are accepted all the same.
    Pause(One),
    /// Let them go on.
    Resume(One),
    /// Deliver a sample event to one.
    Test(One),
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Upstreams {
    /// List the apps, and what waits for them.
    List(OperatorArgs),
    /// Hold the queued deliveries to one; they are accepted all the same.
    Pause(One),
    /// Let them go on.
    Resume(One),
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Its name in the configuration.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    operator: OperatorArgs,
}

impl Endpoints {
    /// Ends with 0, or with 1 where it could not be done.
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(operator) => list(operator, "endpoints"),
            Self::Pause(one) => one.run("endpoints", "pause"),
            Self::Resume(one) => one.run("endpoints", "resume"),
            Self::Test(one) => one.run("endpoints", "test"),
        }
    }
}

impl Upstreams {
    /// Ends with 0, or with 1 where it could not be done.
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(operator) => list(operator, "upstreams"),
            Self::Pause(one) => one.run("upstreams", "pause"),
            Self::Resume(one) => one.run("upstreams", "resume"),
        }
    }
}

fn list(operator: &OperatorArgs, kind: &str) -> ExitCode {
    operator.run(async |operator: &Operator| {
        let answer = operator.get(&format!("/{kind}")).await?;
        operator.print(&answer, |answer| shown::targets(&answer[kind]))?;
        Ok(ExitCode::SUCCESS)
    })
}

impl One {
    fn run(&self, kind: &str, what: &str) -> ExitCode {
        self.operator.run(async |operator: &Operator| {
            let path = format!("/{kind}/{}/{what}", encode(&self.name));
            let answer = operator.post(&path, &json!({ "reason": self.reason.text })).await?;
            operator.print(&answer, |answer| match (what, answer["delivery"].as_str()) {
                (_, Some(delivery)) => format!("delivery {delivery}\n"),
                ("pause", None) => format!("{} is paused\n", self.name),
                (_, None) => format!("{} goes on\n", self.name),
            })?;
            Ok(ExitCode::SUCCESS)
        })
    }
}
