//! One source: its scheme, secrets and upstream found, its own words applied.

use std::sync::Arc;
use std::time::Duration;

use super::require::require;
use super::store::Durability;
use super::{Context, Names, Referrer, scheme, secret, sender, warn};
use crate::config::file::{DedupFile, ForwardFile, SourceFile};
use crate::config::node::{Span, Spanned};
use crate::config::page::quote;
use crate::config::resolved::{Dedup, Delivery, Forward, ForwardBody, ForwardHost, Source, Upstream, Verification};
use crate::scheme::{Events, Mechanism, Part, Scheme};

const WINDOW: Duration = Duration::from_secs(72 * 3600);
const ENTRIES: usize = 1_000_000;

/// What a source may refer to.
pub(super) struct Surroundings<'c> {
    pub(super) schemes: &'c Names<Scheme>,
    pub(super) upstreams: &'c Names<Upstream>,
    pub(super) has_public_url: bool,
    pub(super) durability: Durability,
}

/// Where the warnings about a source point.
pub(super) struct Places {
    pub(super) scheme: Span,
    pub(super) event_id: Option<Span>,
    pub(super) event_type: Option<Span>,
    pub(super) dedup_key: Option<Span>,
    pub(super) window: Option<Span>,
    pub(super) delivery: Option<Span>,
    pub(super) events: Option<Span>,
    pub(super) verification: Option<Span>,
    /// Headers to be stored.
    pub(super) headers: Vec<Span>,
}

pub(super) fn source(
    name: &Spanned<String>,
    file: SourceFile,
    surroundings: &Surroundings<'_>,
    context: &mut Context<'_>,
) -> Option<Source> {
    let places = places(&file);
    let scheme =
        file.scheme.and_then(|choice| scheme::find(Referrer::Source, name, choice, surroundings.schemes, context));
    if let Some(scheme) = &scheme {
        check_public_url(scheme, places.scheme, surroundings, context);
    }
    let keyring = secret::of_source(file.secrets, file.keys, scheme.as_deref(), context);
    let upstream = file.upstream.and_then(|upstream| find_upstream(name, &upstream, surroundings, context));
    let delivery = file.delivery.map_or(Delivery::Sync, |delivery| {
        if delivery.value != Delivery::Sync {
            surroundings.durability.check(delivery.span, context);
        }
        delivery.value
    });
    let require = require(file.require, &file.forward.headers, scheme.as_deref(), context);
    let scheme = scheme?;
    let verify_token = sender::verify_token(file.verify_token, &scheme, places.scheme, context);
    let kind = file.event_type.map(|kind| kind.value);
    let events = sender::events(file.events, kind.as_ref(), &scheme, context);
    let acknowledge = sender::acknowledge(file.acknowledge, delivery, &scheme, context);
    let source = Source {
        name: name.value.as_str().into(),
        path: file.path?.value.0,
        host: file.host.map(|host| host.value.0),
        keyring: keyring?,
        verification: file.verification.map_or(Verification::Enforce, |verification| verification.value),
        require: require?,
        upstream: upstream?,
        delivery,
        dedup: dedup(file.dedup, &scheme, file.event_id.is_some()),
        event_id: file.event_id.map(|id| id.value.0),
        event_type: kind,
        events: events?,
        acknowledge,
        verify_token: verify_token?,
        forward: forward(file.forward, &scheme, context),
        scheme,
    };
    warn::source(&source, &places, context);
    Some(source)
}

fn places(file: &SourceFile) -> Places {
    let (window, dedup_key) = match &file.dedup {
        Some(DedupFile::On { window, key, .. }) => {
            (window.as_ref().map(|window| window.span), key.as_ref().map(|key| key.span))
        }
        _ => (None, None),
    };
    Places {
        scheme: file.scheme.as_ref().map_or(file.owner, scheme::place),
        event_id: file.event_id.as_ref().map(|id| id.span),
        event_type: file.event_type.as_ref().map(|kind| kind.span),
        dedup_key,
        window,
        delivery: file.delivery.as_ref().map(|delivery| delivery.span),
        events: file.events.as_ref().map(|events| events.owner),
        verification: file.verification.as_ref().map(|verification| verification.span),
        headers: file.forward.headers.iter().map(|name| name.span).collect(),
    }
}

fn find_upstream(
    source: &Spanned<String>,
    name: &Spanned<String>,
    surroundings: &Surroundings<'_>,
    context: &mut Context<'_>,
) -> Option<Arc<Upstream>> {
    surroundings.upstreams.find(&name.value, &[]).unwrap_or_else(|meant| {
        let message = format!("source {} names an upstream that does not exist", quote(&source.value));
        context.problems.error(name.span, message, format!("no upstream has this name{meant}"));
        None
    })
}

/// A URL that is signed must be known as the sender knows it; the `Host` of a request proves nothing.
fn check_public_url(scheme: &Scheme, at: Span, surroundings: &Surroundings<'_>, context: &mut Context<'_>) {
    let signs_url = scheme.signed_parts().iter().any(|part| matches!(part, Part::Url | Part::UrlDecoded));
    if signs_url && !surroundings.has_public_url {
        let message = format!("the scheme {} signs the URL, and `inbound` has no `public_url`", quote(&scheme.name));
        context.problems.error(at, message, "add `public_url: https://…` as the sender knows it");
    }
}

/// Where two genuine events may be the same, the second must not count as a duplicate by default.
fn dedup(file: Option<DedupFile>, scheme: &Scheme, has_own_id: bool) -> Dedup {
    match file {
        Some(DedupFile::Off) => Dedup::Off,
        Some(DedupFile::On { window, key, conflict, also, entries }) => Dedup::On {
            window: window.map_or(WINDOW, |window| window.value),
            key: key.map(|key| key.value.0),
            conflict: conflict.unwrap_or(scheme.conflict),
            also_body: also.is_some(),
            entries: entries.unwrap_or(ENTRIES),
        },
        None if scheme.sender.events == Events::Alike && !has_own_id => Dedup::Off,
        None => Dedup::On { window: WINDOW, key: None, conflict: scheme.conflict, also_body: false, entries: ENTRIES },
    }
}

fn forward(file: ForwardFile, scheme: &Scheme, context: &mut Context<'_>) -> Forward {
    let usual = match scheme.mechanism {
        Mechanism::Jws(_) => ForwardBody::Payload,
        Mechanism::DetachedJws(_) | Mechanism::Hmac(_) | Mechanism::PublicKey(_) | Mechanism::Token(_) => {
            ForwardBody::Original
        }
    };
    if let Some(body) = file.body.as_ref().filter(|body| body.value == ForwardBody::Payload)
        && usual == ForwardBody::Original
    {
        let label = "leave it out: only a JWS has a payload other than its body";
        context.problems.warning(body.span, "`body: payload` changes nothing here", label);
    }
    Forward {
        path: file.path.map(|path| path.0),
        body: file.body.map_or(usual, |body| body.value),
        headers: file.headers.into_iter().map(|name| name.value).collect(),
        host: file.host.unwrap_or(ForwardHost::Upstream),
    }
}
