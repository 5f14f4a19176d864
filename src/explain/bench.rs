//! Where a signature is tried: the scheme engine, made to look at what is to be tried and at nothing else.

use std::borrow::Cow;
use std::slice;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::content::Content;
use super::offer::{ALGORITHMS, Offered};
use super::{Captured, Mistake, secret};
use crate::scheme::{
    Algorithm, Carrier, Encoding, Format, Head, Item, Keyring, Mechanism, Part, Placeholder, Recipe, Scheme,
    SecretEncoding, Template,
};

/// Where the signatures stand that are tried. No sender has such a header.
static OFFERED: HeaderName = HeaderName::from_static("countersign-explain");

/// Which keys are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// Those that are configured.
    Given,
    /// And what they may have become.
    Bent,
}

/// For each algorithm its keys, and the signatures that have its length.
pub(super) struct Bench<'a> {
    captured: &'a Captured<'a>,
    stands: Vec<Stand>,
}

/// What one algorithm is tried with.
struct Stand {
    algorithm: Algorithm,
    /// `None`: no secret can be used as it is.
    given: Option<Keyring>,
    bent: Option<Keyring>,
    offered: Vec<Offered>,
    /// Those of the request, and one that holds the signatures.
    headers: HeaderMap,
}

impl<'a> Bench<'a> {
    pub(super) fn new(captured: &'a Captured<'a>, keys: &[secret::Variant], offered: &[Offered]) -> Self {
        let stand = |algorithm: &Algorithm| {
            let scheme = scheme(captured, *algorithm, &[]);
            let ring = |keys: Vec<&secret::Variant>| {
                Keyring::new(&scheme, keys.into_iter().map(|key| key.spec.clone()).collect()).ok()
            };
            let fits = |offered: &&Offered| offered.bytes.len() == algorithm.size();
            let offered: Vec<Offered> = offered.iter().filter(fits).cloned().collect();
            Stand {
                algorithm: *algorithm,
                given: ring(keys.iter().filter(|key| key.mistakes.is_empty()).collect()),
                bent: ring(keys.iter().collect()),
                headers: headers(captured, &offered),
                offered,
            }
        };
        Self { captured, stands: ALGORITHMS.iter().map(stand).collect() }
    }

    /// How many keys would be tried; none where no signature has the right length.
    pub(super) fn count(&self, algorithm: Algorithm, keys: Keys) -> usize {
        let keyring = self.stand(algorithm).and_then(|stand| stand.keyring(keys));
        keyring.map_or(0, |keyring| keyring.key_ids().count())
    }

    /// The position of the key under which one of the signatures is that of this content, and what is wrong with how
    /// that signature is carried.
    pub(super) fn fits(&self, content: &Content, body: &Bytes, keys: Keys) -> Option<(usize, &[Mistake])> {
        let stand = self.stand(content.algorithm)?;
        let keyring = stand.keyring(keys)?;
        let scheme = scheme(self.captured, content.algorithm, &content.parts);
        let verify = |headers: &HeaderMap| {
            let head = Head { headers, ..self.captured.head() };
            scheme.verify(keyring, &head, body.clone(), self.captured.now)
        };
        let key = verify(&stand.headers).ok()?.key();
        // Which of them it was is asked only where one is.
        let alone = |one: &&Offered| verify(&headers(self.captured, slice::from_ref(one))).is_ok();
        stand.offered.iter().find(alone).map(|one| (key, &*one.mistakes))
    }

    fn stand(&self, algorithm: Algorithm) -> Option<&Stand> {
        self.stands.iter().find(|stand| stand.algorithm == algorithm && !stand.offered.is_empty())
    }
}

impl Stand {
    fn keyring(&self, keys: Keys) -> Option<&Keyring> {
        match keys {
            Keys::Given => self.given.as_ref(),
            Keys::Bent => self.bent.as_ref(),
        }
    }
}

/// The request's headers, and one that holds these signatures.
fn headers(captured: &Captured<'_>, offered: &[Offered]) -> HeaderMap {
    let hex = |offered: &Offered| offered.bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut headers = captured.headers.clone();
    if let Ok(value) = HeaderValue::from_str(&offered.iter().map(hex).collect::<Vec<_>>().join(",")) {
        headers.insert(OFFERED.clone(), value);
    }
    headers
}

/// A scheme that signs these parts, and whose signatures stand where those are that are tried.
fn scheme(captured: &Captured<'_>, algorithm: Algorithm, parts: &[Part]) -> Scheme {
    let item = Item { prefix: Cow::Borrowed(""), value: Placeholder::Signature };
    let recipe = Recipe {
        algorithm,
        carrier: Carrier::Headers(Cow::Owned(vec![OFFERED.clone()])),
        format: Format { items: Cow::Owned(vec![item]), separator: Some(Cow::Borrowed(",")) },
        encoding: Encoding::HexLower,
        signed: Template(Cow::Owned(parts.to_vec())),
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    };
    Scheme { mechanism: Mechanism::Hmac(recipe), ..captured.scheme.clone() }
}
