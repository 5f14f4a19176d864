//! Schemes written in YAML: the texts of the grammar are parsed, and what
//! contradicts itself is refused where it stands.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::{Context, Names, Referrer};
use crate::config::file::{
    CoversBody, HmacFile, JwsFile, MechanismFile, PublicKeyFile, RecipeFile, SchemeChoice, SchemeFile, TimestampFile,
};
use crate::config::node::{Span, Spanned};
use crate::config::page::quote;
use crate::config::read::Named;
use crate::config::text::grammar;
use crate::scheme::{
    Acknowledge, Algorithm, Carrier, Cover, DetachedJws, Encoding, Events, Format, Inconsistency, JwsAlgorithm,
    JwsPayload, KeyForm, Locator, Mechanism, OnConflict, PRESETS, Part, Placeholder, PublicRecipe, Recipe, Retries,
    Scheme, SecretEncoding, Sender, Template, TimestampRule, TimestampSource, TimestampUnit, TypeCase, preset,
};

/// What Standard Webhooks and most senders' own libraries allow.
const TOLERANCE: Duration = Duration::from_secs(300);

pub(super) fn schemes(file: Named<SchemeFile>, context: &mut Context<'_>) -> Names<Scheme> {
    Names::new(file, context, |name, file, context| {
        if preset(&name.value).is_some() {
            let message = format!("{} is the name of a preset", quote(&name.value));
            context.problems.error(name.span, message, "give this scheme another name");
        }
        scheme(&name.value, file, context)
    })
}

/// The scheme that a source or an endpoint names, or holds.
pub(super) fn find(
    referrer: Referrer,
    owner: &Spanned<String>,
    choice: Spanned<SchemeChoice>,
    schemes: &Names<Scheme>,
    context: &mut Context<'_>,
) -> Option<Arc<Scheme>> {
    let name = match choice.value {
        SchemeChoice::InPlace(file) => return scheme(&owner.value, *file, context).map(Arc::new),
        SchemeChoice::Name(name) => name,
    };
    if let Some(preset) = preset(&name) {
        return Some(Arc::new(preset.clone()));
    }
    let presets: Vec<&str> = PRESETS.iter().map(|scheme| scheme.name.as_ref()).collect();
    schemes.find(&name, &presets).unwrap_or_else(|meant| {
        let message = format!("{} {} names a scheme that does not exist", referrer.word(), quote(&owner.value));
        let label = format!("no preset and no scheme under `schemes` has this name{meant}");
        context.problems.error(choice.span, message, label);
        None
    })
}

/// Where something about a scheme as a whole is reported.
pub(super) fn place(choice: &Spanned<SchemeChoice>) -> Span {
    match choice.value {
        SchemeChoice::Name(_) => choice.span,
        SchemeChoice::InPlace(_) => choice.owner,
    }
}

/// A scheme, under a name or in the place of one.
pub(in crate::config) fn scheme(name: &str, file: SchemeFile, context: &mut Context<'_>) -> Option<Scheme> {
    let id: &[Locator] = file.event_id.as_ref().map_or(&[], |id| &id.value.0);
    let none = Checks { timestamp: None, separator: None, tolerance: None };
    let (mechanism, checks) = match file.mechanism? {
        MechanismFile::Hmac(hmac) => {
            let (recipe, checks) = hmac_scheme(*hmac, id, context)?;
            (Mechanism::Hmac(recipe), checks)
        }
        MechanismFile::PublicKey(public_key) => {
            let (recipe, checks) = public_scheme(*public_key, id, context)?;
            (Mechanism::PublicKey(recipe), checks)
        }
        MechanismFile::Jws(JwsFile { algorithm, header: Some(header), payload }) => {
            let payload = payload.map_or(JwsPayload::Encoded, |payload| payload.value);
            (Mechanism::DetachedJws(DetachedJws { algorithm, header, payload }), none)
        }
        MechanismFile::Jws(JwsFile { algorithm, .. }) => {
            return Some(jws(name, algorithm, file.event_id, file.event_type));
        }
        MechanismFile::Token(header) => (Mechanism::Token(header), none),
    };
    let mut scheme = own(name, mechanism, file.event_id, file.event_type);
    let tolerance = tolerance(&scheme, &checks, context);
    match &mut scheme.mechanism {
        Mechanism::Hmac(recipe) => recipe.tolerance = tolerance,
        Mechanism::PublicKey(recipe) => recipe.tolerance = tolerance,
        Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => {}
    }
    if let (false, Err(contradiction)) = (context.problems.failed(), scheme.validate()) {
        let at = match contradiction {
            Inconsistency::SeparatorInSignature => checks.separator,
            Inconsistency::TimestampInCarrier => checks.timestamp,
            _ => None,
        };
        let at = at.unwrap_or(file.owner);
        context.problems.error(at, "this scheme contradicts itself", contradiction.to_string());
    }
    Some(scheme)
}

