//! `countersign schemes`, and docs/schemes.md, out of the same table.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use crate::scheme::{
    Acknowledge, Algorithm, Answer, Carrier, Cover, EcdsaForm, Handshake, JwsPayload, KeyForm, KeyKind, Locator,
    Mechanism, OnConflict, PRESETS, Part, Placeholder, PublicAlgorithm, Recipe, Retries, Scheme, SecretEncoding,
    TimestampSource, TimestampUnit,
};

#[derive(Debug, clap::Args)]
pub(super) struct Schemes {
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A row for each scheme.
    Table,
    /// A section for each scheme, as in docs/schemes.md.
    Markdown,
}

impl Schemes {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        super::print(if matches!(self.format, Format::Table) { table() } else { markdown() })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn table() -> String {
    let header = ["SCHEME", "SIGNATURE", "SIGNED", "EVENT ID", "EVENT TYPE"].map(String::from);
    let mut rows = vec![header];
    rows.extend(PRESETS.iter().map(|scheme| {
        [scheme.name.to_string(), signature(scheme), signed(scheme), event_id(scheme), event_type(scheme)]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    rows.iter().fold(String::new(), |mut text, row| {
        let line =
            row.iter().zip(&widths).fold(String::new(), |line, (cell, width)| line + &format!("{cell:width$}  "));
        text.push_str(line.trim_end());
        text.push('\n');
        text
    })
}

/// docs/schemes.md, whole.
pub(crate) fn markdown() -> String {
    let mut text = String::from(
        "# Schemes\n\n\
         The built-in schemes, as the program knows them. This file is what `countersign schemes --format markdown`\n\
         prints; a test compares the two. How a scheme of your own is written stands in [config.md](config.md#schemes).\n\n\
         *Covered* says what somebody who captured a delivery cannot change without the secret. What is not covered is\n\
         never trusted alone: an id outside the signature counts only together with its body and its type.\n",
    );
    for scheme in PRESETS {
        section(&mut text, scheme);
    }
    text
}

fn section(text: &mut String, scheme: &Scheme) {
    let covers = scheme.covers();
    let covered = [("body", covers.body), ("id", covers.id), ("type", covers.kind), ("time", covers.timestamp)]
        .map(|(what, cover)| format!("{what} {}", word(cover)));
    let key = key(scheme);
    let mut rows = vec![
        ("Signature", code(&signature(scheme))),
        ("Signed bytes", code(&signed(scheme))),
        (key.0, key.1.into()),
        ("Timestamp", timestamp(scheme)),
        ("Event id", code(&event_id(scheme))),
        ("Event type", code(&event_type(scheme))),
        ("Covered", covered.join(", ")),
        ("Known id, other body", conflict(scheme).into()),
        ("When a delivery fails", retries(scheme.sender.retries)),
    ];
    rows.extend(scheme.sender.handshake.as_ref().map(|asks| ("Asks beforehand", handshake(asks))));
    if scheme.sender.acknowledge != Acknowledge::ACCEPTED {
        rows.push(("Told of a queued event", acknowledge(&scheme.sender.acknowledge)));
    }
    let _ = write!(
        text,
        "\n## `{}`\n\n{}: <{}>\n\n| | |\n| --- | --- |\n",
        scheme.name, scheme.sender.title, scheme.sender.document
    );
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {} |", value.replace('|', "\\|"));
    }
    if !scheme.sender.notes.is_empty() {
        text.push('\n');
    }
    for note in scheme.sender.notes.iter() {
        let _ = writeln!(text, "* {note}");
    }
}

fn word(cover: Cover) -> &'static str {
    match cover {
        Cover::Absent => "not sent",
        Cover::Signed => "covered",
        Cover::Unsigned => "**not covered**",
    }
}

fn code(text: &str) -> String {
    if text == "none" { text.into() } else { format!("`{text}`") }
}

fn signature(scheme: &Scheme) -> String {
    match &scheme.mechanism {
        Mechanism::DetachedJws(jws) => format!("{}: <detached JWS, {}>", jws.header, jws.algorithm.name()),
        Mechanism::Hmac(recipe) => beside(recipe, digest(recipe.algorithm)),
        Mechanism::Jws(algorithm) => format!("the body is a compact JWS, {}", algorithm.name()),
        Mechanism::PublicKey(recipe) => beside(recipe, public(recipe.algorithm)),
        Mechanism::Token(header) => format!("{header}: <the secret itself>"),
    }
}

fn beside<A, K>(recipe: &Recipe<A, K>, algorithm: &str) -> String {
    let carrier = match &recipe.carrier {
        Carrier::Headers(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Carrier::Json(pointer) => format!("body {}", pointer.0),
        Carrier::Numbered { prefix, suffix } => format!("{prefix}{{n}}{suffix}"),
    };
    let separator = recipe.format.separator.as_deref().unwrap_or_default();
    let items = recipe.format.items.iter().map(|item| match item.value {
        Placeholder::Signature => format!("{}<{algorithm} in {}>", item.prefix, recipe.encoding),
        Placeholder::Timestamp => format!("{}<timestamp>", item.prefix),
    });
    format!("{carrier}: {}", items.collect::<Vec<_>>().join(separator))
}

fn digest(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha1 => "HMAC-SHA1",
        Algorithm::Sha256 => "HMAC-SHA256",
        Algorithm::Sha384 => "HMAC-SHA384",
        Algorithm::Sha512 => "HMAC-SHA512",
    }
}

fn public(algorithm: PublicAlgorithm) -> &'static str {
    match algorithm {
        PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::Der) => "ECDSA P-256 SHA-256, DER,",
        PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::P1363) => "ECDSA P-256 SHA-256, P1363,",
        PublicAlgorithm::EcdsaP384Sha384(EcdsaForm::Der) => "ECDSA P-384 SHA-384, DER,",
        PublicAlgorithm::EcdsaP384Sha384(EcdsaForm::P1363) => "ECDSA P-384 SHA-384, P1363,",
        PublicAlgorithm::Ed25519 => "Ed25519",
        PublicAlgorithm::RsaPkcs1Sha256 => "RSA PKCS#1 SHA-256",
        PublicAlgorithm::RsaPssSha256 => "RSA-PSS SHA-256",
    }
}

