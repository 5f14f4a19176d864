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
    Algorithm, EcdsaForm, Encoding, JwsAlgorithm, JwsPayload, KeyForm, Locator, Pointer, PublicAlgorithm,
    SecretEncoding, TimestampSource, TimestampUnit,
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
    Jws(JwsFile),
    PublicKey(Box<PublicKeyFile>),
    /// The header that holds the secret itself.
    Token(HeaderName),
}

/// An HMAC.
pub(in crate::config) type HmacFile = RecipeFile<Algorithm, SecretEncoding>;

/// A signature that a public key verifies.
pub(in crate::config) type PublicKeyFile = RecipeFile<PublicAlgorithm, KeyForm>;

/// A signature beside the body, and how it is carried.
#[derive(Debug)]
pub(in crate::config) struct RecipeFile<A, K> {
    pub(in crate::config) algorithm: Option<A>,
    pub(in crate::config) header: Option<OneOrMore<Spanned<String>>>,
    pub(in crate::config) json: Option<Spanned<Pointer>>,
    pub(in crate::config) format: Option<Spanned<String>>,
    pub(in crate::config) separator: Option<Spanned<String>>,
    pub(in crate::config) encoding: Option<Encoding>,
    pub(in crate::config) signed: Option<Spanned<String>>,
    pub(in crate::config) timestamp: Option<Spanned<TimestampFile>>,
    pub(in crate::config) tolerance: Option<Spanned<Duration>>,
    /// How the text of a secret or a key becomes the key.
    pub(in crate::config) secret: Option<K>,
    pub(in crate::config) covers_body: Option<Spanned<CoversBody>>,
    /// Where something that is missing is reported.
    pub(in crate::config) owner: Span,
}

/// A JWS.
#[derive(Debug)]
pub(in crate::config) struct JwsFile {
    pub(in crate::config) algorithm: JwsAlgorithm,
    /// Where it is detached: the header that carries it.
    pub(in crate::config) header: Option<HeaderName>,
    pub(in crate::config) payload: Option<Spanned<JwsPayload>>,
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
        let public_key: Option<PublicKeyFile> = fields.optional("public_key");
        let token: Option<TokenFile> = fields.optional("token");
        let mut places: Vec<Span> =
            ["hmac", "jws", "public_key", "token"].iter().filter_map(|key| fields.key(key)).collect();
        places.sort_unstable();
        let mechanism = match places.as_slice() {
            [] => {
                fields.missing("hmac", ", `jws`, `public_key` or `token`");
                None
            }
            [_] => hmac
                .map(|hmac| MechanismFile::Hmac(Box::new(hmac)))
                .or(jws.map(MechanismFile::Jws))
                .or(public_key.map(|public_key| MechanismFile::PublicKey(Box::new(public_key))))
                .or(token.and_then(|token| token.0).map(MechanismFile::Token)),
            [.., last] => {
                let message = "a scheme is one of `hmac`, `jws`, `public_key` and `token`";
                fields.problems.error(*last, message, "leave out all but one of them");
                None
            }
        };
        let (event_id, event_type) = (fields.optional("event_id"), fields.optional("event_type"));
        fields.finish();
        Some(SchemeFile { mechanism, event_id, event_type, owner: node.owner })
    }
}

impl Read for HmacFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<HmacFile> {
        let mut fields = Fields::of(node, "`hmac`", problems)?;
        let (algorithm, secret) = (fields.optional("algorithm"), fields.optional("secret"));
        let file = recipe(&mut fields, algorithm, secret, node.owner);
        fields.finish();
        Some(file)
    }
}

impl Read for PublicKeyFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<PublicKeyFile> {
        let mut fields = Fields::of(node, "`public_key`", problems)?;
        let (algorithm, form) = (fields.required("algorithm"), fields.optional("key"));
        let ecdsa: Option<Spanned<EcdsaForm>> = fields.optional("ecdsa");
        let algorithm = match (algorithm, ecdsa) {
            (Some(PublicAlgorithm::EcdsaP256Sha256(_)), Some(form)) => {
                Some(PublicAlgorithm::EcdsaP256Sha256(form.value))
            }
            (Some(PublicAlgorithm::EcdsaP384Sha384(_)), Some(form)) => {
                Some(PublicAlgorithm::EcdsaP384Sha384(form.value))
            }
            (Some(other), Some(form)) => {
                let message = "`ecdsa` says how an ECDSA signature is written, and `algorithm` is another";
                fields.problems.error(form.owner, message, "leave it out");
                Some(other)
            }
            (algorithm, None) => algorithm,
            (None, _) => None,
        };
        let file = recipe(&mut fields, algorithm, form, node.owner);
        fields.finish();
        Some(file)
    }
}

