//! What a source demands beside the signature.

use http::HeaderName;
use ipnet::IpNet;

use super::secret::SecretPlace;
use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Span, Spanned};
use crate::config::read::Read;

/// What a source demands beside the signature.
#[derive(Debug)]
pub(in crate::config) struct RequireFile {
    pub(in crate::config) basic: Option<Spanned<SecretPlace>>,
    pub(in crate::config) bearer: Option<Spanned<SecretPlace>>,
    pub(in crate::config) header: Option<RequiredHeader>,
    pub(in crate::config) from: Option<Spanned<Vec<IpNet>>>,
    /// Where `basic` and `bearer` stand that are there, readable or not.
    pub(in crate::config) authorization: [Option<Span>; 2],
    /// Whether anything is demanded, readable or not.
    pub(in crate::config) is_empty: bool,
}

/// A header that has to have a value.
#[derive(Debug)]
pub(in crate::config) struct RequiredHeader {
    pub(in crate::config) name: Option<Spanned<HeaderName>>,
    pub(in crate::config) value: Option<Spanned<SecretPlace>>,
}

impl Read for RequireFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<RequireFile> {
        let mut fields = Fields::of(node, "`require`", problems)?;
        let file = RequireFile {
            basic: fields.optional("basic"),
            bearer: fields.optional("bearer"),
            header: fields.optional("header"),
            from: fields.optional("from"),
            authorization: [fields.key("basic"), fields.key("bearer")],
            is_empty: !["basic", "bearer", "header", "from"].iter().any(|key| fields.has(key)),
        };
        fields.finish();
        Some(file)
    }
}

impl Read for RequiredHeader {
    fn read(node: &Node, problems: &mut Problems) -> Option<RequiredHeader> {
        let mut fields = Fields::of(node, "a required header", problems)?;
        let file = RequiredHeader { name: fields.required("name"), value: fields.required("value") };
        fields.finish();
        Some(file)
    }
}
