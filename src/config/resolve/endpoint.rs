//! One endpoint: its scheme and secrets found, its way there prepared.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::store::Durability;
use super::{Context, Names, Referrer, scheme, secret, signing, tls, upstream, warn};
use crate::config::file::{EndpointFile, PatternList, ProxyFile};
use crate::config::node::{Span, Spanned};
use crate::config::page::quote;
use crate::config::resolved::{Egress, Endpoint, EndpointDelivery, Envelope, EventPattern, Proxy, Retry, Upstream};
use crate::config::text::EndpointUrl;
use crate::scheme::{Carrier, Part, Scheme};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What an endpoint stands among.
pub(super) struct Surroundings<'c> {
    pub(super) schemes: &'c Names<Scheme>,
    pub(super) upstreams: &'c Names<Upstream>,
    pub(super) durability: Durability,
    pub(super) trust: tls::Trust,
    pub(super) egress: Egress,
}

/// Where the warnings about an endpoint point.
pub(super) struct Places {
    pub(super) url: Span,
    pub(super) scheme: Span,
    pub(super) events: Option<Span>,
    pub(super) retry: Option<Span>,
    pub(super) of_queue: Vec<(&'static str, Span)>,
}

pub(super) fn endpoint(
    name: &Spanned<String>,
    mut file: EndpointFile,
    surroundings: &mut Surroundings<'_>,
    context: &mut Context<'_>,
) -> Option<Endpoint> {
    check_name(name, surroundings, context);
    let places = places(name, &mut file);
    let delivery = delivery(name, &file, surroundings, context);
    let scheme = file.scheme.take().and_then(|choice| {
        let scheme = scheme::find(Referrer::Endpoint, name, choice, surroundings.schemes, context)?;
        check_signing(&scheme, file.url.as_ref(), places.scheme, context);
        Some(scheme)
    });
    let secrets = file.secrets.take();
    let keyring = secrets.and_then(|secrets| secret::keyring(secrets, Referrer::Endpoint, scheme.as_deref(), context));
    let events = events(file.events.take(), delivery, context);
    let way = way(&mut file, &mut surroundings.trust, context);
    let (way, scheme, keyring) = (way?, scheme?, keyring?);
    let endpoint = Endpoint {
        name: name.value.as_str().into(),
        url: upstream::address(way.url.url),
        query: way.url.query,
        scheme,
        keyring,
        events,
        delivery,
        retry: file.retry.map_or_else(Retry::standard_webhooks, |retry| retry.value),
        pace: file.pace,
        envelope: file.envelope.unwrap_or(Envelope::None),
        connect_timeout: file.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        tls: way.tls,
        proxy: way.proxy,
    };
    warn::endpoint(&endpoint, &places, &surroundings.egress, context);
    Some(endpoint)
}

/// How an endpoint is reached.
struct Way {
    url: EndpointUrl,
    tls: Option<Arc<ClientConfig>>,
    proxy: Option<Proxy>,
}

fn way(file: &mut EndpointFile, trust: &mut tls::Trust, context: &mut Context<'_>) -> Option<Way> {
    let origin = file.url.as_ref().map(|url| url.with(url.value.url.clone()));
    let tls = tls::client(origin.as_ref(), &file.trust, trust, context);
    let proxy = file.proxy.take().map_or(Some(None), |file| proxy(file, trust, context).map(Some));
    Some(Way { url: file.url.take()?.value, tls: tls?, proxy: proxy? })
}

fn places(name: &Spanned<String>, file: &mut EndpointFile) -> Places {
    Places {
        url: file.url.as_ref().map_or(name.span, |url| url.span),
        scheme: file.scheme.as_ref().map_or(name.span, scheme::place),
        events: file.events.as_ref().map(|events| events.span),
        retry: file.retry.as_ref().map(|retry| retry.owner),
        of_queue: std::mem::take(&mut file.of_queue),
    }
}

/// The name is a segment of a path, where `.` and `..` would mean something else (RFC 3986 §5.2.4).
fn check_name(name: &Spanned<String>, surroundings: &Surroundings<'_>, context: &mut Context<'_>) {
    if matches!(name.value.as_str(), "." | "..") {
        let message = "an endpoint cannot have this name";
        context.problems.error(name.span, message, "`.` and `..` do not stay what they are in a path");
    }
    if surroundings.upstreams.knows(&name.value) {
        let message = format!("the endpoint {} has the name of an upstream", quote(&name.value));
        context.problems.warning(name.span, message, "metrics tell targets apart by their names only");
    }
}

fn delivery(
    name: &Spanned<String>,
    file: &EndpointFile,
    surroundings: &Surroundings<'_>,
    context: &mut Context<'_>,
) -> EndpointDelivery {
    match &file.delivery {
        Some(Spanned { value: EndpointDelivery::Sync, .. }) => return EndpointDelivery::Sync,
        Some(queue) => surroundings.durability.check(queue.span, context),
        None if file.has_delivery => {}
        None => surroundings.durability.check(name.span, context),
    }
    EndpointDelivery::Queue
}

/// What is not there cannot be signed, and what is not the scheme's to write cannot carry anything.
fn check_signing(scheme: &Scheme, url: Option<&Spanned<EndpointUrl>>, at: Span, context: &mut Context<'_>) {
    let name = quote(&scheme.name);
    signing::check_framing(scheme, at, context);
    if let Some(Carrier::Json(pointer)) = scheme.carrier().as_deref() {
        let message = format!("the scheme {name} cannot sign: its signature stands inside the body");
        let label = format!("the app's body is sent as it is, without a signature at `{}`", pointer.0);
        context.problems.error(at, message, label);
    }
    for part in scheme.signed_parts() {
        let Part::Query(parameter) = part else { continue };
        if let Some(url) = url.filter(|url| url.value.query.is_none()) {
            let message = format!("the scheme {name} signs the parameter {} of the query", quote(parameter));
            context.problems.error(url.span, message, "this URL has no query: add it");
        }
    }
}

fn events(
    file: Option<Spanned<PatternList>>,
    delivery: EndpointDelivery,
    context: &mut Context<'_>,
) -> Vec<EventPattern> {
    let Some(events) = file else { return Vec::new() };
    if delivery == EndpointDelivery::Sync {
        let label = "leave it out, or write `delivery: queue`";
        context.problems.error(events.owner, "an endpoint with `delivery: sync` cannot have `events`", label);
    }
    events.value.0
}

/// Where `CONNECT` is asked for.
fn proxy(file: ProxyFile, trust: &mut tls::Trust, context: &mut Context<'_>) -> Option<Proxy> {
    let authorization = file.authorization.map(|place| secret::header_value(&place, context));
    let url = file.url?;
    if !url.value.path.is_empty() {
        context.problems.error(url.span, "the URL of a proxy has no path", "such as `http://proxy.internal:3128`");
    }
    let tls = if url.value.secure {
        tls::check_server_name(&url, context)?;
        Some(trust.system(context))
    } else {
        None
    };
    Some(Proxy {
        url: upstream::address(url.value),
        tls,
        authorization: authorization.map_or(Some(None), |secret| secret.map(Some))?,
    })
}
