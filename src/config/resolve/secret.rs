//! Secrets: read, checked, and made into keys. No message holds a part of one.

use std::collections::HashMap;

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};

use super::{Context, Referrer};
use crate::config::file::{SecretFile, SecretList, SecretPlace};
use crate::config::node::{Span, Spanned};
use crate::config::page::quote;
use crate::scheme::{KeyError, KeySpec, Keyring, Scheme, Secret, SecretEncoding};

/// Shorter keys can be guessed; risr/advance's documented one is exactly as long.
const SHORT: usize = 16;

/// How long before its end a secret is warned about.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The token of a listener.
pub(super) fn token(file: &Spanned<SecretPlace>, context: &mut Context<'_>) -> Option<Secret> {
    read(&file.value, file.span, context)
}

/// What a header will say, whole.
pub(super) fn header_value(file: &Spanned<SecretPlace>, context: &mut Context<'_>) -> Option<Secret> {
    let secret = token(file, context)?;
    if HeaderValue::from_bytes(secret.expose()).is_err() {
        let message = format!("the secret in {} cannot be written into a header", describe(&file.value));
        context.problems.error(file.span, message, "such as `Basic …`, in one line");
        return None;
    }
    Some(secret)
}

/// The keys of a source or an endpoint. Every secret is looked at, whatever is wrong with another.
pub(super) fn keyring(
    files: Spanned<SecretList>,
    referrer: Referrer,
    scheme: Option<&Scheme>,
    context: &mut Context<'_>,
) -> Option<Keyring> {
    let places: Vec<Span> = files.value.0.iter().map(|file| file.span).collect();
    unique_ids(&files.value.0, referrer, context);
    let specs: Vec<Option<KeySpec>> =
        files.value.0.into_iter().enumerate().map(|(position, file)| spec(position, file, scheme, context)).collect();
    let specs: Vec<KeySpec> = specs.into_iter().collect::<Option<_>>()?;
    let ends: Vec<Option<Timestamp>> = specs.iter().map(|spec| spec.not_after).collect();
    let keyring = Keyring::new(scheme?, specs).ok()?;
    weigh(&keyring, &places, context);
    if keyring.valid_at(context.now).next().is_none() {
        let label = "add one that is valid, or change `not_before` and `not_after`";
        let message = format!("no secret of this {} is valid now", referrer.word());
        context.problems.error(files.owner, message, label);
    } else {
        expiring(&ends, &places, referrer, context);
    }
    Some(keyring)
}

/// Metrics and logs name a key by its id, or its position where it has none.
fn unique_ids(files: &[Spanned<Option<SecretFile>>], referrer: Referrer, context: &mut Context<'_>) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for (position, file) in files.iter().enumerate() {
        let Some(secret) = &file.value else { continue };
        let at = secret.id.as_ref().map_or(file.span, |id| id.span);
        if let Some(first) = seen.insert(id(position, secret), at) {
            let message = format!("two secrets of this {} have the same id", referrer.word());
            context.problems.repeated(at, first, message);
        }
    }
}

fn id(position: usize, file: &SecretFile) -> String {
    file.id.as_ref().map_or_else(|| (position + 1).to_string(), |id| id.value.0.clone())
}

fn spec(
    position: usize,
    file: Spanned<Option<SecretFile>>,
    scheme: Option<&Scheme>,
    context: &mut Context<'_>,
) -> Option<KeySpec> {
    let at = file.span;
    let file = file.value?;
    let id = id(position, &file);
    let not_after = file.not_after.as_ref().map(|end| end.value);
    if let (Some(start), Some(end)) = (file.not_before, &file.not_after)
        && end.value <= start
    {
        context.problems.error(end.span, "this secret ends before it begins", "`not_after` is later than `not_before`");
    }
    let secret = read(file.place.as_ref()?, at, context)?;
    let spec = KeySpec { id, secret, encoding: file.encoding, not_before: file.not_before, not_after };
    if let Some(scheme) = scheme {
        // Each alone first, so that every mistake is told and not only the first.
        if let Err(error) = Keyring::new(scheme, vec![spec.clone()]) {
            report(&error, file.place.as_ref()?, at, context);
            return None;
        }
    }
    Some(spec)
}

fn report(error: &KeyError, place: &SecretPlace, at: Span, context: &mut Context<'_>) {
    let place = describe(place);
    match error {
        KeyError::Undecodable { encoding, .. } => {
            let message = format!("the secret in {place} is not {}", name(encoding));
            context.problems.error(at, message, "correct the secret, or say its `encoding`");
        }
        KeyError::Empty { .. } | KeyError::None => {
            context.problems.error(at, format!("the secret in {place} is empty"), "an empty secret protects nothing");
        }
    }
}

fn name(encoding: &SecretEncoding) -> &'static str {
    match encoding {
        SecretEncoding::Base64 { .. } => "base64",
        SecretEncoding::Base64Url => "base64url",
        SecretEncoding::Hex => "hexadecimal",
        SecretEncoding::Utf8 => "UTF-8",
    }
}

fn describe(place: &SecretPlace) -> String {
    match place {
        SecretPlace::Environment(name) => format!("the variable {}", quote(&name.0)),
        SecretPlace::File(path) => format!("the file {}", quote(&path.0.display().to_string())),
    }
}

/// The bytes of a secret, without the newline that editors put at the end of a file.
fn read(place: &SecretPlace, at: Span, context: &mut Context<'_>) -> Option<Secret> {
    let mut bytes = match place {
        SecretPlace::Environment(name) => {
            let Some(value) = context.environment.variable(&name.0) else {
                let message = format!("the environment variable {} is not set", quote(&name.0));
                context.problems.error(at, message, "set it where this program is started");
                return None;
            };
            value.into_encoded_bytes()
        }
        SecretPlace::File(path) => {
            let mut bytes = context.read(&path.0, at)?;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
                if bytes.last() == Some(&b'\r') {
                    bytes.pop();
                }
            }
            bytes
        }
    };
    bytes.shrink_to_fit();
    let secret = Secret::new(bytes);
    let place = describe(place);
    if secret.expose().is_empty() {
        context.problems.error(at, format!("the secret in {place} is empty"), "an empty secret protects nothing");
        return None;
    }
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    if edge(secret.expose().first()) || edge(secret.expose().last()) {
        let message = format!("the secret in {place} begins or ends with white space");
        context.problems.warning(at, message, "it counts as part of the secret");
    }
    Some(secret)
}

/// Warns about keys that are short.
fn weigh(keyring: &Keyring, places: &[Span], context: &mut Context<'_>) {
    for (length, at) in keyring.lengths().zip(places).filter(|(length, _)| *length < SHORT) {
        let message = format!("this secret makes a key of only {length} bytes");
        context.problems.warning(*at, message, format!("a key of fewer than {SHORT} bytes can be guessed"));
    }
}

/// Warns about keys that are about to end, and about those that did.
fn expiring(ends: &[Option<Timestamp>], places: &[Span], referrer: Referrer, context: &mut Context<'_>) {
    let successor = match referrer {
        Referrer::Endpoint => "the receiver needs another by then",
        Referrer::Source => "the sender needs another by then",
    };
    for (end, at) in ends.iter().zip(places) {
        let Some(end) = end else { continue };
        if *end < context.now {
            context.problems.warning(*at, format!("this secret ended at {end}"), "it can be removed");
        } else if end.duration_since(context.now) <= SOON {
            context.problems.warning(*at, format!("this secret ends at {end}"), successor);
        }
    }
}
