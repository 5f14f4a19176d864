//! Secrets: read, checked, and made into keys. No message holds a part of one.

use std::collections::HashMap;

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};

use super::{Context, Referrer};
use crate::config::file::{KeyList, SecretFile, SecretList, SecretPlace};
use crate::config::node::{Span, Spanned};
use crate::config::page::quote;
use crate::scheme::{KeyError, KeyFlaw, KeyKind, KeySpec, Keyring, Scheme, Secret, SecretEncoding};

/// Shorter keys can be guessed; risr/advance's documented one is exactly as long.
const SHORT: usize = 16;

/// How long before its end a secret is warned about.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A token that a client or a sender shows.
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

/// The keys of a source: secrets, or public keys, as its scheme has them.
pub(super) fn of_source(
    secrets: Option<Spanned<SecretList>>,
    keys: Option<Spanned<KeyList>>,
    scheme: Option<&Scheme>,
    context: &mut Context<'_>,
) -> Option<Keyring> {
    let named = scheme.map(|scheme| (scheme.key_kind(), quote(&scheme.name)));
    match (secrets, keys, named) {
        // Which of them is meant, is asked already.
        (Some(_), Some(_), _) => None,
        (Some(secrets), _, Some((KeyKind::Public, name))) => {
            let message = format!("the scheme {name} verifies by public keys, which are no secrets");
            context.problems.error(secrets.owner, message, "write `keys` instead of `secrets`");
            None
        }
        (_, Some(keys), Some((KeyKind::Secret, name))) => {
            let message = format!("the scheme {name} verifies by a secret");
            context.problems.error(keys.owner, message, "write `secrets` instead of `keys`");
            None
        }
        (Some(secrets), _, _) => keyring(secrets, Referrer::Source, scheme, context),
        (None, Some(keys), _) => {
            let Spanned { value: KeyList(list), span, owner, verbatim } = keys;
            let list = Spanned { value: list, span, owner, verbatim };
            keyring(list, Referrer::Source, scheme, context)
        }
        (None, None, _) => None,
    }
}

/// The keys of a source or an endpoint. Every secret is looked at, whatever is wrong with another.
pub(super) fn keyring(
    files: Spanned<SecretList>,
    referrer: Referrer,
    scheme: Option<&Scheme>,
    context: &mut Context<'_>,
) -> Option<Keyring> {
    let places: Vec<Span> = files.value.0.iter().map(|file| file.span).collect();
    let of = Owner { referrer, kind: scheme.map_or(KeyKind::Secret, Scheme::key_kind) };
    unique_ids(&files.value.0, of, context);
    let files_in_order = files.value.0.into_iter().enumerate();
    let specs: Vec<Option<KeySpec>> =
        files_in_order.map(|(position, file)| spec(position, file, of, scheme, context)).collect();
    let specs: Vec<KeySpec> = specs.into_iter().collect::<Option<_>>()?;
    let ends: Vec<Option<Timestamp>> = specs.iter().map(|spec| spec.not_after).collect();
    let keyring = Keyring::new(scheme?, specs).ok()?;
    weigh(&keyring, &places, context);
    if keyring.valid_at(context.now).next().is_none() {
        let label = "add one that is valid, or change `not_before` and `not_after`";
        let message = format!("no {} of this {} is valid now", of.noun(), referrer.word());
        context.problems.error(files.owner, message, label);
    } else {
        expiring(&ends, &places, of, context);
    }
    Some(keyring)
}

/// Whose keys they are, and of which kind.
#[derive(Clone, Copy)]
struct Owner {
    referrer: Referrer,
    kind: KeyKind,
}

impl Owner {
    /// What one of them is called.
    fn noun(self) -> &'static str {
        match self.kind {
            KeyKind::Public => "key",
            KeyKind::Secret => "secret",
        }
    }
}

/// Metrics and logs name a key by its id, or its position where it has none.
fn unique_ids(files: &[Spanned<Option<SecretFile>>], of: Owner, context: &mut Context<'_>) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for (position, file) in files.iter().enumerate() {
        let Some(secret) = &file.value else { continue };
        let at = secret.id.as_ref().map_or(file.span, |id| id.span);
        if let Some(first) = seen.insert(id(position, secret), at) {
            let message = format!("two {}s of this {} have the same id", of.noun(), of.referrer.word());
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
    of: Owner,
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
        let message = format!("this {} ends before it begins", of.noun());
        context.problems.error(end.span, message, "`not_after` is later than `not_before`");
    }
    let place = file.place.as_ref()?;
    let secret = match of.kind {
        KeyKind::Public => Secret::new(bytes(place, at, context)?),
        KeyKind::Secret => read(place, at, context)?,
    };
    if of.kind == KeyKind::Public && file.encoding.is_some() {
        let label = "leave it out: the key's text says how it is written";
        context.problems.error(at, "`encoding` is for secrets, and this is a key", label);
    }
    let spec = KeySpec { id, secret, encoding: file.encoding, not_before: file.not_before, not_after };
    if let Some(scheme) = scheme {
        // Each alone first, so that every mistake is told and not only the first.
        match Keyring::new(scheme, vec![spec.clone()]) {
            Err(error) => {
                report(&error, of, place, at, context);
                return None;
            }
            Ok(keyring) => check_half(&keyring, of, place, at, context)?,
        }
    }
    Some(spec)
}

