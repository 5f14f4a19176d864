//! What can be seen without trying: what is missing, empty, or does not look like what it should be.

use super::offer::{self, prefixes};
use super::{Captured, Known, Mistake, content, signs_url, token};
use crate::scheme::{Carrier, Mechanism, Recipe};

const MISSING: Known = Known {
    name: "signature-missing",
    what: "there is no signature: the request has no {}{}",
    advice: "Let the sender sign, and everything on the way pass that header on. Is this the right source?",
};

const EMPTY: Known = Known {
    name: "signature-empty",
    what: "`{}` is empty",
    advice: "The sender has no signature to send: its secret is probably not set.",
};

const PLACEHOLDER: Known = Known {
    name: "signature-placeholder",
    what: "`{}` still holds the placeholder {}",
    advice: "Put the signature in its place: what should have done so has not.",
};

const UNREADABLE: Known = Known {
    name: "signature-unreadable",
    what: "`{}` holds nothing that can be a signature: no text that is hexadecimal or base64 and stands for {} bytes{}",
    advice: "Compare it with the sender's own document: it is cut off, written in another way, or something else.",
};

const NO_TIMESTAMP: Known = Known {
    name: "timestamp-missing",
    what: "the timestamp that is signed is not there: {}",
    advice: "Let everything on the way pass it on; in a test, give it with `-H`.",
};

const URL_NOT_GIVEN: Known = Known {
    name: "url-not-given",
    what: "the URL is signed, and `{}` is no URL that a sender has: it is the one that is taken where none is given",
    advice: "Give the URL that the sender is configured with, path and query too, with `--url`.",
};

/// Where a URL begins that was not given.
const NO_URL: &str = "http://localhost";

const BODY_EMPTY: Known = Known {
    name: "body-empty",
    what: "the body is empty",
    advice: "Give it on standard input, as it came. If it came so, something read it before: let it be read once.",
};

const COMPRESSED: Known = Known {
    name: "body-compressed",
    what: "the body is compressed ({})",
    advice: "Senders sign what they send, compressed or not: something on the way compressed or unpacked the body.",
};

const SHORTER: Known = Known {
    name: "body-cut",
    what: "the body has {} bytes, and `Content-Length` says {}: it is cut off",
    advice: "Capture all of it; many logs and tools cut what is long.",
};

const LOST: Known = Known {
    name: "body-characters-lost",
    what: "the body holds the replacement character (U+FFFD): bytes that were no text are lost",
    advice: "Capture the body as bytes, not as text.",
};

/// What is certainly a reason, and what looks odd and may be one.
pub(super) fn look(captured: &Captured<'_>) -> (Option<Mistake>, Vec<Mistake>) {
    let certain = match &captured.scheme.mechanism {
        Mechanism::Hmac(recipe) => carrier(captured, recipe),
        _ => token::look(captured),
    };
    let no_url = signs_url(captured.scheme) && captured.public_url.trim_end_matches('/') == NO_URL;
    let no_url = no_url.then(|| URL_NOT_GIVEN.with(&[captured.public_url]));
    (certain, no_url.into_iter().chain(body(captured)).collect())
}

fn carrier(captured: &Captured<'_>, recipe: &Recipe) -> Option<Mistake> {
    let names = captured.headers.keys().filter(|name| offer::carries(&recipe.carrier, name.as_str()));
    let mut present = names.flat_map(|name| captured.values(name.as_str()).map(|value| (name.to_string(), value)));
    let Some((name, value)) = present.next() else {
        return (!matches!(recipe.carrier, Carrier::Json(_))).then(|| {
            let mut similar = captured.headers.keys().map(|name| name.as_str()).filter(|name| name.contains("sign"));
            let similar = similar.next().map(|name| format!("; it has `{name}`")).unwrap_or_default();
            MISSING.with(&[&format!("`{}`", recipe.carrier), &similar])
        });
    };
    let bare = prefixes(recipe).fold(value.trim(), |value, prefix| value.strip_prefix(prefix).unwrap_or(value));
    if bare.is_empty() {
        return Some(EMPTY.with(&[&name]));
    }
    if let Some(mistake) = placeholder(&name, bare) {
        return Some(mistake);
    }
    if content::own(captured, recipe).is_none() {
        let place = recipe.timestamp.as_ref().map(|rule| rule.from.to_string()).unwrap_or_default();
        return Some(NO_TIMESTAMP.with(&[&place]));
    }
    let none = offer::offered(captured, recipe).is_empty();
    none.then(|| {
        let digits = bare.bytes().all(|byte| byte.is_ascii_hexdigit()) && bare.len().is_multiple_of(2);
        let has = if digits { format!(" (it has {})", bare.len() / 2) } else { String::new() };
        UNREADABLE.with(&[&name, &recipe.algorithm.size().to_string(), &has])
    })
}

/// A text that stands where something should have been put in its place.
pub(super) fn placeholder(name: &str, value: &str) -> Option<Mistake> {
    let marked = [("<", ">"), ("${", "}"), ("{", "}"), ("[", "]"), ("%", "%"), ("$", "")];
    let enclosed = marked.iter().any(|(open, close)| value.starts_with(open) && value.ends_with(close));
    let words = ["undefined", "null", "none", "nan", "[object object]", "signature", "todo", "…", "..."];
    let lower = value.to_ascii_lowercase();
    let is_word = words.contains(&lower.as_str()) || lower.bytes().all(|byte| byte == b'x');
    (enclosed || is_word).then(|| PLACEHOLDER.with(&[name, &format!("`{value}`")]))
}

fn body(captured: &Captured<'_>) -> Vec<Mistake> {
    let body = captured.body;
    let magic: [(&[u8], &str); 3] = [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x78\x9c", "zlib")];
    let packed = magic.iter().find(|(magic, _)| body.starts_with(magic)).map(|(_, name)| (*name).to_owned());
    let named = captured.values("content-encoding").next().map(|name| format!("`Content-Encoding: {name}`"));
    let length = captured.values("content-length").next();
    let cut = length.filter(|length| length.parse().is_ok_and(|length: usize| length > body.len()));
    let lost = memchr::memmem::find(body, "\u{fffd}".as_bytes()).is_some();
    let odd = [
        body.is_empty().then(|| BODY_EMPTY.plain()),
        packed.or(named).map(|how| COMPRESSED.with(&[&how])),
        cut.map(|length| SHORTER.with(&[&body.len().to_string(), &length])),
        lost.then(|| LOST.plain()),
    ];
    odd.into_iter().flatten().collect()
}

/// Every name that a mistake can have that is only seen.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let all =
        [MISSING, EMPTY, PLACEHOLDER, UNREADABLE, NO_TIMESTAMP, URL_NOT_GIVEN, BODY_EMPTY, COMPRESSED, SHORTER, LOST];
    all.into_iter().map(|known| known.name)
}
