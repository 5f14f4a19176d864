//! Which headers end at this hop, and how those of the next hop are made.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What the gateway itself says to the app; nobody else may use these names.
const OWN_PREFIX: &str = "countersign-";

/// Removes from a request what must not reach the app.
///
/// That is the hop-by-hop headers (RFC 9110 §7.6.1) with what `Connection`
/// names, names with an underscore, which CGI-like servers cannot tell from the
/// same name with a hyphen, headers in our own namespace, and statements of who
/// forwarded what. What `keep` accepts stays even if `Connection` names it: a
/// sender's signature cannot be taken away on the road.
pub(crate) fn strip_request(headers: &mut HeaderMap, keep: impl Fn(&HeaderName) -> bool) {
    // The length stays, to be replaced in its place by the one of what is sent.
    strip(headers, |name| name != header::CONTENT_LENGTH && (ends_here(name) || is_claim(name)), keep);
}

/// Removes from an answer what belongs to the app's own connection, and our own names.
pub(crate) fn strip_answer(headers: &mut HeaderMap) {
    strip(headers, ends_here, |_| false);
}

fn strip(headers: &mut HeaderMap, ends: impl Fn(&HeaderName) -> bool, keep: impl Fn(&HeaderName) -> bool) {
    let mut doomed: Vec<HeaderName> = Vec::new();
    for (name, value) in headers.iter() {
        if ends(name) {
            doomed.push(name.clone());
        }
        if name == header::CONNECTION {
            doomed.extend(nominated(value).filter(|name| !is_end_to_end(name) && !keep(name)));
        }
    }
    for name in doomed {
        headers.remove(name);
    }
}

/// The header names that a `Connection` header lists.
fn nominated(value: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    value.as_bytes().split(|byte| *byte == b',').filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
}

/// Headers that `Connection` may not take away: without them the message would mean something else.
fn is_end_to_end(name: &HeaderName) -> bool {
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::AUTHORIZATION, header::HOST].contains(name)
}

fn ends_here(name: &HeaderName) -> bool {
    match *name {
        header::CONNECTION
        | header::CONTENT_LENGTH
        | header::EXPECT
        | header::PROXY_AUTHENTICATE
        | header::PROXY_AUTHORIZATION
        | header::TE
        | header::TRAILER
        | header::TRANSFER_ENCODING
        | header::UPGRADE => true,
        _ => match name.as_str().as_bytes()[0] {
            b'c' => name.as_str().starts_with(OWN_PREFIX),
            b'h' => name == "http2-settings",
            b'k' => name == "keep-alive",
            b'p' => name == "proxy-connection",
            _ => false,
        },
    }
}

/// What a sender says of its own way here, or may have written to be taken for something else.
fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name.as_bytes()[0] {
        b'f' if name == "forwarded" => true,
        b'x' if name.starts_with("x-forwarded-") || name == "x-real-ip" => true,
        _ => memchr::memchr(b'_', name.as_bytes()).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(pairs: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        strip_request(&mut headers, |name| name == "x-lmif-signature");
        let mut left: Vec<String> = headers.keys().map(ToString::to_string).collect();
        left.sort();
        left
    }

    #[test]
    fn what_belongs_to_one_connection_is_removed() {
        let left = stripped(&[
            ("connection", "close, X-Private"),
            ("connection", "x-second"),
            ("x-private", "1"),
            ("x-second", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AA"),
            ("proxy-connection", "close"),
            ("proxy-authorization", "x"),
            ("expect", "100-continue"),
            ("accept", "*/*"),
        ]);

        assert_eq!(left, ["accept"]);
    }

    #[test]
    fn nobody_else_speaks_in_our_name_or_with_an_underscore() {
        let left = stripped(&[
            ("countersign-verified", "true"),
            ("countersign_verified", "true"),
            ("x_lmif_signature", "1"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
            ("user-agent", "a"),
        ]);

        assert_eq!(left, ["user-agent"]);
    }

    #[test]
    fn a_connection_header_cannot_take_the_signature_or_the_content_type_away() {
        let left = stripped(&[
            ("connection", "x-lmif-signature, content-type, x-other"),
            ("x-lmif-signature", "s"),
            ("content-type", "application/json"),
            ("x-other", "1"),
        ]);

        assert_eq!(left, ["content-type", "x-lmif-signature"]);
    }
}
