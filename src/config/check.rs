//! The table of sources that `check` prints.

use jiff::Timestamp;

use super::resolved::{Config, Dedup, Source};
use super::unit;
use crate::scheme::{Cover, Locator};

const HEAD: [&str; 7] = ["source", "path", "scheme", "signed", "duplicates by", "upstream", "secrets"];

/// A row for every source: what it is called and where, what its signature
/// covers, what tells its deliveries apart and for how long, where they go,
/// and which secrets count until when.
pub fn table(config: &Config, now: Timestamp) -> String {
    let sources = config.inbound.iter().flat_map(|inbound| &inbound.sources);
    let rows: Vec<[String; 7]> =
        std::iter::once(HEAD.map(str::to_owned)).chain(sources.map(|source| row(source, now))).collect();
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String; 7], widths: &[usize; 7]) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

fn row(source: &Source, now: Timestamp) -> [String; 7] {
    [
        source.name.to_string(),
        format!("{}{}", source.host.as_deref().unwrap_or_default(), source.path),
        source.scheme.name.to_string(),
        signed(source),
        duplicates(source),
        source.upstream.name.to_string(),
        secrets(source, now),
    ]
}

/// What an attacker without the key cannot change.
fn signed(source: &Source) -> String {
    let scheme = &source.scheme;
    let covered = scheme.covers();
    let all = |parts: &[Locator]| parts.iter().all(|part| scheme.covers_locator(part));
    let id = source.event_id.as_deref().map_or(covered.id == Cover::Signed, all);
    let kind = source.event_type.as_ref().map_or(covered.kind == Cover::Signed, |kind| scheme.covers_locator(kind));
    let parts = [
        ("body", covered.body == Cover::Signed),
        ("id", id),
        ("type", kind),
        ("time", covered.timestamp == Cover::Signed),
    ];
    let names: Vec<&str> = parts.iter().filter(|(_, signed)| *signed).map(|(name, _)| *name).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
}

fn duplicates(source: &Source) -> String {
    let Dedup::On { window, key, .. } = &source.dedup else { return "off".to_owned() };
    let parts = key.as_deref().or(source.event_id.as_deref()).unwrap_or(&source.scheme.event_id);
    let parts: Vec<String> = parts.iter().map(locator).collect();
    let parts = if parts.is_empty() { "digest of the body".to_owned() } else { parts.join(" + ") };
    format!("{parts}, {}", unit::duration(*window))
}

fn locator(locator: &Locator) -> String {
    match locator {
        Locator::DigestBody => "digest of the body".to_owned(),
        Locator::Header(name) => format!("header {name}"),
        Locator::Json(pointer) => format!("json {}", pointer.0),
        Locator::Literal(text) => format!("literal {text}"),
        Locator::Query(name) => format!("query {name}"),
    }
}

/// Every secret by its id, with the end of its time.
fn secrets(source: &Source, now: Timestamp) -> String {
    let ends: Vec<(&str, Timestamp)> = source.keyring.expiries().collect();
    let valid: Vec<usize> = source.keyring.valid_at(now).collect();
    let secret = |(position, id): (usize, &str)| {
        let end = ends.iter().find(|(ending, _)| *ending == id).map(|(_, end)| *end);
        match (valid.contains(&position), end) {
            (true, None) => id.to_owned(),
            (true, Some(end)) => format!("{id} until {end}"),
            (false, Some(end)) if end < now => format!("{id} ended"),
            (false, _) => format!("{id} not yet"),
        }
    };
    source.keyring.key_ids().enumerate().map(secret).collect::<Vec<_>>().join(", ")
}
