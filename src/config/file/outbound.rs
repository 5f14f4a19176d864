//! `outbound`: where the app sends to, and who receives.

use std::time::Duration;

use ipnet::IpNet;

use super::inbound::LimitsFile;
use super::pace::{of_queue, pace};
use super::secret::{SecretList, SecretPlace};
use super::source::SchemeChoice;
use super::upstream::TrustFile;
use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Span, Spanned, Value};
use crate::config::read::{Complaint, Named, Read, Word, expected, one_of};
use crate::config::resolved::{EndpointDelivery, Envelope, EventPattern, Listen, Pace, Retry};
use crate::config::text::{EndpointUrl, Url};

/// The sending side.
#[derive(Debug)]
pub(in crate::config) struct OutboundFile {
    pub(in crate::config) listen: Option<Spanned<Listen>>,
    pub(in crate::config) token: Option<Spanned<SecretPlace>>,
    /// Whether a token is there, readable or not.
    pub(in crate::config) has_token: bool,
    pub(in crate::config) limits: LimitsFile,
    pub(in crate::config) allow: Vec<IpNet>,
    pub(in crate::config) endpoints: Option<Spanned<Named<EndpointFile>>>,
}

/// A receiver.
#[derive(Debug)]
pub(in crate::config) struct EndpointFile {
    pub(in crate::config) url: Option<Spanned<EndpointUrl>>,
    pub(in crate::config) scheme: Option<Spanned<SchemeChoice>>,
    pub(in crate::config) secrets: Option<Spanned<SecretList>>,
    pub(in crate::config) events: Option<Spanned<PatternList>>,
    pub(in crate::config) delivery: Option<Spanned<EndpointDelivery>>,
    pub(in crate::config) retry: Option<Spanned<Retry>>,
    pub(in crate::config) pace: Pace,
    pub(in crate::config) envelope: Option<Envelope>,
    pub(in crate::config) connect_timeout: Option<Duration>,
    pub(in crate::config) trust: TrustFile,
    pub(in crate::config) proxy: Option<ProxyFile>,
    /// Whether a mode of delivery is there, readable or not.
    pub(in crate::config) has_delivery: bool,
    /// Where the keys stand that mean nothing without a queue.
    pub(in crate::config) of_queue: Vec<(&'static str, Span)>,
}

/// A proxy on the way to a receiver.
#[derive(Debug)]
pub(in crate::config) struct ProxyFile {
    pub(in crate::config) url: Option<Spanned<Url>>,
    pub(in crate::config) authorization: Option<Spanned<SecretPlace>>,
}

impl Read for OutboundFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<OutboundFile> {
        let mut fields = Fields::of(node, "`outbound`", problems)?;
        let has_token = fields.has("token");
        let file = OutboundFile {
            listen: fields.required("listen"),
            token: fields.optional("token"),
            has_token,
            limits: fields.optional("limits").unwrap_or_default(),
            allow: fields.optional("egress").map(|EgressFile { allow }| allow).unwrap_or_default(),
            endpoints: fields.required("endpoints"),
        };
        fields.finish();
        Some(file)
    }
}

struct EgressFile {
    allow: Vec<IpNet>,
}

impl Read for EgressFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<EgressFile> {
        let mut fields = Fields::of(node, "`egress`", problems)?;
        let allow = fields.optional("allow").unwrap_or_default();
        fields.finish();
        Some(EgressFile { allow })
    }
}

impl Read for EndpointFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<EndpointFile> {
        let mut fields = Fields::of(node, "an endpoint", problems)?;
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(3600));
        let file = EndpointFile {
            url: fields.required("url"),
            scheme: fields.required("scheme"),
            secrets: fields.required("secrets"),
            events: fields.optional("events"),
            delivery: fields.optional("delivery"),
            retry: fields.optional("retry"),
            pace: pace(&mut fields),
            envelope: fields.optional("envelope"),
            connect_timeout: fields.duration("connect_timeout", least, most),
            trust: TrustFile::read(&mut fields),
            proxy: fields.optional("proxy"),
            has_delivery: fields.has("delivery"),
            of_queue: of_queue(&["concurrency", "rate"], &fields),
        };
        fields.elsewhere("keys", "write `secrets`: what an endpoint signs with is a private key, and so a secret");
        fields.elsewhere("timeout", "write `retry: {timeout: …}`: it is the time of one attempt");
        fields.finish();
        Some(file)
    }
}

/// Patterns for types of events, or none.
#[derive(Debug)]
pub(in crate::config) struct PatternList(pub(in crate::config) Vec<EventPattern>);

impl Read for PatternList {
    fn read(node: &Node, problems: &mut Problems) -> Option<PatternList> {
        match &node.value {
            Value::List(list) if list.is_empty() => Some(PatternList(Vec::new())),
            Value::List(_) => Vec::read(node, problems).map(PatternList),
            _ => {
                expected("a list of event types", "such as `[\"user.*\", invoice.paid]`", node, problems);
                None
            }
        }
    }
}

impl Word for EventPattern {
    const WHAT: &'static str = "an event type";
    const LIKE: &'static str = "such as `invoice.paid`, or with `*` for any characters, such as `\"user.*\"`";

    fn parse(text: &str) -> Result<EventPattern, Complaint> {
        String::parse(text).map(EventPattern)
    }
}

impl Word for EndpointDelivery {
    const WHAT: &'static str = "a mode of delivery to an endpoint";
    const LIKE: &'static str = "write `queue` or `sync`";

    fn parse(text: &str) -> Result<EndpointDelivery, Complaint> {
        let table = [("queue", Some(EndpointDelivery::Queue)), ("sync", Some(EndpointDelivery::Sync))];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for Envelope {
    const WHAT: &'static str = "an envelope";
    const LIKE: &'static str = "write `none`, `lmif`, `loginradius` or `jws`";

    fn parse(text: &str) -> Result<Envelope, Complaint> {
        let table = [
            ("none", Some(Envelope::None)),
            ("lmif", Some(Envelope::Lmif)),
            ("loginradius", Some(Envelope::LoginRadius)),
            ("jws", Some(Envelope::Jws)),
        ];
        one_of(text, Self::WHAT, &table)
    }
}

/// A URL, or a map that holds one.
impl Read for ProxyFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<ProxyFile> {
        if let Value::Text(_) = &node.value {
            let url = Spanned::read(node, problems);
            return Some(ProxyFile { url, authorization: None });
        }
        let mut fields = Fields::of(node, "`proxy`", problems)?;
        let file = ProxyFile { url: fields.required("url"), authorization: fields.optional("authorization") };
        fields.finish();
        Some(file)
    }
}
