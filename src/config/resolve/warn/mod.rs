//! What works, and is probably not what was meant, or is worth knowing.

mod endpoint;
mod upstream;

use http::header;

use super::Context;
use super::source::Places;
use crate::config::page::quote;
use crate::config::resolved::{Dedup, Delivery, Source, Verification};
use crate::config::unit::duration;
use crate::scheme::{Cover, Events, Locator, Mechanism, Retries};
pub(super) use endpoint::endpoint;
pub(super) use upstream::{UpstreamPlaces, places, unused};

pub(super) fn source(source: &Source, places: &Places, context: &mut Context<'_>) {
    not_enforced(source, places, context);
    never_retried(source, places, context);
    forgotten_too_early(source, places, context);
    alike(source, places, context);
    if matches!(source.scheme.mechanism, Mechanism::Token(_)) {
        unsigned(source, places, context);
    } else {
        unsigned_key(source, places, context);
        unsigned_type(source, places, context);
    }
    headers_for_nothing(source, places, context);
}

/// A token says as much of the body, the id and the type together as of each alone.
fn unsigned(source: &Source, places: &Places, context: &mut Context<'_>) {
    let message = format!("{} sends a token and signs nothing", source.scheme.sender.title);
    let label = "whoever reads one request can send any other: use TLS, and a scheme that signs where there is one";
    context.problems.warning(places.scheme, message, label);
}

fn alike(source: &Source, places: &Places, context: &mut Context<'_>) {
    let Dedup::On { key: None, .. } = &source.dedup else { return };
    if source.scheme.sender.events == Events::Alike && source.event_id.is_none() {
        let title = &source.scheme.sender.title;
        let message = format!("two genuine events of {title} may be the same, byte for byte");
        let label = "the second would count as a duplicate and be lost: leave `dedup` out";
        context.problems.warning(places.window.unwrap_or(places.scheme), message, label);
    }
}

/// The one exception to the rule that nothing unverified reaches the app; told at each start.
fn not_enforced(source: &Source, places: &Places, context: &mut Context<'_>) {
    if let (Verification::ReportOnly, Some(at)) = (source.verification, places.verification) {
        let message = format!("requests to the source {} that are not verified reach the app", quote(&source.name));
        let label = "they say `Countersign-Verified: false`; write `enforce` to have them refused";
        context.problems.warning(at, message, label);
    }
}

/// Only credentials are not stored as it is, and only what is queued is stored.
fn headers_for_nothing(source: &Source, places: &Places, context: &mut Context<'_>) {
    for (name, at) in source.forward.headers.iter().zip(&places.headers) {
        let label = if ![header::AUTHORIZATION, header::COOKIE].contains(name) {
            "only `Authorization` and `Cookie` are not stored unless they are named here"
        } else if source.delivery == Delivery::Sync {
            "with `delivery: sync` nothing is stored, and the app gets all headers"
        } else {
            continue;
        };
        context.problems.warning(*at, format!("to name `{name}` changes nothing here"), label);
    }
}

fn never_retried(source: &Source, places: &Places, context: &mut Context<'_>) {
    if source.scheme.sender.retries == Retries::Never && source.delivery == Delivery::Sync {
        let message = format!("{} never tries again: what the app misses is lost", source.scheme.sender.title);
        let label = "write `delivery: queue`: then the event is kept until the app has it";
        context.problems.warning(places.delivery.unwrap_or(places.scheme), message, label);
    }
}

fn forgotten_too_early(source: &Source, places: &Places, context: &mut Context<'_>) {
    let (Dedup::On { window, .. }, Retries::For(last)) = (&source.dedup, source.scheme.sender.retries) else { return };
    if *window < last {
        let title = &source.scheme.sender.title;
        let message = format!("{title} tries again until {} after the first attempt", duration(last));
        let label = format!("after {} such a retry counts as new", duration(*window));
        context.problems.warning(places.window.unwrap_or(places.scheme), message, label);
    }
}

fn unsigned_key(source: &Source, places: &Places, context: &mut Context<'_>) {
    let Dedup::On { key, .. } = &source.dedup else { return };
    let scheme = &source.scheme;
    let own = key.as_deref().zip(places.dedup_key).or(source.event_id.as_deref().zip(places.event_id));
    let (parts, at) = own.unwrap_or((&scheme.event_id, places.scheme));
    let open = match parts {
        // Without an id, the payload's digest is it.
        [] if scheme.covers().body == Cover::Signed => None,
        [] => Some("the body".to_owned()),
        parts => parts.iter().find(|part| !scheme.covers_locator(part)).map(describe),
    };
    if let Some(open) = open.filter(|_| !knows_bodies(source)) {
        let message = format!("duplicates are told by {open}, which the signature does not cover");
        let label = "whoever captured a request can send it again as a new one; use TLS";
        context.problems.warning(at, message, format!("{label}{}", advice(source)));
    }
}

/// Whether a captured body is known under whatever id and type.
fn knows_bodies(source: &Source) -> bool {
    let is_wanted = matches!(source.dedup, Dedup::On { also_body: true, .. });
    is_wanted && source.scheme.covers().body == Cover::Signed
}

/// What would help, where the body at least is signed.
fn advice(source: &Source) -> &'static str {
    let helps = source.dedup != Dedup::Off && source.scheme.covers().body == Cover::Signed;
    if helps { ", or `dedup: {also: body}` if no two events are alike" } else { "" }
}

fn unsigned_type(source: &Source, places: &Places, context: &mut Context<'_>) {
    let own = source.event_type.as_ref().zip(places.event_type);
    let Some((kind, at)) = own.or(source.scheme.event_type.as_ref().map(|kind| (kind, places.scheme))) else { return };
    if !source.scheme.covers_locator(kind) && !knows_bodies(source) {
        let message = format!("the event type is {}, which the signature does not cover", describe(kind));
        let (at, label) = match places.events {
            Some(events) => (events, "whoever captured a request can send it again past this filter; use TLS"),
            None => (at, "whoever captured a request can send it again as another event; use TLS"),
        };
        context.problems.warning(at, message, format!("{label}{}", advice(source)));
    }
}

/// A locator in words.
fn describe(locator: &Locator) -> String {
    match locator {
        Locator::DigestBody => "the body".to_owned(),
        Locator::Header(name) => format!("the header `{name}`"),
        Locator::Json(pointer) => format!("`{}` of the payload", pointer.0),
        Locator::Literal(text) => quote(text),
        Locator::Query(name) => format!("the parameter {} of the query", quote(name)),
    }
}
