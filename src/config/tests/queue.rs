//! What queues, their schedules and their store mean.

use std::sync::Arc;
use std::time::Duration;

use super::given::{config, with_endpoint, with_source};
use crate::config::{Config, Delivery, Keep, KeptBodies, Pace, Retry, Source, StatusSet, StoreConfig, Upstream};
use crate::scheme::Pointer;

const SOURCE: &str = "      path: /one\n      scheme: lmif\n      secrets: [{env: GOOD}]\n      upstream: app\n";

const MINUTE: u64 = 60;

fn text(source: &str) -> String {
    with_source(&format!("{SOURCE}{source}")).replace("{memory: {}}", "{sqlite: {path: a.db}}")
}

fn source(keys: &str) -> Arc<Source> {
    let inbound = config(&text(keys)).inbound.expect("inbound");
    Arc::clone(&inbound.sources[0])
}

fn upstream(keys: &str) -> Arc<Upstream> {
    let text = text("").replace("{url: http://127.0.0.1:3000}", &format!("{{url: 'https://app.example', {keys}}}"));
    config(&text).upstreams.remove(0)
}

fn keep(keys: &str) -> Keep {
    let text = with_source(SOURCE).replace("{memory: {}}", &format!("{{sqlite: {{path: a.db}}, {keys}}}"));
    match config(&text).store {
        StoreConfig::Sqlite { keep, .. } => keep,
        StoreConfig::Memory => panic!("memory"),
    }
}

fn seconds(schedule: &Retry) -> Vec<u64> {
    schedule.schedule.iter().map(Duration::as_secs).collect()
}

#[test]
fn a_source_says_how_its_sender_is_answered() {
    for (written, status, kind, body) in [
        ("{status: 200}", 200, Some("application/json"), None),
        ("{body: OK}", 202, Some("text/plain; charset=utf-8"), Some("OK")),
        ("{status: 200, body: '{}'}", 200, Some("application/json"), Some("{}")),
        ("{status: 200, body: ''}", 200, None, Some("")),
        ("{status: 204}", 204, None, Some("")),
    ] {
        let words = source(&format!("      delivery: queue\n      acknowledge: {written}\n")).acknowledge.clone();

        assert_eq!(words.status.as_u16(), status, "{written}");
        assert_eq!(words.content_type.as_ref().map(|kind| kind.to_str().expect("text")), kind, "{written}");
        assert_eq!(words.body.as_deref(), body.map(str::as_bytes), "{written}");
    }
}

#[test]
fn a_source_says_when_its_sender_is_answered() {
    let within = |seconds| Delivery::SyncThenQueue { within: Duration::from_secs(seconds) };

    for (written, meant) in [
        ("", Delivery::Sync),
        ("      delivery: sync\n", Delivery::Sync),
        ("      delivery: queue\n", Delivery::Queue),
        ("      delivery: sync_then_queue\n", within(3)),
        ("      delivery: {sync_then_queue: {}}\n", within(3)),
        ("      delivery: {sync_then_queue: {within: 500s}}\n", within(500)),
    ] {
        assert_eq!(source(written).delivery, meant, "{written}");
    }
}

#[test]
fn the_table_shows_when_senders_are_answered() {
    for (written, shown) in [
        ("queue", "app       queue     1"),
        ("sync_then_queue", "app       sync 3s, queue  1"),
        ("sync", "app       sync      1"),
    ] {
        let table = crate::config::table(&config(&text(&format!("      delivery: {written}\n"))), super::given::now());
        assert!(table.contains(shown), "{table}");
    }
}

#[test]
fn an_upstream_without_these_keys_is_tried_again_as_usual() {
    let upstream = upstream("");

    assert_eq!(upstream.retry, Retry::standard_webhooks());
    assert_eq!(upstream.pace, Pace { concurrency: 32, rate: None });
    assert!(!upstream.tls.as_ref().expect("TLS").client_auth_cert_resolver.has_certs());
}

#[test]
fn an_upstream_says_how_it_is_worked_off() {
    let upstream = upstream("retry: lmif, concurrency: 1, rate: 30/m");

    assert_eq!(upstream.retry, Retry::lmif());
    assert_eq!(upstream.pace, Pace { concurrency: 1, rate: Some(0.5) });
}

