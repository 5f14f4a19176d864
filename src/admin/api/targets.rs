//! Sources, upstreams and endpoints as configured, with what waits for them; never a secret.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::json::{time, waiting};
use super::{Call, Refusal};
use crate::config::{
    Dedup, Delivery, Endpoint, EndpointDelivery, Envelope, ForwardBody, Pace, Retry, Signing, Source, StatusSet,
    Upstream, Verification,
};
use crate::scheme::Keyring;
use crate::store::ledger::{Depth, Target, TargetKind};

impl Call<'_> {
    /// Who may send.
    pub(super) fn sources(&self) -> Value {
        let seen = self.state.view.seen();
        json!({ "sources": seen.sources.iter().map(|each| source(each, self.now)).collect::<Vec<_>>() })
    }

    /// The apps.
    pub(super) fn upstreams(&self) -> Value {
        let depths = self.depths();
        let seen = self.state.view.seen();
        json!({ "upstreams": seen.upstreams.iter().map(|each| upstream(each, &depths, self.now)).collect::<Vec<_>>() })
    }

    /// The app that the path names.
    pub(super) fn upstream(&self) -> Result<Value, Refusal> {
        let seen = self.state.view.seen();
        let found = seen.upstreams.iter().find(|upstream| *upstream.name == *self.name);
        Ok(upstream(found.ok_or(Refusal::NotFound)?, &self.depths(), self.now))
    }

    /// The receivers.
    pub(super) fn endpoints(&self) -> Value {
        let depths = self.depths();
        let seen = self.state.view.seen();
        json!({ "endpoints": seen.endpoints.iter().map(|each| endpoint(each, &depths, self.now)).collect::<Vec<_>>() })
    }

    /// The receiver that the path names.
    pub(super) fn endpoint(&self) -> Result<Value, Refusal> {
        let seen = self.state.view.seen();
        let found = seen.endpoints.iter().find(|endpoint| *endpoint.name == *self.name);
        Ok(endpoint(found.ok_or(Refusal::NotFound)?, &self.depths(), self.now))
    }

    /// Whatever deliveries go to or wait for, also what the configuration has no more.
    pub(super) fn targets(&self) -> Value {
        let target = |depth: &Depth| {
            let kind = match depth.target.kind {
                TargetKind::Endpoint => "endpoint",
                TargetKind::Upstream => "upstream",
            };
            with(json!({ "kind": kind, "name": &*depth.target.name }), waiting(Some(depth)))
        };
        json!({ "targets": self.depths().iter().map(target).collect::<Vec<_>>() })
    }

    /// The target that the path names, if it is configured or deliveries wait for it.
    pub(super) fn target(&self, kind: TargetKind) -> Result<Target, Refusal> {
        let seen = self.state.view.seen();
        let target = Target { kind, name: Arc::from(self.name.as_str()) };
        let is_configured = match kind {
            TargetKind::Endpoint => seen.endpoints.iter().any(|endpoint| endpoint.name == target.name),
            TargetKind::Upstream => seen.upstreams.iter().any(|upstream| upstream.name == target.name),
        };
        let is_known = is_configured || self.depths().iter().any(|depth| depth.target == target);
        is_known.then_some(target).ok_or(Refusal::NotFound)
    }

    fn depths(&self) -> Vec<Depth> {
        let mut depths = self.ledger().map(|ledger| ledger.depths()).unwrap_or_default();
        depths.sort_by(|one, other| one.target.cmp(&other.target));
        depths
    }
}

fn source(source: &Source, now: Timestamp) -> Value {
    let dedup = match &source.dedup {
        Dedup::Off => Value::Null,
        Dedup::On { window, entries, also_body, .. } => {
            json!({ "window_seconds": seconds(*window), "entries": entries, "also_body": also_body })
        }
    };
    json!({
        "name": &*source.name,
        "path": source.path,
        "host": source.host,
        "scheme": &*source.scheme.name,
        "secrets": secrets(&source.keyring, now),
        "upstream": &*source.upstream.name,
        "delivery": match source.delivery {
            Delivery::Queue => "queue",
            Delivery::Sync => "sync",
            Delivery::SyncThenQueue { .. } => "sync_then_queue",
        },
        "within_seconds": match source.delivery {
            Delivery::SyncThenQueue { within } => Some(seconds(within)),
            Delivery::Queue | Delivery::Sync => None,
        },
        "events": source.events.as_ref().map(|events| events.iter().map(|each| each.0.as_str()).collect::<Vec<_>>()),
        "dedup": dedup,
        "verification": match source.verification {
            Verification::Enforce => "enforce",
            Verification::ReportOnly => "report_only",
        },
        "forward": {
            "path": source.forward.path,
            "body": match source.forward.body {
                ForwardBody::Original => "original",
                ForwardBody::Payload => "payload",
            },
        },
    })
}

