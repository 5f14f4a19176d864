//! Texts that mean something by themselves: paths, hosts, URLs,
//! names, moments.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use http::HeaderName;
use ipnet::IpNet;
use jiff::Timestamp;

use super::page::quote;
use super::read::{Complaint, Word};
use crate::scheme::{GrammarError, Pointer};

/// The path of a request, as it is compared: byte for byte, without the query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestPath(pub(super) String);

/// A host without a port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HostName(pub(super) String);

/// An `http` or `https` URL with nothing behind its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) secure: bool,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// Empty, or beginning with `/` and not ending with it.
    pub(super) path: String,
}

/// As [`Url`]; a query may follow, and the path is as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndpointUrl {
    pub(super) url: Url,
    /// Without `?`.
    pub(super) query: Option<String>,
}

/// The path of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePath(pub(super) PathBuf);

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VariableName(pub(super) String);

impl Word for RequestPath {
    const WHAT: &'static str = "a path";
    const LIKE: &'static str = "a path begins with `/`, such as `/hooks/lmif`";

    fn parse(text: &str) -> Result<RequestPath, Complaint> {
        if !text.starts_with('/') {
            return Err(Complaint::new(format!("{} does not begin with `/`", quote(text)), Self::LIKE));
        }
        check_path(text)?;
        Ok(RequestPath(text.to_owned()))
    }

    fn pattern() -> Option<String> {
        Some("^/".into())
    }
}

/// Refuses what a request line cannot hold as a path (RFC 3986 §3.3).
pub(super) fn check_path(path: &str) -> Result<(), Complaint> {
    let wrong = |c: char| {
        !c.is_ascii_graphic() || matches!(c, '"' | '#' | '<' | '>' | '?' | '\\' | '^' | '`' | '{' | '|' | '}')
    };
    let Some((at, c)) = path.char_indices().find(|(_, c)| wrong(*c)) else {
        return Ok(());
    };
    let label = match c {
        '?' | '#' => "leave it out: the query is no part of the path, and is passed on by itself".to_owned(),
        '{' | '}' => "a path is compared letter by letter; it holds no patterns".to_owned(),
        _ => "write it percent-encoded, as senders send it".to_owned(),
    };
    Err(Complaint::new("a path holds a character that it may not", label).about(at..at + c.len_utf8()))
}

impl Word for HostName {
    const WHAT: &'static str = "a host";
    const LIKE: &'static str = "a host name without a port, such as `hooks.example.com`";

    fn parse(text: &str) -> Result<HostName, Complaint> {
        if is_host(text) {
            return Ok(HostName(text.to_ascii_lowercase()));
        }
        Err(Complaint::new(format!("{} is not a host", quote(text)), Self::LIKE))
    }
}

/// A name of letters, digits, `-`, `_` and `.`, an IPv4 address, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

impl Word for Url {
    const WHAT: &'static str = "a URL";
    const LIKE: &'static str = "such as `http://127.0.0.1:3000` or `https://app.example.com/base`";

    fn parse(text: &str) -> Result<Url, Complaint> {
        let (url, end) = origin(text)?;
        if let Some(at) = text[end..].find(['?', '#']) {
            let complaint = Complaint::new("this URL may hold neither a query nor a fragment", "leave them out");
            return Err(complaint.about(end + at..text.len()));
        }
        let path = text[end..].strip_suffix('/').unwrap_or(&text[end..]);
        check_path(path).map_err(|complaint| complaint.behind(end, text.len()))?;
        Ok(Url { path: path.to_owned(), ..url })
    }
}

impl Word for EndpointUrl {
    const WHAT: &'static str = "a URL";
    const LIKE: &'static str = "such as `https://partner.example/hooks`";

    fn parse(text: &str) -> Result<EndpointUrl, Complaint> {
        let (url, end) = origin(text)?;
        if let Some(at) = text[end..].find('#') {
            let complaint = Complaint::new("this URL may not hold a fragment", "leave it out: it is never sent");
            return Err(complaint.about(end + at..text.len()));
        }
        let query = text[end..].find('?').map(|at| end + at);
        let path = &text[end..query.unwrap_or(text.len())];
        check_path(path).map_err(|complaint| {
            Complaint { label: "write it percent-encoded".into(), ..complaint }.behind(end, text.len())
        })?;
        let query =
            query.map(|at| check_query(&text[at + 1..]).map_err(|complaint| complaint.behind(at + 1, text.len())));
        Ok(EndpointUrl { url: Url { path: path.to_owned(), ..url }, query: query.transpose()? })
    }
}

