//! The tables of sources and endpoints that `check` prints.

use jiff::Timestamp;

use super::resolved::{Config, Dedup, Delivery, Endpoint, EndpointDelivery, Retry, Source, Verification};
use super::unit;
use crate::scheme::{Cover, KeyKind, Keyring, Locator};

const SOURCES: [&str; 8] = ["source", "path", "scheme", "signed", "duplicates by", "upstream", "delivery", "secrets"];

const ENDPOINTS: [&str; 7] = ["endpoint", "url", "scheme", "delivery", "retry", "events", "secrets"];

/// A row for every source: what it is called and where, what its signature
/// covers, what tells its deliveries apart and for how long, where they go and
/// how, and which secrets count until when. Then a row for every endpoint. Of
/// a URL the query is not shown: it may hold a secret.
pub fn table(config: &Config, now: Timestamp) -> String {
    let sources = config.inbound.iter().map(|inbound| {
        let rows = inbound.sources.iter().map(|source| source_row(source, now));
        aligned(std::iter::once(SOURCES.map(str::to_owned)).chain(rows).collect())
    });
    let endpoints = config.outbound.iter().map(|outbound| {
        let rows = outbound.endpoints.iter().map(|endpoint| endpoint_row(endpoint, now));
        aligned(std::iter::once(ENDPOINTS.map(str::to_owned)).chain(rows).collect())
    });
    sources.chain(endpoints).collect::<Vec<_>>().join("\n")
}

fn aligned<const COLUMNS: usize>(rows: Vec<[String; COLUMNS]>) -> String {
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; COLUMNS]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn source_row(source: &Source, now: Timestamp) -> [String; 8] {
    [
        source.name.to_string(),
        format!("{}{}", source.host.as_deref().unwrap_or_default(), source.path),
        source.scheme.name.to_string(),
        signed(source),
        duplicates(source),
        source.upstream.name.to_string(),
        match source.delivery {
            Delivery::Queue => "queue".to_owned(),
            Delivery::Sync => "sync".to_owned(),
            Delivery::SyncThenQueue { within } => format!("sync {}, queue", unit::duration(within)),
        },
        secrets(&source.keyring, now),
    ]
}

fn endpoint_row(endpoint: &Endpoint, now: Timestamp) -> [String; 7] {
    let events: Vec<&str> = endpoint.events.iter().map(|pattern| pattern.0.as_str()).collect();
    let (delivery, retry) = match endpoint.delivery {
        EndpointDelivery::Queue => ("queue", schedule(&endpoint.retry)),
        EndpointDelivery::Sync => ("sync", "-".to_owned()),
    };
    [
        endpoint.name.to_string(),
        endpoint.url.to_string(),
        endpoint.scheme.name.to_string(),
        delivery.to_owned(),
        retry,
        if events.is_empty() { "-".to_owned() } else { events.join(" ") },
        secrets(&endpoint.keyring, now),
    ]
}

/// How often it is tried, and over how long a time.
fn schedule(retry: &Retry) -> String {
    match retry.schedule.len() {
        1 => "once".to_owned(),
        attempts => format!("{attempts} times in {}", unit::duration(retry.schedule.iter().sum())),
    }
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
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(" ") };
    match source.verification {
        Verification::Enforce => names,
        Verification::ReportOnly => format!("{names} (report only)"),
    }
}

fn duplicates(source: &Source) -> String {
    let Dedup::On { window, key, also_body, .. } = &source.dedup else { return "off".to_owned() };
    let parts = key.as_deref().or(source.event_id.as_deref()).unwrap_or(&source.scheme.event_id);
    let parts: Vec<String> = parts.iter().map(locator).collect();
    let parts = if parts.is_empty() { "digest of the body".to_owned() } else { parts.join(" + ") };
    let also = if *also_body { " or body" } else { "" };
    format!("{parts}{also}, {}", unit::duration(*window))
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
fn secrets(keyring: &Keyring, now: Timestamp) -> String {
    let ends: Vec<(&str, Timestamp)> = keyring.expiries().collect();
    let valid: Vec<usize> = keyring.valid_at(now).collect();
    let secret = |(position, id): (usize, &str)| {
        let end = ends.iter().find(|(ending, _)| *ending == id).map(|(_, end)| *end);
        match (valid.contains(&position), end) {
            (true, None) => id.to_owned(),
            (true, Some(end)) => format!("{id} until {end}"),
            (false, Some(end)) if end < now => format!("{id} ended"),
            (false, _) => format!("{id} not yet"),
        }
    };
    let all = keyring.key_ids().enumerate().map(secret).collect::<Vec<_>>().join(", ");
    match (keyring.kind(), keyring.signers().all(|signs| signs)) {
        (KeyKind::Public, false) => format!("public key {all}"),
        (KeyKind::Public, true) => format!("private key {all}"),
        (KeyKind::Secret, _) => all,
    }
}
