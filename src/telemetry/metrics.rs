//! Numbers, in Prometheus' text format.
//!
//! Every handle is made when the configuration is loaded, so that a source's counters
//! stand at 0 from the start, and counting is an atomic addition: no label is built,
//! no lock is taken. Labels come from the configuration and from closed sets, never
//! from a request.
//!
//! The recorder is an object, not the process' global one: tests run several.

mod family;
#[cfg(test)]
mod tests;

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use family::Family;

use super::words::{AttemptOutcome, OutboundOutcome, Outcome, QueueState, Reason, Reload};

/// Upper bounds of the histograms' buckets, in seconds: from an app on loopback to the longest usual timeout.
const BUCKETS: [f64; 15] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Where a metric is said to come from; nothing reads it.
const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The names of all metrics, also of those that have nothing to count yet.
pub fn names() -> impl Iterator<Item = &'static str> {
    family::ALL.iter().map(|family| family.0)
}

/// All metrics of a gateway.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    reloads: Vec<Counter>,
    outbound: Vec<Counter>,
    /// Bytes of inbound bodies that are held.
    pub body_bytes: Gauge,
    /// Inbound connections that are open.
    pub connections: Gauge,
    /// Bytes of bodies from the app that are held.
    pub outbound_body_bytes: Gauge,
    /// Connections from the app that are open.
    pub outbound_connections: Gauge,
    /// Inbound requests that were for no source.
    pub unrouted: Counter,
    /// The store as a whole.
    pub store: StoreMetrics,
    /// Log lines dropped, as counted since the start.
    pub log_lines_dropped: Counter,
}

impl Metrics {
    /// Metrics of a gateway that has no sources and no upstreams.
    pub fn new() -> Metrics {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("there are buckets");
        let recorder = builder.build_recorder();
        for Family(name, help) in family::ALL {
            let unit = name.ends_with("_seconds").then_some(Unit::Seconds);
            recorder.describe_counter((*name).into(), unit, (*help).into());
        }
        let version = Label::from_static_parts("version", env!("CARGO_PKG_VERSION"));
        gauge(&recorder, &family::BUILD, vec![version]).set(1.0);
        Metrics {
            handle: recorder.handle(),
            reloads: by_word(
                &recorder,
                &family::RELOADS,
                &[],
                "outcome",
                Reload::ALL.iter().map(|reload| reload.word()),
            ),
            outbound: by_word(
                &recorder,
                &family::OUTBOUND_REQUESTS,
                &[],
                "outcome",
                OutboundOutcome::ALL.iter().map(|outcome| outcome.word()),
            ),
            body_bytes: gauge(&recorder, &family::BODY_BYTES, vec![]),
            connections: gauge(&recorder, &family::CONNECTIONS, vec![]),
            outbound_body_bytes: gauge(&recorder, &family::OUTBOUND_BODY_BYTES, vec![]),
            outbound_connections: gauge(&recorder, &family::OUTBOUND_CONNECTIONS, vec![]),
            unrouted: counter(&recorder, &family::UNROUTED, vec![]),
            store: StoreMetrics::new(&recorder),
            log_lines_dropped: counter(&recorder, &family::LOG_DROPPED, vec![]),
            recorder,
        }
    }

