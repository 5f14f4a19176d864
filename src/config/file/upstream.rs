//! `upstreams`: the apps behind the gateway.

use std::time::Duration;

use super::later::Anything;
use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Spanned};
use crate::config::read::Read;
use crate::config::text::{FilePath, Url};

/// An app.
#[derive(Debug)]
pub(in crate::config) struct UpstreamFile {
    pub(in crate::config) url: Option<Spanned<Url>>,
    pub(in crate::config) timeout: Option<Duration>,
    pub(in crate::config) connect_timeout: Option<Duration>,
    pub(in crate::config) ca: Option<Spanned<FilePath>>,
}

impl Read for UpstreamFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<UpstreamFile> {
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(3600));
        let mut fields = Fields::of(node, "an upstream", problems)?;
        let file = UpstreamFile {
            url: fields.required("url"),
            timeout: fields.duration("timeout", least, most),
            connect_timeout: fields.duration("connect_timeout", least, most),
            ca: fields.optional("ca"),
        };
        fields.later::<FilePath>("certificate");
        fields.later::<FilePath>("key");
        fields.later::<Anything>("retry");
        fields.later::<Anything>("sign");
        fields.finish();
        Some(file)
    }
}
