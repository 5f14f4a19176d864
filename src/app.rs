//! The gateway as a process: load → build → serve → drain.
//!
//! Each worker is a thread with a runtime, a listening socket and connections of its
//! own. The thread that started them serves the admin address, watches for signals
//! and changed files, and keeps house.

mod deliver;
mod operate;
mod reload;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};
use tracing::level_filters::LevelFilter;

use crate::admin::{self, AdminError};
use crate::clock;
use crate::config::{Config, Diagnostics, LogFormat, LogLevel, StoreConfig, Verification};
use crate::http::server::{BindError, Listeners, ListeningSocket};
use crate::store::{OpenError, Store};
use crate::telemetry::log::{Format, Log};
use crate::telemetry::metrics::Metrics;
use crate::{inbound, outbound};
pub(crate) use deliver::Delivering;
use reload::Files;

/// How often the house is kept: files looked at, old entries let go.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// How long the last lines of the log may take.
const FLUSH: Duration = Duration::from_secs(1);

/// The exit status of a configuration that cannot be used (`EX_CONFIG` of sysexits.h).
pub const EX_CONFIG: u8 = 78;

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The admin address cannot be used.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// An address that senders or apps send to cannot be used.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The configuration is not right.
    #[error("{0}")]
    Config(Diagnostics),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The system gives no thread, runtime or signal.
    #[error("cannot start a thread or its runtime")]
    System(#[from] io::Error),
}

impl StartError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => EX_CONFIG.into(),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the gateway that a file describes until it is told to stop.
///
/// # Errors
///
/// If it cannot start. Once it listens, nothing ends it but a signal.
pub fn run(path: &Path) -> Result<(), StartError> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        // First, so that a signal that comes while the gateway starts is heeded once it has.
        let signals = Signals::new()?;
        let (loaded, files) = reload::load(path);
        let (config, report) = loaded.map_err(StartError::Config)?;
        let log = Log::start(format(&config), level(&config))?;
        // Only a second gateway in one process finds a log in its place, and then shares it.
        let _ = log.install();
        for warning in &report.warnings {
            eprintln!("{warning}");
        }
        tell_exceptions(&config);
        raise_descriptor_limit();
        leave_no_core_dump();
        App::build(config, path.to_owned(), files, log)?.serve(signals).await
    })
}

/// Says in the log as well which sources let through what is not verified: who reads the log may not see the warnings.
fn tell_exceptions(config: &Config) {
    for source in config.inbound.iter().flat_map(|inbound| &inbound.sources) {
        if source.verification == Verification::ReportOnly {
            tracing::warn!(source = %source.name, "requests that are not verified reach the app: `verification` is `report_only`");
        }
    }
}

/// Takes as many descriptors as this process may have: a connection needs two, and
/// shells give 1,024 although they may give more.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(cause = %error, "the limit of open files stays where it is");
    }
}

/// What is in memory, secrets among it, is not for a file. Only the soft limit: whoever wants a dump gives it back with
/// `prlimit --core`.
fn leave_no_core_dump() {
    let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(cause = %error, "a crash may leave a core dump");
    }
}

/// What an operator tells the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())?, hangup: signal(SignalKind::hangup())? })
    }
}

/// A gateway that has been built and not yet served.
struct App {
    config: Config,
    path: PathBuf,
    files: Files,
    log: Log,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    inbound: Option<Side<inbound::Gateway>>,
    outbound: Option<Side<outbound::Gateway>>,
    delivering: Option<Delivering>,
    admin: Option<admin::Server>,
    token: Option<admin::Token>,
    view: admin::View,
}

/// One direction: what its workers share, and their sockets.
struct Side<G> {
    gateway: Arc<G>,
    listeners: Listeners,
}

