//! The file as it is written: which keys there are, and what each may hold.
//!
//! Nothing here depends on another part of the file or on the world outside;
//! that is [`super::resolve`]'s. A field is `None` where it was left out or
//! could not be read; what could not be read, or must not be left out, has been
//! reported by then. Keys of later versions are read and refused.

mod acknowledge;
mod inbound;
mod later;
mod outbound;
mod pace;
mod require;
mod retry;
mod scheme;
mod secret;
mod source;
mod store;
mod upstream;

use std::time::Duration;

pub(super) use acknowledge::AcknowledgeFile;
pub(super) use inbound::{InboundFile, LimitsFile, TlsFile};
pub(super) use outbound::{EndpointFile, OutboundFile, PatternList, ProxyFile};
pub(super) use require::{RequireFile, RequiredHeader};
pub(super) use scheme::{
    CoversBody, HmacFile, JwsFile, MechanismFile, PublicKeyFile, RecipeFile, SchemeFile, TimestampFile,
};
pub(super) use secret::{KeyList, SecretFile, SecretList, SecretPlace};
pub(super) use source::{DedupFile, ForwardFile, SchemeChoice, SourceFile};
pub(super) use store::{StoreFile, StoreKind};
pub(super) use upstream::{SignFile, TrustFile, UpstreamFile};

use super::error::Problems;
use super::fields::{Fields, number};
use super::node::{Node, Span, Spanned, Value};
use super::read::{Complaint, Named, Read, Word, expected, one_of};
use super::resolved::{Listen, LogFormat, LogLevel};

/// The whole file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) workers: Option<Workers>,
    pub(super) inbound: Option<InboundFile>,
    /// Whether a receiving side is there, readable or not.
    pub(super) has_inbound: bool,
    pub(super) upstreams: Named<UpstreamFile>,
    pub(super) outbound: Option<OutboundFile>,
    pub(super) schemes: Named<SchemeFile>,
    pub(super) store: Option<StoreFile>,
    /// Whether a store is there, readable or not.
    pub(super) has_store: bool,
    pub(super) admin: Option<AdminFile>,
    pub(super) log: Option<LogFile>,
    pub(super) shutdown: Option<Duration>,
    /// Where something about the file as a whole is reported.
    pub(super) top: Span,
}

/// How many threads serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workers {
    /// One for each core.
    Auto,
    Count(usize),
}

/// The operator's listener.
#[derive(Debug)]
pub(super) struct AdminFile {
    pub(super) listen: Option<Spanned<Listen>>,
    pub(super) token: Option<Spanned<SecretPlace>>,
    /// Whether a token is there, readable or not.
    pub(super) has_token: bool,
}

/// What is written to the log.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) format: Option<LogFormat>,
    pub(super) level: Option<LogLevel>,
}

impl Read for ConfigFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<ConfigFile> {
        let mut fields = Fields::of(node, "the configuration", problems)?;
        let file = ConfigFile {
            workers: fields.optional("workers"),
            inbound: fields.optional("inbound"),
            has_inbound: fields.has("inbound"),
            upstreams: fields.optional("upstreams").unwrap_or_default(),
            outbound: fields.optional("outbound"),
            schemes: fields.optional("schemes").unwrap_or_default(),
            store: fields.optional("store"),
            has_store: fields.has("store"),
            admin: fields.optional("admin"),
            log: fields.optional("log"),
            shutdown: fields.duration("shutdown", Duration::from_millis(1), Duration::from_secs(24 * 3600)),
            top: fields.first(),
        };
        if !fields.has("inbound") && !fields.has("outbound") {
            fields.missing("inbound", " or `outbound`");
        }
        fields.finish();
        Some(file)
    }
}

impl Read for Workers {
    fn read(node: &Node, problems: &mut Problems) -> Option<Workers> {
        if let Value::Text(text) = &node.value {
            problems.takes(&["auto"]);
            if text.text == "auto" {
                return Some(Workers::Auto);
            }
        }
        let count = number(node, "workers", "`auto` or a number", 1..=256, problems)?;
        usize::try_from(count).ok().map(Workers::Count)
    }
}

impl Read for AdminFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<AdminFile> {
        let mut fields = Fields::of(node, "`admin`", problems)?;
        let has_token = fields.has("token");
        let file = AdminFile { listen: fields.required("listen"), token: fields.optional("token"), has_token };
        fields.finish();
        Some(file)
    }
}

impl Read for LogFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<LogFile> {
        let mut fields = Fields::of(node, "`log`", problems)?;
        let file = LogFile { format: fields.optional("format"), level: fields.optional("level") };
        fields.finish();
        Some(file)
    }
}

impl Word for LogFormat {
    const WHAT: &'static str = "a log format";
    const LIKE: &'static str = "write `text` or `json`";

    fn parse(text: &str) -> Result<LogFormat, Complaint> {
        one_of(text, Self::WHAT, &[("text", Some(LogFormat::Text)), ("json", Some(LogFormat::Json))])
    }
}

impl Word for LogLevel {
    const WHAT: &'static str = "a log level";
    const LIKE: &'static str = "write `error`, `warn`, `info`, `debug` or `trace`";

    fn parse(text: &str) -> Result<LogLevel, Complaint> {
        let table = [
            ("error", Some(LogLevel::Error)),
            ("warn", Some(LogLevel::Warn)),
            ("info", Some(LogLevel::Info)),
            ("debug", Some(LogLevel::Debug)),
            ("trace", Some(LogLevel::Trace)),
        ];
        one_of(text, Self::WHAT, &table)
    }
}

/// One of something, or a list of them.
#[derive(Debug)]
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

impl<T: Read> Read for OneOrMore<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<OneOrMore<T>> {
        match &node.value {
            Value::List(_) => Vec::read(node, problems).map(OneOrMore),
            Value::Null => {
                expected("a value", "give it one, or leave the key out", node, problems);
                None
            }
            _ => T::read(node, problems).map(|one| OneOrMore(vec![one])),
        }
    }
}
