//! From an event to what a sender would send.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use jiff::Timestamp;

use super::given::{Fields, Given};
use super::offer::MOST_NUMBERED;
use super::{
    Body, Carrier, Head, Keyring, Locator, Mechanism, Part, Recipe, Rejection, Scheme, TimestampSource, jws, token,
};

/// A message to be signed.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The body; for a JWS, the payload.
    pub body: Bytes,
    /// Its id, for schemes that carry one in a header. It is the caller's to make.
    pub event_id: Option<&'a str>,
    /// Its type, for schemes that carry one in a header.
    pub event_type: Option<&'a str>,
    /// The method that it will be sent with.
    pub method: &'a Method,
    /// The path that it will be sent to.
    pub path: &'a str,
    /// The query that it will be sent with.
    pub query: Option<&'a str>,
    /// The receiver's URL without path, for schemes that sign it.
    pub public_url: Option<&'a str>,
    /// Headers that it will be sent with, for schemes that sign some. They are not given back.
    pub headers: &'a HeaderMap,
}

/// What signing adds to a message.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The signature and what belongs to it: timestamp, id, type, content type.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body to be sent: as given, or the compact JWS.
    pub body: Bytes,
}

/// Why a message cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The scheme carries an event id and none was given.
    #[error("the scheme carries an event id, and none was given")]
    IdMissing,
    /// The scheme carries its signature in the body, which is not ours to change.
    #[error("the scheme carries its signature in the body")]
    InBody,
    /// The event id, its type or the token cannot be written into a header as it is.
    #[error("the event id, its type or the token cannot be written into a header")]
    NotAHeaderValue,
    /// The key that would sign is a public one.
    #[error("a public key cannot sign: the private one is needed")]
    NoPrivateKey,
    /// No key is valid at this time.
    #[error("no secret is valid at this time")]
    NoValidKey,
    /// A part that the signature covers is not there, or not as the scheme wants it.
    #[error("a part that the signature covers is missing")]
    PartMissing,
    /// A part that the signature covers is there twice.
    #[error("a part that the signature covers is there twice")]
    PartRepeated,
}

impl From<Rejection> for SignError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Repeated => Self::PartRepeated,
            _ => Self::PartMissing,
        }
    }
}

impl Scheme {
    /// Signs `message` as the sender would at `now`, with the first key that is valid; where the scheme can carry
    /// several signatures, with all that are.
    ///
    /// # Errors
    ///
    /// Where no key is valid, or where something that the signature covers is not given.
    pub fn sign(&self, keyring: &Keyring, message: &Message<'_>, now: Timestamp) -> Result<Signed, SignError> {
        let keys: Vec<usize> = keyring.valid_at(now).collect();
        let first = *keys.first().ok_or(SignError::NoValidKey)?;
        let mut headers = self.names(message)?;
        let body = match &self.mechanism {
            Mechanism::Hmac(recipe) => {
                Signing::new(self, recipe, keyring, message, now).write(&keys, &mut headers)?;
                message.body.clone()
            }
            Mechanism::PublicKey(recipe) => {
                Signing::new(self, recipe, keyring, message, now).write(&keys, &mut headers)?;
                message.body.clone()
            }
            Mechanism::Jws(algorithm) => {
                jws::write(&message.body, *algorithm, keyring, first).ok_or(SignError::NoPrivateKey)?.into()
            }
            Mechanism::DetachedJws(detached) => {
                let token = detached.write(&message.body, keyring, first).ok_or(SignError::NoPrivateKey)?;
                headers.push((detached.header.clone(), value(&token)?));
                message.body.clone()
            }
            Mechanism::Token(header) => {
                headers.push((header.clone(), token::write(keyring, first)?));
                message.body.clone()
            }
        };
        Ok(Signed { headers, body })
    }

