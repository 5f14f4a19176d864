//! From what the file says to what it means: names become references, secrets
//! and certificates are read, defaults are filled in, and what does not fit
//! together is reported, all of it.

mod inbound;
mod scheme;
mod secret;
mod source;
mod tls;
mod upstream;
mod warn;

use std::cell::Cell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::environment::Environment;
use super::error::Problems;
use super::file::{AdminFile, ConfigFile, LogFile, StoreFile, Workers};
use super::node::{Span, Spanned};
use super::page::quote;
use super::read::Named;
use super::resolved::{Admin, Config, Inbound, Log, LogFormat, LogLevel, StoreConfig};
use super::suggest::did_you_mean;
pub(super) use scheme::scheme;

const SHUTDOWN: Duration = Duration::from_secs(30);

/// See [`Names::guesses`].
const GUESSES: usize = 200_000;

/// The world outside of the file, and what was found wrong so far.
pub(super) struct Context<'e> {
    pub(super) environment: &'e dyn Environment,
    pub(super) now: Timestamp,
    pub(super) problems: &'e mut Problems,
    /// Every file that was read.
    pub(super) files: Vec<PathBuf>,
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

/// Resolves the file; `None`: it cannot be, and that has been reported.
pub(super) fn resolve(file: ConfigFile, context: &mut Context<'_>) -> Option<Config> {
    let schemes = scheme::schemes(file.schemes, context);
    let order: Vec<String> = file.upstreams.entries.iter().map(|(name, _)| name.value.clone()).collect();
    let names: Vec<Spanned<()>> = file.upstreams.entries.iter().map(|(name, _)| place(name)).collect();
    let upstreams = upstream::upstreams(file.upstreams, context);
    let inbound = file.inbound.and_then(|inbound| inbound::inbound(inbound, &schemes, &upstreams, context));
    let store = store(file.store, file.top, context);
    let admin = file.admin.map(|file| admin(file, inbound.as_ref(), context));
    let upstreams: Vec<_> = order.iter().map(|name| upstreams.known.get(name).cloned().flatten()).collect();
    warn::unused(&order, &names, inbound.as_ref(), context);
    let written_workers = file.workers.unwrap_or(Workers::Auto);
    Some(Config {
        workers: match written_workers {
            Workers::Auto => context.environment.cores(),
            Workers::Count(count) => count,
        },
        inbound: Some(inbound?),
        upstreams: upstreams.into_iter().collect::<Option<_>>()?,
        store: store?,
        admin: admin.map_or(Some(None), |admin| admin.map(Some))?,
        log: log(file.log),
        shutdown: file.shutdown.unwrap_or(SHUTDOWN),
        files: std::mem::take(&mut context.files),
        written_workers,
    })
}

fn place<T>(spanned: &Spanned<T>) -> Spanned<()> {
    Spanned { value: (), span: spanned.span, owner: spanned.owner, verbatim: spanned.verbatim }
}

fn store(file: Option<StoreFile>, top: Span, context: &mut Context<'_>) -> Option<StoreConfig> {
    match file {
        Some(StoreFile::Memory) => Some(StoreConfig::Memory),
        Some(StoreFile::Sqlite { path }) => Some(StoreConfig::Sqlite { path: path?.0 }),
        None => {
            let label = "add `store: {sqlite: {path: …}}`, or say `store: {memory: {}}`";
            context.problems.warning(top, "without `store`, a restart forgets which deliveries were seen", label);
            Some(StoreConfig::Memory)
        }
    }
}

fn admin(file: AdminFile, inbound: Option<&Inbound>, context: &mut Context<'_>) -> Option<Admin> {
    let token = file.token.map(|token| secret::token(&token, context));
    let listen = file.listen?;
    if !file.has_token && !listen.value.ip().is_loopback() {
        let label = "add `token: {env: NAME}`, or listen on `127.0.0.1`";
        context.problems.error(listen.span, "`admin` listens beyond this machine and has no token", label);
    }
    if inbound.is_some_and(|inbound| collide(inbound.listen, listen.value)) {
        context.problems.error(listen.span, "`admin` and `inbound` listen on the same address", "choose another port");
    }
    Some(Admin { listen: listen.value, token: token.map_or(Some(None), |token| token.map(Some))? })
}

/// Whether two listeners would want the same address; port 0 is a new one for each.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_host = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    same_host && one.port() == other.port() && one.port() != 0
}

fn log(file: Option<LogFile>) -> Log {
    let (format, level) = file.map_or((None, None), |file| (file.format, file.level));
    Log { format: format.unwrap_or(LogFormat::Text), level: level.unwrap_or(LogLevel::Info) }
}

impl Context<'_> {
    /// Reads a file that the configuration names, and remembers that it did.
    fn read(&mut self, path: &Path, at: Span) -> Option<Vec<u8>> {
        if !self.files.iter().any(|known| known == path) {
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
