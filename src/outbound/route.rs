//! Which endpoints a request is for.
//!
//! The name of an endpoint is compared byte for byte, as it was received. The type of an event is
//! percent-decoded, once: a type may hold what a path cannot.

use std::sync::Arc;

use http::{Method, Request};

use super::refusal::Refusal;
use super::worker::Live;
use crate::config::Endpoint;
use crate::http::bearer::bears;
use crate::http::foreign::is_from_a_page;
use crate::store::ScopeHandle;
use crate::store::ledger::{Target, TargetKind};
use crate::telemetry::metrics::TargetMetrics;

/// An endpoint, and what belongs to it while the gateway runs.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) endpoint: Arc<Endpoint>,
    /// What is known of the events that it was sent.
    pub(super) scope: ScopeHandle,
    /// What is counted of attempts that are made while the app waits.
    pub(super) metrics: TargetMetrics,
    /// Its place in the configuration.
    pub(super) place: usize,
}

impl Route {
    pub(super) fn target(&self) -> Target {
        Target { kind: TargetKind::Endpoint, name: self.endpoint.name.clone() }
    }
}

/// Where an event is to go.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    /// To one endpoint.
    Endpoint(Arc<Route>),
    /// To all endpoints that want events of this type.
    Topic(String, Vec<Arc<Route>>),
}

/// What the head of a request asks for.
pub(super) fn destination<B>(live: &Live, request: &Request<B>) -> Result<Destination, Refusal> {
    match &live.token {
        Some(token) if !bears(request.headers(), token) => return Err(Refusal::Unauthorized),
        None if is_from_a_page(request.headers()) => return Err(Refusal::Foreign),
        _ => {}
    }
    let destination = find(live, request.uri().path())?;
    if request.method() == Method::POST { Ok(destination) } else { Err(Refusal::MethodNotAllowed) }
}

fn find(live: &Live, path: &str) -> Result<Destination, Refusal> {
    let segment = |prefix| path.strip_prefix(prefix).filter(|rest| !rest.is_empty() && !rest.contains('/'));
    if let Some(name) = segment("/endpoints/") {
        let route = live.routes.iter().find(|route| &*route.endpoint.name == name);
        return route.cloned().map(Destination::Endpoint).ok_or(Refusal::NotFound);
    }
    let kind = decoded(segment("/events/").ok_or(Refusal::NotFound)?)?;
    let wants = |route: &&Arc<Route>| route.endpoint.events.iter().any(|pattern| pattern.matches(&kind));
    let routes = live.routes.iter().filter(wants).cloned().collect();
    Ok(Destination::Topic(kind, routes))
}

/// Percent-decodes a type of event.
pub(super) fn decoded(segment: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        bytes.push(match byte {
            b'%' => digit().zip(digit()).map(|(high, low)| (high << 4 | low) as u8).ok_or(Refusal::EventType)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|kind| is_name(kind)).ok_or(Refusal::EventType)
}

/// Whether an id or a type can be written wherever a scheme may want it: visible ASCII, at most 256 bytes.
pub(super) fn is_name(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_decoded_once() {
        assert_eq!(decoded("user:created").unwrap(), "user:created");
        assert_eq!(decoded("a%2Fb%2525").unwrap(), "a/b%25");
        for bad in ["%", "%4", "%zz", "%20", "%0a", "%ff", "%c3%a9", &"x".repeat(257)] {
            assert!(matches!(decoded(bad), Err(Refusal::EventType)), "{bad}");
        }
    }
}