/// What every URL begins with, still without a path, and where that begins.
fn origin(text: &str) -> Result<(Url, usize), Complaint> {
    let (secure, start) = match text.split_once("://") {
        Some(("http", _)) => (false, 7),
        Some(("https", _)) => (true, 8),
        _ if text.starts_with("unix:") => {
            return Err(Complaint::new("a Unix socket cannot be used here", "write an `http` or `https` URL"));
        }
        // The text is not quoted: it may be anything, a secret too.
        _ => return Err(Complaint::new("this is not an `http` or `https` URL", Url::LIKE)),
    };
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |length| start + length);
    let authority = &text[start..end];
    if let Some(at) = authority.rfind('@') {
        let complaint = Complaint::new("a URL may not hold a user or a password", "leave them out");
        return Err(complaint.about(start..start + at + 1));
    }
    let (host, port) = split_port(authority).map_err(|complaint| complaint.about(start..end))?;
    if !is_host(host) {
        let message =
            if host.is_empty() { "this URL has no host".into() } else { format!("{} is not a host", quote(host)) };
        return Err(Complaint::new(message, Url::LIKE).about(start..end));
    }
    Ok((Url { secure, host: host.to_ascii_lowercase(), port, path: String::new() }, end))
}

/// Refuses what a request line cannot hold as a query (RFC 3986 §3.4).
fn check_query(query: &str) -> Result<String, Complaint> {
    let wrong = |c: char| !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
    let Some((at, c)) = query.char_indices().find(|(_, c)| wrong(*c)) else {
        return Ok(query.to_owned());
    };
    let message = "a query holds a character that it may not";
    Err(Complaint::new(message, "write it percent-encoded").about(at..at + c.len_utf8()))
}

/// Host and port; IPv6 addresses stand in brackets.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), Complaint> {
    let after_address = authority.rfind(']').unwrap_or_default();
    let Some(colon) = authority[after_address..].find(':').map(|colon| after_address + colon) else {
        return Ok((authority, None));
    };
    match authority[colon + 1..].parse::<u16>() {
        Ok(port) if port > 0 => Ok((&authority[..colon], Some(port))),
        _ => Err(Complaint::new("this port is not one of 1 to 65535", Url::LIKE)),
    }
}

/// A range of addresses.
impl Word for IpNet {
    const WHAT: &'static str = "a range of addresses";
    const LIKE: &'static str = "such as `10.20.0.0/16`, `10.20.0.5/32` or `fd00::/8`";

    fn parse(text: &str) -> Result<IpNet, Complaint> {
        let complaint = || Complaint::new(format!("{} is not a range of addresses", quote(text)), Self::LIKE);
        let range: IpNet = text.parse().map_err(|_| complaint())?;
        if range.network() != range.addr() {
            let message = format!("{} is not where its range begins", quote(text));
            return Err(Complaint::new(message, format!("write `{}`", range.trunc())));
        }
        Ok(range)
    }
}

impl Word for FilePath {
    const WHAT: &'static str = "the path of a file";
    const LIKE: &'static str = "such as `/run/secrets/lmif`";

    fn parse(text: &str) -> Result<FilePath, Complaint> {
        if text.is_empty() || text.contains(char::is_control) || text.contains("-----BEGIN") {
            // Whoever puts the content here must not find it in a message.
            return Err(Complaint::new("this is not the path of a file", Self::LIKE));
        }
        Ok(FilePath(PathBuf::from(text)))
    }
}

impl Word for VariableName {
    const WHAT: &'static str = "the name of an environment variable";
    const LIKE: &'static str = "letters, digits and `_`, such as `LMIF_SECRET`";

    fn parse(text: &str) -> Result<VariableName, Complaint> {
        if !is_variable_name(text) {
            // Not quoted: it may be the secret itself.
            return Err(Complaint::new("this is not the name of an environment variable", Self::LIKE));
        }
        Ok(VariableName(text.to_owned()))
    }

    fn pattern() -> Option<String> {
        Some("^[A-Za-z_][A-Za-z0-9_]*$".into())
    }
}

pub(super) fn is_variable_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
}

impl Word for HeaderName {
    const WHAT: &'static str = "the name of a header";
    const LIKE: &'static str = "such as `X-Acme-Event`";

    fn parse(text: &str) -> Result<HeaderName, Complaint> {
        HeaderName::try_from(text)
            .map_err(|_| Complaint::new(format!("{} is not the name of a header", quote(text)), Self::LIKE))
    }
}

impl Word for Pointer {
    const WHAT: &'static str = "a JSON pointer";
    const LIKE: &'static str = "such as `/data/id`";

    fn parse(text: &str) -> Result<Pointer, Complaint> {
        Pointer::parse(text).map_err(|error| grammar("this JSON pointer cannot be read", error))
    }

    fn pattern() -> Option<String> {
        Some("^/".into())
    }
}

/// What the grammar of schemes says about a text, at the place in the text.
pub(super) fn grammar(message: &str, error: GrammarError) -> Complaint {
    let label = error.kind.to_string();
    Complaint::new(message, label).about(error.span)
}

impl Word for Timestamp {
    const WHAT: &'static str = "a moment";
    const LIKE: &'static str = "date, time and zone, such as `2026-12-31T00:00:00Z`";

    fn parse(text: &str) -> Result<Timestamp, Complaint> {
        // Not quoted: it stands among secrets.
        text.parse().map_err(|_| Complaint::new("this is not a moment", Self::LIKE))
    }
}
