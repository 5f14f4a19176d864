//! What must hold of any configuration, and of the small texts in it.

use std::sync::LazyLock;
use std::time::Duration;

use http::uri::PathAndQuery;
use ipnet::IpNet;
use jiff::Timestamp;

use super::read::Word;
use super::socket::{AppUrl, TrustedProxy};
use super::text::{EndpointUrl, HostName, RequestPath, Url, VariableName};
use super::unit::{Size, duration, size};
use super::{GivenEnvironment, Listen, parse, table};
use crate::scheme::{Carrier, Format, Pointer, Template};

/// What must not be seen in any output.
const SECRET: &str = "correct-horse-battery-staple";

/// A whole configuration: it has a meaning, or all its mistakes are told, at places that are in it. Neither shows what a
/// reference leads to, and the same text means the same again.
pub fn config(data: &[u8]) {
    static WORLD: LazyLock<GivenEnvironment> = LazyLock::new(world);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let now = Timestamp::from_second(1_767_225_600).expect("a moment");
    let read = || match parse(text, "x.yaml", &*WORLD, now) {
        Ok((config, report)) => (true, format!("{config:?}{report}{}", table(&config, now))),
        Err(mistakes) => (false, mistakes.to_string()),
    };
    let (is_sound, said) = read();
    assert!(!said.contains(SECRET) || text.contains(SECRET), "{said}");
    assert!(is_sound || said.starts_with("error"), "{said}");
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    // A mistake in an alias is told wherever it is used; a message has some lines, and a line is cut.
    assert!(said.len() < 200_000 + 2000 * text.len(), "{} bytes of {}", said.len(), text.len());
}

fn world() -> GivenEnvironment {
    let keys = [
        ("/run/keys/ed25519.pub.pem", &include_bytes!("../../tests/keys/ed25519.pub.pem")[..]),
        ("/run/keys/p256.pub.pem", include_bytes!("../../tests/keys/p256.pub.pem")),
        ("/run/tls.crt", include_bytes!("../../tests/keys/p256.crt")),
        ("/run/tls.key", include_bytes!("../../tests/keys/p256.pem")),
    ];
    let world = GivenEnvironment::default().variable("GOOD", SECRET).variable("OTHER", format!("{SECRET}-2"));
    keys.into_iter().fold(world.file("/run/secret", SECRET), |world, (path, content)| world.file(path, content))
}

/// What is read is what was written, and what other programs read.
pub(crate) fn texts(text: &str) {
    if let Ok(read) = Duration::parse(text) {
        assert_eq!(sum(&duration(read)), Some(read), "{text}");
    }
    if let Ok(read) = Size::parse(text) {
        assert_eq!(Size::parse(&size(read.0)).ok(), Some(read), "{text}");
    }
    if let Ok(range) = IpNet::parse(text) {
        assert_eq!(IpNet::parse(&range.to_string()).ok(), Some(range));
    }
    if let Ok(Listen::Tcp(address)) = Listen::parse(text) {
        assert!(Listen::parse(&address.to_string()).is_ok());
    }
    if let Ok(RequestPath(path)) = RequestPath::parse(text) {
        assert_eq!(path.parse::<PathAndQuery>().map(|read| read.path() == path).ok(), Some(true), "{path}");
    }
    let _ = (AppUrl::parse(text).is_ok(), TrustedProxy::parse(text).is_ok(), VariableName::parse(text).is_ok());
    urls(text);
    grammar(text);
}

/// A duration as it is written for a person: `34h36m`.
fn sum(mut text: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    while !text.is_empty() {
        let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
        let end = text[unit..].find(|c: char| c.is_ascii_digit()).map_or(text.len(), |length| unit + length);
        sum += Duration::parse(&text[..end]).ok()?;
        text = &text[end..];
    }
    Some(sum)
}

/// The host that is checked is the host that is connected to.
fn urls(text: &str) {
    let Ok(EndpointUrl { url, query }) = EndpointUrl::parse(text) else { return };
    let read = text.parse::<http::Uri>().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(read.host().map(str::to_ascii_lowercase), Some(url.host.clone()));
    assert_eq!(read.port_u16(), url.port);
    assert_eq!(read.scheme_str(), Some(if url.secure { "https" } else { "http" }));
    assert_eq!(read.query(), query.as_deref());
    assert_eq!(read.path().strip_prefix('/'), Some(url.path.strip_prefix('/').unwrap_or_default()));
    assert!(HostName::parse(&url.host).is_ok());
    if let Ok(plain) = Url::parse(text) {
        assert_eq!((&plain.host, plain.port, plain.secure), (&url.host, url.port, url.secure));
    }
}

/// What is read of the grammar is shown as it was written, and a mistake is at a place in it.
fn grammar(text: &str) {
    let results = [
        Format::parse(text, None).map(|format| format.to_string()),
        Format::parse(text, Some(",")).map(|format| format.to_string()),
        Template::parse(text).map(|template| template.to_string()),
        Pointer::parse(text).map(|pointer| pointer.to_string()),
        Carrier::parse(text).map(|carrier| carrier.to_string()),
    ];
    for result in results {
        match result {
            // Names of headers have no case.
            Ok(shown) => assert!(shown.eq_ignore_ascii_case(text), "{shown} for {text}"),
            Err(mistake) => assert!(text.get(mistake.span.clone()).is_some(), "{mistake:?} {text}"),
        }
    }
}
