//! `upstreams`: the apps behind the gateway.

use std::time::Duration;

use super::OneOrMore;
use super::pace::{of_queue, pace};
use super::secret::SecretList;
use super::source::SchemeChoice;
use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Span, Spanned};
use crate::config::read::Read;
use crate::config::resolved::{Pace, Retry};
use crate::config::socket::AppUrl;
use crate::config::text::FilePath;

/// An app.
#[derive(Debug)]
pub(in crate::config) struct UpstreamFile {
    pub(in crate::config) url: Option<OneOrMore<Spanned<AppUrl>>>,
    pub(in crate::config) sign: Option<SignFile>,
    pub(in crate::config) timeout: Option<Duration>,
    pub(in crate::config) connect_timeout: Option<Duration>,
    pub(in crate::config) trust: TrustFile,
    pub(in crate::config) retry: Option<Retry>,
    pub(in crate::config) pace: Pace,
    /// Where the keys stand that mean nothing without a queue.
    pub(in crate::config) of_queue: Vec<(&'static str, Span)>,
}

/// How an app is signed for.
#[derive(Debug)]
pub(in crate::config) struct SignFile {
    pub(in crate::config) scheme: Option<Spanned<SchemeChoice>>,
    pub(in crate::config) secrets: Option<Spanned<SecretList>>,
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
            sign: fields.optional("sign"),
            timeout: fields.duration("timeout", least, most),
            connect_timeout: fields.duration("connect_timeout", least, most),
            trust: TrustFile::read(&mut fields),
            retry: fields.optional("retry"),
            pace: pace(&mut fields),
            of_queue: of_queue(&["retry", "concurrency", "rate"], &fields),
        };
        fields.finish();
        Some(file)
    }
}

impl Read for SignFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<SignFile> {
        let mut fields = Fields::of(node, "`sign`", problems)?;
        let file = SignFile { scheme: fields.required("scheme"), secrets: fields.required("secrets") };
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
