//! Which host a request is for.

use http::{Request, header};

use super::head::{BadHead, is_host};

/// The one host that a request names.
///
/// The guard has seen to it for HTTP/1; HTTP/2 has `:authority`, and may repeat
/// it in `host` (RFC 9113 §8.3.1), but not contradict it.
pub(crate) fn host<B>(request: &Request<B>) -> Result<&str, BadHead> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (None, _) => None,
        (Some(host), None) => Some(host.to_str().map_err(|_| BadHead::Ambiguous)?),
        (Some(_), Some(_)) => return Err(BadHead::Ambiguous),
    };
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    match (authority, named) {
        (Some(authority), Some(named)) if !authority.eq_ignore_ascii_case(named) => Err(BadHead::Ambiguous),
        (Some(host), _) | (None, Some(host)) if is_host(host.as_bytes()) => Ok(host),
        _ => Err(BadHead::Ambiguous),
    }
}
