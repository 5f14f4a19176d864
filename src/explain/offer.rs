//! What in a request may be its signature, and how it differs from what the scheme says.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

use super::{Captured, Known, Mistake};
use crate::scheme::{Algorithm, Carrier, Encoding, Placeholder, Recipe};

/// More are not looked at.
const MOST: usize = 64;

const HEADER: Known = Known {
    name: "signature-header",
    what: "the signature stands in the header `{}`, not in `{}`",
    advice: "Name that header in the scheme, or let the sender use the other one.",
};

const PREFIX: Known = Known {
    name: "signature-prefix",
    what: "the signature has {} before it instead of {}",
    advice: "Let the sender write it as the scheme says, or change the scheme's `format`.",
};

const ENCODING: Known = Known {
    name: "signature-encoding",
    what: "the signature is written in {}, not in {}",
    advice: "Let the sender write it so, or change the scheme's `encoding`.",
};

const PADDING: Known = Known {
    name: "signature-padding",
    what: "the padding (`=`) of the signature's {} is not as it must be",
    advice: "Base64 ends with its padding, base64url without: let the sender write it so.",
};

const TWICE: Known = Known {
    name: "signature-encoding",
    what: "the signature is the base64 of its hexadecimal text",
    advice: "The sender encodes it twice: let it encode the bytes of the MAC (in PHP `hash_hmac(…, true)`, in Node \
             `digest()` without `'hex'`).",
};

const AROUND: Known = Known {
    name: "signature-quoted",
    what: "the signature has quotes, brackets or white space around it",
    advice: "Let the sender write it bare.",
};

const FORMAT: Known = Known {
    name: "signature-format",
    what: "the value of `{}` is not divided as the scheme says: {}",
    advice: "Change the scheme's `format` and `separator`, or let the sender write the value so.",
};

/// Bytes that may be the MAC of the request.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub(super) bytes: Vec<u8>,
    pub(super) mistakes: Vec<Mistake>,
}

/// How a text spells bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    Base64 { url: bool, padded: bool },
    Hex,
    Twice,
}

/// Everything in the headers (for a signature inside the body: in the body) that has the length of a MAC, as the scheme
/// reads it first.
pub(super) fn offered(captured: &Captured<'_>, recipe: &Recipe) -> Vec<Offered> {
    let mut found: Vec<Offered> = Vec::new();
    if let Carrier::Json(pointer) = &recipe.carrier {
        let body: Option<serde_json::Value> = serde_json::from_slice(captured.body).ok();
        if let Some(text) = body.as_ref().and_then(|body| body.pointer(&pointer.0)?.as_str()) {
            read(recipe, &pointer.0, &pointer.0, text, &mut found);
        }
    }
    let expected = recipe.carrier.to_string();
    for name in captured.headers.keys() {
        for value in captured.values(name.as_str()) {
            let at = if carries(&recipe.carrier, name.as_str()) { name.as_str() } else { &expected };
            read(recipe, name.as_str(), at, &value, &mut found);
        }
    }
    found.sort_by_key(|offered| offered.mistakes.len());
    let mut distinct: Vec<Offered> = Vec::new();
    for offered in found {
        if distinct.iter().all(|other| other.bytes != offered.bytes) {
            distinct.push(offered);
        }
    }
    distinct.truncate(MOST);
    distinct
}

/// Whether a header of this name carries signatures.
pub(super) fn carries(carrier: &Carrier, name: &str) -> bool {
    match carrier {
        Carrier::Headers(names) => names.iter().any(|other| other == name),
        Carrier::Json(_) => false,
        Carrier::Numbered { prefix, suffix } => {
            let number = name.strip_prefix(&**prefix).and_then(|rest| rest.strip_suffix(&**suffix));
            number.is_some_and(|number| number.parse::<u8>().is_ok())
        }
    }
}

/// What signatures begin with, as the scheme says.
pub(super) fn prefixes(recipe: &Recipe) -> impl Iterator<Item = &str> {
    recipe.format.items.iter().filter(|item| item.value == Placeholder::Signature).map(|item| &*item.prefix)
}

/// The items that a value has, divided as the scheme says.
pub(super) fn items<'v, A, K>(recipe: &Recipe<A, K>, value: &'v str) -> Vec<&'v str> {
    match recipe.format.separator.as_deref() {
        Some(separator) => value.split(separator).collect(),
        None => vec![value],
    }
}

