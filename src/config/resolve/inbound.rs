//! The receiving side, and what its sources must not have in common.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::source::{self, Surroundings};
use super::store::Durability;
use super::{Context, Names, listen, tls};
use crate::config::file::{InboundFile, LimitsFile, SourceFile};
use crate::config::node::Spanned;
use crate::config::page::quote;
use crate::config::read::Named;
use crate::config::resolved::{Inbound, Limits, Listen, Proxies, Upstream};
use crate::config::text::Url;
use crate::config::unit;
use crate::scheme::Scheme;

const BODY: usize = 1 << 20;
const MEMORY: usize = 256 << 20;
const CONNECTIONS: usize = 10_000;
const READ_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn inbound(
    file: InboundFile,
    schemes: &Names<Scheme>,
    upstreams: &Names<Upstream>,
    durability: Durability,
    context: &mut Context<'_>,
) -> Option<Inbound> {
    let tls = file.tls.map(|tls| tls::server(tls, context));
    let proxies = listen::proxies(file.listen.as_ref(), file.proxies, context);
    let limits = limits(&file.limits, context);
    let surroundings = Surroundings { schemes, upstreams, has_public_url: file.has_public_url, durability };
    let sources = file.sources.and_then(|sources| {
        distinct(&sources.value, context);
        if let (Some(Listen::Unix(_)), Some(Proxies::None)) = (file.listen.as_ref().map(|at| &at.value), &proxies) {
            nowhere(&sources.value, context);
        }
        all(sources, &surroundings, context)
    });
    Some(Inbound {
        listen: file.listen?.value,
        proxies: proxies?,
        tls: tls.map_or(Some(None), |tls| tls.map(Some))?,
        public_url: file.public_url.map(written),
        limits,
        sources: sources?,
    })
}

fn all(
    sources: Spanned<Named<SourceFile>>,
    surroundings: &Surroundings<'_>,
    context: &mut Context<'_>,
) -> Option<Vec<Arc<crate::config::resolved::Source>>> {
    if sources.value.complete && sources.value.entries.is_empty() {
        context.problems.error(sources.span, "there is no source", "a source is `name: {path: …, scheme: …, …}`");
    }
    let resolved: Vec<_> = sources
        .value
        .entries
        .into_iter()
        .map(|(name, file)| file.and_then(|file| source::source(&name, file, surroundings, context)).map(Arc::new))
        .collect();
    resolved.into_iter().collect()
}

/// Refuses to ask for addresses where nobody has one.
fn nowhere(sources: &Named<SourceFile>, context: &mut Context<'_>) {
    let required = sources.entries.iter().filter_map(|(_, file)| file.as_ref()?.require.as_ref()?.value.from.as_ref());
    for from in required {
        let label = "let a proxy say it, `proxy_protocol: {from: [unix]}`, or leave this out";
        context.problems.error(from.owner, "at a Unix socket nobody has an address, so nobody would get in", label);
    }
}

/// No two sources may be meant by the same request.
fn distinct(sources: &Named<SourceFile>, context: &mut Context<'_>) {
    let mut taken = HashMap::new();
    for (name, file) in &sources.entries {
        let Some(file) = file else { continue };
        let Some(path) = &file.path else { continue };
        if file.has_host && file.host.is_none() {
            continue;
        }
        let place = (file.host.as_ref().map(|host| &host.value.0), &path.value.0);
        if let Some(first) = taken.insert(place, (&name.value, path.span)) {
            let (name, span) = first;
            context.problems.repeated(path.span, span, format!("the source {} has the same path", quote(name)));
            taken.insert(place, first);
        }
    }
}

pub(super) fn limits(file: &LimitsFile, context: &mut Context<'_>) -> Limits {
    let body = file.body.as_ref().map_or(BODY, |size| size.value.0);
    let memory = file.memory.as_ref().map_or(MEMORY, |size| size.value.0);
    if let Some(place) = file.memory.as_ref().or(file.body.as_ref()).filter(|_| memory < body) {
        let label = format!("`memory` is {}, `body` is {}", unit::size(memory), unit::size(body));
        context.problems.error(place.span, "`memory` must hold at least one `body`", label);
    }
    Limits {
        body,
        memory,
        connections: file.connections.unwrap_or(CONNECTIONS),
        read_timeout: file.read_timeout.unwrap_or(READ_TIMEOUT),
    }
}

/// The URL as senders spell it.
fn written(url: Url) -> String {
    let scheme = if url.secure { "https" } else { "http" };
    let port = url.port.map_or_else(String::new, |port| format!(":{port}"));
    format!("{scheme}://{}{port}{}", url.host, url.path)
}
