//! The form of a scheme as data: where the signature stands, how it is
//! written, and which bytes it covers.
//!
//! A preset is a constant of [`Recipe`], a scheme written in YAML is a value
//! of it; signing and verifying read the same one.

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderName;

use super::locator::Pointer;
use super::offer::MOST_NUMBERED;
use super::public::{KeyForm, PublicAlgorithm};

/// A text that is a constant in a preset and owned in a YAML scheme.
pub type Text = Cow<'static, str>;

/// How a sender makes and carries its signature: an HMAC, or with [`PublicRecipe`] one that a public key verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe<A = Algorithm, K = SecretEncoding> {
    /// The hash inside the HMAC, or the algorithm of the public key.
    pub algorithm: A,
    /// Where the signature travels.
    pub carrier: Carrier,
    /// How the value of the carrier is written.
    pub format: Format,
    /// How the bytes of the signature are written.
    pub encoding: Encoding,
    /// The bytes that are signed.
    pub signed: Template,
    /// Where the time of signing is found; `None`: the sender states none.
    pub timestamp: Option<TimestampRule>,
    /// How far the timestamp may be from now, both ways; `None`: not checked.
    pub tolerance: Option<Duration>,
    /// How the text of a secret, or of a public key, becomes the key.
    pub secret: K,
}

/// As [`Recipe`], where the sender signs with a private key.
pub type PublicRecipe = Recipe<PublicAlgorithm, KeyForm>;

impl<A, K> Recipe<A, K> {
    /// Where the time of signing stands, if anywhere.
    pub(super) fn timestamp_source(&self) -> Option<&TimestampSource> {
        self.timestamp.as_ref().map(|rule| &rule.from)
    }
}

/// The hash inside an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA1, 20 bytes.
    Sha1,
    /// HMAC-SHA256, 32 bytes.
    Sha256,
    /// HMAC-SHA384, 48 bytes.
    Sha384,
    /// HMAC-SHA512, 64 bytes.
    Sha512,
}

/// Where a signature travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In one of these headers, each at most once; a match in any is enough.
    Headers(Cow<'static, [HeaderName]>),
    /// In a string of the JSON body.
    Json(Pointer),
    /// In the headers `<prefix>1<suffix>` to `<prefix>100<suffix>`, lower case.
    Numbered {
        /// What stands before the number.
        prefix: Text,
        /// What stands behind the number.
        suffix: Text,
    },
}

impl Carrier {
    /// The headers that it can be, whether or not all are there.
    pub(crate) fn headers(&self) -> Vec<HeaderName> {
        match self {
            Self::Headers(names) => names.to_vec(),
            Self::Json(_) => Vec::new(),
            Self::Numbered { prefix, suffix } => {
                (1..=MOST_NUMBERED).filter_map(|number| format!("{prefix}{number}{suffix}").parse().ok()).collect()
            }
        }
    }

    /// Whether this header can be it.
    pub(super) fn is_in(&self, header: &HeaderName) -> bool {
        match self {
            Self::Headers(names) => names.contains(header),
            Self::Json(_) => false,
            Self::Numbered { .. } => self.headers().contains(header),
        }
    }
}

/// How the value of a carrier is divided and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The items that are understood, in the order in which they are written.
    pub items: Cow<'static, [Item]>,
    /// What stands between items; `None`: the value is one item.
    pub separator: Option<Text>,
}

/// One item of a [`Format`]: a literal beginning and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The literal beginning, such as `v1=`; empty: the item goes by position.
    pub prefix: Text,
    /// What the rest of the item is.
    pub value: Placeholder,
}

/// What an item of a [`Format`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// A signature in the recipe's encoding.
    Signature,
    /// The time of signing, decimal digits.
    Timestamp,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 4648 §4, padded, canonical.
    Base64,
    /// RFC 4648 §5, unpadded, canonical.
    Base64Url,
    /// Written in lower case, read in any.
    HexLower,
    /// Written in upper case, read in any.
    HexUpper,
}

/// The bytes that a signature is made over, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Cow<'static, [Part]>);

/// One part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The body as received.
    Body,
    /// The value of a header.
    Header(HeaderName),
    /// The event id, where it is one header, field or parameter of the request.
    Id,
    /// A string (unescaped) or number (as written) of the JSON body.
    Json(Pointer),
    /// Fixed text.
    Literal(Text),
    /// The request's method.
    Method,
    /// A parameter of the query, percent-decoded.
    Query(Text),
    /// The timestamp's text as received.
    Timestamp,
    /// The configured public URL, the request's path and its raw query.
    Url,
    /// As [`Url`](Self::Url), with the percent-encoded forms of `!$'()*,/:;?@` decoded and no others.
    UrlDecoded,
}

/// Where the time of signing is found, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampRule {
    /// Where it stands.
    pub from: TimestampSource,
    /// How it is written.
    pub unit: TimestampUnit,
}

/// Where a timestamp stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimestampSource {
    /// In the signature's own value, as `{timestamp}` of the format.
    Format,
    /// In a header.
    Header(HeaderName),
    /// In the JSON body.
    Json(Pointer),
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampUnit {
    /// Milliseconds since 1970, decimal digits.
    Milliseconds,
    /// RFC 3339 with a zone, 0 to 9 digits of a second's fraction.
    Rfc3339,
    /// Seconds since 1970, decimal digits.
    Seconds,
}

/// How the text of a secret becomes the key's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretEncoding {
    /// Base64 (RFC 4648 §4), behind a prefix that may be there, such as `whsec_`.
    Base64 {
        /// What is cut off first, where the secret begins with it; empty: nothing.
        strip_prefix: Text,
    },
    /// Base64url (RFC 4648 §5), unpadded.
    Base64Url,
    /// Hexadecimal digits of either case.
    Hex,
    /// The text's own bytes.
    Utf8,
}
