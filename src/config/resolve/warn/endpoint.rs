//! What is worth knowing of an endpoint.

use std::net::IpAddr;

use super::super::Context;
use super::super::endpoint::Places;
use crate::config::resolved::{Egress, Endpoint, EndpointDelivery, Envelope, Retry, UrlScheme};
use crate::scheme::Locator;

pub(in crate::config::resolve) fn endpoint(
    endpoint: &Endpoint,
    places: &Places,
    egress: &Egress,
    context: &mut Context<'_>,
) {
    clear_text(endpoint, places, context);
    refused_address(endpoint, places, egress, context);
    id_stays_here(endpoint, places, context);
    if let Some(at) = places.events.filter(|_| endpoint.events.is_empty()) {
        let label = "name some, `[\"*\"]` for all, or leave it out: only `/endpoints/…` reaches it then";
        context.problems.warning(at, "no event matches an empty list", label);
    }
    without_queue(endpoint, places, context);
}

fn clear_text(endpoint: &Endpoint, places: &Places, context: &mut Context<'_>) {
    let local = address(&endpoint.url.host).is_some_and(|address| address.is_loopback());
    if endpoint.url.scheme == UrlScheme::Http && !local {
        let label = "a signature hides nothing: write `https://…`";
        context.problems.warning(places.url, "events go to this endpoint in clear text", label);
    }
}

/// It is refused when the connection is made; who wrote an address can be told at once.
fn refused_address(endpoint: &Endpoint, places: &Places, egress: &Egress, context: &mut Context<'_>) {
    let Some(address) = address(&endpoint.url.host) else { return };
    let allowed = egress.allow.iter().any(|range| range.contains(&address));
    if !allowed && is_private(address) {
        let message = format!("{address} is a private address: every attempt will be refused");
        let label = format!("add it to `outbound: {{egress: {{allow: […]}}}}`, such as `{address}/{}`", width(address));
        context.problems.warning(places.url, message, label);
    }
}

/// The address that a host is written as, as the system would understand it.
fn address(host: &str) -> Option<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host == "localhost" || host.ends_with(".localhost") {
        return Some(IpAddr::from([127, 0, 0, 1]));
    }
    host.parse().ok().map(|address: IpAddr| address.to_canonical())
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The ranges that people write by hand; the check of each connection knows them all.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || shared
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
    }
}

/// A receiver that is not told the event's id cannot drop what comes twice.
fn id_stays_here(endpoint: &Endpoint, places: &Places, context: &mut Context<'_>) {
    let travels = |part: &Locator| matches!(part, Locator::Header(_) | Locator::Json(_));
    if endpoint.envelope == Envelope::None && !endpoint.scheme.event_id.iter().any(travels) {
        let message = "the receiver is not told the event's id: what comes twice, it cannot drop";
        let label = "this scheme has no place for it; put one into the body, or choose an `envelope`";
        context.problems.warning(places.scheme, message, label);
    }
}

/// What says how a queue is worked off means nothing where there is none.
fn without_queue(endpoint: &Endpoint, places: &Places, context: &mut Context<'_>) {
    if endpoint.delivery != EndpointDelivery::Sync {
        return;
    }
    for (key, at) in &places.of_queue {
        let message = format!("`{key}` means nothing with `delivery: sync`");
        context.problems.warning(*at, message, "it says how a queue is worked off");
    }
    let usual = Retry::standard_webhooks();
    let own = endpoint.retry.schedule.len() > 1 && endpoint.retry.schedule != usual.schedule;
    if let Some(at) = places.retry.filter(|_| own) {
        let label = "leave it out: the app is told what became of its one attempt";
        context.problems.warning(at, "with `delivery: sync` nothing is tried again", label);
    }
}
