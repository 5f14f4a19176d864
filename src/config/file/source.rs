//! `inbound.sources`: who may send, and where to it goes.

use std::time::Duration;

use http::HeaderName;

use super::OneOrMore;
use super::acknowledge::AcknowledgeFile;
use super::require::RequireFile;
use super::scheme::SchemeFile;
use super::secret::{KeyList, SecretList, SecretPlace};
use crate::config::error::Problems;
use crate::config::fields::{Fields, choice};
use crate::config::node::{Node, Span, Spanned, Value};
use crate::config::read::{Complaint, Read, Word, expected, one_of};
use crate::config::resolved::{Delivery, EventPattern, ForwardBody, ForwardHost, Verification};
use crate::config::text::{HostName, RequestPath};
use crate::scheme::{Locator, OnConflict, PRESETS};

/// How long the app may take before its sender is answered that the event is queued.
const WITHIN: Duration = Duration::from_secs(3);

/// A source.
#[derive(Debug)]
pub(in crate::config) struct SourceFile {
    pub(in crate::config) path: Option<Spanned<RequestPath>>,
    pub(in crate::config) host: Option<Spanned<HostName>>,
    pub(in crate::config) scheme: Option<Spanned<SchemeChoice>>,
    pub(in crate::config) secrets: Option<Spanned<SecretList>>,
    pub(in crate::config) keys: Option<Spanned<KeyList>>,
    pub(in crate::config) upstream: Option<Spanned<String>>,
    pub(in crate::config) dedup: Option<DedupFile>,
    pub(in crate::config) event_id: Option<Spanned<OneOrMore<Locator>>>,
    pub(in crate::config) event_type: Option<Spanned<Locator>>,
    pub(in crate::config) events: Option<Spanned<Vec<EventPattern>>>,
    pub(in crate::config) acknowledge: Option<Spanned<AcknowledgeFile>>,
    pub(in crate::config) verify_token: Option<Spanned<SecretPlace>>,
    pub(in crate::config) forward: ForwardFile,
    pub(in crate::config) verification: Option<Spanned<Verification>>,
    pub(in crate::config) require: Option<Spanned<RequireFile>>,
    /// Where the mode of delivery stands.
    pub(in crate::config) delivery: Option<Spanned<Delivery>>,
    /// Where something about the source as a whole is reported.
    pub(in crate::config) owner: Span,
    /// Whether a host is there, readable or not.
    pub(in crate::config) has_host: bool,
}

/// The scheme of a source.
#[derive(Debug)]
pub(in crate::config) enum SchemeChoice {
    InPlace(Box<SchemeFile>),
    /// A preset, or a name under `schemes`.
    Name(String),
}

/// What is done about duplicates.
#[derive(Debug)]
pub(in crate::config) enum DedupFile {
    Off,
    On {
        window: Option<Spanned<Duration>>,
        key: Option<Spanned<OneOrMore<Locator>>>,
        conflict: Option<OnConflict>,
        also: Option<Also>,
        entries: Option<usize>,
    },
}

/// What the app sees of a request.
#[derive(Debug, Default)]
pub(in crate::config) struct ForwardFile {
    pub(in crate::config) path: Option<RequestPath>,
    pub(in crate::config) body: Option<Spanned<ForwardBody>>,
    pub(in crate::config) headers: Vec<Spanned<HeaderName>>,
    pub(in crate::config) host: Option<ForwardHost>,
}

impl Read for SourceFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<SourceFile> {
        let mut fields = Fields::of(node, "a source", problems)?;
        let file = SourceFile {
            path: fields.required("path"),
            host: fields.optional("host"),
            scheme: fields.required("scheme"),
            secrets: fields.optional("secrets"),
            keys: fields.optional("keys"),
            upstream: fields.required("upstream"),
            dedup: fields.optional("dedup"),
            event_id: fields.optional("event_id"),
            event_type: fields.optional("event_type"),
            events: fields.optional("events"),
            acknowledge: fields.optional("acknowledge"),
            verify_token: fields.optional("verify_token"),
            forward: fields.optional("forward").unwrap_or_default(),
            verification: fields.optional("verification"),
            require: fields.optional("require"),
            delivery: fields.optional("delivery"),
            owner: node.owner,
            has_host: fields.has("host"),
        };
        match (fields.key("secrets"), fields.key("keys")) {
            (Some(first), Some(second)) => {
                let message = "a source has `secrets` or `keys`, not both";
                fields.problems.error(first.max(second), message, "`keys` are for schemes that have public keys");
            }
            (None, None) => fields.missing("secrets", " or `keys`"),
            _ => {}
        }
        fields.finish();
        Some(file)
    }
}

impl Read for SchemeChoice {
    fn read(node: &Node, problems: &mut Problems) -> Option<SchemeChoice> {
        match &node.value {
            Value::Text(_) if problems.is_asked() => {
                problems.takes_such_as(PRESETS.iter().map(|preset| preset.name.to_string()));
                None
            }
            Value::Text(_) => String::read(node, problems).map(SchemeChoice::Name),
            Value::Map(_) => SchemeFile::read(node, problems).map(|file| SchemeChoice::InPlace(Box::new(file))),
            _ => {
                expected("a scheme", "a preset, a name under `schemes`, or `{hmac: …}`", node, problems);
                None
            }
        }
    }
}