fn upstream(upstream: &Upstream, depths: &[Depth], now: Timestamp) -> Value {
    let sign = |sign: &Arc<Signing>| json!({ "scheme": &*sign.scheme.name, "secrets": secrets(&sign.keyring, now) });
    let shown = json!({
        "name": &*upstream.name,
        "url": upstream.url.to_string(),
        "urls": upstream.addresses().map(ToString::to_string).collect::<Vec<_>>(),
        "sign": upstream.sign.as_ref().map(sign),
        "timeout_seconds": seconds(upstream.timeout),
        "connect_timeout_seconds": seconds(upstream.connect_timeout),
        "retry": retry(&upstream.retry, upstream.timeout),
        "pace": pace(upstream.pace),
    });
    with(shown, waiting(depth(depths, TargetKind::Upstream, &upstream.name)))
}

/// The longest attempt at an endpoint that says nothing about it.
const ENDPOINT_TIMEOUT: Duration = Duration::from_secs(30);

fn endpoint(endpoint: &Endpoint, depths: &[Depth], now: Timestamp) -> Value {
    let shown = json!({
        "name": &*endpoint.name,
        "url": endpoint.url.to_string(),
        "scheme": &*endpoint.scheme.name,
        "secrets": secrets(&endpoint.keyring, now),
        "events": endpoint.events.iter().map(|pattern| pattern.0.as_str()).collect::<Vec<_>>(),
        "delivery": match endpoint.delivery {
            EndpointDelivery::Queue => "queue",
            EndpointDelivery::Sync => "sync",
        },
        "envelope": match endpoint.envelope {
            Envelope::Jws => "jws",
            Envelope::Lmif => "lmif",
            Envelope::LoginRadius => "loginradius",
            Envelope::None => "none",
        },
        "connect_timeout_seconds": seconds(endpoint.connect_timeout),
        "retry": retry(&endpoint.retry, ENDPOINT_TIMEOUT),
        "pace": pace(endpoint.pace),
    });
    with(shown, waiting(depth(depths, TargetKind::Endpoint, &endpoint.name)))
}

fn depth<'a>(depths: &'a [Depth], kind: TargetKind, name: &str) -> Option<&'a Depth> {
    depths.iter().find(|depth| depth.target.kind == kind && *depth.target.name == *name)
}

/// The ids of secrets, and when they count.
fn secrets(keyring: &Keyring, now: Timestamp) -> Value {
    let valid: Vec<usize> = keyring.valid_at(now).collect();
    let secret = |(position, id): (usize, &str)| {
        let end = keyring.expiries().find(|(ending, _)| *ending == id).map(|(_, end)| time(end));
        json!({ "id": id, "valid": valid.contains(&position), "not_after": end })
    };
    keyring.key_ids().enumerate().map(secret).collect()
}

fn retry(retry: &Retry, timeout: Duration) -> Value {
    json!({
        "schedule_seconds": retry.schedule.iter().map(|delay| seconds(*delay)).collect::<Vec<_>>(),
        "jitter": retry.jitter,
        "timeout_seconds": seconds(retry.timeout.unwrap_or(timeout)),
        "success": statuses(&retry.success),
        "give_up_on": statuses(&retry.give_up_on),
    })
}

fn statuses(set: &StatusSet) -> Vec<String> {
    set.0.iter().map(|range| format!("{}-{}", range.start(), range.end())).collect()
}

fn pace(pace: Pace) -> Value {
    json!({ "concurrency": pace.concurrency, "rate": pace.rate })
}

/// A number of seconds, without a fraction where there is none.
fn seconds(duration: Duration) -> Value {
    match duration.subsec_nanos() {
        0 => duration.as_secs().into(),
        _ => duration.as_secs_f64().into(),
    }
}

/// One object of two.
fn with(one: Value, other: Value) -> Value {
    let fields = |value| match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    Value::Object(fields(one).into_iter().chain(fields(other)).collect())
}
