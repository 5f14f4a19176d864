//! What a source demands beside the signature: read, and such as a request can have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};

use super::{Context, secret};
use crate::config::file::{RequireFile, RequiredHeader, SecretPlace};
use crate::config::node::Spanned;
use crate::config::resolved::Requirement;
use crate::scheme::{Scheme, Secret};

/// Headers that say how a request is to be read, whoever sends it.
const OF_HTTP: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What is demanded. Outer `None`: it could not be understood.
pub(super) fn require(
    file: Option<Spanned<RequireFile>>,
    kept: &[Spanned<HeaderName>],
    scheme: Option<&Scheme>,
    context: &mut Context<'_>,
) -> Option<Option<Requirement>> {
    let Some(Spanned { value: file, owner, .. }) = file else { return Some(None) };
    if file.is_empty {
        context.problems.error(
            owner,
            "`require` demands nothing",
            "`basic`, `bearer`, `header` or `from` belongs here",
        );
        return None;
    }
    let is_one =
        one_authorization(&file, context) & scheme.is_none_or(|scheme| leaves_signature(&file, scheme, context));
    let both = kept.iter().find(|kept| takes_out(&file, &kept.value));
    if let Some(kept) = both {
        let message = format!("`{}` does not reach the app: `require` demands it, and takes it out", kept.value);
        context.problems.error(kept.span, message, "leave it out here, or demand another header");
    }
    let basic = file.basic.map(|place| credentials(&place, context));
    let bearer = file.bearer.map(|place| value(&place, context));
    let header = file.header.map(|header| required_header(header, context));
    let requirement = Requirement {
        basic: basic.map_or(Some(None), |basic| basic.map(Some))?,
        bearer: bearer.map_or(Some(None), |bearer| bearer.map(Some))?,
        header: header.map_or(Some(None), |header| header.map(Some))?,
        from: file.from.map(|from| from.value).unwrap_or_default(),
    };
    (is_one && both.is_none()).then_some(Some(requirement))
}

/// Whether the app does not get this header, because it is what is demanded.
fn takes_out(file: &RequireFile, name: &HeaderName) -> bool {
    let own = file.header.as_ref().and_then(|header| header.name.as_ref()).is_some_and(|own| own.value == *name);
    own || *name == header::AUTHORIZATION && file.authorization.iter().any(Option::is_some)
}

/// A request has one `Authorization`: only one thing can be demanded of it.
fn one_authorization(file: &RequireFile, context: &mut Context<'_>) -> bool {
    let label = "a request has one `Authorization`: demand one thing of it";
    let own = file.header.as_ref().and_then(|header| header.name.as_ref());
    match (file.authorization, own.filter(|name| name.value == header::AUTHORIZATION)) {
        ([Some(_), Some(bearer)], _) => {
            context.problems.error(bearer, "`basic` and `bearer` cannot both be met", label);
            false
        }
        ([Some(_), None] | [None, Some(_)], Some(name)) => {
            context.problems.error(name.span, "two things are demanded of one header", label);
            false
        }
        _ => true,
    }
}

/// What is demanded is taken out, so it cannot be what the signature needs.
fn leaves_signature(file: &RequireFile, scheme: &Scheme, context: &mut Context<'_>) -> bool {
    let own = file.header.as_ref().and_then(|header| header.name.as_ref());
    let authorization = file.authorization.iter().flatten().map(|at| (&header::AUTHORIZATION, *at));
    let needed = scheme.signature_headers();
    let mut taken = authorization.chain(own.map(|name| (&name.value, name.span)));
    let Some((name, at)) = taken.find(|(name, _)| needed.contains(name)) else { return true };
    let message = format!("`{name}` is a part of the signature, and what is demanded is taken out");
    context.problems.error(at, message, "demand something in another header");
    false
}

/// What follows `Basic ` (RFC 7617): the secret is `user:password`.
fn credentials(place: &Spanned<SecretPlace>, context: &mut Context<'_>) -> Option<Secret> {
    let secret = secret::token(place, context)?;
    let Some(colon) = secret.expose().iter().position(|byte| *byte == b':') else {
        let message = format!("the secret in {} is not `user:password`", secret::describe(&place.value));
        context.problems.error(place.span, message, "write both into it, with a colon between them");
        return None;
    };
    secret::weigh_text(secret.expose().len() - colon - 1, place.span, context);
    Some(Secret::new(STANDARD.encode(secret.expose()).into_bytes()))
}

fn value(place: &Spanned<SecretPlace>, context: &mut Context<'_>) -> Option<Secret> {
    let secret = secret::token(place, context)?;
    if HeaderValue::from_bytes(secret.expose()).is_err() {
        let message = format!("the secret in {} cannot be the value of a header", secret::describe(&place.value));
        context.problems.error(place.span, message, "a header's value is one line");
        return None;
    }
    secret::weigh_text(secret.expose().len(), place.span, context);
    Some(secret)
}

fn required_header(file: RequiredHeader, context: &mut Context<'_>) -> Option<(HeaderName, Secret)> {
    let value = file.value.and_then(|place| value(&place, context));
    let name = file.name?;
    if OF_HTTP.contains(&name.value) {
        let message = format!("`{}` cannot be demanded: it belongs to HTTP itself", name.value);
        context.problems.error(name.span, message, "choose a header of your own, such as `X-Hook-Token`");
        return None;
    }
    Some((name.value, value?))
}