fn signed(scheme: &Scheme) -> String {
    match &scheme.mechanism {
        Mechanism::DetachedJws(jws) => match jws.payload {
            JwsPayload::Encoded => "<header>.<body in base64url>".into(),
            JwsPayload::Unencoded => "<header>.<body>".into(),
        },
        Mechanism::Jws(_) => "<header>.<payload>".into(),
        Mechanism::Hmac(_) | Mechanism::PublicKey(_) => {
            scheme.signed_parts().iter().fold(String::new(), |text, part| text + &signed_part(part))
        }
        Mechanism::Token(_) => "none".into(),
    }
}

fn signed_part(part: &Part) -> String {
    match part {
        Part::Body => "{body}".into(),
        Part::Header(name) => format!("{{header:{name}}}"),
        Part::Id => "{id}".into(),
        Part::Json(pointer) => format!("{{json:{}}}", pointer.0),
        Part::Literal(text) => text.to_string(),
        Part::Method => "{method}".into(),
        Part::Query(name) => format!("{{query:{name}}}"),
        Part::Timestamp => "{timestamp}".into(),
        Part::Url => "{url}".into(),
        Part::UrlDecoded => "{url:decoded}".into(),
    }
}

/// What the scheme verifies by, and how it is written.
fn key(scheme: &Scheme) -> (&'static str, &'static str) {
    match (scheme.key_kind(), &scheme.mechanism) {
        (_, Mechanism::Hmac(recipe)) => ("Secret", secret(&recipe.secret)),
        (_, Mechanism::PublicKey(recipe)) => ("Public key", public_key(&recipe.secret)),
        (KeyKind::Public, _) => ("Public key", public_key(&KeyForm::Pem)),
        (KeyKind::Secret, _) => ("Secret", secret(&SecretEncoding::Utf8)),
    }
}

fn secret(encoding: &SecretEncoding) -> &'static str {
    match encoding {
        SecretEncoding::Base64 { .. } => "base64, behind a prefix that may be there",
        SecretEncoding::Base64Url => "base64url",
        SecretEncoding::Hex => "hexadecimal",
        SecretEncoding::Utf8 => "its text",
    }
}

