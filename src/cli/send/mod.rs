//! `countersign send`: plays the sender.
//!
//! Events are made one after the other when their turn comes, so that however many there are, they take no memory and
//! are signed at the time that they are sent at.

mod event;
mod play;
mod progress;
mod report;
mod tally;
mod target;

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::uri::Uri;
use http::{HeaderName, HeaderValue};
use tokio::runtime::{Builder, LocalOptions};

use super::scheme::{SchemeArgs, header};
use crate::config;
use crate::scheme::{Cover, Locator, Scheme};
use event::Script;
use play::Plan;
use target::Target;

#[derive(Debug, clap::Args)]
pub(super) struct Send {
    #[command(flatten)]
    scheme: SchemeArgs,
    /// Where to send to: an http or https URL.
    #[arg(long, value_name = "URL")]
    to: Uri,
    /// How many events, each with an id of its own.
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u32,
    /// How many repeats of them: the same id, the same body, once the first has been answered.
    #[arg(long, value_name = "N", default_value_t = 0)]
    duplicate: u32,
    /// How many events beside them whose body is altered after it was signed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    tamper: u32,
    /// How many requests a second at most.
    #[arg(long, value_name = "R", value_parser = rate)]
    rate: Option<f64>,
    /// How many requests at a time at most.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    concurrency: u32,
    /// The events' type; left out: the sender's sample events of all types in turn (for jws: the usual one).
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
    /// The event's id; made up where it is left out.
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// The body, instead of sample events; `-`: standard input.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// A header beside the sender's own; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The URL that the sender was given, for schemes that sign it [default: that of --to].
    #[arg(long, value_name = "URL")]
    url: Option<Uri>,
    /// Trust the authorities in this file, and no others, to vouch for the receiver.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// How long an answer may take.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = config::duration)]
    timeout: Duration,
    /// How to report.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A table, and what went wrong in words.
    Text,
    /// One JSON object.
    Json,
}

impl Send {
    /// Ends with 0 where everything became what it should, else with 1.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (scheme, keyring) = self.scheme.load()?;
        self.check(&scheme)?;
        let target = Target::new(&self.to, self.ca.as_deref(), self.timeout)?;
        let body = self.body.as_deref().map(body).transpose()?;
        let script = Script::new(scheme, keyring, &target, self, body)?;
        let plan = Plan {
            count: self.count,
            duplicates: self.duplicate,
            tampered: self.tamper,
            concurrency: self.concurrency,
            rate: self.rate,
            has_bar: std::io::stderr().is_terminal(),
        };
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        let played = runtime.block_on(play::play(script, target, &plan))?;
        let report = report::Report { to: self.to.to_string(), played, plan };
        super::print(match self.format {
            Format::Text => report.text(),
            Format::Json => format!("{}\n", report.json()),
        })?;
        Ok(if report.is_as_it_should_be() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Refuses what could not be carried out as it is asked for.
    fn check(&self, scheme: &Scheme) -> anyhow::Result<()> {
        ensure!(self.count > 0 || self.tamper > 0, "there is nothing to send: --count is 0, and so is --tamper");
        ensure!(self.count > 0 || self.duplicate == 0, "there is nothing to repeat: --count is 0");
        ensure!(
            self.count <= 1 || self.event_id.is_none(),
            "--event-id names one event; with it, --count is 1 at most"
        );
        if self.tamper > 0 && scheme.covers().body != Cover::Signed {
            bail!("--tamper proves nothing here: the signature of {} does not cover the body", scheme.name);
        }
        let id_travels = scheme.event_id.iter().any(|part| matches!(part, Locator::Header(_)));
        if self.count > 1 && self.body.is_some() && !id_travels {
            bail!(
                "--body is sent as it is, and {} has the event's id in it: more than one would be the same event; \
                 with it, --count is 1 at most (--duplicate repeats it)",
                scheme.name
            );
        }
        Ok(())
    }
}

/// The body of this file, or of standard input.
fn body(path: &Path) -> anyhow::Result<Bytes> {
    if path.as_os_str() == "-" {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body).context("cannot read the body from standard input")?;
        return Ok(body.into());
    }
    Ok(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?.into())
}

/// Requests a second: once in a quarter of an hour is as slow as makes sense.
fn rate(text: &str) -> Result<f64, &'static str> {
    let rate: f64 = text.parse().map_err(|_| "expected a number of requests a second")?;
    if (0.001..=1_000_000.0).contains(&rate) { Ok(rate) } else { Err("expected 0.001 to 1000000 requests a second") }
}