    /// The metrics of a source. `keys` are its secrets' ids in the order of the keyring.
    ///
    /// A source that was there before, as after a reload, goes on counting.
    pub fn source<'a>(&self, name: &str, keys: impl IntoIterator<Item = &'a str>) -> SourceMetrics {
        let (recorder, source) = (&self.recorder, [Label::new("source", name.to_owned())]);
        let outcomes = Outcome::ALL.iter().map(|outcome| outcome.word());
        let reasons = Reason::ALL.iter().map(|reason| reason.word());
        SourceMetrics {
            outcomes: by_word(recorder, &family::DELIVERIES, &source, "outcome", outcomes),
            rejections: by_word(recorder, &family::REJECTIONS, &source, "reason", reasons),
            verified: by_word(recorder, &family::VERIFIED, &source, "key", keys.into_iter().map(str::to_owned)),
            duration: histogram(recorder, &family::INBOUND_DURATION, source.to_vec()),
            conflicts: counter(recorder, &family::DEDUP_CONFLICTS, source.to_vec()),
        }
    }

    /// The metrics of what the store holds for a source.
    pub fn scope(&self, name: &str) -> ScopeMetrics {
        let (recorder, source) = (&self.recorder, vec![Label::new("source", name.to_owned())]);
        ScopeMetrics {
            entries: gauge(recorder, &family::DEDUP_ENTRIES, source.clone()),
            in_flight: gauge(recorder, &family::DEDUP_IN_FLIGHT, source.clone()),
            evictions: counter(recorder, &family::DEDUP_EVICTIONS, source),
        }
    }

    /// The metrics of an upstream.
    pub fn upstream(&self, name: &str) -> UpstreamMetrics {
        let upstream = vec![Label::new("upstream", name.to_owned())];
        UpstreamMetrics { duration: histogram(&self.recorder, &family::UPSTREAM_DURATION, upstream) }
    }

    /// The metrics of what waits for the targets of this name.
    pub fn queue(&self, target: &str) -> QueueMetrics {
        let (recorder, target) = (&self.recorder, [Label::new("target", target.to_owned())]);
        let state = |state: &QueueState| Label::new("state", state.word());
        let labels = QueueState::ALL.iter().map(|word| [&target[..], &[state(word)]].concat());
        QueueMetrics {
            deliveries: labels.map(|labels| gauge(recorder, &family::QUEUE_DELIVERIES, labels)).collect(),
            oldest: gauge(recorder, &family::QUEUE_OLDEST, target.to_vec()),
        }
    }

    /// The metrics of a target's attempts.
    ///
    /// A target that was there before goes on counting.
    pub fn target(&self, name: &str) -> TargetMetrics {
        let (recorder, target) = (&self.recorder, [Label::new("target", name.to_owned())]);
        let outcomes = AttemptOutcome::ALL.iter().map(|outcome| outcome.word());
        let open = gauge(recorder, &family::TARGET_OPEN, target.to_vec());
        open.increment(0.0);
        TargetMetrics {
            outcomes: by_word(recorder, &family::ATTEMPTS, &target, "outcome", outcomes),
            duration: histogram(recorder, &family::ATTEMPT_DURATION, target.to_vec()),
            open,
        }
    }

    /// Counts a request of the app.
    pub fn outbound(&self, outcome: OutboundOutcome) {
        self.outbound[outcome as usize].increment(1);
    }

    /// Counts a reload.
    pub fn reload(&self, outcome: Reload) {
        self.reloads[outcome as usize].increment(1);
    }

    /// Everything, in Prometheus' text format (version 0.0.4).
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Sorts what was timed into its buckets. To be called about once a second: until then every
    /// time is kept as it is, in some 32 bytes.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

/// What is counted of one source.
#[derive(Clone, Debug)]
pub struct SourceMetrics {
    outcomes: Vec<Counter>,
    rejections: Vec<Counter>,
    verified: Vec<Counter>,
    duration: Histogram,
    conflicts: Counter,
}

impl SourceMetrics {
    /// Counts what became of a request.
    pub fn outcome(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].increment(1);
    }

    /// Counts why a request was refused.
    pub fn rejection(&self, reason: Reason) {
        self.rejections[reason as usize].increment(1);
    }

    /// Counts a verified request for the secret at this place of the keyring.
    pub fn verified(&self, key: usize) {
        if let Some(counter) = self.verified.get(key) {
            counter.increment(1);
        }
    }

    /// Times a request, from its head to the end of its answer.
    pub fn duration(&self, duration: Duration) {
        self.duration.record(duration);
    }

    /// Counts a known id that came with another body, whatever became of it.
    pub fn conflict(&self) {
        self.conflicts.increment(1);
    }
}

/// What is shown of the store's part for one source.
#[derive(Clone, Debug)]
pub struct ScopeMetrics {
    entries: Gauge,
    in_flight: Gauge,
    evictions: Counter,
}

