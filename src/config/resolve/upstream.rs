//! Upstreams: addresses, trust, and what is signed for them.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::{Context, Names, signing, tls};
use crate::config::file::{OneOrMore, UpstreamFile};
use crate::config::node::Spanned;
use crate::config::read::Named;
use crate::config::resolved::{Retry, Upstream, UpstreamUrl, UrlScheme};
use crate::config::socket::AppUrl;
use crate::config::text::Url;
use crate::scheme::Scheme;

const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many addresses an app may have: a request may have to try them all.
const ADDRESSES: usize = 100;

pub(super) fn upstreams(
    file: Named<UpstreamFile>,
    schemes: &Names<Scheme>,
    context: &mut Context<'_>,
) -> Names<Upstream> {
    let mut trust = tls::Trust::default();
    Names::new(file, context, |name, file, context| upstream(name, file, schemes, &mut trust, context))
}

fn upstream(
    name: &Spanned<String>,
    file: UpstreamFile,
    schemes: &Names<Scheme>,
    trust: &mut tls::Trust,
    context: &mut Context<'_>,
) -> Option<Upstream> {
    let OneOrMore(urls) = file.url.unwrap_or_else(|| OneOrMore(Vec::new()));
    let tls = match urls.first().map(|url| (url, &url.value)) {
        None => tls::client(None, &file.trust, trust, context),
        Some((_, AppUrl::Socket { .. })) => tls::unused(&file.trust, "a Unix socket", context).map(|()| None),
        Some((place, AppUrl::Network(url))) => tls::client(Some(&place.with(url.clone())), &file.trust, trust, context),
    };
    let addresses = addresses(&urls, context);
    let sign = file.sign.map(|sign| signing::signing(name, urls.len(), sign, schemes, context).map(Arc::new));
    let (url, others) = addresses?;
    Some(Upstream {
        name: name.value.as_str().into(),
        url,
        others,
        sign: sign.map_or(Some(None), |sign| sign.map(Some))?,
        timeout: file.timeout.unwrap_or(TIMEOUT),
        connect_timeout: file.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        tls: tls?,
        retry: file.retry.unwrap_or_else(Retry::standard_webhooks),
        pace: file.pace,
    })
}

/// The first address, and the others: the same app, so that it makes no difference to a request which one is asked.
fn addresses(urls: &[Spanned<AppUrl>], context: &mut Context<'_>) -> Option<(UpstreamUrl, Vec<UpstreamUrl>)> {
    if let Some(one_more) = urls.get(ADDRESSES) {
        let label = "put a load balancer in front of so many";
        context.problems.error(one_more.span, format!("an app has at most {ADDRESSES} addresses"), label);
        return None;
    }
    let known: Vec<UpstreamUrl> = urls.iter().map(|url| place_of(&url.value)).collect();
    let (first, others) = known.split_first()?;
    for (place, other) in known.iter().enumerate().skip(1) {
        let (at, label) = (urls[place].span, "an app has one form of URL: what differs is another upstream");
        if other.scheme != first.scheme {
            let message = format!("the addresses of an app differ: {} and {}", form(first), form(other));
            context.problems.error(at, message, label);
        } else if other.path != first.path {
            context.problems.error(at, "the addresses of an app have different paths", label);
        } else if let Some(same) = known[..place].iter().position(|earlier| earlier == other) {
            context.problems.repeated(at, urls[same].span, "this address is given twice");
        } else if let AppUrl::Network(url) = &urls[place].value
            && url.secure
        {
            tls::check_server_name(&urls[place].with(url.clone()), context)?;
        }
    }
    Some((first.clone(), others.to_vec()))
}

fn form(url: &UpstreamUrl) -> &'static str {
    match url.scheme {
        UrlScheme::Http => "`http`",
        UrlScheme::Https => "`https`",
        UrlScheme::Unix => "a Unix socket",
    }
}

fn place_of(url: &AppUrl) -> UpstreamUrl {
    match url {
        AppUrl::Network(url) => address(url.clone()),
        AppUrl::Socket { socket, path } => self::socket(socket.clone(), path.clone()),
    }
}

/// A socket has no name that an app could be asked for by.
fn socket(socket: String, path: String) -> UpstreamUrl {
    let authority = HeaderValue::from_static("localhost");
    UpstreamUrl { scheme: UrlScheme::Unix, host: socket, port: 0, path, authority }
}

pub(super) fn address(url: Url) -> UpstreamUrl {
    let (scheme, usual) = if url.secure { (UrlScheme::Https, 443) } else { (UrlScheme::Http, 80) };
    let port = url.port.unwrap_or(usual);
    let authority = if port == usual { url.host.clone() } else { format!("{}:{port}", url.host) };
    let host = url.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let authority = HeaderValue::try_from(authority).expect("a host that was read is visible ASCII");
    UpstreamUrl { scheme, host, port, path: url.path, authority }
}
