//! `upstreams`: the apps behind the gateway.

use std::time::Duration;

use super::later::Anything;
use super::pace::{of_queue, pace};
use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Span, Spanned};
use crate::config::read::Read;
use crate::config::resolved::{Pace, Retry};
use crate::config::text::{FilePath, Url};

/// An app.
#[derive(Debug)]
pub(in crate::config) struct UpstreamFile {
    pub(in crate::config) url: Option<Spanned<Url>>,
    pub(in crate::config) timeout: Option<Duration>,
    pub(in crate::config) connect_timeout: Option<Duration>,
    pub(in crate::config) trust: TrustFile,
    pub(in crate::config) retry: Option<Retry>,
    pub(in crate::config) pace: Pace,
    /// Where the keys stand that mean nothing without a queue.
    pub(in crate::config) of_queue: Vec<(&'static str, Span)>,
}

/// Whom TLS trusts, and what it shows.
#[derive(Debug)]
pub(in crate::config) struct TrustFile {
    pub(in crate::config) ca: Option<Spanned<FilePath>>,
    pub(in crate::config) certificate: Option<Spanned<FilePath>>,
    pub(in crate::config) key: Option<Spanned<FilePath>>,
}

impl Read for UpstreamFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<UpstreamFile> {
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(3600));
        let mut fields = Fields::of(node, "an upstream", problems)?;
        let file = UpstreamFile {
            url: fields.required("url"),
            timeout: fields.duration("timeout", least, most),
            connect_timeout: fields.duration("connect_timeout", least, most),
            trust: TrustFile::read(&mut fields),
            retry: fields.optional("retry"),
            pace: pace(&mut fields),
            of_queue: of_queue(&["retry", "concurrency", "rate"], &fields),
        };
        fields.later::<Anything>("sign");
        fields.finish();
        Some(file)
    }
}

impl TrustFile {
    /// The keys that stand beside the URL.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> TrustFile {
        let file = TrustFile {
            ca: fields.optional("ca"),
            certificate: fields.optional("certificate"),
            key: fields.optional("key"),
        };
        match (fields.key("certificate"), fields.key("key")) {
            (Some(_), None) => fields.missing("key", " to its `certificate`"),
            (None, Some(_)) => fields.missing("certificate", " to its `key`"),
            _ => {}
        }
        file
    }
}
