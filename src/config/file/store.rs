//! `store`: where deliveries are remembered, and what is kept of them.

use std::time::Duration;

use super::later::Anything;
use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Span, Value};
use crate::config::read::{Complaint, Read, Word, expected, one_of};
use crate::config::resolved::KeptBodies;
use crate::config::text::FilePath;
use crate::config::unit::Size;
use crate::scheme::Pointer;

/// How to write a store.
const STORE: &str = "write `{memory: {}}` or `{sqlite: {path: …}}`";

const DAY: Duration = Duration::from_secs(86_400);

/// The store.
#[derive(Debug)]
pub(in crate::config) struct StoreFile {
    /// Which one; `None`: that could not be read, and has been reported.
    pub(in crate::config) kind: Option<StoreKind>,
    pub(in crate::config) bodies: Option<KeptBodies>,
    pub(in crate::config) mask: Option<Vec<Pointer>>,
    pub(in crate::config) retention: RetentionFile,
    /// Where the keys stand that say what is kept.
    pub(in crate::config) keep: Vec<(&'static str, Span)>,
}

/// Which store.
#[derive(Debug)]
pub(in crate::config) enum StoreKind {
    Memory,
    Sqlite { path: Option<FilePath> },
}

/// How long deliveries that are over are kept.
#[derive(Debug, Default)]
pub(in crate::config) struct RetentionFile {
    pub(in crate::config) age: Option<Duration>,
    pub(in crate::config) size: Option<Size>,
}

impl Read for StoreFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<StoreFile> {
        if !matches!(node.value, Value::Map(_)) {
            expected("a store", STORE, node, problems);
            return None;
        }
        let mut fields = Fields::of(node, "a store", problems)?;
        let kind = kind(&mut fields);
        let keys = ["bodies", "mask", "retention"];
        let file = StoreFile {
            kind,
            bodies: fields.optional("bodies"),
            mask: fields.optional("mask"),
            retention: fields.optional("retention").unwrap_or_default(),
            keep: keys.into_iter().filter_map(|key| Some((key, fields.key(key)?))).collect(),
        };
        fields.finish();
        Some(file)
    }
}

/// One of the keys that name a store, and no other.
fn kind(fields: &mut Fields<'_, '_>) -> Option<StoreKind> {
    let memory = fields.optional::<Memory>("memory").map(|Memory| StoreKind::Memory);
    let sqlite = fields.optional::<Sqlite>("sqlite").map(|Sqlite { path }| StoreKind::Sqlite { path });
    fields.optional::<Anything>("postgres");
    let mut named = ["memory", "sqlite", "postgres"].into_iter().filter_map(|key| Some((key, fields.key(key)?)));
    match (named.next(), named.next()) {
        (None, _) => {
            // What is there, and is none of them, is said to be unknown.
            if fields.all_asked(&["bodies", "mask", "retention"]) {
                fields.missing("sqlite", " or `memory`");
            }
            None
        }
        (Some((_, first)), Some((_, second))) => {
            fields.problems.error(first.max(second), "there is one store, not two", STORE);
            None
        }
        (Some(("postgres", at)), None) => {
            let Complaint { message, label, .. } = Complaint::later("postgres", STORE);
            fields.problems.error(at, message, label);
            None
        }
        (Some(_), None) => memory.or(sqlite),
    }
}

struct Memory;

impl Read for Memory {
    fn read(node: &Node, problems: &mut Problems) -> Option<Memory> {
        Fields::of(node, "the memory store", problems)?.finish();
        Some(Memory)
    }
}

struct Sqlite {
    path: Option<FilePath>,
}

impl Read for Sqlite {
    fn read(node: &Node, problems: &mut Problems) -> Option<Sqlite> {
        let mut fields = Fields::of(node, "the SQLite store", problems)?;
        let path = fields.required("path");
        fields.finish();
        Some(Sqlite { path })
    }
}

impl Word for KeptBodies {
    const WHAT: &'static str = "a way to keep bodies";
    const LIKE: &'static str = "write `full` or `digest`";

    fn parse(text: &str) -> Result<KeptBodies, Complaint> {
        one_of(text, Self::WHAT, &[("full", Some(KeptBodies::Full)), ("digest", Some(KeptBodies::Digest))])
    }
}

impl Read for RetentionFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<RetentionFile> {
        let mut fields = Fields::of(node, "`retention`", problems)?;
        let file = RetentionFile {
            age: fields.duration("age", Duration::from_secs(60), 3660 * DAY),
            size: fields.size("size", Size(1 << 20), Size(1 << 44)).map(|size| size.value),
        };
        fields.finish();
        Some(file)
    }
}
