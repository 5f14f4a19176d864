//! Ten thousand sources or endpoints are many, and load in a moment.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::given::{SECRET, config, environment, errors, now};

const SOURCES: usize = 10_000;

/// Far more than it takes, far less than anything quadratic would.
const MOMENT: Duration = Duration::from_secs(20);

fn text(upstream: &str) -> String {
    let mut text = String::from("store: {memory: {}}\ninbound:\n  listen: 127.0.0.1:0\n  sources:\n");
    for n in 0..SOURCES {
        writeln!(text, "    source-{n}:\n      path: /hooks/source-{n}\n      scheme: lmif\n      secrets: [{{env: GOOD}}]\n      upstream: {upstream}-{n}").expect("a string grows");
    }
    text.push_str("upstreams:\n");
    for n in 0..SOURCES {
        writeln!(text, "  app-{n}: {{url: http://127.0.0.1:3000}}").expect("a string grows");
    }
    text
}

#[test]
fn ten_thousand_sources_load_in_a_moment() {
    let start = Instant::now();
    let config = config(&text("app"));

    assert_eq!(config.inbound.expect("inbound").sources.len(), SOURCES);
    assert!(start.elapsed() < MOMENT, "{:?}", start.elapsed());
}

#[test]
fn ten_thousand_mistakes_are_told_in_a_moment_and_not_all_shown() {
    let start = Instant::now();
    let errors = errors(&text("apq"));

    assert!(errors.ends_with("and 9000 more errors"), "{}", &errors[errors.len() - 200..]);
    assert!(start.elapsed() < MOMENT, "{:?}", start.elapsed());
}

#[test]
fn ten_thousand_endpoints_load_in_a_moment() {
    let mut text = String::from("store: {sqlite: {path: a.db}}\noutbound:\n  listen: 127.0.0.1:0\n  endpoints:\n");
    let mut environment = environment();
    for n in 0..SOURCES {
        writeln!(text, "    endpoint-{n}:\n      url: https://receiver-{n}.example/hooks\n      scheme: lmif\n      secrets: [{{file: /run/secrets/{n}}}]\n      events: ['user.*']\n      retry: {{schedule: [0s, 1m]}}").expect("a string grows");
        environment = environment.file(format!("/run/secrets/{n}"), SECRET);
    }

    let start = Instant::now();
    let (config, _) = crate::config::parse(&text, "countersign.yaml", &environment, now()).expect("a configuration");

    assert_eq!(config.outbound.expect("outbound").endpoints.len(), SOURCES);
    assert!(start.elapsed() < MOMENT, "{:?}", start.elapsed());
}
