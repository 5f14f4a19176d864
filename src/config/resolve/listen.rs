//! Listeners: what guards them, and which addresses they take.

use super::{Context, secret};
use crate::config::file::{AdminFile, ConfigFile, SecretPlace};
use crate::config::node::Spanned;
use crate::config::resolved::{Admin, Listen, Proxies};
use crate::config::socket::TrustedProxy;
use crate::scheme::Secret;

pub(super) fn admin(file: AdminFile, context: &mut Context<'_>) -> Option<Admin> {
    let token = token("admin", file.listen.as_ref(), file.token, file.has_token, context);
    Some(Admin { listen: file.listen?.value, token: token? })
}

/// What lets somebody in. Outer `None`: it could not be read.
pub(super) fn token(
    name: &str,
    listen: Option<&Spanned<Listen>>,
    token: Option<Spanned<SecretPlace>>,
    has_token: bool,
    context: &mut Context<'_>,
) -> Option<Option<Secret>> {
    if let Some(listen) = listen.filter(|listen| !has_token && !listen.value.is_local()) {
        let message = format!("`{name}` listens beyond this machine and has no token");
        context.problems.error(listen.span, message, "add `token: {env: NAME}`, or listen on `127.0.0.1`");
    }
    let Some(place) = token else { return Some(None) };
    let token = secret::token(&place, context)?;
    secret::weigh_text(token.expose().len(), place.span, context);
    Some(Some(token))
}

/// Who is believed about senders: on a Unix socket whoever connects, else ranges of addresses.
pub(super) fn proxies(
    listen: Option<&Spanned<Listen>>,
    from: Option<Vec<Spanned<TrustedProxy>>>,
    context: &mut Context<'_>,
) -> Option<Proxies> {
    let Some(from) = from else { return Some(Proxies::None) };
    let listens_on_socket = matches!(listen?.value, Listen::Unix(_));
    let mut ranges = Vec::new();
    for proxy in from {
        match proxy.value {
            TrustedProxy::Range(range) if !listens_on_socket => ranges.push(range),
            TrustedProxy::Unix if listens_on_socket => {}
            TrustedProxy::Range(_) => {
                let message = "who connects to a Unix socket has no address";
                context.problems.error(proxy.span, message, "write `from: [unix]`: whoever may open it is believed");
                return None;
            }
            TrustedProxy::Unix => {
                let message = "`unix` means nothing where an address is listened on";
                context.problems.error(proxy.span, message, "write the ranges that proxies connect from");
                return None;
            }
        }
    }
    Some(if listens_on_socket { Proxies::All } else { Proxies::In(ranges) })
}

/// No two listeners may want the same address.
pub(super) fn distinct(file: &ConfigFile, context: &mut Context<'_>) {
    let inbound = file.inbound.as_ref().and_then(|inbound| inbound.listen.as_ref());
    let outbound = file.outbound.as_ref().and_then(|outbound| outbound.listen.as_ref());
    let admin = file.admin.as_ref().and_then(|admin| admin.listen.as_ref());
    let mut taken: Vec<(&str, &Listen)> = Vec::new();
    for (name, listen) in [("inbound", inbound), ("outbound", outbound), ("admin", admin)] {
        let Some(listen) = listen else { continue };
        if let Some((other, _)) = taken.iter().find(|(_, address)| collide(address, &listen.value)) {
            let message = format!("`{name}` and `{other}` listen on the same address");
            let label = if listen.value.address().is_some() { "choose another port" } else { "choose another path" };
            context.problems.error(listen.span, message, label);
        }
        taken.push((name, &listen.value));
    }
}

/// Whether two listeners would want the same address; port 0 is a new one for each.
fn collide(one: &Listen, other: &Listen) -> bool {
    let (Listen::Tcp(one), Listen::Tcp(other)) = (one, other) else { return one == other };
    let same_host = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    same_host && one.port() == other.port() && one.port() != 0
}