type EventId = Option<Spanned<super::super::file::OneOrMore<Locator>>>;

/// A scheme of which nothing is known but what is written.
fn own(name: &str, mechanism: Mechanism, event_id: EventId, event_type: Option<Locator>) -> Scheme {
    Scheme {
        name: name.to_owned().into(),
        mechanism,
        event_id: event_id.map_or(Cow::Borrowed(&[]), |id| Cow::Owned(id.value.0)),
        event_type,
        type_case: TypeCase::Exact,
        conflict: OnConflict::Deliver,
        sender: Sender {
            title: name.to_owned().into(),
            document: "".into(),
            retries: Retries::Unknown,
            content_type: "".into(),
            headers: &[],
            handshake: None,
            acknowledge: Acknowledge::ACCEPTED,
            events: Events::Distinct,
            notes: Cow::Borrowed(&[]),
        },
    }
}

/// The preset, with another algorithm.
fn jws(name: &str, algorithm: JwsAlgorithm, event_id: EventId, event_type: Option<Locator>) -> Scheme {
    let preset = preset("jws").expect("`jws` is a preset").clone();
    Scheme {
        name: name.to_owned().into(),
        mechanism: Mechanism::Jws(algorithm),
        event_id: event_id.map_or(preset.event_id, |id| Cow::Owned(id.value.0)),
        event_type: event_type.or(preset.event_type),
        sender: Sender { title: name.to_owned().into(), retries: Retries::Unknown, ..preset.sender },
        ..preset
    }
}

/// Where what remains to be checked of a recipe stands.
struct Checks {
    timestamp: Option<Span>,
    separator: Option<Span>,
    tolerance: Option<Spanned<Duration>>,
}

fn hmac_scheme(mut file: HmacFile, id: &[Locator], context: &mut Context<'_>) -> Option<(Recipe, Checks)> {
    let algorithm = file.algorithm.take().or(Some(Algorithm::Sha256));
    let secret = file.secret.take().unwrap_or(SecretEncoding::Utf8);
    recipe(file, algorithm, Encoding::HexLower, secret, id, context)
}

fn public_scheme(mut file: PublicKeyFile, id: &[Locator], context: &mut Context<'_>) -> Option<(PublicRecipe, Checks)> {
    let (algorithm, form) = (file.algorithm.take(), file.secret.take().unwrap_or(KeyForm::Pem));
    recipe(file, algorithm, Encoding::Base64, form, id, context)
}

