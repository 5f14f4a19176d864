//! Undoing mistakes, one and two at a time, until the signature fits.

use std::slice;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::bench::{Bench, Keys};
use super::body;
use super::content::{self, Content};
use super::{Captured, Known, Mistake, Refused, clock, offer, secret, token};
use crate::scheme::{JwsAlgorithm, KeyKind, KeySpec, Keyring, Mechanism, PRESETS, Recipe, Rejection, Scheme};

/// So many bytes are hashed at most: about a second's work.
const BUDGET: usize = 512 << 20;

/// What a key costs beside the body, in bytes.
const EACH: usize = 256;

const PRESET: Known =
    Known { name: "preset", what: "this is how `{}` signs, not `{}`", advice: "Name that scheme for this source." };

/// GitHub and Meta send both.
const OLDER: Known = Known {
    name: "signature-older",
    what: "what fits is the older signature with SHA-1, in `{}`, and the scheme verifies `{}`",
    advice: "The sender sends both: pass `X-Hub-Signature-256` on, as it came.",
};

const REPEATED_ITEM: Known = Known {
    name: "signature-repeated",
    what: "an item of the signature's value, or a parameter of the query, is there twice",
    advice: "Let it be written once, as `countersign sign` does.",
};

const REPEATED: Known = Known {
    name: "signature-repeated",
    what: "a header that takes part in the signature is there twice: {}",
    advice: "Let it be sent once. A proxy may add its own beside the sender's.",
};

const NO_KEY: Known = Known {
    name: "secret-not-used",
    what: "the signature is the plain SHA-256 of the body: no secret takes part in it",
    advice: "Let the sender make an HMAC of it with the secret: what it sends now anybody can make.",
};

const EXPIRED: Known = Known {
    name: "secret-not-valid",
    what: "it is signed with the secret `{}`, which is not valid at this time",
    advice: "Give the sender the present secret, or move `not_before` or `not_after`.",
};

/// As [`EXPIRED`], of a public key.
const EXPIRED_KEY: Known = Known {
    name: "secret-not-valid",
    what: "it is signed with the private key of `{}`, which is not valid at this time",
    advice: "Let the sender sign with the present key, or move `not_before` or `not_after`.",
};

const OTHERWISE: Known = Known {
    name: "signature-written-otherwise",
    what: "the signature itself is right, but what carries it is not written as the scheme says",
    advice: "Compare it with what `countersign sign` writes: something stands before, between or behind that does not belong there.",
};

/// What is tried, and how much that has cost.
pub(super) struct Search<'a> {
    captured: &'a Captured<'a>,
    keys: Vec<secret::Variant>,
    tried: usize,
    hashed: usize,
}

/// With what the signature fits.
struct Found {
    /// The position of the secret; `None`: it is none of those.
    key: Option<usize>,
    mistakes: Vec<Mistake>,
}

impl<'a> Search<'a> {
    pub(super) fn new(captured: &'a Captured<'a>) -> Self {
        Self { captured, keys: secret::variants(captured), tried: 0, hashed: 0 }
    }

    /// How many combinations were tried.
    pub(super) fn tried(&self) -> usize {
        self.tried
    }

    /// The mistakes that were made, where undoing them makes the signature fit.
    pub(super) fn run(&mut self, refused: &Refused) -> Option<Vec<Mistake>> {
        let captured = self.captured;
        let Found { key, mut mistakes } = match &captured.scheme.mechanism {
            Mechanism::Hmac(recipe) => self.hmac(recipe)?,
            Mechanism::Jws(algorithm) if secret::makes_macs(captured.scheme) => self.jws(*algorithm)?,
            _ => self.whole()?,
        };
        let key = key.and_then(|key| captured.secrets.get(key));
        let expired = if captured.scheme.key_kind() == KeyKind::Public { EXPIRED_KEY } else { EXPIRED };
        mistakes.extend(key.filter(|key| !valid(key, captured)).map(|key| expired.with(&[&key.id])));
        if *refused == Refused::Signature(Rejection::Repeated) {
            let twice = captured.headers.keys().filter(|name| captured.headers.get_all(*name).iter().count() > 1);
            let names: Vec<String> = twice.map(|name| format!("`{name}`")).collect();
            let repeated = if names.is_empty() { REPEATED_ITEM.plain() } else { REPEATED.with(&[&names.join(", ")]) };
            mistakes.push(repeated);
        }
        mistakes.extend(clock::look(captured));
        if mistakes.is_empty() {
            mistakes.push(OTHERWISE.plain());
        }
        Some(mistakes)
    }

    fn hmac(&mut self, recipe: &Recipe) -> Option<Found> {
        let captured = self.captured;
        let offered = offer::offered(captured, recipe);
        let bench = Bench::new(captured, &self.keys, &offered);
        let own = content::own(captured, recipe);
        let (own, came) = (own.as_slice(), body::as_it_came(captured));
        let came = slice::from_ref(&came);
        let simple = self.any(&bench, own, came, Keys::Given);
        if simple.as_ref().is_some_and(|found| found.mistakes.is_empty()) {
            return simple;
        }
        self.tried += 1;
        let digest = Sha256::digest(captured.body);
        if let Some(one) = offered.iter().find(|one| one.bytes == digest[..]) {
            let mistakes = one.mistakes.iter().cloned().chain([NO_KEY.plain()]).collect();
            return Some(Found { key: None, mistakes });
        }
        // Another sender explains more than a header of another name.
        if let Some(found) = self.presets().or(simple) {
            return Some(found);
        }
        let (bodies, contents) = (body::variants(captured), content::variants(captured, recipe));
        let near = own.iter().flat_map(|own| content::near(captured, recipe, own)).collect::<Vec<_>>();
        // The likeliest first; what is two mistakes at once comes last.
        let steps: [(&[Content], &[body::Variant], Keys); 7] = [
            (own, came, Keys::Bent),
            (own, &bodies, Keys::Given),
            (&contents, came, Keys::Given),
            (own, &bodies, Keys::Bent),
            (&contents, came, Keys::Bent),
            (&near, came, Keys::Given),
            (&contents, &bodies, Keys::Given),
        ];
        steps.into_iter().find_map(|(contents, bodies, keys)| self.any(&bench, contents, bodies, keys))
    }

