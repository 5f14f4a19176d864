//! Why a captured request is refused.
//!
//! The usual mistakes are tables: of what happens to a secret (`secret`), to a body (`body`), to the value that carries
//! the signature (`offer`), and of what else may be signed (`content`). Each is undone in turn, and the scheme engine
//! says whether the signature fits then; so what is named here is what it was, not a guess. Two mistakes at once are found
//! where that is cheap (`search`). What cannot be undone, such as an empty header, is only looked at (`sight`).
//!
//! Nothing here holds a secret or a signature that would be right: it is told which mistake it was, and no more.

mod bench;
mod body;
mod clock;
mod content;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod json;
mod offer;
mod search;
mod secret;
mod sight;
#[cfg(test)]
mod tests;
mod token;

use http::{HeaderMap, Method};
use jiff::Timestamp;

use crate::scheme::{Head, KeyError, KeySpec, Keyring, Mechanism, Part, Rejection, Scheme};
use search::Search;

/// A captured request, and how it should have been signed.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// How it should have been signed.
    pub scheme: &'a Scheme,
    /// The secrets that it may have been signed with, in the order in which they are told apart.
    pub secrets: &'a [KeySpec],
    /// Its method.
    pub method: &'a Method,
    /// Its path as it was sent, before `?`.
    pub path: &'a str,
    /// What follows `?`, as it was sent.
    pub query: Option<&'a str>,
    /// All header lines.
    pub headers: &'a HeaderMap,
    /// The URL that the sender knows the receiver by, without path.
    pub public_url: &'a str,
    /// Its body.
    pub body: &'a [u8],
    /// When it came.
    pub now: Timestamp,
}

/// What became of a captured request, and why.
#[derive(Clone, Debug)]
pub enum Explanation {
    /// It is as it should be: the secret at this position made its signature.
    Verified(usize),
    /// It is refused, because of all of these together.
    Found {
        /// What a gateway would say.
        refused: Refused,
        /// What was done wrong. At least one.
        mistakes: Vec<Mistake>,
    },
    /// It is refused, and none of the usual mistakes fits.
    Unknown {
        /// What a gateway would say.
        refused: Refused,
        /// What looks odd, and may or may not be the reason.
        odd: Vec<Mistake>,
        /// How many mistakes, and pairs of them, were tried.
        tried: usize,
    },
}

/// Why a captured request is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A secret cannot be used with the scheme.
    #[error("a secret cannot be used: {0}")]
    Secret(#[from] KeyError),
    /// The signature is not accepted.
    #[error("{reason}: {0}", reason = .0.reason())]
    Signature(#[from] Rejection),
}

/// Something that is done wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// A word for it.
    pub name: &'static str,
    /// What it is, as a sentence.
    pub what: String,
    /// What to do about it, as a sentence.
    pub advice: &'static str,
}

/// A mistake as the tables have it: `{}` in the sentence is filled in.
#[derive(Clone, Copy, Debug)]
struct Known {
    name: &'static str,
    what: &'static str,
    advice: &'static str,
}

impl Known {
    fn plain(self) -> Mistake {
        self.with(&[])
    }

    fn with(self, details: &[&str]) -> Mistake {
        let mut what = String::new();
        let mut details = details.iter();
        for (index, part) in self.what.split("{}").enumerate() {
            let detail = if index > 0 { details.next().copied().unwrap_or_default() } else { "" };
            // What comes from a request does not steer a terminal.
            what.extend(detail.chars().take(100).map(|c| if c.is_control() { ' ' } else { c }));
            what.push_str(part);
        }
        Mistake { name: self.name, what, advice: self.advice }
    }
}

/// Says whether a captured request is as it should be, and if not, why.
pub fn explain(captured: &Captured<'_>) -> Explanation {
    let refused = match captured.verify() {
        Ok(key) => return Explanation::Verified(key),
        Err(refused) => refused,
    };
    let mut search = Search::new(captured);
    if let Some(mistakes) = search.run(&refused) {
        return Explanation::Found { refused, mistakes };
    }
    let (certain, mut odd) = sight::look(captured);
    odd.extend(clock::look(captured));
    match certain {
        Some(mistake) => Explanation::Found { refused, mistakes: vec![mistake] },
        None => Explanation::Unknown { refused, odd, tried: search.tried() },
    }
}

/// Whether the URL is a part of what is signed.
pub(crate) fn signs_url(scheme: &Scheme) -> bool {
    let signed = match &scheme.mechanism {
        Mechanism::Hmac(recipe) => &recipe.signed,
        Mechanism::PublicKey(recipe) => &recipe.signed,
        Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => return false,
    };
    signed.0.iter().any(|part| matches!(part, Part::Url | Part::UrlDecoded))
}

impl Captured<'_> {
    fn verify(&self) -> Result<usize, Refused> {
        let keyring = Keyring::new(self.scheme, self.secrets.to_vec())?;
        Ok(self.scheme.verify(&keyring, &self.head(), self.body.to_vec(), self.now)?.key())
    }

    fn head(&self) -> Head<'_> {
        Head {
            method: self.method,
            path: self.path,
            query: self.query,
            headers: self.headers,
            public_url: Some(self.public_url),
        }
    }

    /// The text of a header's values, in order.
    fn values(&self, name: &str) -> impl Iterator<Item = String> {
        self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}
