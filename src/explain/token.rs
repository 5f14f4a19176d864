//! What happens to a compact JWS.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

use super::content::{Content, literal};
use super::json::{Json, unescape};
use super::offer::Offered;
use super::{Captured, Known, Mistake};
use crate::scheme::{Algorithm, JwsAlgorithm, Mechanism};

const BARE: &str = "Let the sender send the token and nothing else; or capture it so.";

const SPELLING: &str = "A token is unpadded base64url (RFC 7515): let the sender write it with a library for JWS.";

/// Something that stands around a token, and how it is taken away.
struct Around {
    known: Known,
    undo: fn(&str) -> Option<String>,
}

static AROUND: &[Around] = &[
    Around {
        known: Known {
            name: "token-white-space",
            what: "there is white space or a newline around the token",
            advice: BARE,
        },
        undo: |text| (text.trim() != text).then(|| text.trim().to_owned()),
    },
    Around {
        known: Known { name: "token-quoted", what: "the token is written as a JSON text, with quotes", advice: BARE },
        undo: |text| match Json::read(text)? {
            Json::Text(raw) => unescape(raw),
            _ => None,
        },
    },
    Around {
        known: Known { name: "token-bearer", what: "`Bearer` stands before the token", advice: BARE },
        undo: |text| {
            let (word, token) = text.trim().split_once(' ')?;
            word.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        },
    },
    Around {
        known: Known { name: "token-in-json", what: "the token is a field of a JSON document", advice: BARE },
        undo: |text| match Json::read(text)? {
            Json::Object(members) => members.into_iter().find_map(|(_, value)| match value {
                Json::Text(raw) => unescape(raw).filter(|text| text.split('.').count() == 3),
                _ => None,
            }),
            _ => None,
        },
    },
    Around {
        known: Known { name: "token-in-form", what: "the token is a field of a form", advice: BARE },
        undo: |text| {
            text.split('&')
                .find_map(|pair| Some(pair.split_once('=')?.1.to_owned()).filter(|text| text.starts_with("ey")))
        },
    },
];

const HEADER: Known = Known {
    name: "token-in-header",
    what: "the token stands in the header `{}`, not in the body",
    advice: "This scheme has the token as the body: is it the right one?",
};

const SPELLED: Known = Known {
    name: "token-base64",
    what: "the token is written in padded base64, or with `+` and `/`",
    advice: SPELLING,
};

const OTHER_ALGORITHM: Known = Known {
    name: "algorithm",
    what: "the token is signed with {}, and the scheme says {}",
    advice: "Set `jws: {algorithm: …}` in the scheme; a token's own word for it is never followed.",
};

const LIES: Known = Known {
    name: "token-algorithm",
    what: "the token says that it is signed with `{}`, and is not",
    advice: "Let the sender write the algorithm that it uses into the token's header.",
};

const NOT_SIGNED: Known = Known {
    name: "token-unsigned",
    what: "the token says `alg: none`: it is not signed",
    advice: "Give the sender's library the algorithm and the secret. Such a token is never accepted.",
};

const PUBLIC: Known = Known {
    name: "token-public-key",
    what: "the token is signed with `{}`, which needs another kind of key than the scheme's `{}`",
    advice: "Configure the scheme's algorithm and the sender's public key, or let the sender use the shared secret.",
};

const ENCRYPTED: Known = Known {
    name: "token-encrypted",
    what: "the token has five parts: it is encrypted (JWE), not signed",
    advice: SPELLING,
};

const NO_TOKEN: Known = Known {
    name: "token-missing",
    what: "the body is no token: three parts with dots between them",
    advice: "Give the body as it came. If it came so, the sender does not sign, or in another way: is this the right scheme?",
};

const CUT: Known = Known {
    name: "token-cut",
    what: "a part of the token is not base64url, or its signature has the wrong length: it is cut off or changed",
    advice: "Capture all of it; many logs and tools cut what is long.",
};

