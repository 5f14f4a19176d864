//! Which event a verified message is.
//!
//! An id is never simply absent: where a part of it is missing or doubtful, the payload's digest takes its place, so
//! that dropping a header cannot switch deduplication off.

use std::cell::OnceCell;

use http::HeaderValue;
use sha2::{Digest as _, Sha256};

use super::encoding::hex;
use super::given::{Fields, parameter, single};
use super::json::Scalar;
use super::{Body, Head, Locator, Pointer, Scheme, TypeCase, Verified};

#[cfg(test)]
mod tests;

/// The longest id or type that is passed on as it is, in bytes, as it is written into the header.
const LONGEST: usize = 256;

/// Which event a message is, and of which type.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its id.
    pub id: EventId,
    /// Its type, in lower case where the scheme ignores case.
    pub kind: Option<String>,
    /// Whether the signature covers every part of the id.
    pub signed: bool,
}

/// The id of an event: the joined parts that a scheme names, or the payload's SHA-256 where one is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventId {
    parts: Vec<Part>,
    fallback: bool,
    header: HeaderValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Digest([u8; 32]),
    Number(String),
    Text(Vec<u8>),
}

impl Scheme {
    /// Finds the id and the type of a verified message.
    ///
    /// `event_id` and `event_type` stand in for the scheme's own.
    pub fn identify(
        &self,
        verified: &Verified,
        head: &Head<'_>,
        event_id: Option<&[Locator]>,
        event_type: Option<&Locator>,
    ) -> Identity {
        let locators = event_id.unwrap_or(&self.event_id);
        let kind = event_type.or(self.event_type.as_ref());
        let event = Event::new(verified.payload(), head, locators.iter().chain(kind));
        let parts = locators.iter().map(|locator| event.part(locator)).collect::<Option<Vec<_>>>();
        let id = EventId::new(parts.filter(|parts| !parts.is_empty()), &event);
        let kind = kind.and_then(|locator| event.part(locator)).and_then(Part::into_text);
        Identity {
            signed: if id.fallback { self.covers_id(&[]) } else { self.covers_id(locators) },
            id,
            kind: match self.type_case {
                TypeCase::Exact => kind,
                TypeCase::Ignored => kind.map(|kind| kind.to_lowercase()),
            },
        }
    }
}

impl Scheme {
    /// The id and the type that a payload that is to be sent says of itself, in the fields where its receiver will
    /// look for them. An id counts where it is one field.
    pub fn named(&self, payload: &Body) -> (Option<String>, Option<String>) {
        let id = match &*self.event_id {
            [Locator::Json(pointer)] => Some(pointer),
            _ => None,
        };
        let kind = match &self.event_type {
            Some(Locator::Json(pointer)) => Some(pointer),
            _ => None,
        };
        let fields = Fields::pick(payload, id.into_iter().chain(kind).collect());
        let field = |pointer: Option<&Pointer>| fields.get(pointer?).map(str::to_owned);
        (field(id), field(kind))
    }
}

/// A verified message, to be named.
struct Event<'a> {
    payload: &'a Body,
    head: &'a Head<'a>,
    fields: Fields<'a>,
    digest: OnceCell<[u8; 32]>,
}

impl<'a> Event<'a> {
    fn new(payload: &'a Body, head: &'a Head<'a>, locators: impl Iterator<Item = &'a Locator>) -> Self {
        let pointers: Vec<&Pointer> = locators
            .filter_map(|locator| match locator {
                Locator::Json(pointer) => Some(pointer),
                _ => None,
            })
            .collect();
        Self { payload, head, fields: Fields::pick(payload, pointers), digest: OnceCell::new() }
    }

    /// What stands at `locator`; never an empty text.
    fn part(&self, locator: &Locator) -> Option<Part> {
        let part = match locator {
            Locator::DigestBody => Part::Digest(self.digest()),
            Locator::Header(name) => Part::Text(single(self.head.headers, name).ok()??.as_bytes().to_vec()),
            Locator::Json(pointer) => self.fields.scalar(pointer)?.clone().into(),
            Locator::Literal(text) => Part::Text(text.as_bytes().to_vec()),
            Locator::Query(name) => Part::Text(parameter(self.head.query, name).ok()??),
        };
        Some(part).filter(|part| !matches!(part, Part::Text(text) if text.is_empty()))
    }