impl ScopeMetrics {
    /// Shows what the store holds; `evictions` as counted since the start.
    pub fn show(&self, entries: usize, in_flight: usize, evictions: u64) {
        self.entries.set(entries as f64);
        self.in_flight.set(in_flight as f64);
        self.evictions.absolute(evictions);
    }
}

/// What is timed of one upstream.
#[derive(Clone, Debug)]
pub struct UpstreamMetrics {
    duration: Histogram,
}

impl UpstreamMetrics {
    /// Times a request to the upstream, from its first byte to the end of the answer.
    pub fn duration(&self, duration: Duration) {
        self.duration.record(duration);
    }
}

/// What is shown of the queue's part for the targets of one name.
#[derive(Clone, Debug)]
pub struct QueueMetrics {
    deliveries: Vec<Gauge>,
    oldest: Gauge,
}

impl QueueMetrics {
    /// Shows how many wait, in the order of [`QueueState::ALL`], and how old the oldest that waits is.
    pub fn show(&self, deliveries: [u64; QueueState::ALL.len()], oldest: Duration) {
        self.deliveries.iter().zip(deliveries).for_each(|(gauge, count)| gauge.set(count as f64));
        self.oldest.set(oldest.as_secs_f64());
    }
}

/// What is counted of the attempts at one target.
#[derive(Clone, Debug)]
pub struct TargetMetrics {
    outcomes: Vec<Counter>,
    duration: Histogram,
    open: Gauge,
}

impl TargetMetrics {
    /// Counts an attempt, and how long it took.
    pub fn attempt(&self, outcome: AttemptOutcome, took: Duration) {
        self.outcomes[outcome as usize].increment(1);
        self.duration.record(took);
    }

    /// Shows whether the target seems to be down.
    pub fn open(&self, is_open: bool) {
        self.open.set(f64::from(u8::from(is_open)));
    }
}

/// What is shown of the store as a whole.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    written: Counter,
    unwritten: Counter,
    failures: Counter,
    answer_bytes: Gauge,
    healthy: Gauge,
}

impl StoreMetrics {
    fn new(recorder: &PrometheusRecorder) -> StoreMetrics {
        StoreMetrics {
            written: counter(recorder, &family::STORE_WRITTEN, vec![]),
            unwritten: counter(recorder, &family::STORE_UNWRITTEN, vec![]),
            failures: counter(recorder, &family::STORE_FAILURES, vec![]),
            answer_bytes: gauge(recorder, &family::DEDUP_ANSWER_BYTES, vec![]),
            healthy: gauge(recorder, &family::STORE_HEALTHY, vec![]),
        }
    }

    /// Shows whether the store can be written.
    pub fn healthy(&self, is_healthy: bool) {
        self.healthy.set(f64::from(u8::from(is_healthy)));
    }

    /// Shows what the store has written; all but `answer_bytes` as counted since the start.
    pub fn show(&self, written: u64, unwritten: u64, failures: u64, answer_bytes: usize) {
        self.written.absolute(written);
        self.unwritten.absolute(unwritten);
        self.failures.absolute(failures);
        self.answer_bytes.set(answer_bytes as f64);
    }
}

/// One counter for each word of a closed set.
fn by_word(
    recorder: &PrometheusRecorder,
    family: &Family,
    labels: &[Label],
    label: &'static str,
    words: impl Iterator<Item = impl Into<metrics::SharedString>>,
) -> Vec<Counter> {
    words.map(|word| counter(recorder, family, [labels, &[Label::new(label, word)]].concat())).collect()
}

fn counter(recorder: &PrometheusRecorder, family: &Family, labels: Vec<Label>) -> Counter {
    let counter = recorder.register_counter(&Key::from_parts(family.0, labels), &METADATA);
    counter.increment(0);
    counter
}

fn gauge(recorder: &PrometheusRecorder, family: &Family, labels: Vec<Label>) -> Gauge {
    recorder.register_gauge(&Key::from_parts(family.0, labels), &METADATA)
}

fn histogram(recorder: &PrometheusRecorder, family: &Family, labels: Vec<Label>) -> Histogram {
    recorder.register_histogram(&Key::from_parts(family.0, labels), &METADATA)
}
