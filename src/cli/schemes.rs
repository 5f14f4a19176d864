//! `countersign schemes`, and docs/schemes.md, out of the same table.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use crate::scheme::{
    Algorithm, Carrier, Cover, Encoding, JwsAlgorithm, Locator, Mechanism, OnConflict, PRESETS, Part, Placeholder,
    Recipe, Retries, Scheme, SecretEncoding, TimestampSource, TimestampUnit,
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
    let rows = [
        ("Signature", code(&signature(scheme))),
        ("Signed bytes", code(&signed(scheme))),
        ("Secret", secret(scheme).into()),
        ("Timestamp", timestamp(scheme)),
        ("Event id", code(&event_id(scheme))),
        ("Event type", code(&event_type(scheme))),
        ("Covered", covered.join(", ")),
        ("Known id, other body", conflict(scheme).into()),
        ("When a delivery fails", retries(scheme.sender.retries)),
    ];
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
        Mechanism::Hmac(recipe) => hmac(recipe),
        Mechanism::Jws(algorithm) => format!("the body is a compact JWS, {}", jws(*algorithm)),
    }
}

fn hmac(recipe: &Recipe) -> String {
    let carrier = match &recipe.carrier {
        Carrier::Headers(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Carrier::Json(pointer) => format!("body {}", pointer.0),
        Carrier::Numbered { prefix, suffix } => format!("{prefix}{{n}}{suffix}"),
    };
    let separator = recipe.format.separator.as_deref().unwrap_or_default();
    let items = recipe.format.items.iter().map(|item| match item.value {
        Placeholder::Signature => format!("{}<{}>", item.prefix, digest(recipe)),
        Placeholder::Timestamp => format!("{}<timestamp>", item.prefix),
    });
    format!("{carrier}: {}", items.collect::<Vec<_>>().join(separator))
}

fn digest(recipe: &Recipe) -> String {
    let algorithm = match recipe.algorithm {
        Algorithm::Sha1 => "HMAC-SHA1",
        Algorithm::Sha256 => "HMAC-SHA256",
        Algorithm::Sha384 => "HMAC-SHA384",
        Algorithm::Sha512 => "HMAC-SHA512",
    };
    let encoding = match recipe.encoding {
        Encoding::Base64 => "base64",
        Encoding::Base64Url => "base64url",
        Encoding::HexLower => "hex",
        Encoding::HexUpper => "HEX",
    };
    format!("{algorithm} in {encoding}")
}

fn jws(algorithm: JwsAlgorithm) -> &'static str {
    match algorithm {
        JwsAlgorithm::Hs256 => "HS256",
        JwsAlgorithm::Hs384 => "HS384",
        JwsAlgorithm::Hs512 => "HS512",
    }
}

fn signed(scheme: &Scheme) -> String {
    let Mechanism::Hmac(recipe) = &scheme.mechanism else { return "<header>.<payload>".into() };
    recipe.signed.0.iter().fold(String::new(), |text, part| text + &signed_part(part))
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
    }
}

fn secret(scheme: &Scheme) -> &'static str {
    match &scheme.mechanism {
        Mechanism::Jws(_) => "its text",
        Mechanism::Hmac(recipe) => match recipe.secret {
            SecretEncoding::Base64 { .. } => "base64, behind a prefix that may be there",
            SecretEncoding::Base64Url => "base64url",
            SecretEncoding::Hex => "hexadecimal",
            SecretEncoding::Utf8 => "its text",
        },
    }
}

fn timestamp(scheme: &Scheme) -> String {
    let Mechanism::Hmac(Recipe { timestamp: Some(rule), tolerance, .. }) = &scheme.mechanism else {
        return "none".into();
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
        Retries::Unknown => "the sender does not say what it does".into(),
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