    /// The payload's digest, computed only where it is asked for.
    fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| {
            let mut hash = Sha256::new();
            self.payload.frames().for_each(|frame| hash.update(frame));
            hash.finalize().into()
        })
    }
}

impl From<Scalar> for Part {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Number(text) => Self::Number(text),
            Scalar::String(text) => Self::Text(text.into_bytes()),
        }
    }
}

impl Part {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Digest(digest) => Some(written(&digest)),
            Self::Number(text) => Some(text),
            Self::Text(text) => String::from_utf8(text).ok(),
        }
    }
}

impl EventId {
    fn new(parts: Option<Vec<Part>>, event: &Event<'_>) -> Self {
        let fallback = parts.is_none();
        let parts = parts.unwrap_or_else(|| vec![Part::Digest(event.digest())]);
        if let [Part::Text(text)] = &*parts
            && let Some(header) = as_it_is(text)
        {
            return Self { parts, fallback, header };
        }
        let mut text = String::new();
        for (index, part) in parts.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { ":" });
            match part {
                Part::Digest(digest) => text.push_str(&written(digest)),
                Part::Number(number) => text.push_str(number),
                Part::Text(bytes) => percent_encode(bytes, &mut text),
            }
        }
        let header = header_value(text, || event.digest());
        Self { parts, fallback, header }
    }

    /// The key under which deduplication remembers the event, within `scope`.
    ///
    /// SHA-256 over the scope and the parts, each with its type and length, cut to 16 bytes: a number is never the same
    /// as a string, and no two lists of parts are the same for being joined.
    pub fn key(&self, scope: &str) -> [u8; 16] {
        let mut hash = Sha256::new();
        let mut add = |kind: u8, bytes: &[u8]| {
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(b's', scope.as_bytes());
        for part in &self.parts {
            match part {
                Part::Digest(digest) => add(b'd', digest),
                Part::Number(text) => add(b'n', text.as_bytes()),
                Part::Text(text) => add(b't', text),
            }
        }
        let digest: [u8; 32] = hash.finalize().into();
        std::array::from_fn(|index| digest[index])
    }

    /// Whether a part was missing, so that the payload's digest is the id.
    pub fn is_fallback(&self) -> bool {
        self.fallback
    }

    /// The id as `Countersign-Event-Id` carries it.
    ///
    /// Parts are joined by `:`; bytes outside visible ASCII, and `%`, are percent-encoded; over 256 bytes, or where a
    /// part is missing, it is `sha256:` and the payload's digest in hexadecimal.
    pub fn header_value(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// An event type as `Countersign-Event-Type` carries it.
///
/// Written as [`EventId::header_value`]; over 256 bytes it is `sha256:` and the digest of the type's text.
pub fn type_header_value(kind: &str) -> HeaderValue {
    if let Some(value) = as_it_is(kind.as_bytes()) {
        return value;
    }
    let mut text = String::new();
    percent_encode(kind.as_bytes(), &mut text);
    header_value(text, || Sha256::digest(kind).into())
}

/// The usual id and type, of which no byte has to be encoded.
fn as_it_is(text: &[u8]) -> Option<HeaderValue> {
    // Without a branch: the compiler makes wide instructions of it.
    let is_plain = text.iter().fold(true, |plain, byte| plain & is_plain(*byte));
    if is_plain && text.len() <= LONGEST { HeaderValue::from_bytes(text).ok() } else { None }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() & (byte != b'%')
}

fn header_value(text: String, digest: impl FnOnce() -> [u8; 32]) -> HeaderValue {
    let text = if text.len() > LONGEST { written(&digest()) } else { text };
    HeaderValue::try_from(text).expect("percent-encoding and hexadecimal leave visible ASCII")
}

fn written(digest: &[u8; 32]) -> String {
    format!("sha256:{}", hex(digest))
}

fn percent_encode(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        if is_plain(*byte) {
            text.push(char::from(*byte));
        } else {
            text.extend(['%', upper_hex(byte >> 4), upper_hex(byte & 15)]);
        }
    }
}

fn upper_hex(digit: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(digit)])
}