#[test]
fn an_upstream_may_be_shown_a_certificate() {
    let upstream = upstream("certificate: /run/tls.crt, key: /run/tls.key");

    assert!(upstream.tls.as_ref().expect("TLS").client_auth_cert_resolver.has_certs());
}

#[test]
fn a_schedule_may_have_a_name() {
    for (name, retry) in
        [("lmif", Retry::lmif()), ("standard-webhooks", Retry::standard_webhooks()), ("none", Retry::none())]
    {
        assert_eq!(upstream(&format!("retry: {name}")).retry, retry);
    }
}

#[test]
fn a_schedule_of_ones_own_is_kept_to_the_second() {
    let retry = upstream("retry: {schedule: [0s, 1m, 30d]}").retry.clone();

    assert_eq!(seconds(&retry), [0, MINUTE, 30 * 24 * 60 * MINUTE]);
    assert_eq!((retry.jitter, retry.timeout), (0.0, None));
    assert_eq!((retry.success, retry.give_up_on), (StatusSet(vec![200..=299]), StatusSet::default()));
}

#[test]
fn every_key_of_retry_means_what_it_says() {
    let keys = "retry: {jitter: 25%, timeout: 5s, success: [2xx, 304, 409-410], give_up_on: [400, 5xx]}";
    let retry = upstream(keys).retry.clone();

    assert_eq!(seconds(&retry), seconds(&Retry::standard_webhooks()));
    assert_eq!((retry.jitter, retry.timeout), (0.25, Some(Duration::from_secs(5))));
    assert_eq!(retry.success, StatusSet(vec![200..=299, 304..=304, 409..=410]));
    assert_eq!(retry.give_up_on, StatusSet(vec![400..=400, 500..=599]));
}

#[test]
fn what_a_map_leaves_out_is_as_usual() {
    let retry = upstream("retry: {timeout: 5s, give_up_on: []}").retry.clone();

    assert_eq!(retry, Retry { timeout: Some(Duration::from_secs(5)), ..Retry::standard_webhooks() });
}

#[test]
fn deliveries_are_kept_for_thirty_days_unless_the_store_says_otherwise() {
    let month = Duration::from_secs(30 * 86_400);
    assert_eq!(keep("bodies: full"), Keep { bodies: KeptBodies::Full, age: month, size: None, mask: Vec::new() });

    let said = keep("bodies: digest, mask: [/data/email, /user], retention: {age: 2d, size: 10GiB}");

    let mask = ["/data/email", "/user"].map(|pointer| Pointer::parse(pointer).expect("a pointer")).to_vec();
    let (bodies, age, size) = (KeptBodies::Digest, Duration::from_secs(2 * 86_400), Some(10 << 30));
    assert_eq!(said, Keep { bodies, age, size, mask });
}

#[test]
fn a_reload_may_not_move_a_listener_or_add_or_take_one_away() {
    let endpoint = "      url: https://partner.example\n      scheme: lmif\n      secrets: [{env: GOOD}]\n";
    let outbound = with_endpoint(endpoint).replace("store: {sqlite: {path: a.db}}\n", "");
    let inbound = text("");
    let config = |text: String| -> Config { config(&text) };
    let both = config(format!("{inbound}{outbound}"));

    let moved = config(format!("{inbound}{}", outbound.replace("127.0.0.1:0", "127.0.0.1:1")));
    let changed = config(format!("{inbound}{}", outbound.replace("partner", "other")));
    let without_outbound = config(inbound);
    let without_inbound = config(format!("{outbound}store: {{sqlite: {{path: a.db}}}}\n"));

    assert_eq!(both.restart_needed(&moved), ["outbound.listen"]);
    assert!(both.restart_needed(&changed).is_empty());
    assert_eq!(both.restart_needed(&without_outbound), ["outbound.listen"]);
    assert_eq!(without_outbound.restart_needed(&both), ["outbound.listen"]);
    assert_eq!(both.restart_needed(&without_inbound), ["inbound.listen"]);
}