fn read(recipe: &Recipe, name: &str, expected: &str, value: &str, found: &mut Vec<Offered>) {
    let moved = (name != expected).then(|| HEADER.with(&[name, expected]));
    // As the scheme says it is written, at least up to the prefix.
    for item in items(recipe, value) {
        for prefix in prefixes(recipe) {
            if let Some(text) = item.strip_prefix(prefix) {
                add(recipe, moved.clone().into_iter().collect(), text, found);
            }
        }
    }
    // And as somebody else may write it.
    let format = recipe.format.to_string();
    let separated = |c: char| matches!(c, ',' | ';' | ' ' | '\t');
    for item in std::iter::once(value).chain(value.split(separated)) {
        let starts = item.match_indices(['=', ':']).map(|(at, _)| at + 1).chain([0]);
        for start in starts {
            let (before, text) = item.split_at(start);
            if before.contains(separated) {
                continue;
            }
            let mut mistakes: Vec<Mistake> = moved.clone().into_iter().collect();
            let before = before.trim();
            // What opens before the prefix is closed behind the signature, where it is seen.
            let is_closed = text.trim_end().ends_with(CLOSING);
            let before = if is_closed { before.trim_start_matches(OPENING) } else { before };
            let unexpected = prefixes(recipe).find(|prefix| prefix.trim() != before);
            mistakes.extend(unexpected.map(|expected| PREFIX.with(&[&quoted(before), &quoted(expected)])));
            if unexpected.is_none() && item.len() != value.len() {
                mistakes.push(FORMAT.with(&[name, &format]));
            }
            add(recipe, mistakes, text, found);
        }
    }
}

/// What may stand around a signature.
const OPENING: [char; 5] = ['"', '\'', '<', '[', '('];

const CLOSING: [char; 5] = ['"', '\'', '>', ']', ')'];

fn quoted(prefix: &str) -> String {
    if prefix.is_empty() { "nothing".to_owned() } else { format!("`{prefix}`") }
}

fn add(recipe: &Recipe, mut mistakes: Vec<Mistake>, text: &str, found: &mut Vec<Offered>) {
    let bare = text.trim_matches(|c: char| c.is_ascii_whitespace() || "\"'<>[]()".contains(c));
    if bare.len() != text.len() {
        mistakes.push(AROUND.plain());
    }
    for (spelling, bytes) in spelled(bare) {
        let wrong = wrong(spelling, recipe.encoding);
        found.push(Offered { bytes, mistakes: mistakes.iter().cloned().chain(wrong).collect() });
    }
}

/// Every reading of a text that has the length of a MAC.
fn spelled(text: &str) -> Vec<(Spelling, Vec<u8>)> {
    let mut found = Vec::new();
    let hex = text.strip_prefix("0x").unwrap_or(text);
    found.extend(hex_bytes(hex).map(|bytes| (Spelling::Hex, bytes)));
    for (url, alphabet) in [(false, &alphabet::STANDARD), (true, &alphabet::URL_SAFE)] {
        let config = NO_PAD.with_decode_padding_mode(Indifferent).with_decode_allow_trailing_bits(true);
        let Ok(bytes) = GeneralPurpose::new(alphabet, config).decode(text) else { continue };
        if let Some(inner) = std::str::from_utf8(&bytes).ok().and_then(hex_bytes) {
            found.push((Spelling::Twice, inner));
        } else if is_mac(&bytes) {
            let padded = if url { text.ends_with('=') } else { text.len().is_multiple_of(4) };
            found.push((Spelling::Base64 { url, padded }, bytes));
        }
    }
    found
}

fn wrong(spelling: Spelling, expected: Encoding) -> Option<Mistake> {
    let base64 = matches!(expected, Encoding::Base64 | Encoding::Base64Url);
    let words = |spelling| match spelling {
        Spelling::Base64 { url: false, .. } => "base64",
        Spelling::Base64 { url: true, .. } => "base64url",
        Spelling::Hex | Spelling::Twice => "hexadecimal",
    };
    let expected_words = match expected {
        Encoding::Base64 => "base64",
        Encoding::Base64Url => "base64url",
        Encoding::HexLower | Encoding::HexUpper => "hexadecimal",
    };
    match (spelling, expected) {
        (Spelling::Twice, _) => Some(TWICE.plain()),
        (Spelling::Hex, _) if !base64 => None,
        (Spelling::Base64 { url: false, padded: true }, Encoding::Base64)
        | (Spelling::Base64 { url: true, padded: false }, Encoding::Base64Url) => None,
        (Spelling::Base64 { url, padded: false }, Encoding::Base64) if !url => Some(PADDING.with(&["base64"])),
        (Spelling::Base64 { url, padded: true }, Encoding::Base64Url) if url => Some(PADDING.with(&["base64url"])),
        _ => Some(ENCODING.with(&[words(spelling), expected_words])),
    }
}

/// The bytes that hexadecimal digits spell, if they have the length of a MAC.
fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || text.len() % 2 == 1 {
        return None;
    }
    let pairs = text.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    bytes.filter(|bytes| is_mac(bytes))
}

fn is_mac(bytes: &[u8]) -> bool {
    ALGORITHMS.iter().any(|algorithm| algorithm.size() == bytes.len())
}

/// All algorithms, the likeliest first.
pub(super) const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Sha256, Algorithm::Sha1, Algorithm::Sha512, Algorithm::Sha384];

/// Every name that a mistake with the signature's value can have.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [HEADER, PREFIX, ENCODING, PADDING, TWICE, AROUND, FORMAT].into_iter().map(|known| known.name)
}
