//! Which paths there are, and what each takes.

use http::Method;

use super::Refusal;
use super::change::Deed;
use crate::store::ledger::TargetKind::{Endpoint, Upstream};

/// What lies at a path for a method.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// Behind `/api/v1`; a segment in braces is any.
    pub(super) path: &'static str,
    /// What may be given in the query, or in the body's object where there is a body.
    pub(super) parameters: &'static [&'static str],
    pub(super) operation: Operation,
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Change(Deed),
    Changes,
    Deliveries,
    Delivery,
    Document,
    Endpoint,
    Endpoints,
    Sources,
    Targets,
    Upstream,
    Upstreams,
}

/// What every path begins with.
pub(super) const BASE: &str = "/api/v1";

const NOTHING: &[&str] = &[];
const REASON: &[&str] = &["reason"];
const LIST: &[&str] = &["state", "source", "endpoint", "upstream", "event_id", "since", "until", "cursor", "limit"];
const FILTER: &[&str] = &["state", "source", "endpoint", "upstream", "event_id", "since", "until", "reason"];

/// All of them. Where two fit, the first counts.
pub(super) const ROUTES: &[Route] = &[
    read("/changes", &["limit"], Operation::Changes),
    read("/deliveries", LIST, Operation::Deliveries),
    change("/deliveries/replay", FILTER, Deed::ReplayAll),
    read("/deliveries/{id}", NOTHING, Operation::Delivery),
    change("/deliveries/{id}/discard", REASON, Deed::Discard),
    change("/deliveries/{id}/replay", REASON, Deed::Replay),
    read("/endpoints", NOTHING, Operation::Endpoints),
    read("/endpoints/{name}", NOTHING, Operation::Endpoint),
    change("/endpoints/{name}/pause", REASON, Deed::Pause(Endpoint)),
    change("/endpoints/{name}/resume", REASON, Deed::Resume(Endpoint)),
    change("/endpoints/{name}/test", REASON, Deed::Test),
    read("/openapi.json", NOTHING, Operation::Document),
    read("/sources", NOTHING, Operation::Sources),
    read("/targets", NOTHING, Operation::Targets),
    read("/upstreams", NOTHING, Operation::Upstreams),
    read("/upstreams/{name}", NOTHING, Operation::Upstream),
    change("/upstreams/{name}/pause", REASON, Deed::Pause(Upstream)),
    change("/upstreams/{name}/resume", REASON, Deed::Resume(Upstream)),
];

const fn read(path: &'static str, parameters: &'static [&'static str], operation: Operation) -> Route {
    Route { method: Method::GET, path, parameters, operation }
}

const fn change(path: &'static str, parameters: &'static [&'static str], deed: Deed) -> Route {
    Route { method: Method::POST, path, parameters, operation: Operation::Change(deed) }
}

/// What is meant by a request, and the name in its path.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Result<(&'static Route, &'a str), Refusal> {
    let path = path.strip_prefix(BASE).ok_or(Refusal::NotFound)?;
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let fitting = || ROUTES.iter().filter_map(|route| Some((route, fit(route.path, path)?)));
    if let Some(found) = fitting().find(|(route, _)| route.method == method) {
        return Ok(found);
    }
    match fitting().next() {
        Some((Route { method: Method::GET, .. }, _)) => Err(Refusal::MethodNotAllowed("GET, HEAD")),
        Some(_) => Err(Refusal::MethodNotAllowed("POST")),
        None => Err(Refusal::NotFound),
    }
}

/// The name in a path, or nothing where it has none; `None`: it does not fit.
fn fit<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let (mut parts, mut name) = (path.split('/'), "");
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        if wanted.starts_with('{') && !part.is_empty() {
            name = part;
        } else if wanted != part {
            return None;
        }
    }
    parts.next().is_none().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_ours_goes_before_a_name() {
        let (route, name) = find(&Method::POST, "/api/v1/deliveries/replay").unwrap();

        assert_eq!((route.path, name), ("/deliveries/replay", ""));
        let (route, name) = find(&Method::GET, "/api/v1/deliveries/replay").unwrap();
        assert_eq!((route.path, name), ("/deliveries/{id}", "replay"));
    }

    #[test]
    fn another_method_is_told_which_one_there_is() {
        let allowed = |method, path| match find(&method, path) {
            Err(Refusal::MethodNotAllowed(allowed)) => allowed,
            other => panic!("{other:?}"),
        };

        assert_eq!(allowed(Method::DELETE, "/api/v1/deliveries"), "GET, HEAD");
        assert_eq!(allowed(Method::GET, "/api/v1/endpoints/partner/pause"), "POST");
        assert_eq!(find(&Method::HEAD, "/api/v1/sources").unwrap().0.path, "/sources");
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for path in ["/api", "/api/v1", "/api/v1/", "/api/v2/sources", "/api/v1/sources/", "/api/v1//sources"] {
            assert!(matches!(find(&Method::GET, path), Err(Refusal::NotFound)), "{path}");
        }
        for path in ["/api/v1/endpoints//pause", "/api/v1/endpoints/a/b/pause", "/api/v1/sources/lmif/pause"] {
            assert!(matches!(find(&Method::POST, path), Err(Refusal::NotFound)), "{path}");
        }
    }
}
