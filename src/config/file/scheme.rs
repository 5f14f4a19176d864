//! Schemes written in YAML, under `schemes` or in the place of a name.

use std::time::Duration;

use http::HeaderName;

use super::OneOrMore;
use crate::config::error::Problems;
use crate::config::fields::{Fields, choice};
use crate::config::node::{Node, Span, Spanned, Value};
use crate::config::page::quote;
use crate::config::read::{Complaint, Read, Word, one_of};
use crate::scheme::{
    Algorithm, Encoding, JwsAlgorithm, Locator, Pointer, SecretEncoding, TimestampSource, TimestampUnit,
};

const LOCATORS: &str = "write `{header: X}`, `{json: /p}`, `{query: x}`, `{digest: body}` or `{literal: x}`";

const TIMESTAMPS: &str = "write `format`, `{header: X}` or `{json: /p}`";

/// A scheme.
#[derive(Debug)]
pub(in crate::config) struct SchemeFile {
    pub(in crate::config) mechanism: Option<MechanismFile>,
    pub(in crate::config) event_id: Option<Spanned<OneOrMore<Locator>>>,
    pub(in crate::config) event_type: Option<Locator>,
    /// Where something about the scheme as a whole is reported.
    pub(in crate::config) owner: Span,
}

/// How signatures are made.
#[derive(Debug)]
pub(in crate::config) enum MechanismFile {
    Hmac(Box<HmacFile>),
    Jws(JwsAlgorithm),
}

/// An HMAC and how it is carried.
#[derive(Debug)]
pub(in crate::config) struct HmacFile {
    pub(in crate::config) algorithm: Option<Algorithm>,
    pub(in crate::config) header: Option<OneOrMore<Spanned<String>>>,
    pub(in crate::config) json: Option<Spanned<Pointer>>,
    pub(in crate::config) format: Option<Spanned<String>>,
    pub(in crate::config) separator: Option<Spanned<String>>,
    pub(in crate::config) encoding: Option<Encoding>,
    pub(in crate::config) signed: Option<Spanned<String>>,
    pub(in crate::config) timestamp: Option<Spanned<TimestampFile>>,
    pub(in crate::config) tolerance: Option<Spanned<Duration>>,
    pub(in crate::config) secret: Option<SecretEncoding>,
    pub(in crate::config) covers_body: Option<Spanned<CoversBody>>,
    /// Where something that is missing is reported.
    pub(in crate::config) owner: Span,
}

/// Where the time of signing stands.
#[derive(Debug)]
pub(in crate::config) struct TimestampFile {
    pub(in crate::config) from: Option<Spanned<TimestampSource>>,
    pub(in crate::config) unit: Option<Spanned<TimestampUnit>>,
}

/// Whether the signature is meant to cover the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum CoversBody {
    Yes,
    No,
}

impl Read for SchemeFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<SchemeFile> {
        let mut fields = Fields::of(node, "a scheme", problems)?;
        let hmac: Option<HmacFile> = fields.optional("hmac");
        let jws: Option<JwsFile> = fields.optional("jws");
        let mechanism = match (fields.key("hmac"), fields.key("jws")) {
            (Some(first), Some(second)) => {
                fields.problems.error(
                    first.max(second),
                    "a scheme is `hmac` or `jws`, not both",
                    "leave out one of them",
                );
                None
            }
            (None, None) => {
                fields.missing("hmac", " or `jws`");
                None
            }
            _ => hmac.map(|hmac| MechanismFile::Hmac(Box::new(hmac))).or(jws.map(|jws| MechanismFile::Jws(jws.0))),
        };
        let (event_id, event_type) = (fields.optional("event_id"), fields.optional("event_type"));
        fields.finish();
        Some(SchemeFile { mechanism, event_id, event_type, owner: node.owner })
    }
}

impl Read for HmacFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<HmacFile> {
        let mut fields = Fields::of(node, "`hmac`", problems)?;
        let file = HmacFile {
            algorithm: fields.optional("algorithm"),
            header: fields.optional("header"),
            json: fields.optional("json"),
            format: fields.optional("format"),
            separator: fields.optional("separator"),
            encoding: fields.optional("encoding"),
            signed: fields.optional("signed"),
            timestamp: fields.optional("timestamp"),
            tolerance: fields.spanned_duration("tolerance", Duration::from_secs(1), Duration::from_secs(7 * 86400)),
            secret: fields.optional("secret"),
            covers_body: fields.optional("covers_body"),
            owner: node.owner,
        };
        match (fields.key("header"), fields.key("json")) {
            (Some(first), Some(second)) => {
                let message = "a signature is in a header or in the body, not in both";
                fields.problems.error(first.max(second), message, "leave out one of `header` and `json`");
            }
            (None, None) => fields.missing("header", " or `json`"),
            _ => {}
        }
        fields.finish();
        Some(file)
    }
}