impl App {
    /// Everything that can fail, before anything is served.
    fn build(config: Config, path: PathBuf, files: Files, log: Log) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new());
        let store = open(&config.store)?;
        let side = |listen| Listeners::bind(listen, config.workers);
        let inbound = match &config.inbound {
            Some(inbound) => {
                let gateway = inbound::Gateway::new(inbound, &config.upstreams, store.clone(), metrics.clone());
                Some(Side { gateway, listeners: side(&inbound.listen)? })
            }
            None => None,
        };
        let outbound = match &config.outbound {
            Some(outbound) => {
                let gateway = outbound::Gateway::new(outbound, store.clone(), metrics.clone());
                Some(Side { gateway, listeners: side(&outbound.listen)? })
            }
            None => None,
        };
        let admin = config.admin.as_ref().map(admin::Server::bind).transpose()?;
        let token = admin.as_ref().map(|admin| admin.token.clone());
        let view = admin::View::new(&config);
        Ok(Self { config, path, files, log, store, metrics, inbound, outbound, delivering: None, admin, token, view })
    }

    async fn serve(mut self, signals: Signals) -> Result<(), StartError> {
        let (ended, mut all_ended) = mpsc::channel::<()>(1);
        if let Some(ledger) = self.store.ledger() {
            let delivering = Delivering::start(&self.config, ledger, self.metrics.clone(), ended.clone())?;
            self.delivering = Some(delivering);
        }
        let workers = (0..self.config.workers).map(|_| self.worker(ended.clone())).collect::<io::Result<Vec<_>>>()?;
        drop(ended);
        self.say_where(workers.len());
        if let Some(admin) = self.admin.take() {
            tokio::task::spawn_local(admin.serve(self.operated()));
        }
        self.until_told_to_stop(signals).await;

        self.drain();
        tracing::info!(longest = ?self.config.shutdown, "draining");
        let drained = timeout(self.config.shutdown, all_ended.recv()).await.is_ok();
        if drained {
            workers.into_iter().for_each(|worker| drop(worker.join()));
        } else {
            tracing::warn!("not everything that had begun was over before the drain ended");
        }
        self.store.flush().await;
        tracing::info!("stopped");
        self.log.flush(FLUSH);
        Ok(())
    }

    fn say_where(&self, workers: usize) {
        if let Some(inbound) = &self.inbound {
            tracing::info!(address = %inbound.listeners.address, workers, "listening");
        }
        if let Some(outbound) = &self.outbound {
            tracing::info!(address = %outbound.listeners.address, workers, "outbound listening");
        }
        if let Some(admin) = &self.admin {
            tracing::info!(address = %admin.address(), "admin listening");
        }
    }

    fn drain(&mut self) {
        if let Some(inbound) = &mut self.inbound {
            inbound.listeners.close();
            inbound.gateway.drain();
        }
        if let Some(outbound) = &mut self.outbound {
            outbound.listeners.close();
            outbound.gateway.drain();
        }
        self.delivering = None;
    }

    fn worker(&mut self, ended: mpsc::Sender<()>) -> io::Result<JoinHandle<()>> {
        let inbound = self.inbound.as_mut().map(Side::for_worker);
        let outbound = self.outbound.as_mut().map(Side::for_worker);
        let serve = async || {
            let receiving = async {
                match inbound {
                    Some((gateway, socket)) => inbound::Worker::new(gateway).serve(socket).await,
                    None => Ok(()),
                }
            };
            let sending = async {
                match outbound {
                    Some((gateway, socket)) => outbound::Worker::new(gateway).serve(socket).await,
                    None => Ok(()),
                }
            };
            tokio::try_join!(receiving, sending).map(drop)
        };
        thread::Builder::new().name("worker".into()).spawn(move || {
            let _ended = ended;
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            if let Err(error) = runtime.and_then(|runtime| runtime.block_on(serve())) {
                tracing::error!(cause = %error, "a worker cannot serve");
            }
        })
    }

    /// Keeps house and reloads until SIGTERM or SIGINT.
    async fn until_told_to_stop(&mut self, mut signals: Signals) {
        let mut tick = interval(HOUSEKEEPING);
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return,
                _ = signals.interrupt.recv() => return,
                _ = signals.hangup.recv() => self.reload(),
                _ = tick.tick() => {
                    self.store.sweep(clock::now());
                    self.metrics.upkeep();
                    if self.files.changed() {
                        self.reload();
                    }
                }
            }
        }
    }
}

impl<G> Side<G> {
    fn for_worker(&mut self) -> (Arc<G>, ListeningSocket) {
        let socket = self.listeners.next_socket().expect("a socket was bound for every worker");
        (self.gateway.clone(), socket)
    }
}

fn format(config: &Config) -> Format {
    match config.log.format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    }
}

fn level(config: &Config) -> LevelFilter {
    match config.log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn open(store: &StoreConfig) -> Result<Arc<Store>, OpenError> {
    match store {
        StoreConfig::Memory => Ok(Store::memory()),
        StoreConfig::Sqlite { path, keep } => Store::open_sqlite(path, keep, clock::now()),
    }
}
