//! Upstreams: addresses and trust.

use std::time::Duration;

use http::HeaderValue;

use super::{Context, Names, tls};
use crate::config::file::UpstreamFile;
use crate::config::node::Spanned;
use crate::config::read::Named;
use crate::config::resolved::{Upstream, UpstreamUrl, UrlScheme};
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
    let secure = file.url.as_ref().is_some_and(|url| url.value.secure);
    let tls = match &file.ca {
        Some(ca) if file.url.is_some() && !secure => {
            let label = "write `https://…`, or leave `ca` out";
            context.problems.error(ca.owner, "`ca` means nothing for an `http` URL", label);
            None
        }
        Some(ca) => tls::with_authority(ca, context),
        None if secure => Some(trust.system(context)),
        None => None,
    };
    let url = file.url?;
    if secure {
        tls::check_server_name(&url, context)?;
    }
    if secure && tls.is_none() {
        return None;
    }
    Some(Upstream {
        name: name.value.as_str().into(),
        url: address(url.value),
        timeout: file.timeout.unwrap_or(TIMEOUT),
        connect_timeout: file.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        tls,
    })
}

fn address(url: Url) -> UpstreamUrl {
    let (scheme, usual) = if url.secure { (UrlScheme::Https, 443) } else { (UrlScheme::Http, 80) };
    let port = url.port.unwrap_or(usual);
    let authority = if port == usual { url.host.clone() } else { format!("{}:{port}", url.host) };
    let host = url.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let authority = HeaderValue::try_from(authority).expect("a host that was read is visible ASCII");
    UpstreamUrl { scheme, host, port, path: url.path, authority }
}
