//! From what the file says to what it means: names become references, secrets
//! and certificates are read, defaults are filled in, and what does not fit
//! together is reported, all of it.

mod endpoint;
mod inbound;
mod listen;
mod outbound;
mod require;
mod scheme;
mod secret;
mod sender;
mod signing;
mod source;
mod store;
mod tls;
mod upstream;
mod warn;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::environment::Environment;
use super::error::Problems;
use super::file::{ConfigFile, LogFile, Workers};
use super::node::{Span, Spanned};
use super::page::quote;
use super::read::Named;
use super::resolved::{Config, Egress, Log, LogFormat, LogLevel};
use super::suggest::did_you_mean;
use endpoint::Surroundings;
pub(super) use scheme::scheme;
use store::Durability;
pub(super) use tls::{anonymous, system_roots};
use warn::UpstreamPlaces;

const SHUTDOWN: Duration = Duration::from_secs(30);

/// See [`Names::guesses`].
const GUESSES: usize = 200_000;

/// The world outside of the file, and what was found wrong so far.
pub(super) struct Context<'e> {
    pub(super) environment: &'e dyn Environment,
    pub(super) now: Timestamp,
    pub(super) problems: &'e mut Problems,
    /// Every file that was read, each once.
    files: Vec<PathBuf>,
    known: HashSet<PathBuf>,
}

/// What names stand for. An entry is there for every name in the file; it is
/// `None` where what it names could not be understood.
pub(super) struct Names<T> {
    known: HashMap<String, Option<Arc<T>>>,
    complete: bool,
    /// How many more names may be compared with a wrong one. A suggestion looks
    /// at every name: with a wrong one in each of many sources that would take minutes.
    guesses: Cell<usize>,
}

/// Who has a scheme and secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Referrer {
    Endpoint,
    Source,
    Upstream,
}

/// Resolves the file; `None`: it cannot be, and that has been reported.
pub(super) fn resolve(file: ConfigFile, context: &mut Context<'_>) -> Option<Config> {
    listen::distinct(&file, context);
    let durability = Durability::of(file.store.as_ref(), file.has_store);
    let schemes = scheme::schemes(file.schemes, context);
    let order: Vec<UpstreamPlaces> = file.upstreams.entries.iter().map(warn::places).collect();
    let upstreams = upstream::upstreams(file.upstreams, &schemes, context);
    let inbound = file.inbound.and_then(|inbound| inbound::inbound(inbound, &schemes, &upstreams, durability, context));
    let outbound = file.outbound.map(|outbound| {
        let (trust, egress) = (tls::Trust::default(), Egress::default());
        let surroundings = Surroundings { schemes: &schemes, upstreams: &upstreams, durability, trust, egress };
        outbound::outbound(outbound, surroundings, context)
    });
    let store = store::store(file.store, file.top, context);
    let admin = file.admin.map(|file| listen::admin(file, context));
    if inbound.is_some() || !file.has_inbound {
        warn::unused(&order, inbound.as_ref(), context);
    }
    let upstreams: Vec<_> =
        order.iter().map(|places| upstreams.known.get(&places.name.value).cloned().flatten()).collect();
    let written_workers = file.workers.unwrap_or(Workers::Auto);
    Some(Config {
        workers: match written_workers {
            Workers::Auto => context.environment.cores(),
            Workers::Count(count) => count,
        },
        inbound,
        upstreams: upstreams.into_iter().collect::<Option<_>>()?,
        outbound: outbound.map_or(Some(None), |outbound| outbound.map(Some))?,
        store: store?,
        admin: admin.map_or(Some(None), |admin| admin.map(Some))?,
        log: log(file.log),
        shutdown: file.shutdown.unwrap_or(SHUTDOWN),
        files: std::mem::take(&mut context.files),
        written_workers,
    })
}

fn log(file: Option<LogFile>) -> Log {
    let (format, level) = file.map_or((None, None), |file| (file.format, file.level));
    Log { format: format.unwrap_or(LogFormat::Text), level: level.unwrap_or(LogLevel::Info) }
}

impl Referrer {
    fn word(self) -> &'static str {
        match self {
            Referrer::Endpoint => "endpoint",
            Referrer::Source => "source",
            Referrer::Upstream => "upstream",
        }
    }
}

impl<'e> Context<'e> {
    /// `file`: where the configuration stands, if in a file.
    pub(super) fn new(
        environment: &'e dyn Environment,
        now: Timestamp,
        problems: &'e mut Problems,
        file: Option<&Path>,
    ) -> Context<'e> {
        let files: Vec<PathBuf> = file.map(Path::to_owned).into_iter().collect();
        Context { environment, now, problems, known: files.iter().cloned().collect(), files }
    }

    /// Reads a file that the configuration names, and remembers that it did.
    fn read(&mut self, path: &Path, at: Span) -> Option<Vec<u8>> {
        if self.known.insert(path.to_owned()) {
            self.files.push(path.to_owned());
        }
        self.environment
            .read(path)
            .inspect_err(|error| {
                let path = quote(&path.display().to_string());
                self.problems.error(at, format!("the file {path} cannot be read"), error.to_string());
            })
            .ok()
    }
}

impl<T> Names<T> {
    /// Gives every name of a section what it stands for.
    fn new<F>(
        file: Named<F>,
        context: &mut Context<'_>,
        mut resolve: impl FnMut(&Spanned<String>, F, &mut Context<'_>) -> Option<T>,
    ) -> Names<T> {
        let complete = file.complete;
        let mut known = HashMap::with_capacity(file.entries.len());
        for (name, file) in file.entries {
            let found = file.and_then(|file| resolve(&name, file, context)).map(Arc::new);
            known.insert(name.value, found);
        }
        Names { known, complete, guesses: Cell::new(GUESSES) }
    }

    /// Whether a name is there, understood or not.
    fn knows(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// What a name stands for. `Err`: nothing, and there is no such name; it
    /// holds the end of a sentence that says so.
    fn find(&self, name: &str, more: &[&str]) -> Result<Option<Arc<T>>, String> {
        match self.known.get(name) {
            Some(found) => Ok(found.clone()),
            None if !self.complete => Ok(None),
            None => {
                let candidates = self.known.keys().map(String::as_str).chain(more.iter().copied());
                let mut candidates: Vec<&str> = candidates.take(self.guesses.get()).collect();
                self.guesses.set(self.guesses.get() - candidates.len());
                candidates.sort_unstable();
                Err(did_you_mean(name, candidates))
            }
        }
    }
}
