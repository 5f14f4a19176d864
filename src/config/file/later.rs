//! Keys of later versions. They are refused, but a mistake in them is told
//! already: what passes here will not have to be written again.

use std::net::{IpAddr, SocketAddr};

use http::HeaderName;

use super::scheme::SchemeFile;
use super::secret::{SecretList, SecretPlace};
use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Value};
use crate::config::page::quote;
use crate::config::read::{Complaint, Named, Read, Word};
use crate::config::text::Url;
use crate::config::unit::Size;

/// A value whose form is not fixed yet.
pub(super) struct Anything;

impl Read for Anything {
    fn read(node: &Node, _: &mut Problems) -> Option<Anything> {
        (!matches!(node.value, Value::Broken)).then_some(Anything)
    }
}

/// `outbound`.
pub(super) struct OutboundFile;

impl Read for OutboundFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<OutboundFile> {
        let mut fields = Fields::of(node, "`outbound`", problems)?;
        fields.required::<SocketAddr>("listen");
        fields.optional::<SecretPlace>("token");
        fields.optional::<OutboundLimits>("limits");
        fields.optional::<Egress>("egress");
        fields.required::<Named<Endpoint>>("endpoints");
        fields.finish();
        Some(OutboundFile)
    }
}

struct OutboundLimits;

impl Read for OutboundLimits {
    fn read(node: &Node, problems: &mut Problems) -> Option<OutboundLimits> {
        let mut fields = Fields::of(node, "`limits`", problems)?;
        fields.size("body", Size(1), Size(1 << 30));
        fields.finish();
        Some(OutboundLimits)
    }
}

struct Egress;

impl Read for Egress {
    fn read(node: &Node, problems: &mut Problems) -> Option<Egress> {
        let mut fields = Fields::of(node, "`egress`", problems)?;
        fields.optional::<Vec<Network>>("allow");
        fields.finish();
        Some(Egress)
    }
}

struct Endpoint;

impl Read for Endpoint {
    fn read(node: &Node, problems: &mut Problems) -> Option<Endpoint> {
        let mut fields = Fields::of(node, "an endpoint", problems)?;
        fields.required::<Url>("url");
        fields.required::<EndpointScheme>("scheme");
        fields.required::<SecretList>("secrets");
        fields.optional::<Vec<String>>("events");
        fields.optional::<Anything>("delivery");
        fields.optional::<Anything>("retry");
        fields.optional::<String>("envelope");
        fields.finish();
        Some(Endpoint)
    }
}

struct EndpointScheme;

impl Read for EndpointScheme {
    fn read(node: &Node, problems: &mut Problems) -> Option<EndpointScheme> {
        match &node.value {
            Value::Map(_) => SchemeFile::read(node, problems).map(|_| EndpointScheme),
            _ => String::read(node, problems).map(|_| EndpointScheme),
        }
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
        fields.optional::<Vec<Network>>("from");
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

/// A range of addresses, such as `10.0.0.0/8`.
struct Network;

impl Word for Network {
    const WHAT: &'static str = "a range of addresses";
    const LIKE: &'static str = "such as `10.20.0.0/16` or `fd00::/8`";

    fn parse(text: &str) -> Result<Network, Complaint> {
        let range = text.split_once('/').and_then(|(address, bits)| {
            let address: IpAddr = address.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(Network)
        });
        range.ok_or_else(|| Complaint::new(format!("{} is not a range of addresses", quote(text)), Self::LIKE))
    }
}
