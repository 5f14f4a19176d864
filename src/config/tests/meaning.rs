//! What each key means: every one of them changes something.

use std::time::Duration;

use super::given::{SECRET, config, environment, errors, now, warnings, with_source};
use crate::config::{
    Config, Dedup, EventPattern, ForwardBody, Listen, LogFormat, LogLevel, Proxies, Source, StoreConfig, UrlScheme,
};
use crate::scheme::{Acknowledge, Locator, OnConflict, Pointer, preset};

const SOURCE: &str = "      path: /one\n      scheme: lmif\n      secrets: [{env: GOOD}]\n      upstream: app\n";

/// The smallest configuration, with more keys at its end.
fn with(keys: &str) -> Config {
    config(&format!("{}{keys}", with_source(SOURCE)))
}

/// The one source, with more keys in it.
fn source(keys: &str) -> std::sync::Arc<Source> {
    let inbound = config(&with_source(&format!("{SOURCE}{keys}"))).inbound.expect("inbound");
    std::sync::Arc::clone(&inbound.sources[0])
}

/// The smallest configuration, with other words in it.
fn replaced(from: &str, to: &str) -> Config {
    let text = with_source(SOURCE);
    assert!(text.contains(from), "{from}");
    config(&text.replace(from, to))
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = with("");
    let inbound = config.inbound.expect("inbound");
    let source = &inbound.sources[0];

    assert_eq!(config.workers, 2);
    assert_eq!(config.shutdown, Duration::from_secs(30));
    assert_eq!((config.log.format, config.log.level), (LogFormat::Text, LogLevel::Info));
    assert!(config.admin.is_none());
    assert!(inbound.tls.is_none() && inbound.public_url.is_none());
    assert_eq!((inbound.limits.body, inbound.limits.memory), (1 << 20, 256 << 20));
    assert_eq!((inbound.limits.connections, inbound.limits.read_timeout), (10_000, Duration::from_secs(10)));
    assert_eq!(
        (source.upstream.timeout, source.upstream.connect_timeout),
        (Duration::from_secs(10), Duration::from_secs(2))
    );
    let window = Duration::from_secs(72 * 3600);
    let conflict = OnConflict::Duplicate;
    assert_eq!(source.dedup, Dedup::On { window, key: None, conflict, also_body: false, entries: 1_000_000 });
    assert_eq!((source.host.as_deref(), source.event_id.as_ref(), source.event_type.as_ref()), (None, None, None));
    assert_eq!((source.forward.path.as_deref(), source.forward.body), (None, ForwardBody::Original));
    assert_eq!(source.acknowledge, Acknowledge::ACCEPTED.into());
    assert!(source.events.is_none() && source.verify_token.is_none());
}

#[test]
fn a_source_takes_the_types_that_it_names_or_all() {
    let taken = |keys: &str, kinds: &[Option<&str>]| {
        let source = source(keys);
        kinds.iter().map(|kind| source.takes(*kind)).collect::<Vec<_>>()
    };

    assert_eq!(taken("", &[Some("box.created"), None]), [true, true]);
    let some = [Some("box.created"), Some("Box.created"), Some("license"), None];
    assert_eq!(taken("      events: [box.*, user.*]\n", &some), [true, false, false, false]);
    assert_eq!(taken("      events: ['*']\n", &some), [true; 4]);
}

#[test]
fn the_patterns_of_a_sender_without_case_are_in_lower_case() {
    let source = replaced("lmif", "loginradius").inbound.expect("inbound").sources[0].clone();
    assert!(source.events.is_none());

    let text = with_source(&format!("{SOURCE}      events: [Update*, LOGIN]\n")).replace("lmif", "loginradius");
    let events = config(&text).inbound.expect("inbound").sources[0].events.clone().expect("events");

    assert_eq!(events, ["update*", "login"].map(|pattern| EventPattern(pattern.to_owned())));
}

#[test]
fn workers_can_be_counted_or_left_to_the_machine() {
    assert_eq!(with("workers: auto\n").workers, 2);
    assert_eq!(with("workers: 7\n").workers, 7);
}

