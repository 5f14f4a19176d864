//! Which source a request is for.
//!
//! A path is compared byte for byte as it was received, before the `?`: no
//! decoding, no dots, no slashes merged. Whatever normalises differently in
//! front or behind cannot make a request reach another source.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::sign::Signer;
use crate::config::Source;
use crate::http::gate::Gate;
use crate::store::ScopeHandle;
use crate::telemetry::metrics::{Metrics, SourceMetrics, TargetMetrics, UpstreamMetrics};

/// A source, and what belongs to it while the gateway runs.
#[derive(Debug)]
pub(super) struct Route {
    pub source: Arc<Source>,
    /// `Countersign-Source`.
    pub label: HeaderValue,
    /// What the source remembers.
    pub scope: ScopeHandle,
    pub metrics: SourceMetrics,
    /// The place of its upstream in the list of upstreams.
    pub upstream: usize,
    /// The way to its upstream, for those that a sender waits for.
    pub way: Arc<Gate>,
    pub upstream_metrics: UpstreamMetrics,
    /// What is counted of attempts to deliver from the queue.
    pub attempts: TargetMetrics,
    /// Who signs what the app is sent, if it wants that.
    pub signer: Option<Rc<Signer>>,
    /// The headers that carry or take part in the signature.
    signature_headers: Vec<HeaderName>,
}

impl Route {
    pub(super) fn new(
        source: Arc<Source>,
        scope: ScopeHandle,
        (upstream, way): (usize, Arc<Gate>),
        all: &Metrics,
    ) -> Self {
        let metrics = all.source(&source.name, source.keyring.key_ids());
        let (upstream_metrics, attempts) = (all.upstream(&source.upstream.name), all.target(&source.upstream.name));
        let label = HeaderValue::from_str(&source.name).expect("config allows visible ASCII in names only");
        let signature_headers = source.scheme.signature_headers();
        let signer = Signer::of(&source.upstream).map(Rc::new);
        Self { source, label, scope, metrics, upstream, way, upstream_metrics, attempts, signer, signature_headers }
    }

    /// Whether a header takes part in the signature, and so must reach the app.
    pub(super) fn signs_with(&self, name: &HeaderName) -> bool {
        self.signature_headers.contains(name)
    }
}

/// The routes of one configuration, by path and then host.
#[derive(Debug, Default)]
pub(super) struct Routes {
    by_path: HashMap<String, Vec<Rc<Route>>>,
}

impl Routes {
    pub(super) fn new(routes: impl Iterator<Item = Rc<Route>>) -> Self {
        let mut by_path: HashMap<String, Vec<Rc<Route>>> = HashMap::new();
        for route in routes {
            by_path.entry(route.source.path.clone()).or_default().push(route);
        }
        for routes in by_path.values_mut() {
            // A source that names its host goes before one that takes any.
            routes.sort_by_key(|route| route.source.host.is_none());
        }
        Self { by_path }
    }

    pub(super) fn find(&self, host: &str, path: &str) -> Option<&Rc<Route>> {
        self.by_path.get(path)?.iter().find(|route| match &route.source.host {
            None => true,
            Some(wanted) => wanted.eq_ignore_ascii_case(host) || wanted.eq_ignore_ascii_case(without_port(host)),
        })
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