/// Of a pair of keys, a source has the public half and an endpoint the private one.
fn check_half(keyring: &Keyring, of: Owner, place: &SecretPlace, at: Span, context: &mut Context<'_>) -> Option<()> {
    let (half, label) = match (of.kind, of.referrer, keyring.signers().all(|signs| signs)) {
        (KeyKind::Public, Referrer::Source, true) => {
            ("private", "a source needs the public key only: the private one belongs to the sender alone")
        }
        (KeyKind::Public, Referrer::Endpoint, false) => ("public", "an endpoint signs, with the private key"),
        (KeyKind::Public, Referrer::Upstream, false) => ("public", "`sign` signs, with the private key"),
        _ => return Some(()),
    };
    context.problems.error(at, format!("the key in {} is a {half} one", describe(place)), label);
    None
}

fn report(error: &KeyError, of: Owner, place: &SecretPlace, at: Span, context: &mut Context<'_>) {
    let place = describe(place);
    match error {
        KeyError::Undecodable { encoding, .. } => {
            let message = format!("the secret in {place} is not {}", name(encoding));
            context.problems.error(at, message, "correct the secret, or say its `encoding`");
        }
        KeyError::NoSecret { .. } => {
            let label =
                "this scheme takes a secret that only sender and receiver know; schemes with public keys take `keys`";
            context.problems.error(at, format!("the secret in {place} is the text of a key"), label);
        }
        KeyError::Unusable { flaw, .. } => {
            context.problems.error(at, format!("the key in {place} {flaw}"), remedy(*flaw));
        }
        KeyError::Empty { .. } | KeyError::None => {
            let message = format!("the {} in {place} is empty", of.noun());
            context.problems.error(at, message, format!("an empty {} protects nothing", of.noun()));
        }
    }
}

fn remedy(flaw: KeyFlaw) -> &'static str {
    match flaw {
        KeyFlaw::Encrypted => "decrypt it into a file that only this program may read",
        KeyFlaw::Malformed => "a PEM block, a JWK, a set of JWKs, or the form that the scheme names",
        KeyFlaw::Misused | KeyFlaw::NoneFits | KeyFlaw::OtherType => "the scheme's `algorithm` says which keys fit",
        KeyFlaw::OtherPrivate => "a PEM block that begins with `BEGIN PRIVATE KEY`",
        KeyFlaw::PrivateJwk => "leave out `d` and the other private members; a private key is a PEM block",
        KeyFlaw::RepeatedKid => "each key of a set has a `kid` of its own",
        KeyFlaw::SeveralBlocks => "put each key into a file of its own",
        KeyFlaw::Size => "a shorter one can be broken; ask for a new key",
        KeyFlaw::TooMany => "take out those that are not in use",
        KeyFlaw::Weak => "it is a placeholder, or a trap: ask for the sender's key",
        KeyFlaw::Unsupported => "build with the feature `public-keys`",
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

/// Where a secret is, in words.
pub(super) fn describe(place: &SecretPlace) -> String {
    match place {
        SecretPlace::Environment(name) => format!("the variable {}", quote(&name.0)),
        SecretPlace::File(path) => format!("the file {}", quote(&path.0.display().to_string())),
    }
}

/// A secret, without the newline that editors put at the end of a file.
fn read(place: &SecretPlace, at: Span, context: &mut Context<'_>) -> Option<Secret> {
    let secret = Secret::new(bytes(place, at, context)?);
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

fn bytes(place: &SecretPlace, at: Span, context: &mut Context<'_>) -> Option<Vec<u8>> {
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
    Some(bytes)
}

/// Warns about keys that are short.
fn weigh(keyring: &Keyring, places: &[Span], context: &mut Context<'_>) {
    for (length, at) in keyring.lengths().zip(places).filter(|(length, _)| *length < SHORT) {
        let message = format!("this secret makes a key of only {length} bytes");
        context.problems.warning(*at, message, format!("a key of fewer than {SHORT} bytes can be guessed"));
    }
}

/// Warns about a secret of so many bytes that is shown as it is.
pub(super) fn weigh_text(length: usize, at: Span, context: &mut Context<'_>) {
    if length < SHORT {
        let message = format!("this secret has only {length} bytes");
        context.problems.warning(at, message, format!("one of fewer than {SHORT} bytes can be guessed"));
    }
}

/// Warns about keys that are about to end, and about those that did.
fn expiring(ends: &[Option<Timestamp>], places: &[Span], of: Owner, context: &mut Context<'_>) {
    let noun = of.noun();
    let successor = match of.referrer {
        Referrer::Endpoint => "the receiver needs another by then",
        Referrer::Source => "the sender needs another by then",
        Referrer::Upstream => "the app needs another by then",
    };
    for (end, at) in ends.iter().zip(places) {
        let Some(end) = end else { continue };
        if *end < context.now {
            context.problems.warning(*at, format!("this {noun} ended at {end}"), "it can be removed");
        } else if end.duration_since(context.now) <= SOON {
            context.problems.warning(*at, format!("this {noun} ends at {end}"), successor);
        }
    }
}
