//! What a signature may cover beside the body.

use http::{HeaderMap, Method};

/// What a signature may cover beside the body, borrowed from the request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The path as it was sent, before `?`.
    pub path: &'a str,
    /// What follows `?`, as it was sent.
    pub query: Option<&'a str>,
    /// All header lines.
    pub headers: &'a HeaderMap,
    /// The configured URL that the sender knows this receiver by, without path; never made from `Host`.
    pub public_url: Option<&'a str>,
}