fn public_key(form: &KeyForm) -> &'static str {
    match form {
        KeyForm::Base64 { public, .. } if public.is_empty() => "base64 of its DER; or PEM, a JWK or a set of them",
        KeyForm::Base64 { .. } => "base64, behind a prefix that may be there; or PEM, a JWK or a set of them",
        KeyForm::Hex => "hexadecimal; or PEM, a JWK or a set of them",
        KeyForm::Pem => "PEM, a JWK or a set of them",
    }
}

fn timestamp(scheme: &Scheme) -> String {
    let (rule, tolerance) = match &scheme.mechanism {
        Mechanism::Hmac(Recipe { timestamp: Some(rule), tolerance, .. }) => (rule, tolerance),
        Mechanism::PublicKey(Recipe { timestamp: Some(rule), tolerance, .. }) => (rule, tolerance),
        _ => return "none".into(),
    };
    let place = match &rule.from {
        TimestampSource::Format => "in the signature's header".into(),
        TimestampSource::Header(name) => format!("header `{name}`"),
        TimestampSource::Json(pointer) => format!("body `{}`", pointer.0),
    };
    let unit = match rule.unit {
        TimestampUnit::Milliseconds => "milliseconds",
        TimestampUnit::Rfc3339 => "RFC 3339",
        TimestampUnit::Seconds => "seconds",
    };
    let tolerance = tolerance.map_or_else(|| "not checked".into(), |limit| format!("within {}", span(limit)));
    format!("{place}, {unit}, {tolerance}")
}

fn event_id(scheme: &Scheme) -> String {
    if scheme.event_id.is_empty() {
        return locator(&Locator::DigestBody);
    }
    scheme.event_id.iter().map(locator).collect::<Vec<_>>().join(" + ")
}

fn event_type(scheme: &Scheme) -> String {
    scheme.event_type.as_ref().map_or_else(|| "none".into(), locator)
}

fn locator(locator: &Locator) -> String {
    match locator {
        Locator::DigestBody => "SHA-256 of the body".into(),
        Locator::Header(name) => format!("header {name}"),
        Locator::Json(pointer) => format!("body {}", pointer.0),
        Locator::Literal(text) => format!("the word {text}"),
        Locator::Query(name) => format!("query {name}"),
    }
}

fn conflict(scheme: &Scheme) -> &'static str {
    match scheme.conflict {
        _ if scheme.covers().id == Cover::Unsigned => "another event, as the id is not covered",
        OnConflict::Deliver => "delivered",
        OnConflict::Duplicate => "a duplicate, as the sender names the id as idempotency key",
    }
}

fn retries(retries: Retries) -> String {
    match retries {
        Retries::For(horizon) => format!("the sender tries again for {}", span(horizon)),
        Retries::Never => "**the sender never tries again**".into(),
        Retries::Unknown => "the sender does not say whether, or for how long, it tries again".into(),
    }
}

fn handshake(asks: &Handshake) -> String {
    match asks {
        Handshake::Head => "`HEAD`; told 200".into(),
        Handshake::Get { token, challenge, .. } => {
            let token = token.map(|name| format!(", and `{name}` is the source's `verify_token`")).unwrap_or_default();
            format!("`GET ?{challenge}=…`, not signed; it is given back{token}")
        }
        Handshake::Post { at, value, answer } => {
            let answer = match answer {
                Answer::Echo(at) => format!("body `{}` is given back", at.0),
                Answer::Fixed(answer) => format!("told {}", acknowledge(answer)),
                Answer::Proof { at, .. } => format!("body `{}` is given back with its HMAC", at.0),
            };
            format!("a signed `POST` whose {} is `{value}`; {answer}", locator(at))
        }
    }
}

fn acknowledge(words: &Acknowledge) -> String {
    let status = words.status.as_u16();
    match words.body.as_deref() {
        None => format!("{status} and the delivery's id"),
        Some("") => format!("{status} without a body"),
        Some(body) => format!("{status} `{body}`"),
    }
}

fn span(duration: Duration) -> String {
    let (hours, minutes) = (duration.as_secs() / 3600, duration.as_secs() % 3600 / 60);
    match (hours, minutes) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
