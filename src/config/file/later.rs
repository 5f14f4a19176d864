//! Keys of later versions. They are refused, but a mistake in them is told
//! already: what passes here will not have to be written again.

use http::HeaderName;
use ipnet::IpNet;

use super::secret::SecretPlace;
use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Value};
use crate::config::read::Read;

/// A value whose form is not fixed yet.
pub(super) struct Anything;

impl Read for Anything {
    fn read(node: &Node, _: &mut Problems) -> Option<Anything> {
        (!matches!(node.value, Value::Broken)).then_some(Anything)
    }
}

/// What a source demands beside the signature.
pub(super) struct Requirement;

impl Read for Requirement {
    fn read(node: &Node, problems: &mut Problems) -> Option<Requirement> {
        let mut fields = Fields::of(node, "`require`", problems)?;
        fields.optional::<SecretPlace>("basic");
        fields.optional::<SecretPlace>("bearer");
        fields.optional::<RequiredHeader>("header");
        fields.optional::<Vec<IpNet>>("from");
        fields.finish();
        Some(Requirement)
    }
}

struct RequiredHeader;

impl Read for RequiredHeader {
    fn read(node: &Node, problems: &mut Problems) -> Option<RequiredHeader> {
        let mut fields = Fields::of(node, "a required header", problems)?;
        fields.required::<HeaderName>("name");
        fields.required::<SecretPlace>("value");
        fields.finish();
        Some(RequiredHeader)
    }
}

/// What a sender is answered when its event is queued.
pub(super) struct Acknowledge;

impl Read for Acknowledge {
    fn read(node: &Node, problems: &mut Problems) -> Option<Acknowledge> {
        let mut fields = Fields::of(node, "`acknowledge`", problems)?;
        fields.count("status", 299);
        fields.optional::<String>("body");
        fields.finish();
        Some(Acknowledge)
    }
}
