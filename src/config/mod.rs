//! The configuration file: what the user wrote, and what it means.
//!
//! Two stages. `file` says which keys there are and what each may hold;
//! `resolve` turns names into references and reads secrets and certificates.
//! Both go on after a mistake, so that all mistakes are told at once, each with
//! file, line, column, the line itself and what would be right. Everything that
//! can fail does so here: a [`Config`] can be served.
//!
//! Secrets are references; their values are in no message and no `Debug`.
//! Relative paths count from the working directory.

mod check;
mod environment;
mod error;
mod fields;
mod file;
mod mask;
mod node;
mod page;
mod read;
mod resolve;
mod resolved;
mod sections;
mod suggest;
#[cfg(test)]
mod tests;
mod text;
mod unit;
mod yaml;

use std::path::Path;

use jiff::Timestamp;

pub use check::table;
pub use environment::{Environment, GivenEnvironment, SystemEnvironment};
pub use error::{Diagnostic, Diagnostics, Place, Report, Severity};
pub use resolved::{
    Admin, Config, Dedup, Delivery, Egress, Endpoint, EndpointDelivery, Envelope, EventPattern, Forward, ForwardBody,
    Inbound, Keep, KeptBodies, Limits, Log, LogFormat, LogLevel, Outbound, Pace, Proxy, Retry, Source, StatusSet,
    StoreConfig, Tls, Upstream, UpstreamUrl, UrlScheme,
};

use crate::scheme::{Scheme, preset};
use error::Problems;
use file::{ConfigFile, SchemeFile};
use node::Node;
use read::Read;
use resolve::Context;

/// Reads a configuration file, and every file and variable that it refers to.
///
/// # Errors
///
/// Every mistake that there is.
pub fn load(path: &Path, environment: &dyn Environment, now: Timestamp) -> Result<(Config, Report), Diagnostics> {
    let name = path.display().to_string();
    let whole = |message: &str, label: String| Diagnostics::from(Diagnostic::of_file(&name, message, label));
    let content =
        environment.read(path).map_err(|error| whole("the configuration cannot be read", error.to_string()))?;
    let text = String::from_utf8(content).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        whole("the configuration is not UTF-8", format!("line {line} holds a byte that is not"))
    })?;
    read(&text, &name, Some(path), environment, now)
}

/// As [`load`], of a text. `name` stands in messages where the file's would.
///
/// # Errors
///
/// Every mistake that there is.
pub fn parse(
    text: &str,
    name: &str,
    environment: &dyn Environment,
    now: Timestamp,
) -> Result<(Config, Report), Diagnostics> {
    read(text, name, None, environment, now)
}

fn read(
    text: &str,
    name: &str,
    path: Option<&Path>,
    environment: &dyn Environment,
    now: Timestamp,
) -> Result<(Config, Report), Diagnostics> {
    conclude(text, name, |root, problems| {
        let file = ConfigFile::read(root, problems)?;
        resolve::resolve(file, &mut Context::new(environment, now, problems, path))
    })
}

/// A scheme for the command line: the name of a preset, or a scheme in YAML as
/// it stands under a name of `schemes`.
///
/// # Errors
///
/// Every mistake that there is.
pub fn scheme(text: &str) -> Result<Scheme, Diagnostics> {
    scheme_in(text, "scheme")
}

/// As [`scheme`], of a file's text. `name` stands in messages where the file's would.
///
/// # Errors
///
/// Every mistake that there is.
pub fn scheme_in(text: &str, name: &str) -> Result<Scheme, Diagnostics> {
    if let Some(preset) = preset(text.trim()) {
        return Ok(preset.clone());
    }
    let environment = GivenEnvironment::default();
    let scheme = conclude(text, name, |root, problems| {
        let file = SchemeFile::read(root, problems)?;
        let now = Timestamp::UNIX_EPOCH;
        resolve::scheme("custom", file, &mut Context::new(&environment, now, problems, None))
    });
    scheme.map(|(scheme, _)| scheme)
}

/// Reads a text with `understand`, and puts what was wrong with it into words.
fn conclude<T>(
    text: &str,
    name: &str,
    understand: impl FnOnce(&Node, &mut Problems) -> Option<T>,
) -> Result<(T, Report), Diagnostics> {
    // A byte order mark is no part of the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Problems::default();
    let root = sections::parse(text, &mut problems);
    let understood = root.as_ref().and_then(|root| understand(root, &mut problems));
    let report = problems.conclude(text, name, root.as_ref())?;
    match understood {
        Some(understood) => Ok((understood, report)),
        None => Err(Diagnostic::of_file(name, "the configuration cannot be understood", "").into()),
    }
}
