//! What works, and is probably not what was meant, or is worth knowing.

mod endpoint;
mod upstream;

use super::Context;
use super::source::Places;
use crate::config::page::quote;
use crate::config::resolved::{Dedup, Delivery, Source};
use crate::config::unit::duration;
use crate::scheme::{Cover, Locator, Retries};
pub(super) use endpoint::endpoint;
pub(super) use upstream::{UpstreamPlaces, places, unused};

pub(super) fn source(source: &Source, places: &Places, context: &mut Context<'_>) {
    never_retried(source, places, context);
    forgotten_too_early(source, places, context);
    unsigned_key(source, places, context);
    unsigned_type(source, places, context);
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
    if let Some(open) = open {
        let message = format!("duplicates are told by {open}, which the signature does not cover");
        context.problems.warning(at, message, "whoever captured a request can send it again as a new one; use TLS");
    }
}

fn unsigned_type(source: &Source, places: &Places, context: &mut Context<'_>) {
    let own = source.event_type.as_ref().zip(places.event_type);
    let Some((kind, at)) = own.or(source.scheme.event_type.as_ref().map(|kind| (kind, places.scheme))) else { return };
    if !source.scheme.covers_locator(kind) {
        let message = format!("the event type is {}, which the signature does not cover", describe(kind));
        context.problems.warning(at, message, "whoever captured a request can send it again as another event; use TLS");
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