    fn jws(&mut self, algorithm: JwsAlgorithm) -> Option<Found> {
        if let Some(found) = self.presets() {
            return Some(found);
        }
        let mut variants = token::variants(self.captured, algorithm);
        variants.sort_by_key(|(content, _)| content.mistakes.len());
        // What is signed stands in the content as it is.
        let nothing = body::Variant { mistakes: Vec::new(), bytes: Bytes::new() };
        let mut tried =
            [Keys::Given, Keys::Bent].into_iter().flat_map(|keys| variants.iter().map(move |one| (keys, one)));
        tried.find_map(|(keys, (content, offered))| {
            let bench = Bench::new(self.captured, &self.keys, slice::from_ref(offered));
            self.any(&bench, slice::from_ref(content), slice::from_ref(&nothing), keys)
        })
    }

    /// The first of these contents, of the first of these bodies, that one of the signatures is of.
    fn any(&mut self, bench: &Bench<'_>, contents: &[Content], bodies: &[body::Variant], keys: Keys) -> Option<Found> {
        for body in bodies {
            for content in contents {
                let count = bench.count(content.algorithm, keys);
                if self.hashed > BUDGET {
                    return None;
                }
                self.tried += count;
                self.hashed += count * (body.bytes.len() + EACH);
                if let Some((key, carried)) = bench.fits(content, &body.bytes, keys) {
                    let key = &self.keys[key];
                    let mistakes = [&*key.mistakes, carried, &content.mistakes, &body.mistakes];
                    return Some(Found { key: key.given, mistakes: mistakes.concat() });
                }
            }
        }
        None
    }

    /// Tries the scheme itself, where it makes signatures in another way.
    fn whole(&mut self) -> Option<Found> {
        let captured = self.captured;
        let scheme = at_any_time(captured.scheme);
        let keyring = |spec: &KeySpec| Keyring::new(&scheme, vec![spec.clone()]).ok();
        for key in &self.keys {
            self.tried += 1;
            let verified = |keyring: Keyring| {
                scheme.verify(&keyring, &captured.head(), captured.body.to_vec(), captured.now).is_ok()
            };
            if keyring(&key.spec).is_some_and(verified) {
                return Some(Found { key: key.given, mistakes: key.mistakes.clone() });
            }
        }
        if let Some(found) = self.presets() {
            return Some(found);
        }
        let given = Keyring::new(&scheme, captured.secrets.to_vec()).ok()?;
        for body in body::variants(captured) {
            self.tried += 1;
            if let Ok(verified) = scheme.verify(&given, &captured.head(), body.bytes, captured.now) {
                return Some(Found { key: Some(verified.key()), mistakes: body.mistakes });
            }
        }
        None
    }

    /// The built-in scheme that accepts the request as it is, at whatever time.
    fn presets(&mut self) -> Option<Found> {
        let captured = self.captured;
        for preset in PRESETS.iter().filter(|preset| preset.name != captured.scheme.name) {
            self.tried += 1;
            let scheme = at_any_time(preset);
            let bare = |spec: &KeySpec| KeySpec { encoding: None, not_before: None, not_after: None, ..spec.clone() };
            let Ok(keyring) = Keyring::new(&scheme, captured.secrets.iter().map(bare).collect()) else { continue };
            let verified = scheme.verify(&keyring, &captured.head(), captured.body.to_vec(), captured.now);
            if let Ok(verified) = verified {
                let mistake = older(captured.scheme, &scheme)
                    .unwrap_or_else(|| PRESET.with(&[&preset.name, &captured.scheme.name]));
                return Some(Found { key: Some(verified.key()), mistakes: vec![mistake] });
            }
        }
        None
    }
}

/// That the other scheme is no other sender, but reads the older of two signatures of the same one.
fn older(scheme: &Scheme, other: &Scheme) -> Option<Mistake> {
    let (Mechanism::Hmac(own), Mechanism::Hmac(other)) = (&scheme.mechanism, &other.mechanism) else { return None };
    let (older, newer) = ("x-hub-signature", "x-hub-signature-256");
    let is_older = offer::carries(&own.carrier, newer) && offer::carries(&other.carrier, older);
    is_older.then(|| OLDER.with(&[older, newer]))
}

/// The scheme, but for how old what is signed may be.
fn at_any_time(scheme: &Scheme) -> Scheme {
    let mut scheme = scheme.clone();
    match &mut scheme.mechanism {
        Mechanism::Hmac(recipe) => recipe.tolerance = None,
        Mechanism::PublicKey(recipe) => recipe.tolerance = None,
        Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => {}
    }
    scheme
}

fn valid(key: &KeySpec, captured: &Captured<'_>) -> bool {
    key.not_before.is_none_or(|from| from <= captured.now) && key.not_after.is_none_or(|until| captured.now <= until)
}

/// Every name that a mistake can have that only comes with others, or with none.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [PRESET, OLDER, NO_KEY, REPEATED, REPEATED_ITEM, EXPIRED, EXPIRED_KEY, OTHERWISE]
        .into_iter()
        .map(|known| known.name)
}