/// What may have been signed, and what would be its signature.
pub(super) fn variants(captured: &Captured<'_>, algorithm: JwsAlgorithm) -> Vec<(Content, Offered)> {
    let mut variants = Vec::new();
    for (around, token) in tokens(captured) {
        let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { continue };
        let Some(bytes) = lenient(signature) else { continue };
        let Some(used) = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512]
            .into_iter()
            .find(|used| used.size() == bytes.len())
        else {
            continue;
        };
        let named = alg(header);
        let name = name(used);
        let mut mistakes = around;
        if name != algorithm.name() {
            mistakes.push(OTHER_ALGORITHM.with(&[name, algorithm.name()]));
        }
        if named.as_deref().is_some_and(|named| named != name) {
            mistakes.push(LIES.with(&[named.as_deref().unwrap_or_default()]));
        }
        let unpadded = |part: &str| part.trim_end_matches('=').replace('+', "-").replace('/', "_");
        let (header_bare, payload_bare) = (unpadded(header), unpadded(payload));
        let bare = header_bare == header && payload_bare == payload && unpadded(signature) == signature;
        mistakes.extend((!bare).then(|| SPELLED.plain()));
        for signed in [format!("{header}.{payload}"), format!("{header_bare}.{payload_bare}")] {
            let content = Content { mistakes: mistakes.clone(), algorithm: used, parts: vec![literal(&signed)] };
            variants.push((content, Offered { bytes: bytes.clone(), mistakes: Vec::new() }));
        }
    }
    variants
}

/// The body and what it may stand for, with up to two things taken away from around it.
fn tokens(captured: &Captured<'_>) -> Vec<(Vec<Mistake>, String)> {
    let body = String::from_utf8_lossy(captured.body).into_owned();
    let mut tokens = vec![(Vec::new(), body)];
    for name in captured.headers.keys() {
        for value in captured.values(name.as_str()) {
            let text = value.trim_start_matches("Bearer ").to_owned();
            if text.starts_with("ey") {
                tokens.push((vec![HEADER.with(&[name.as_str()])], text));
            }
        }
    }
    for _ in 0..2 {
        let more: Vec<_> = tokens
            .iter()
            .flat_map(|(mistakes, text)| {
                AROUND.iter().filter_map(move |around| {
                    let text = (around.undo)(text)?;
                    Some((mistakes.iter().cloned().chain([around.known.plain()]).collect(), text))
                })
            })
            .collect();
        tokens.extend(more);
    }
    tokens
}

/// What a token shows to be wrong by itself.
pub(super) fn look(captured: &Captured<'_>) -> Option<Mistake> {
    let Mechanism::Jws(algorithm) = &captured.scheme.mechanism else { return None };
    let tokens = tokens(captured);
    let parts = |count: usize| tokens.iter().map(|(_, text)| text).find(move |text| text.split('.').count() == count);
    let Some(token) = parts(3).filter(|token| token.starts_with("ey")) else {
        return Some(if parts(5).is_some_and(|token| token.starts_with("ey")) { ENCRYPTED } else { NO_TOKEN }.plain());
    };
    let pieces: Vec<&str> = token.split('.').collect();
    let named = alg(pieces[0]);
    match named.as_deref() {
        Some(none) if none.eq_ignore_ascii_case("none") => Some(NOT_SIGNED.plain()),
        Some(named) if named.starts_with("HS") != algorithm.name().starts_with("HS") => {
            Some(PUBLIC.with(&[named, algorithm.name()]))
        }
        _ => {
            let whole = pieces.iter().all(|piece| lenient(piece).is_some());
            let size = lenient(pieces[2]).map_or(0, |bytes| bytes.len());
            let is_mac = !algorithm.name().starts_with("HS") || matches!(size, 32 | 48 | 64);
            (!whole || !is_mac).then(|| CUT.plain())
        }
    }
}

/// The algorithm that a header names.
fn alg(header: &str) -> Option<String> {
    let header: serde_json::Value = serde_json::from_slice(&lenient(header)?).ok()?;
    header.get("alg")?.as_str().map(ToOwned::to_owned)
}

fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha384 => "HS384",
        Algorithm::Sha512 => "HS512",
        Algorithm::Sha1 | Algorithm::Sha256 => "HS256",
    }
}

/// The bytes of base64 or base64url, padded or not.
fn lenient(text: &str) -> Option<Vec<u8>> {
    let config = NO_PAD.with_decode_padding_mode(Indifferent).with_decode_allow_trailing_bits(true);
    let decode = |alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok();
    decode(&URL_SAFE).or_else(|| decode(&STANDARD))
}

/// Every name that a mistake with a token can have.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let others = [HEADER, SPELLED, OTHER_ALGORITHM, LIES, NOT_SIGNED, PUBLIC, ENCRYPTED, NO_TOKEN, CUT];
    AROUND.iter().map(|around| around.known.name).chain(others.into_iter().map(|known| known.name))
}
