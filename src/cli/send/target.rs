//! Where events are sent to.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::HeaderValue;
use http::uri::{PathAndQuery, Uri};

use crate::config::{self, SystemEnvironment};
use crate::http::anywhere::Anywhere;
use crate::http::client::{Bounds, Client};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of an answer is read: what a receiver says does not matter here, but that it ends does.
const MOST_OF_ANSWER: usize = 1 << 20;

/// A URL, and the connections there.
pub(super) struct Target {
    pub(super) client: Rc<Client<Anywhere>>,
    pub(super) bounds: Bounds,
    pub(super) host: HeaderValue,
    pub(super) path: PathAndQuery,
}

impl Target {
    pub(super) fn new(url: &Uri, ca: Option<&Path>, timeout: Duration) -> anyhow::Result<Self> {
        let authority = url.authority().filter(|_| url.scheme().is_some());
        let authority = authority.context("--to is no absolute URL, such as http://127.0.0.1:8080/hooks")?;
        ensure!(!authority.as_str().contains('@'), "--to holds a name or a password; say who you are with --header");
        let (tls, usual) = match url.scheme_str() {
            Some("http") => {
                ensure!(ca.is_none(), "--ca means nothing for an http URL");
                (None, 80)
            }
            Some("https") => {
                let what = || ca.map_or_else(|| "TLS".into(), |ca| format!("--ca {}", ca.display()));
                (Some(config::trusting(ca, &SystemEnvironment).with_context(what)?), 443)
            }
            _ => bail!("--to is neither an http nor an https URL"),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        ensure!(!host.is_empty(), "--to names no host");
        let port = authority.port_u16().unwrap_or(usual);
        Ok(Self {
            client: Client::new(Anywhere { host, port, tls, connect_timeout: CONNECT_TIMEOUT.min(timeout) }),
            bounds: Bounds { time: timeout, bytes: MOST_OF_ANSWER },
            host: HeaderValue::from_str(authority.as_str()).context("the host of --to")?,
            path: target_of(url),
        })
    }
}

/// Path and query; where there is no path, the root.
pub(super) fn target_of(url: &Uri) -> PathAndQuery {
    url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> anyhow::Result<Target> {
        Target::new(&url.parse()?, None, Duration::from_secs(1))
    }

    #[test]
    fn host_and_path_are_those_of_the_url() {
        for (url, host, path) in [
            ("http://127.0.0.1:8080/hooks?a=%2f", "127.0.0.1:8080", "/hooks?a=%2f"),
            ("http://[::1]:8080", "[::1]:8080", "/"),
            ("https://hooks.example/x", "hooks.example", "/x"),
        ] {
            let target = target(url).unwrap();

            assert_eq!((target.host.to_str().unwrap(), target.path.as_str()), (host, path));
        }
    }

    #[test]
    fn what_is_no_url_of_a_receiver_is_refused() {
        for url in ["/hooks", "example.com", "ftp://example.com/", "http://user:password@example.com/", "*"] {
            assert!(target(url).is_err(), "{url}");
        }
        let url = "http://127.0.0.1/".parse().unwrap();
        assert!(Target::new(&url, Some(Path::new("ca.pem")), Duration::from_secs(1)).is_err());
    }
}
