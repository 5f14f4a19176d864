//! Upstreams: addresses and trust.

use std::time::Duration;

use http::HeaderValue;

use super::{Context, Names, tls};
use crate::config::file::UpstreamFile;
use crate::config::node::Spanned;
use crate::config::read::Named;
use crate::config::resolved::{Retry, Upstream, UpstreamUrl, UrlScheme};
use crate::config::text::Url;

const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn upstreams(file: Named<UpstreamFile>, context: &mut Context<'_>) -> Names<Upstream> {
    let mut trust = tls::Trust::default();
    Names::new(file, context, |name, file, context| upstream(name, file, &mut trust, context))
}

fn upstream(
    name: &Spanned<String>,
    file: UpstreamFile,
    trust: &mut tls::Trust,
    context: &mut Context<'_>,
) -> Option<Upstream> {
    let tls = tls::client(file.url.as_ref(), &file.trust, trust, context);
    Some(Upstream {
        name: name.value.as_str().into(),
        url: address(file.url?.value),
        timeout: file.timeout.unwrap_or(TIMEOUT),
        connect_timeout: file.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        tls: tls?,
        retry: file.retry.unwrap_or_else(Retry::standard_webhooks),
        pace: file.pace,
    })
}

pub(super) fn address(url: Url) -> UpstreamUrl {
    let (scheme, usual) = if url.secure { (UrlScheme::Https, 443) } else { (UrlScheme::Http, 80) };
    let port = url.port.unwrap_or(usual);
    let authority = if port == usual { url.host.clone() } else { format!("{}:{port}", url.host) };
    let host = url.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let authority = HeaderValue::try_from(authority).expect("a host that was read is visible ASCII");
    UpstreamUrl { scheme, host, port, path: url.path, authority }
}
