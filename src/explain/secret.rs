//! What happens to secrets.

use super::{Captured, Known, Mistake};
use crate::scheme::{KeyKind, KeySpec, Keyring, Mechanism, Scheme, Secret, SecretEncoding};

/// Something that happens to the text of a secret, and how it is undone.
struct Bent {
    known: Known,
    /// The text that the sender has, of the text that is configured and the secret's name.
    undo: fn(&[u8], &str) -> Option<Vec<u8>>,
}

const PLAIN_SECRET: &str = "Configure the secret exactly as the sender shows it, with nothing around it.";

static BENT: &[Bent] = &[
    Bent {
        known: Known {
            name: "secret-white-space",
            what: "the secret `{}` has white space or a newline around it that the sender's has not",
            advice: PLAIN_SECRET,
        },
        undo: |text, _| Some(text.trim_ascii().to_vec()),
    },
    Bent {
        known: Known {
            name: "secret-quotes",
            what: "the secret `{}` has quotes around it that the sender's has not",
            advice: "Take the quotes away: what reads the file or the variable does not.",
        },
        undo: |text, _| unquoted(text).map(<[u8]>::to_vec),
    },
    Bent {
        known: Known {
            name: "secret-newline",
            what: "the sender's secret ends with a newline, and the secret `{}` does not",
            advice: "Give the sender the secret without it: `printf %s` instead of `echo`, or a file without a last newline.",
        },
        undo: |text, _| Some([text, b"\n"].concat()),
    },
    Bent {
        known: Known {
            name: "secret-newline",
            what: "the sender's secret ends with a newline (CR LF), and the secret `{}` does not",
            advice: "Give the sender the secret without it: its file was written on Windows.",
        },
        undo: |text, _| Some([text, b"\r\n"].concat()),
    },
    Bent {
        known: Known {
            name: "secret-quotes",
            what: "the sender's secret has quotes around it, and the secret `{}` has not",
            advice: "Give the sender the secret without its quotes.",
        },
        undo: |text, _| Some([b"\"", text, b"\""].concat()),
    },
    Bent {
        known: Known {
            name: "secret-quotes",
            what: "the sender's secret has quotes around it, and the secret `{}` has not",
            advice: "Give the sender the secret without its quotes.",
        },
        undo: |text, _| Some([b"'", text, b"'"].concat()),
    },
    Bent {
        known: Known {
            name: "secret-case",
            what: "the sender's secret is written in lower case, and the secret `{}` is not",
            advice: PLAIN_SECRET,
        },
        undo: |text, _| Some(text.to_ascii_lowercase()),
    },
    Bent {
        known: Known {
            name: "secret-case",
            what: "the sender's secret is written in upper case, and the secret `{}` is not",
            advice: PLAIN_SECRET,
        },
        undo: |text, _| Some(text.to_ascii_uppercase()),
    },
    Bent {
        known: Known {
            name: "secret-name",
            what: "the sender signs with the name of its variable, `{}`, instead of its value",
            advice: "Let the sender read its variable: nothing replaces `$NAME` there.",
        },
        undo: |_, id| Some(id.as_bytes().to_vec()),
    },
    Bent {
        known: Known {
            name: "secret-name",
            what: "the sender signs with the text `${{}}` instead of the value of the variable",
            advice: "Let the sender read its variable: nothing replaces it there.",
        },
        undo: |_, id| Some(format!("${{{id}}}").into_bytes()),
    },
];

/// As [`BENT`], of public keys.
static BENT_KEYS: &[Bent] = &[
    Bent {
        known: Known {
            name: "secret-white-space",
            what: "the key `{}` has white space or a newline around it that the sender's has not",
            advice: PLAIN_KEY,
        },
        undo: |text, _| Some(text.trim_ascii().to_vec()),
    },
    Bent {
        known: Known {
            name: "secret-quotes",
            what: "the key `{}` has quotes around it that the sender's has not",
            advice: PLAIN_KEY,
        },
        undo: |text, _| unquoted(text.trim_ascii()).map(<[u8]>::to_vec),
    },
];

const PLAIN_KEY: &str = "Configure the public key exactly as the sender shows it, with nothing around it.";

/// Keys of senders that have none: an HMAC with an empty key is that with a key of one zero byte.
static UNSET: &[(&str, &[u8])] =
    &[("an empty secret", &[0]), ("`undefined`", b"undefined"), ("`null`", b"null"), ("`None`", b"None")];

const UNSET_SECRET: Known = Known {
    name: "secret-unset",
    what: "the sender signs with {}: its secret is not set",
    advice: "Set the sender's secret; until then anybody can sign as it.",
};

const OTHER_ENCODING: Known = Known {
    name: "secret-encoding",
    what: "the text of the secret `{}` becomes the key in another way: {}, not {}",
    advice: "Say so with `encoding` beside the secret, or `secret` in the scheme.",
};

const PREFIX: Known = Known {
    name: "secret-prefix",
    what: "the sender's secret begins behind the prefix that the secret `{}` has, such as `whsec_`",
    advice: "Configure the secret without it, or with `encoding: {base64: {strip_prefix: …}}`.",
};

const NOT_DECODED: Known = Known {
    name: "secret-not-decoded",
    what: "the sender uses what stands behind the prefix of the secret `{}` as the text that it is, and does not decode it",
    advice: "Let the sender decode it from base64: the bytes that it stands for are the key.",
};

/// A key that a request may have been signed with, and which mistakes that would be.
pub(super) struct Variant {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) spec: KeySpec,
    /// The position of the secret that it is made of; `None`: of none.
    pub(super) given: Option<usize>,
}

