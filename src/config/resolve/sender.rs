//! What a source takes of its sender, and what it answers beside the app.

use http::StatusCode;

use super::{Context, secret};
use crate::config::file::{AcknowledgeFile, SecretPlace};
use crate::config::node::{Span, Spanned};
use crate::config::page::quote;
use crate::config::resolved::{Acknowledgement, Delivery, EventPattern};
use crate::scheme::{Acknowledge, Handshake, Locator, Scheme, Secret, TypeCase};

/// The patterns, as the types of this scheme's events are written.
pub(super) fn events(
    file: Option<Spanned<Vec<EventPattern>>>,
    kind: Option<&Locator>,
    scheme: &Scheme,
    context: &mut Context<'_>,
) -> Option<Option<Vec<EventPattern>>> {
    let Some(Spanned { value: mut patterns, owner, .. }) = file else { return Some(None) };
    let Some(kind) = kind.or(scheme.event_type.as_ref()) else {
        let message = format!("the events of {} have no type that `events` could go by", quote(&scheme.name));
        context.problems.error(owner, message, "say where it stands, with `event_type`, or leave `events` out");
        return None;
    };
    let written = |text: &str| match scheme.type_case {
        TypeCase::Exact => text.to_owned(),
        TypeCase::Ignored => text.to_lowercase(),
    };
    patterns.iter_mut().for_each(|pattern| pattern.0 = written(&pattern.0));
    if let Locator::Literal(kind) = kind
        && !patterns.iter().any(|pattern| pattern.matches(&written(kind)))
    {
        let message = format!("every event here is a {}, and is dropped", quote(kind));
        context.problems.warning(owner, message, "no pattern matches the type that `event_type` says");
    }
    Some(Some(patterns))
}

/// What the sender demands, or what the source says instead.
pub(super) fn acknowledge(
    file: Option<Spanned<AcknowledgeFile>>,
    delivery: Delivery,
    scheme: &Scheme,
    context: &mut Context<'_>,
) -> Acknowledgement {
    let demanded = scheme.sender.acknowledge.clone();
    let Some(Spanned { value: AcknowledgeFile { status, body }, owner, .. }) = file else { return demanded.into() };
    if delivery == Delivery::Sync {
        let label = "leave it out: the sender is answered what the app says";
        context.problems.warning(owner, "`acknowledge` means nothing with `delivery: sync`", label);
    }
    let status = status.map_or(demanded.status, |status| status.0);
    let bare = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
    if let Some(body) = body.as_ref().filter(|body| bare && !body.value.0.is_empty()) {
        let message = format!("an answer {} has no body", status.as_u16());
        context.problems.error(body.span, message, "leave it out, or choose another status");
    }
    let body = match body {
        _ if bare => Some("".into()),
        Some(body) => Some(body.value.0.into()),
        None => demanded.body,
    };
    Acknowledge { status, body }.into()
}

/// What the sender shows when it asks for the address without a signature.
pub(super) fn verify_token(
    file: Option<Spanned<SecretPlace>>,
    scheme: &Scheme,
    at: Span,
    context: &mut Context<'_>,
) -> Option<Option<Secret>> {
    let name = match &scheme.sender.handshake {
        Some(Handshake::Get { token: Some(name), .. }) => name,
        _ => {
            let Some(file) = file else { return Some(None) };
            let message = format!("a sender of the scheme {} shows no `verify_token`", quote(&scheme.name));
            context.problems.error(file.owner, message, "leave it out: nothing would be compared with it");
            return None;
        }
    };
    let Some(file) = file else {
        let message = format!("{} asks for an address with a token, and this source has none", scheme.sender.title);
        let label = format!("write `verify_token: {{env: NAME}}`: it is what comes as `{name}`");
        context.problems.warning(at, message, label);
        return Some(None);
    };
    secret::token(&file, context).map(Some)
}
