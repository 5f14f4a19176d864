//! Whether a scheme can sign: for an endpoint, and for an app.

use http::{HeaderName, header};

use super::{Context, Names, Referrer, scheme, secret};
use crate::config::file::SignFile;
use crate::config::node::{Span, Spanned};
use crate::config::page::quote;
use crate::config::resolved::Signing;
use crate::scheme::{Carrier, Part, Scheme, TimestampSource};

/// Headers that say how a request is framed and who is asked: the program writes them itself, or none.
const FRAMING: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What the names of our own headers begin with: nobody else's reach the app.
const OWN: &str = "countersign-";

/// Our own headers that an app is sent anyway.
const SENT: [&str; 6] = ["attempt", "delivery", "event-id", "event-type", "source", "verified"];

/// What is not the scheme's to write cannot carry anything.
pub(super) fn check_framing(scheme: &Scheme, at: Span, context: &mut Context<'_>) {
    if let Some(framing) = scheme.written_headers().into_iter().find(|header| FRAMING.contains(header)) {
        let message = format!("the scheme {} cannot sign: it writes the header `{framing}`", quote(&scheme.name));
        context.problems.error(at, message, "HTTP itself needs this header: choose another");
    }
}

/// How an app is signed for.
pub(super) fn signing(
    upstream: &Spanned<String>,
    addresses: usize,
    file: SignFile,
    schemes: &Names<Scheme>,
    context: &mut Context<'_>,
) -> Option<Signing> {
    let scheme = file.scheme.and_then(|choice| {
        let at = scheme::place(&choice);
        let scheme = scheme::find(Referrer::Upstream, upstream, choice, schemes, context)?;
        check(&scheme, addresses, at, context);
        Some(scheme)
    });
    let keyring =
        file.secrets.and_then(|secrets| secret::keyring(secrets, Referrer::Upstream, scheme.as_deref(), context));
    let (scheme, keyring) = (scheme?, keyring?);
    let written = scheme.written_headers().into_iter().filter(|name| !name.as_str().starts_with(OWN)).collect();
    Some(Signing { scheme, keyring, written })
}

/// The app gets the body and the query that the sender sent: what is ours to write are headers.
fn check(scheme: &Scheme, addresses: usize, at: Span, context: &mut Context<'_>) {
    let cannot = format!("the scheme {} cannot sign for an app", quote(&scheme.name));
    let Some(carrier) = scheme.carrier() else {
        let label = "choose one that signs by headers, such as `standard-webhooks`";
        return context.problems.error(at, format!("{cannot}: it makes the body a token"), label);
    };
    check_framing(scheme, at, context);
    if let Carrier::Json(pointer) = &*carrier {
        let label = format!("the body is sent as it is, without a signature at `{}`", pointer.0);
        context.problems.error(at, format!("{cannot}: its signature stands inside the body"), label);
    }
    let carriers = match &*carrier {
        Carrier::Headers(names) => names.as_ref(),
        Carrier::Json(_) | Carrier::Numbered { .. } => &[],
    };
    let timestamp = match scheme.timestamp().map(|rule| &rule.from) {
        Some(TimestampSource::Header(name)) => Some(name),
        _ => None,
    };
    if let Some(name) = carriers.iter().chain(timestamp).find(|name| is_sent(name)) {
        let label = "this header tells the app something else: choose another";
        context.problems.error(at, format!("{cannot}: it writes the header `{name}`"), label);
    }
    for part in scheme.signed_parts() {
        match part {
            Part::Query(parameter) => {
                let message = format!("{cannot}: it signs the parameter {} of the query", quote(parameter));
                context.problems.error(at, message, "the query is the sender's, which need not have it");
            }
            Part::Header(name) if *name == header::HOST && addresses > 1 => {
                let label = "leave `{header:Host}` out, or give it one address";
                context.problems.error(
                    at,
                    format!("{cannot}: it signs `Host`, which each address has its own of"),
                    label,
                );
            }
            _ => {}
        }
    }
}

fn is_sent(name: &HeaderName) -> bool {
    name.as_str().strip_prefix(OWN).is_some_and(|rest| SENT.contains(&rest))
}
