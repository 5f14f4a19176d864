//! `countersign schema`

use std::process::ExitCode;

use anyhow::Context;

/// Prints the JSON Schema of the configuration file.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let schema = serde_json::to_string_pretty(&crate::config::schema()).context("the schema cannot be written")?;
    super::print(schema + "\n")?;
    Ok(ExitCode::SUCCESS)
}
