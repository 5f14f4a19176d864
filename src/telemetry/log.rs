//! Lines, as text or as JSON, on standard output.
//!
//! A subscriber of `tracing` that formats an event once, into a buffer of its
//! thread, and gives the line to the thread that writes. It knows no spans: a request is one
//! line with all its fields, see [`Access`](super::access::Access).
//!
//! Events of other crates show from `warn` on, whatever the level: what they say
//! below that may hold headers and bodies.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, SetGlobalDefaultError};
use tracing::{Event, Level, Metadata, Subscriber};

pub use super::line::Format;
use super::line::Line;
use super::moment::Moment;
use super::sink::Sink;
use crate::clock;

/// The crate whose events are shown at every level.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// Room for a usual line.
const LINE: usize = 1024;

thread_local! {
    static PAPER: RefCell<Paper> = RefCell::new(Paper::new());
}

/// What a thread writes a line on.
struct Paper {
    line: Vec<u8>,
    moment: Moment,
}

impl Paper {
    fn new() -> Self {
        Self { line: Vec::with_capacity(LINE), moment: Moment::new() }
    }
}

/// The log of a process. Clones are the same log.
#[derive(Clone)]
pub struct Log {
    settings: Arc<Settings>,
    sink: Arc<Sink>,
}

struct Settings {
    is_json: AtomicBool,
    /// How many levels show, from none (0) to `trace` (5).
    levels: AtomicU8,
}

impl Settings {
    fn format(&self) -> Format {
        if self.is_json.load(Relaxed) { Format::Json } else { Format::Text }
    }
}

impl Log {
    /// A log on standard output.
    ///
    /// # Errors
    ///
    /// If the thread that writes cannot be started.
    pub fn start(format: Format, level: LevelFilter) -> io::Result<Log> {
        Log::to(Box::new(io::stdout()), format, level)
    }

    /// A log that goes elsewhere.
    ///
    /// # Errors
    ///
    /// If the thread that writes cannot be started.
    pub fn to(writer: Box<dyn io::Write + Send>, format: Format, level: LevelFilter) -> io::Result<Log> {
        let settings = Arc::new(Settings { is_json: AtomicBool::default(), levels: AtomicU8::default() });
        let theirs = Arc::clone(&settings);
        let sink = Sink::start(writer, Box::new(move |count| notice(theirs.format(), count)))?;
        let log = Log { settings, sink: Arc::new(sink) };
        log.configure(format, level);
        Ok(log)
    }

    /// Makes this the log of the whole process.
    ///
    /// # Errors
    ///
    /// If there is one already.
    pub fn install(&self) -> Result<(), SetGlobalDefaultError> {
        tracing::subscriber::set_global_default(self.clone())
    }

    /// Changes format and level, as on a reload.
    pub fn configure(&self, format: Format, level: LevelFilter) {
        self.settings.is_json.store(format == Format::Json, Relaxed);
        self.settings.levels.store(levels(level), Relaxed);
        // What is off costs nothing because every place in the code knows that it is off; tell them.
        tracing::callsite::rebuild_interest_cache();
    }

    /// How many lines were dropped since the start, because nothing took them in time.
    pub fn dropped(&self) -> u64 {
        self.sink.dropped()
    }

    /// Waits until every line so far is written, at most for `limit`; tells whether it is.
    pub fn flush(&self, limit: Duration) -> bool {
        self.sink.flush(limit)
    }

    fn shows(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span()
            && levels((*metadata.level()).into()) <= self.settings.levels.load(Relaxed)
            && (*metadata.level() <= Level::WARN || is_ours(metadata.target()))
    }

    /// Writes a line with these fields, whether or not its level shows.
    pub(super) fn line(&self, level: &Level, target: &str, fields: impl FnOnce(&mut Line<'_>)) {
        PAPER.with(|paper| match paper.try_borrow_mut() {
            Ok(mut paper) => self.write(&mut paper, level, target, fields),
            // A field logs while it is formatted.
            Err(_) => self.write(&mut Paper::new(), level, target, fields),
        });
    }

    fn write(&self, paper: &mut Paper, level: &Level, target: &str, fields: impl FnOnce(&mut Line<'_>)) {
        let Paper { line: buffer, moment } = paper;
        let mut line = Line::begin(buffer, self.settings.format(), moment.text(clock::now()), level);
        fields(&mut line);
        line.end(target, is_ours(target));
        self.sink.write(buffer, *level <= Level::WARN);
        buffer.clear();
    }
}

impl Subscriber for Log {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.shows(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let all = [LevelFilter::OFF, LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG];
        Some(all.get(usize::from(self.settings.levels.load(Relaxed))).copied().unwrap_or(LevelFilter::TRACE))
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.shows(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        self.line(metadata.level(), metadata.target(), |line| event.record(line));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("format", &self.settings.format()).finish_non_exhaustive()
    }
}

/// The line that says how many lines are missing before it.
fn notice(format: Format, count: u64) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(LINE);
    let mut line = Line::begin(&mut buffer, format, Moment::new().text(clock::now()), &Level::WARN);
    line.text("message", "log lines were dropped: nothing took them in time");
    line.bare("count", format_args!("{count}"));
    line.end(module_path!(), true);
    buffer
}

fn is_ours(target: &str) -> bool {
    target.strip_prefix(OURS).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn levels(level: LevelFilter) -> u8 {
    match level {
        LevelFilter::OFF => 0,
        LevelFilter::ERROR => 1,
        LevelFilter::WARN => 2,
        LevelFilter::INFO => 3,
        LevelFilter::DEBUG => 4,
        LevelFilter::TRACE => 5,
    }
}

#[cfg(test)]
mod tests;
