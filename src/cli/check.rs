//! `countersign check`

use std::path::Path;
use std::process::ExitCode;

use crate::app::EX_CONFIG;
use crate::clock;
use crate::config::{self, SystemEnvironment};

pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let now = clock::now();
    match config::load(path, &SystemEnvironment, now) {
        Ok((config, report)) => {
            for warning in &report.warnings {
                eprintln!("{warning}");
            }
            super::print(config::table(&config, now))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(errors) => {
            eprintln!("{errors}");
            Ok(EX_CONFIG.into())
        }
    }
}
