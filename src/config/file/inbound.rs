//! `inbound`: what is listened on, and who may send.

use std::time::Duration;

use super::source::SourceFile;
use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Spanned};
use crate::config::read::{Named, Read};
use crate::config::resolved::Listen;
use crate::config::socket::TrustedProxy;
use crate::config::text::{FilePath, Url};
use crate::config::unit::Size;

/// The receiving side.
#[derive(Debug)]
pub(in crate::config) struct InboundFile {
    pub(in crate::config) listen: Option<Spanned<Listen>>,
    pub(in crate::config) proxies: Option<Vec<Spanned<TrustedProxy>>>,
    pub(in crate::config) tls: Option<TlsFile>,
    pub(in crate::config) public_url: Option<Url>,
    /// Whether a public URL is there, readable or not.
    pub(in crate::config) has_public_url: bool,
    pub(in crate::config) limits: LimitsFile,
    pub(in crate::config) sources: Option<Spanned<Named<SourceFile>>>,
}

/// A certificate chain and its key, both PEM.
#[derive(Debug)]
pub(in crate::config) struct TlsFile {
    pub(in crate::config) certificate: Option<Spanned<FilePath>>,
    pub(in crate::config) key: Option<Spanned<FilePath>>,
    pub(in crate::config) client_ca: Option<Spanned<FilePath>>,
}

/// Who says for whom a connection is.
struct ProxyProtocolFile {
    from: Option<Vec<Spanned<TrustedProxy>>>,
}

/// How much is taken in.
#[derive(Debug, Default)]
pub(in crate::config) struct LimitsFile {
    pub(in crate::config) body: Option<Spanned<Size>>,
    pub(in crate::config) memory: Option<Spanned<Size>>,
    pub(in crate::config) connections: Option<usize>,
    pub(in crate::config) read_timeout: Option<Duration>,
}

impl Read for InboundFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<InboundFile> {
        let mut fields = Fields::of(node, "`inbound`", problems)?;
        let file = InboundFile {
            listen: fields.required("listen"),
            proxies: fields.optional("proxy_protocol").and_then(|ProxyProtocolFile { from }| from),
            tls: fields.optional("tls"),
            public_url: fields.optional("public_url"),
            has_public_url: fields.has("public_url"),
            limits: fields.optional("limits").unwrap_or_default(),
            sources: fields.required("sources"),
        };
        fields.finish();
        Some(file)
    }
}

impl Read for TlsFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<TlsFile> {
        let mut fields = Fields::of(node, "`tls`", problems)?;
        let file = TlsFile {
            certificate: fields.required("certificate"),
            key: fields.required("key"),
            client_ca: fields.optional("client_ca"),
        };
        fields.finish();
        Some(file)
    }
}

impl Read for ProxyProtocolFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<ProxyProtocolFile> {
        let mut fields = Fields::of(node, "`proxy_protocol`", problems)?;
        let file = ProxyProtocolFile { from: fields.required("from") };
        fields.finish();
        Some(file)
    }
}

impl Read for LimitsFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<LimitsFile> {
        let mut fields = Fields::of(node, "`limits`", problems)?;
        let file = LimitsFile {
            body: fields.size("body", Size(1), Size(1 << 30)),
            memory: fields.size("memory", Size(1), Size(1 << 40)),
            connections: fields.count("connections", 1_000_000),
            read_timeout: fields.duration("read_timeout", Duration::from_millis(1), Duration::from_secs(3600)),
        };
        fields.finish();
        Some(file)
    }
}