impl Read for Delivery {
    fn read(node: &Node, problems: &mut Problems) -> Option<Delivery> {
        let Value::Map(_) = &node.value else {
            return DeliveryWord::read(node, problems).map(|DeliveryWord(delivery)| delivery);
        };
        let (_, entry) = choice(node, DeliveryWord::WHAT, DeliveryWord::LIKE, &["sync_then_queue"], problems)?;
        let mut fields = Fields::of(&entry.node, "`sync_then_queue`", problems)?;
        let within = fields.duration("within", Duration::from_millis(1), Duration::from_secs(3600));
        fields.finish();
        Some(Delivery::SyncThenQueue { within: within.unwrap_or(WITHIN) })
    }
}

#[derive(Clone)]
struct DeliveryWord(Delivery);

impl Word for DeliveryWord {
    const WHAT: &'static str = "a mode of delivery";
    const LIKE: &'static str = "write `sync`, `queue`, `sync_then_queue` or `{sync_then_queue: {within: 3s}}`";

    fn parse(text: &str) -> Result<DeliveryWord, Complaint> {
        let table = [
            ("sync", Some(DeliveryWord(Delivery::Sync))),
            ("queue", Some(DeliveryWord(Delivery::Queue))),
            ("sync_then_queue", Some(DeliveryWord(Delivery::SyncThenQueue { within: WITHIN }))),
        ];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for Verification {
    const WHAT: &'static str = "a way to verify";
    const LIKE: &'static str = "write `enforce` or `report_only`";

    fn parse(text: &str) -> Result<Verification, Complaint> {
        let table = [("enforce", Some(Verification::Enforce)), ("report_only", Some(Verification::ReportOnly))];
        one_of(text, Self::WHAT, &table)
    }
}

impl Read for DedupFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<DedupFile> {
        if let Value::Text(_) = &node.value {
            return DedupWord::read(node, problems).map(|DedupWord| DedupFile::Off);
        }
        let mut fields = Fields::of(node, "`dedup`", problems)?;
        let file = DedupFile::On {
            window: fields.spanned_duration("window", Duration::from_secs(1), Duration::from_secs(366 * 86400)),
            key: fields.optional("key"),
            conflict: fields.optional("conflict"),
            also: fields.optional("also"),
            entries: fields.count("entries", 100_000_000),
        };
        fields.finish();
        Some(file)
    }
}

#[derive(Clone)]
struct DedupWord;

impl Word for DedupWord {
    const WHAT: &'static str = "a way to drop duplicates";
    const LIKE: &'static str = "write `off`, or `{window: 72h}`";

    fn parse(text: &str) -> Result<DedupWord, Complaint> {
        let complaint = |complaint: Complaint| Complaint { label: Self::LIKE.into(), ..complaint };
        one_of(text, Self::WHAT, &[("off", Some(DedupWord))]).map_err(complaint)
    }
}

/// What deliveries are told apart by as well: the body.
#[derive(Clone, Debug)]
pub(in crate::config) struct Also;

impl Word for Also {
    const WHAT: &'static str = "what duplicates are told by as well";
    const LIKE: &'static str = "write `body`, or leave the key out";

    fn parse(text: &str) -> Result<Also, Complaint> {
        one_of(text, Self::WHAT, &[("body", Some(Also))])
    }
}

impl Word for OnConflict {
    const WHAT: &'static str = "a way to treat a conflict";
    const LIKE: &'static str = "write `duplicate` or `deliver`";

    fn parse(text: &str) -> Result<OnConflict, Complaint> {
        let table = [("duplicate", Some(OnConflict::Duplicate)), ("deliver", Some(OnConflict::Deliver))];
        one_of(text, Self::WHAT, &table)
    }
}

impl Read for ForwardFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<ForwardFile> {
        let mut fields = Fields::of(node, "`forward`", problems)?;
        let file = ForwardFile {
            path: fields.optional("path"),
            body: fields.optional("body"),
            headers: fields.optional("headers").unwrap_or_default(),
            host: fields.optional("host"),
        };
        fields.finish();
        Some(file)
    }
}

impl Word for ForwardBody {
    const WHAT: &'static str = "a body to forward";
    const LIKE: &'static str = "write `payload` or `original`";

    fn parse(text: &str) -> Result<ForwardBody, Complaint> {
        let table = [("payload", Some(ForwardBody::Payload)), ("original", Some(ForwardBody::Original))];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for ForwardHost {
    const WHAT: &'static str = "a host to forward";
    const LIKE: &'static str = "write `keep` or `upstream`";

    fn parse(text: &str) -> Result<ForwardHost, Complaint> {
        let table = [("keep", Some(ForwardHost::Keep)), ("upstream", Some(ForwardHost::Upstream))];
        one_of(text, Self::WHAT, &table)
    }
}
