//! Where in a verified request a value stands.

use http::HeaderName;

use super::recipe::Text;

/// Where a value stands: a header, a field of the JSON payload, a parameter
/// of the query, the payload's digest, or a fixed word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// SHA-256 of the verified payload.
    DigestBody,
    /// The value of a header that occurs once.
    Header(HeaderName),
    /// A string or number of the verified payload.
    Json(Pointer),
    /// A fixed text, from the configuration.
    Literal(Text),
    /// A parameter of the query that occurs once, percent-decoded.
    Query(Text),
}

/// A JSON pointer (RFC 6901), `/` and a name for every step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(pub Text);