#[test]
fn the_top_level_keys_mean_what_they_say() {
    assert_eq!(with("shutdown: 5s\n").shutdown, Duration::from_secs(5));
    let log = with("log: {format: json, level: debug}\n").log;
    assert_eq!((log.format, log.level), (LogFormat::Json, LogLevel::Debug));
    let store = replaced("{memory: {}}", "{sqlite: {path: data/seen.db}}").store;
    assert_eq!(store, StoreConfig::Sqlite { path: "data/seen.db".into(), keep: Default::default() });
    assert_eq!(with("").store, StoreConfig::Memory);
}

#[test]
fn an_operator_needs_the_token() {
    let admin = with("admin: {listen: 0.0.0.0:9090, token: {file: /run/secret}}\n").admin.expect("admin");

    assert_eq!(admin.listen.to_string(), "0.0.0.0:9090");
    assert!(admin.token.expect("a token").matches(SECRET.as_bytes()));
    assert!(with("admin: {listen: 127.0.0.1:9090}\n").admin.expect("admin").token.is_none());
}

#[test]
fn inbound_listens_where_it_is_told_and_takes_what_it_is_told() {
    let limits = "  limits: {body: 2MiB, memory: 1GiB, connections: 5, read_timeout: 250ms}\n  public_url: HTTPS://hooks.example.com:8443/in/\n  sources:";
    let text = with_source(SOURCE)
        .replace("  sources:", limits)
        .replace("HTTPS", "https")
        .replace("127.0.0.1:0", "'[::1]:8080'");
    let inbound = config(&text).inbound.expect("inbound");

    assert_eq!(inbound.listen.to_string(), "[::1]:8080");
    assert_eq!((inbound.limits.body, inbound.limits.memory), (2 << 20, 1 << 30));
    assert_eq!((inbound.limits.connections, inbound.limits.read_timeout), (5, Duration::from_millis(250)));
    assert_eq!(inbound.public_url.as_deref(), Some("https://hooks.example.com:8443/in"));
}

#[test]
fn a_unix_socket_is_listened_on_and_only_this_machine_reaches_it() {
    let text = with_source(SOURCE).replace("127.0.0.1:0", "unix:/run/in.sock");
    let text = format!("{text}admin: {{listen: 'unix:/run/admin.sock'}}\n");
    let before = config(&text);
    let inbound = before.inbound.as_ref().expect("inbound");

    assert_eq!(inbound.listen, Listen::Unix("/run/in.sock".into()));
    assert_eq!(inbound.listen.to_string(), "unix:/run/in.sock");
    assert!(before.admin.as_ref().expect("admin").token.is_none());
    assert_eq!(before.restart_needed(&config(&text.replace("/in.sock", "/other.sock"))), ["inbound.listen"]);
    assert_eq!(before.restart_needed(&config(&text.replace("unix:/run/in.sock", "127.0.0.1:1"))), ["inbound.listen"]);
    assert_eq!(before.restart_needed(&config(&text.replace("/admin.sock", "/b.sock"))), ["admin.listen"]);
}

#[test]
fn proxies_are_believed_in_the_ranges_that_are_written_or_at_a_socket() {
    let proxies = |listen: &str, from: &str| {
        let keys = format!("{listen}\n  proxy_protocol: {{from: [{from}]}}");
        config(&with_source(SOURCE).replace("127.0.0.1:0", &keys)).inbound.expect("inbound").proxies
    };
    let from = |address: &str| Some(address.parse().expect("an address"));

    let ranges = proxies("127.0.0.1:0", "10.0.0.0/8, 'fd00::/8'");
    for address in ["10.0.0.1", "::ffff:10.255.255.255", "fd00::1"] {
        assert!(ranges.include(from(address)), "{address}");
    }
    for address in ["11.0.0.1", "::ffff:11.0.0.1", "fe00::1", "::10.0.0.1"] {
        assert!(!ranges.include(from(address)), "{address}");
    }
    assert!(!ranges.include(None));
    assert!(proxies("unix:/run/in.sock", "unix").include(None));
    assert_eq!(config(&with_source(SOURCE)).inbound.expect("inbound").proxies, Proxies::None);
}