struct JwsFile(JwsAlgorithm);

impl Read for JwsFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<JwsFile> {
        let mut fields = Fields::of(node, "`jws`", problems)?;
        let algorithm = fields.optional("algorithm");
        fields.finish();
        Some(JwsFile(algorithm.unwrap_or(JwsAlgorithm::Hs256)))
    }
}

impl Read for TimestampFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<TimestampFile> {
        let mut fields = Fields::of(node, "`timestamp`", problems)?;
        let file = TimestampFile { from: fields.required("from"), unit: fields.optional("unit") };
        fields.finish();
        Some(file)
    }
}

impl Read for TimestampSource {
    fn read(node: &Node, problems: &mut Problems) -> Option<TimestampSource> {
        if matches!(&node.value, Value::Text(text) if text.text == "format") {
            return Some(TimestampSource::Format);
        }
        if let Value::Text(text) = &node.value {
            let message = format!("{} is not a place of a timestamp", quote(&text.text));
            problems.error(node.span, message, TIMESTAMPS);
            return None;
        }
        let (kind, entry) = choice(node, "the place of a timestamp", TIMESTAMPS, &["header", "json"], problems)?;
        match kind {
            "header" => HeaderName::read(&entry.node, problems).map(TimestampSource::Header),
            _ => Pointer::read(&entry.node, problems).map(TimestampSource::Json),
        }
    }
}

impl Read for Locator {
    fn read(node: &Node, problems: &mut Problems) -> Option<Locator> {
        let (kind, entry) =
            choice(node, "a locator", LOCATORS, &["header", "json", "query", "digest", "literal"], problems)?;
        match kind {
            "header" => HeaderName::read(&entry.node, problems).map(Locator::Header),
            "json" => Pointer::read(&entry.node, problems).map(Locator::Json),
            "query" => String::read(&entry.node, problems).map(|name| Locator::Query(name.into())),
            "digest" => DigestOf::read(&entry.node, problems).map(|DigestOf| Locator::DigestBody),
            _ => String::read(&entry.node, problems).map(|text| Locator::Literal(text.into())),
        }
    }
}

/// What a digest is made of: only of the body.
#[derive(Clone)]
struct DigestOf;

impl Word for DigestOf {
    const WHAT: &'static str = "something that a digest is made of";
    const LIKE: &'static str = "write `{digest: body}`";

    fn parse(text: &str) -> Result<DigestOf, Complaint> {
        one_of(text, Self::WHAT, &[("body", Some(DigestOf))])
    }
}

impl Word for Algorithm {
    const WHAT: &'static str = "an algorithm";
    const LIKE: &'static str = "write `sha1`, `sha256`, `sha384` or `sha512`";

    fn parse(text: &str) -> Result<Algorithm, Complaint> {
        let table = [
            ("sha1", Some(Algorithm::Sha1)),
            ("sha256", Some(Algorithm::Sha256)),
            ("sha384", Some(Algorithm::Sha384)),
            ("sha512", Some(Algorithm::Sha512)),
        ];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for JwsAlgorithm {
    const WHAT: &'static str = "an algorithm of a JWS";
    const LIKE: &'static str = "write `HS256`, `HS384` or `HS512`";

    fn parse(text: &str) -> Result<JwsAlgorithm, Complaint> {
        let table = [
            ("HS256", Some(JwsAlgorithm::Hs256)),
            ("HS384", Some(JwsAlgorithm::Hs384)),
            ("HS512", Some(JwsAlgorithm::Hs512)),
        ];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for Encoding {
    const WHAT: &'static str = "the encoding of a signature";
    const LIKE: &'static str = "write `hex`, `HEX`, `base64` or `base64url`";

    fn parse(text: &str) -> Result<Encoding, Complaint> {
        let table = [
            ("hex", Some(Encoding::HexLower)),
            ("HEX", Some(Encoding::HexUpper)),
            ("base64", Some(Encoding::Base64)),
            ("base64url", Some(Encoding::Base64Url)),
        ];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for TimestampUnit {
    const WHAT: &'static str = "the unit of a timestamp";
    const LIKE: &'static str = "write `s`, `ms` or `rfc3339`";

    fn parse(text: &str) -> Result<TimestampUnit, Complaint> {
        let table = [
            ("s", Some(TimestampUnit::Seconds)),
            ("ms", Some(TimestampUnit::Milliseconds)),
            ("rfc3339", Some(TimestampUnit::Rfc3339)),
        ];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for CoversBody {
    const WHAT: &'static str = "`yes` or `no`";
    const LIKE: &'static str = "write `yes` or `no`";

    fn parse(text: &str) -> Result<CoversBody, Complaint> {
        one_of(text, Self::WHAT, &[("yes", Some(CoversBody::Yes)), ("no", Some(CoversBody::No))])
    }
}