/// All keys that are tried, the likeliest first: those that are configured, and then what they may have become.
pub(super) fn variants(captured: &Captured<'_>) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (given, spec) in captured.secrets.iter().enumerate() {
        variants.extend(of(captured.scheme, given, spec));
    }
    let first = captured.secrets.first().filter(|_| makes_macs(captured.scheme));
    for ((what, key), first) in UNSET.iter().zip(first.into_iter().cycle()) {
        let spec = given_as(first, key.to_vec(), SecretEncoding::Utf8);
        variants.push(Variant { mistakes: vec![UNSET_SECRET.with(&[what])], spec, given: None });
    }
    variants.sort_by_key(|variant| variant.mistakes.len());
    variants.retain(|variant| Keyring::new(captured.scheme, vec![variant.spec.clone()]).is_ok());
    variants
}

fn of(scheme: &Scheme, given: usize, spec: &KeySpec) -> Vec<Variant> {
    let own = own_encoding(scheme, spec);
    let text = spec.secret.expose();
    let mut texts = vec![(None, text.to_vec())];
    let bent = if scheme.key_kind() == KeyKind::Public { BENT_KEYS } else { BENT };
    let bent = bent.iter().filter_map(|bent| Some((bent.known, (bent.undo)(text, &spec.id)?)));
    texts.extend(bent.map(|(known, text)| (Some(known.with(&[&spec.id])), text)));
    if !makes_macs(scheme) {
        // How the text of another kind of key is read is not the scheme's to say.
        let variant = |(bent, text): (Option<Mistake>, Vec<u8>)| {
            let spec = KeySpec { encoding: spec.encoding.clone(), ..given_as(spec, text, own.clone()) };
            Variant { mistakes: bent.into_iter().collect(), spec, given: Some(given) }
        };
        return texts.into_iter().map(variant).collect();
    }
    let mut variants: Vec<Variant> = Vec::new();
    let mut add = |mistakes: Vec<Mistake>, text: &[u8], encoding: SecretEncoding| {
        let spec = given_as(spec, text.to_vec(), encoding);
        variants.push(Variant { mistakes, spec, given: Some(given) });
    };
    for (bent, text) in &texts {
        for encoding in encodings(&own) {
            let other = (encoding != own).then(|| OTHER_ENCODING.with(&[&spec.id, words(&encoding), words(&own)]));
            add(bent.iter().cloned().chain(other).collect(), text, encoding);
        }
        if let Some(at) = text.iter().position(|byte| *byte == b'_') {
            let prefix = PREFIX.with(&[&spec.id]);
            let behind = &text[at + 1..];
            add(bent.iter().cloned().chain([prefix.clone()]).collect(), behind, own.clone());
            if matches!(&own, SecretEncoding::Base64 { strip_prefix } if text.starts_with(strip_prefix.as_bytes())) {
                let not_decoded = NOT_DECODED.with(&[&spec.id]);
                add(bent.iter().cloned().chain([not_decoded]).collect(), behind, SecretEncoding::Utf8);
            }
            if own == SecretEncoding::Utf8 {
                let base64 = SecretEncoding::Base64 { strip_prefix: "".into() };
                let other = OTHER_ENCODING.with(&[&spec.id, words(&base64), words(&own)]);
                add(bent.iter().cloned().chain([prefix, other]).collect(), behind, base64);
            }
        }
    }
    variants
}

/// The encodings that are tried, the secret's own first.
fn encodings(own: &SecretEncoding) -> Vec<SecretEncoding> {
    let others = [
        SecretEncoding::Utf8,
        SecretEncoding::Hex,
        SecretEncoding::Base64 { strip_prefix: "".into() },
        SecretEncoding::Base64Url,
    ];
    std::iter::once(own.clone()).chain(others.into_iter().filter(|other| other != own)).collect()
}

/// Whether signatures are HMACs: the keys of others are not made of any text.
pub(super) fn makes_macs(scheme: &Scheme) -> bool {
    match &scheme.mechanism {
        Mechanism::Hmac(_) => true,
        Mechanism::Jws(algorithm) => algorithm.name().starts_with("HS"),
        _ => false,
    }
}

fn own_encoding(scheme: &Scheme, spec: &KeySpec) -> SecretEncoding {
    let schemes = match &scheme.mechanism {
        Mechanism::Hmac(recipe) => &recipe.secret,
        _ => &SecretEncoding::Utf8,
    };
    spec.encoding.as_ref().unwrap_or(schemes).clone()
}

fn given_as(spec: &KeySpec, text: Vec<u8>, encoding: SecretEncoding) -> KeySpec {
    KeySpec {
        id: spec.id.clone(),
        secret: Secret::new(text),
        encoding: Some(encoding),
        not_before: None,
        not_after: None,
    }
}

fn words(encoding: &SecretEncoding) -> &'static str {
    match encoding {
        SecretEncoding::Base64 { strip_prefix } if strip_prefix.is_empty() => "it is base64",
        SecretEncoding::Base64 { .. } => "it is base64 behind a prefix",
        SecretEncoding::Base64Url => "it is base64url",
        SecretEncoding::Hex => "it is hexadecimal",
        SecretEncoding::Utf8 => "it is used as the text that it is",
    }
}

/// What stands between a pair of quotes.
pub(super) fn unquoted(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'"', inside @ .., b'"'] | [b'\'', inside @ .., b'\''] => Some(inside),
        _ => None,
    }
}

/// Every name that a mistake with a secret can have.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BENT.iter().map(|bent| bent.known.name).chain([
        UNSET_SECRET.name,
        OTHER_ENCODING.name,
        PREFIX.name,
        NOT_DECODED.name,
    ])
}