    /// The headers that signing writes, but for `Content-Type`, which it writes only where there is none.
    pub fn written_headers(&self) -> Vec<HeaderName> {
        let named = self.event_id.iter().chain(&self.event_type);
        let mut names: Vec<HeaderName> = named
            .filter_map(|locator| match locator {
                Locator::Header(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        names.extend(self.carrier().map(|carrier| carrier.headers()).unwrap_or_default());
        if let Some(TimestampSource::Header(name)) = self.timestamp().map(|rule| &rule.from) {
            names.push(name.clone());
        }
        names.extend(self.sender.headers.iter().map(|(name, _)| HeaderName::from_static(name)));
        names
    }

    /// Whether this header carries the signature or its time. A scheme may take the one for an id, or the other for a
    /// type; such an id need not be given.
    fn signs_in(&self, header: &HeaderName) -> bool {
        self.carrier().is_some_and(|carrier| carrier.is_in(header))
            || self.timestamp().is_some_and(|rule| rule.from == TimestampSource::Header(header.clone()))
    }

    /// The headers that say what the message is: content type, id and type.
    fn names(&self, message: &Message<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
        let mut headers = Vec::new();
        if !self.sender.content_type.is_empty() && !message.headers.contains_key(header::CONTENT_TYPE) {
            headers.push((header::CONTENT_TYPE, value(&self.sender.content_type)?));
        }
        for locator in self.event_id.iter() {
            if let Locator::Header(name) = locator
                && !message.headers.contains_key(name)
                && !self.signs_in(name)
            {
                headers.push((name.clone(), value(message.event_id.ok_or(SignError::IdMissing)?)?));
            }
        }
        if let (Some(Locator::Header(name)), Some(kind)) = (&self.event_type, message.event_type)
            && !message.headers.contains_key(name)
            && !self.signs_in(name)
            && headers.iter().all(|(written, _)| written != name)
        {
            headers.push((name.clone(), value(kind)?));
        }
        for (name, text) in self.sender.headers {
            headers.push((HeaderName::from_static(name), HeaderValue::from_static(text)));
        }
        Ok(headers)
    }
}

/// A header's value that arrives as it was sent: what a receiver would trim would break the signature.
fn value(text: &str) -> Result<HeaderValue, SignError> {
    if text.is_empty() || text.trim_ascii() != text {
        return Err(SignError::NotAHeaderValue);
    }
    text.parse().map_err(|_| SignError::NotAHeaderValue)
}

/// A message on its way to its signatures.
struct Signing<'a, A, K> {
    scheme: &'a Scheme,
    recipe: &'a Recipe<A, K>,
    keyring: &'a Keyring,
    message: &'a Message<'a>,
    timestamp: Option<String>,
}

impl<'a, A, K> Signing<'a, A, K> {
    fn new(
        scheme: &'a Scheme,
        recipe: &'a Recipe<A, K>,
        keyring: &'a Keyring,
        message: &'a Message<'a>,
        now: Timestamp,
    ) -> Self {
        let timestamp = recipe.timestamp.as_ref().map(|rule| rule.unit.write(now));
        Self { scheme, recipe, keyring, message, timestamp }
    }

    /// Adds the headers that carry the time and the signatures.
    fn write(&self, keys: &[usize], headers: &mut Vec<(HeaderName, HeaderValue)>) -> Result<(), SignError> {
        if let (Some(TimestampSource::Header(name)), Some(timestamp)) =
            (self.recipe.timestamp_source(), &self.timestamp)
        {
            headers.push((name.clone(), value(timestamp)?));
        }
        headers.extend(self.signatures(keys, headers)?);
        Ok(())
    }

    /// The headers that carry the signatures of these keys: of all, as far as the carrier has room.
    fn signatures(
        &self,
        keys: &[usize],
        named: &[(HeaderName, HeaderValue)],
    ) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
        let (before, after) = self.covered(named)?;
        let format = &self.recipe.format;
        let signature = |key: &usize| {
            let parts = match &after {
                Some(after) => [before.as_slice(), &self.message.body, after],
                None => [before.as_slice(), &[], &[]],
            };
            let signature = self.keyring.sign(*key, &parts).ok_or(SignError::NoPrivateKey)?;
            Ok(self.recipe.encoding.encode(&signature))
        };
        let carried = |name: HeaderName, signatures: &[String]| {
            Ok((name, value(&format.write(signatures, self.timestamp.as_deref().unwrap_or_default()))?))
        };
        match &self.recipe.carrier {
            Carrier::Headers(names) if names.len() == 1 && format.repeats() => {
                let signatures: Vec<_> = keys.iter().map(signature).collect::<Result<_, SignError>>()?;
                Ok(vec![carried(names[0].clone(), &signatures)?])
            }
            Carrier::Headers(names) => {
                names.iter().zip(keys).map(|(name, key)| carried(name.clone(), &[signature(key)?])).collect()
            }
            Carrier::Json(_) => Err(SignError::InBody),
            Carrier::Numbered { prefix, suffix } => {
                let name = |number: usize| format!("{prefix}{number}{suffix}").parse();
                let numbered = (1..=MOST_NUMBERED).zip(keys);
                numbered
                    .map(|(number, key)| {
                        carried(name(number).map_err(|_| SignError::NotAHeaderValue)?, &[signature(key)?])
                    })
                    .collect()
            }
        }
    }

    /// What is signed before and after the body; `None` after, where the body is not signed.
    fn covered(&self, named: &[(HeaderName, HeaderValue)]) -> Result<(Vec<u8>, Option<Vec<u8>>), SignError> {
        let message = self.message;
        let mut headers = message.headers.clone();
        headers.extend(named.iter().cloned());
        let head = Head {
            method: message.method,
            path: message.path,
            query: message.query,
            headers: &headers,
            public_url: message.public_url,
        };
        let body = Body::from(message.body.clone());
        let fields = Fields::pick(&body, self.recipe.pointers(&self.scheme.event_id));
        let given = Given { head: &head, id: &self.scheme.event_id, fields };
        let timestamp = match self.recipe.timestamp_source() {
            // What is not there cannot be fresh, and would be refused wherever it arrives.
            Some(TimestampSource::Json(pointer)) if self.recipe.checks_time() => Some(given.field(pointer)?),
            Some(TimestampSource::Json(pointer)) => given.field(pointer).ok(),
            _ => self.timestamp.as_deref().map(str::as_bytes),
        };
        let bytes = |parts: &[Part]| -> Result<Vec<u8>, SignError> {
            let mut bytes = Vec::new();
            given.feed(parts, timestamp, &mut |part| bytes.extend_from_slice(part))?;
            Ok(bytes)
        };
        let (before, after) = self.recipe.signed.around_body();
        Ok((bytes(before)?, after.map(bytes).transpose()?))
    }
}