/// What every signature beside the body has.
fn recipe<A, K>(fields: &mut Fields<'_, '_>, algorithm: Option<A>, secret: Option<K>, owner: Span) -> RecipeFile<A, K> {
    let file = RecipeFile {
        algorithm,
        header: fields.optional("header"),
        json: fields.optional("json"),
        format: fields.optional("format"),
        separator: fields.optional("separator"),
        encoding: fields.optional("encoding"),
        signed: fields.optional("signed"),
        timestamp: fields.optional("timestamp"),
        tolerance: fields.spanned_duration("tolerance", Duration::from_secs(1), Duration::from_secs(7 * 86400)),
        secret,
        covers_body: fields.optional("covers_body"),
        owner,
    };
    match (fields.key("header"), fields.key("json")) {
        (Some(first), Some(second)) => {
            let message = "a signature is in a header or in the body, not in both";
            fields.problems.error(first.max(second), message, "leave out one of `header` and `json`");
        }
        (None, None) => fields.missing("header", " or `json`"),
        _ => {}
    }
    file
}

impl Read for JwsFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<JwsFile> {
        let mut fields = Fields::of(node, "`jws`", problems)?;
        let algorithm: Option<JwsAlgorithm> = fields.optional("algorithm");
        let file = JwsFile {
            algorithm: algorithm.unwrap_or(JwsAlgorithm::Hs256),
            header: fields.optional("header"),
            payload: fields.optional("payload"),
        };
        if let (Some(payload), false) = (&file.payload, fields.has("header")) {
            let label = "add `header`, or leave it out: the body of any other JWS is the JWS itself";
            fields.problems.error(payload.owner, "`payload` is for a JWS in a header", label);
        }
        fields.finish();
        Some(file)
    }
}

struct TokenFile(Option<HeaderName>);

impl Read for TokenFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<TokenFile> {
        let mut fields = Fields::of(node, "`token`", problems)?;
        let header = fields.required("header");
        fields.finish();
        Some(TokenFile(header))
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
            problems.takes(&["format"]);
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
    const LIKE: &'static str = "write `HS256`, `HS384`, `HS512`, `RS256`, `PS256`, `ES256`, `ES384` or `EdDSA`";

    fn parse(text: &str) -> Result<JwsAlgorithm, Complaint> {
        let table = [
            ("HS256", Some(JwsAlgorithm::Hs256)),
            ("HS384", Some(JwsAlgorithm::Hs384)),
            ("HS512", Some(JwsAlgorithm::Hs512)),
            ("RS256", Some(JwsAlgorithm::Rs256)),
            ("PS256", Some(JwsAlgorithm::Ps256)),
            ("ES256", Some(JwsAlgorithm::Es256)),
            ("ES384", Some(JwsAlgorithm::Es384)),
            ("EdDSA", Some(JwsAlgorithm::EdDsa)),
        ];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for JwsPayload {
    const WHAT: &'static str = "a form of the payload";
    const LIKE: &'static str = "write `encoded` or `unencoded`";

    fn parse(text: &str) -> Result<JwsPayload, Complaint> {
        let table = [("encoded", Some(JwsPayload::Encoded)), ("unencoded", Some(JwsPayload::Unencoded))];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for PublicAlgorithm {
    const WHAT: &'static str = "an algorithm of a public key";
    const LIKE: &'static str =
        "write `ed25519`, `ecdsa-p256-sha256`, `ecdsa-p384-sha384`, `rsa-pkcs1-sha256` or `rsa-pss-sha256`";

    fn parse(text: &str) -> Result<PublicAlgorithm, Complaint> {
        let table = [
            ("ed25519", Some(PublicAlgorithm::Ed25519)),
            ("ecdsa-p256-sha256", Some(PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::Der))),
            ("ecdsa-p384-sha384", Some(PublicAlgorithm::EcdsaP384Sha384(EcdsaForm::Der))),
            ("rsa-pkcs1-sha256", Some(PublicAlgorithm::RsaPkcs1Sha256)),
            ("rsa-pss-sha256", Some(PublicAlgorithm::RsaPssSha256)),
        ];
        one_of(text, Self::WHAT, &table)
    }
}

impl Word for EcdsaForm {
    const WHAT: &'static str = "a form of ECDSA signatures";
    const LIKE: &'static str = "write `der` or `p1363`";

    fn parse(text: &str) -> Result<EcdsaForm, Complaint> {
        one_of(text, Self::WHAT, &[("der", Some(EcdsaForm::Der)), ("p1363", Some(EcdsaForm::P1363))])
    }
}

impl Word for KeyForm {
    const WHAT: &'static str = "the form of a public key";
    const LIKE: &'static str = "write `pem`, `hex` or `base64`";

    fn parse(text: &str) -> Result<KeyForm, Complaint> {
        let base64 = KeyForm::Base64 { public: "".into(), private: "".into() };
        let table = [("pem", Some(KeyForm::Pem)), ("hex", Some(KeyForm::Hex)), ("base64", Some(base64))];
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