#[test]
fn tls_speaks_both_versions_of_http() {
    let tls = "  tls: {certificate: /run/tls.crt, key: /run/tls.key}\n  sources:";
    let config = replaced("  sources:", tls);
    let tls = config.inbound.expect("inbound").tls.expect("TLS");

    assert_eq!(tls.config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!(config.files, ["/run/tls.crt", "/run/tls.key"].map(std::path::PathBuf::from));
}

#[test]
fn a_source_says_what_is_sent_to_it() {
    let source =
        source("      host: Hooks.Example.COM\n      event_id: {header: X-Id}\n      event_type: {literal: login}\n");

    assert_eq!((&*source.name, source.path.as_str()), ("one", "/one"));
    assert_eq!(source.host.as_deref(), Some("hooks.example.com"));
    assert_eq!(source.event_id, Some(vec![Locator::Header("x-id".parse().expect("a name"))]));
    assert_eq!(source.event_type, Some(Locator::Literal("login".into())));
    assert_eq!(*source.scheme, **preset("lmif").as_ref().expect("a preset"));
}

#[test]
fn a_source_may_say_the_defaults_too() {
    let said = source("      delivery: sync\n      verification: enforce\n");

    assert_eq!(said.dedup, source("").dedup);
}

#[test]
fn two_sources_may_share_a_path_on_different_hosts() {
    let other = "    two: {path: /one, host: b.example, scheme: lmif, secrets: [{env: GOOD}], upstream: app}\n";
    let config = config(&with_source(&format!("{SOURCE}{other}")));

    assert_eq!(config.inbound.expect("inbound").sources.len(), 2);
}

#[test]
fn duplicates_are_told_as_the_source_says() {
    let Dedup::On { window, key, conflict, also_body: _, entries } =
        source("      dedup: {window: 1d, key: [{json: /id}, {digest: body}], conflict: deliver, entries: 9}\n")
            .dedup
            .clone()
    else {
        panic!("it is on")
    };

    assert_eq!((window, conflict, entries), (Duration::from_secs(86400), OnConflict::Deliver, 9));
    assert_eq!(key, Some(vec![Locator::Json(Pointer("/id".into())), Locator::DigestBody]));
    assert_eq!(source("      dedup: off\n").dedup, Dedup::Off);
}

#[test]
fn every_locator_is_understood() {
    let all = "[{header: X-A}, {json: /b}, {query: c}, {digest: body}, {literal: d}]";
    let parts = source(&format!("      event_id: {all}\n")).event_id.clone().expect("an id");

    let header = Locator::Header("x-a".parse().expect("a name"));
    let (json, query) = (Locator::Json(Pointer("/b".into())), Locator::Query("c".into()));
    assert_eq!(parts, [header, json, query, Locator::DigestBody, Locator::Literal("d".into())]);
}

#[test]
fn the_app_sees_what_the_source_says() {
    let forward = source("      forward: {path: /in, body: original}\n").forward.clone();

    assert_eq!((forward.path.as_deref(), forward.body), (Some("/in"), ForwardBody::Original));
}

#[test]
fn an_upstream_is_where_its_url_says() {
    let text = "{url: 'https://App.example.com/base/', timeout: 3s, connect_timeout: 1s, ca: /run/tls.crt}";
    let upstream = replaced("{url: http://127.0.0.1:3000}", text).upstreams.remove(0);

    assert_eq!((upstream.url.scheme, upstream.url.host.as_str()), (UrlScheme::Https, "app.example.com"));
    assert_eq!((upstream.url.port, upstream.url.path.as_str()), (443, "/base"));
    assert_eq!(upstream.url.authority, "app.example.com");
    assert_eq!((upstream.timeout, upstream.connect_timeout), (Duration::from_secs(3), Duration::from_secs(1)));
    assert_eq!(upstream.tls.as_ref().expect("TLS").alpn_protocols, [b"http/1.1".to_vec()]);
}

#[test]
fn an_upstream_at_a_socket_is_asked_as_localhost_and_may_have_a_path() {
    let url = |url: &str| replaced("http://127.0.0.1:3000", url).upstreams.remove(0).url.clone();
    let (plain, based) = (url("unix:/run/app.sock"), url("'unix:/run/a:b/app.sock:/base/'"));

    assert_eq!((plain.scheme, plain.host.as_str(), plain.path.as_str()), (UrlScheme::Unix, "/run/app.sock", ""));
    assert_eq!((based.host.as_str(), based.path.as_str()), ("/run/a:b/app.sock", "/base"));
    assert_eq!((&plain.authority, &based.authority), (&"localhost".parse().unwrap(), &"localhost".parse().unwrap()));
    assert_eq!(
        (plain.to_string(), based.to_string()),
        ("unix:/run/app.sock".into(), "unix:/run/a:b/app.sock:/base".into())
    );
}

#[test]
fn an_address_in_a_url_keeps_its_brackets_in_the_host_header_only() {
    let url = replaced("http://127.0.0.1:3000", "'http://[::1]:3000/'").upstreams.remove(0).url.clone();

    assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("::1", 3000, ""));
    assert_eq!(url.authority, "[::1]:3000");
}

