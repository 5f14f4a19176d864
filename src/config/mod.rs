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
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod mask;
mod node;
mod outline;
mod page;
mod read;
mod reference;
mod resolve;
mod resolved;
mod schema;
mod sections;
mod socket;
mod suggest;
#[cfg(test)]
mod tests;
mod text;
mod trust;
mod unit;
mod yaml;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

pub use check::table;
pub use environment::{Environment, GivenEnvironment, SystemEnvironment};
pub use error::{Diagnostic, Diagnostics, Place, Report, Severity};
pub use resolved::{
    Acknowledgement, Admin, Config, Dedup, Delivery, Egress, Endpoint, EndpointDelivery, Envelope, EventPattern,
    Forward, ForwardBody, ForwardHost, Inbound, Keep, KeptBodies, Limits, Listen, Log, LogFormat, LogLevel, Outbound,
    Pace, Proxies, Proxy, Requirement, Retry, Signing, Source, StatusSet, StoreConfig, Tls, Upstream, UpstreamUrl,
    UrlScheme, Verification,
};
pub use schema::schema;

pub(crate) use trust::trusting;

use crate::scheme::{Scheme, preset};
use error::Problems;
use file::{ConfigFile, SchemeFile};
use node::Node;
use read::{Read, Word as _};
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

/// The scheme of this name under `schemes` of a whole configuration's text; `None`: there is none. Nothing else of the
/// configuration is looked up, such as its secrets.
///
/// # Errors
///
/// Every mistake that there is in how the file is written.
pub(crate) fn scheme_under(text: &str, file: &str, name: &str) -> Result<Option<Scheme>, Diagnostics> {
    let environment = GivenEnvironment::default();
    let scheme = conclude(text, file, |root, problems| {
        let file = ConfigFile::read(root, problems)?;
        let Some((_, scheme)) = file.schemes.entries.into_iter().find(|(known, _)| known.value == name) else {
            return Some(None);
        };
        let mut context = Context::new(&environment, Timestamp::UNIX_EPOCH, problems, None);
        Some(Some(resolve::scheme(name, scheme?, &mut context)?))
    });
    scheme.map(|(scheme, _)| scheme)
}

/// A duration as the configuration writes it, such as `500ms` or `10s`.
///
/// # Errors
///
/// What it would have to look like.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    Duration::parse(text).map_err(|_| Duration::LIKE)
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
