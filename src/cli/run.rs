//! `countersign run`

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use crate::app::{self, StartError};

pub(super) fn run(config: &Path) -> ExitCode {
    match app::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            error.exit_code()
        }
    }
}

fn tell(error: &StartError) {
    if let StartError::Config(errors) = error {
        return eprintln!("{errors}");
    }
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        message = format!("{message}: {source}");
        cause = source.source();
    }
    eprintln!("error: {message}");
}