#[test]
fn without_roots_of_the_system_the_compiled_ones_are_trusted() {
    let upstream = replaced("http://127.0.0.1:3000", "https://app.example.com").upstreams.remove(0);

    assert!(upstream.tls.is_some());
}

#[test]
fn an_alias_stands_for_what_it_names() {
    let text = with_source(&format!("{SOURCE}      dedup: &week {{window: 7d}}\n"));
    let other = "    two: {path: /two, scheme: lmif, secrets: [{env: GOOD}], upstream: app, dedup: *week}\nupstreams:";
    let inbound = config(&text.replace("upstreams:", other)).inbound.expect("inbound");

    assert_eq!(inbound.sources[0].dedup, inbound.sources[1].dedup);
}

#[test]
fn a_reload_may_change_all_but_what_is_bound_at_the_start() {
    let before = with("admin: {listen: 127.0.0.1:9090}\n");
    let after = |from: &str, to: &str| {
        let text = format!("{}admin: {{listen: 127.0.0.1:9090}}\nworkers: auto\n", with_source(SOURCE));
        before.restart_needed(&config(&text.replace(from, to)))
    };

    assert!(after("/one", "/other").is_empty());
    assert_eq!(after("auto", "3"), ["workers"]);
    assert_eq!(after("127.0.0.1:0", "127.0.0.1:1"), ["inbound.listen"]);
    assert_eq!(after("{memory: {}}", "{sqlite: {path: a.db}}"), ["store"]);
    assert_eq!(after("127.0.0.1:9090", "127.0.0.1:9091"), ["admin.listen"]);
    assert_eq!(after("admin: {listen: 127.0.0.1:9090}\n", ""), ["admin.listen"]);
}

#[test]
fn a_configuration_is_loaded_from_its_file() {
    let file = std::path::Path::new("/etc/countersign.yaml");
    let text = with_source(&SOURCE.replace("env: GOOD", "file: /run/secret"));
    let (config, _) = crate::config::load(file, &environment().file(file, text), now()).expect("a configuration");

    assert_eq!(config.files, ["/etc/countersign.yaml", "/run/secret"].map(std::path::PathBuf::from));
}

#[test]
fn a_file_that_is_no_text_is_refused_as_a_whole() {
    let load = |name: &str| {
        let world = environment().file("/etc/binary.yaml", b"workers: 1\n\xff".as_slice());
        crate::config::load(std::path::Path::new(name), &world, now()).expect_err("an error").to_string()
    };

    assert_eq!(
        load("/etc/absent.yaml"),
        "error: the configuration cannot be read\n --> /etc/absent.yaml\n  = no such file"
    );
    assert!(load("/etc/binary.yaml").contains("line 2"), "{}", load("/etc/binary.yaml"));
}

#[test]
fn words_are_never_booleans_or_numbers() {
    let text = with_source(SOURCE).replace("    one:", "    off:").replace("upstream: app", "upstream: no");
    let inbound = config(&text.replace("  app: {", "  no: {")).inbound.expect("inbound");

    assert_eq!((&*inbound.sources[0].name, &*inbound.sources[0].upstream.name), ("off", "no"));
}

#[test]
fn an_upstream_that_could_not_be_read_is_not_called_unknown() {
    let errors = errors(&with_source(SOURCE).replace("http://", "ftp://"));

    assert_eq!(errors.matches("error:").count(), 1, "{errors}");
}

#[test]
fn a_small_configuration_is_accepted_in_silence() {
    assert_eq!(warnings(&with_source(SOURCE)), "");
}