fn recipe<A, K>(
    file: RecipeFile<A, K>,
    algorithm: Option<A>,
    encoding: Encoding,
    secret: K,
    id: &[Locator],
    context: &mut Context<'_>,
) -> Option<(Recipe<A, K>, Checks)> {
    let carrier = carrier(&file, context);
    let format = format(&file, context);
    let signed = signed(&file, context);
    let timestamp = format.as_ref().zip(signed.as_ref()).map(|(format, signed)| {
        let rule = timestamp(&file, format, signed, context);
        check_id(&file, signed, id, context);
        check_body(&file, signed, context);
        rule
    });
    let place =
        file.timestamp.as_ref().map(|timestamp| timestamp.owner).or(file.format.as_ref().map(|format| format.span));
    let recipe = Recipe {
        algorithm: algorithm?,
        carrier: carrier?,
        format: format?,
        encoding: file.encoding.unwrap_or(encoding),
        signed: signed?,
        timestamp: timestamp??,
        tolerance: None,
        secret,
    };
    let separator = file.separator.as_ref().map(|separator| separator.span);
    Some((recipe, Checks { timestamp: place, separator, tolerance: file.tolerance }))
}

fn carrier<A, K>(file: &RecipeFile<A, K>, context: &mut Context<'_>) -> Option<Carrier> {
    if let Some(pointer) = &file.json {
        return Some(Carrier::Json(pointer.value.clone()));
    }
    let headers = &file.header.as_ref()?.0;
    let mut names = Vec::new();
    for header in headers {
        match Carrier::parse(&header.value) {
            Err(error) => grammar("this header cannot carry a signature", error).report(header, context.problems),
            Ok(Carrier::Headers(parsed)) => {
                if parsed.iter().any(|name| names.contains(name)) {
                    context.problems.error(header.span, "this header is named twice", "name each once");
                }
                names.extend(parsed.iter().cloned());
            }
            Ok(numbered) if headers.len() == 1 => return Some(numbered),
            Ok(_) => {
                let label = "write it alone: it stands for 1 to 100";
                context.problems.error(header.span, "`{n}` cannot be one of several headers", label);
            }
        }
    }
    (names.len() == headers.len()).then_some(Carrier::Headers(Cow::Owned(names)))
}

fn format<A, K>(file: &RecipeFile<A, K>, context: &mut Context<'_>) -> Option<Format> {
    let separator = file.separator.as_ref().map(|separator| separator.value.as_str());
    let text = file.format.as_ref().map_or("{signature}", |format| format.value.as_str());
    Format::parse(text, separator)
        .map_err(|error| {
            let complaint = grammar("this format cannot be read", error);
            match file.format.as_ref().or(file.separator.as_ref()) {
                Some(place) => complaint.report(place, context.problems),
                None => context.problems.error(file.owner, complaint.message, complaint.label),
            }
        })
        .ok()
}

fn signed<A, K>(file: &RecipeFile<A, K>, context: &mut Context<'_>) -> Option<Template> {
    let Some(signed) = &file.signed else {
        return Some(Template(Cow::Owned(vec![Part::Body])));
    };
    Template::parse(&signed.value)
        .map_err(|error| grammar("this signed content cannot be read", error).report(signed, context.problems))
        .ok()
}

/// Where the timestamp stands. Outer `None`: that could not be found out.
fn timestamp<A, K>(
    file: &RecipeFile<A, K>,
    format: &Format,
    signed: &Template,
    context: &mut Context<'_>,
) -> Option<Option<TimestampRule>> {
    let in_format = format.items.iter().any(|item| item.value == Placeholder::Timestamp);
    let Some(Spanned { value: TimestampFile { from, unit }, .. }) = &file.timestamp else {
        if signed.0.contains(&Part::Timestamp) && !in_format {
            let label = "add `timestamp: {from: …}`, or put `{timestamp}` into `format`";
            let at = part_of(file, "{timestamp}");
            context.problems.error(at, "nothing says where the timestamp stands", label);
        }
        let rule = TimestampRule { from: TimestampSource::Format, unit: TimestampUnit::Seconds };
        return Some(in_format.then_some(rule));
    };
    let from = from.as_ref()?;
    match (&from.value, in_format) {
        (TimestampSource::Format, false) => {
            let label = "put `{timestamp}` into `format`, or say in which header or field it is";
            context.problems.error(from.span, "`format` holds no `{timestamp}`", label);
        }
        (TimestampSource::Header(_) | TimestampSource::Json(_), true) => {
            let label = "write `from: format`, or take `{timestamp}` out of `format`";
            context.problems.error(from.span, "`format` holds a `{timestamp}` already", label);
        }
        _ => {}
    }
    if let Some(unit) = unit.as_ref().filter(|unit| unit.value == TimestampUnit::Rfc3339)
        && from.value == TimestampSource::Format
    {
        let label = "write `s` or `ms`";
        context.problems.error(unit.span, "a timestamp in the format is made of digits only", label);
    }
    let unit = unit.as_ref().map_or(TimestampUnit::Seconds, |unit| unit.value);
    Some(Some(TimestampRule { from: from.value.clone(), unit }))
}

/// `{id}` is put where it is signed, so it must be one text of the request.
fn check_id<A, K>(file: &RecipeFile<A, K>, signed: &Template, id: &[Locator], context: &mut Context<'_>) {
    if signed.0.contains(&Part::Id) && !matches!(id, [Locator::Header(_) | Locator::Json(_) | Locator::Query(_)]) {
        let label = "add `event_id: {header: …}` to the scheme; one header, field or parameter";
        context.problems.error(part_of(file, "{id}"), "nothing says where the signed id stands", label);
    }
}

/// A signature that leaves the body open must be meant to.
fn check_body<A, K>(file: &RecipeFile<A, K>, signed: &Template, context: &mut Context<'_>) {
    let covered = signed.0.contains(&Part::Body);
    let said = file.covers_body.as_ref();
    match (covered, said.map(|said| said.value)) {
        (false, None | Some(CoversBody::Yes)) => {
            let at =
                said.map(|said| said.span).or(file.signed.as_ref().map(|signed| signed.span)).unwrap_or(file.owner);
            let label = "add `{body}`, or say `covers_body: no` if the sender really leaves the body open";
            context.problems.error(at, "the signature does not cover the body", label);
        }
        (true, Some(CoversBody::No)) => {
            let at = said.map_or(file.owner, |said| said.span);
            context.problems.error(at, "the signature does cover the body", "leave `covers_body` out");
        }
        _ => {}
    }
    if let Some(pointer) = file.json.as_ref().filter(|_| covered && file.header.is_none()) {
        let label = "name the parts that are signed, with `covers_body: no`";
        context.problems.error(pointer.span, "a signature inside the body cannot cover the body", label);
    }
}

/// Freshness is only judged by a timestamp that nobody could change.
fn tolerance(scheme: &Scheme, checks: &Checks, context: &mut Context<'_>) -> Option<Duration> {
    let timestamp = scheme.covers().timestamp;
    if timestamp == Cover::Unsigned
        && let Some(at) = checks.timestamp
    {
        let label = "it is not used to tell whether a request is fresh: anybody can change it";
        context.problems.warning(at, "this timestamp is not part of what is signed", label);
    }
    match (&checks.tolerance, timestamp) {
        (Some(tolerance), Cover::Absent) => {
            context.problems.error(
                tolerance.span,
                "there is no timestamp to tolerate",
                "add `timestamp`, or leave it out",
            );
            None
        }
        (Some(tolerance), Cover::Unsigned) => {
            let label = "add `{timestamp}` to `signed`, or leave `tolerance` out";
            context.problems.warning(
                tolerance.span,
                "nothing is checked: a timestamp that is not signed proves nothing",
                label,
            );
            None
        }
        (Some(tolerance), Cover::Signed) => Some(tolerance.value),
        (None, Cover::Signed) => Some(TOLERANCE),
        (None, _) => None,
    }
}

/// Where a placeholder stands in `signed`.
fn part_of<A, K>(file: &RecipeFile<A, K>, placeholder: &str) -> Span {
    let Some(signed) = &file.signed else { return file.owner };
    let found = signed.value.find(placeholder);
    found.map_or(signed.span, |start| signed.within(start..start + placeholder.len()))
}
