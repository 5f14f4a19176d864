//! What the keys of the sending side mean, and what is warned about.

use std::sync::Arc;
use std::time::Duration;

use super::given::{SECRET, config, now, parse, warnings, with_endpoint, with_source};
use crate::config::{Endpoint, EndpointDelivery, Envelope, EventPattern, Limits, Outbound, Pace, Retry, UrlScheme};

const ENDPOINT: &str =
    "      url: https://partner.example/hooks/\n      scheme: lvconnect\n      secrets: [{env: GOOD}]\n";

fn outbound(text: &str) -> Outbound {
    config(text).outbound.expect("outbound")
}

/// The one endpoint, with more keys in it.
fn endpoint(keys: &str) -> Arc<Endpoint> {
    Arc::clone(&outbound(&with_endpoint(&format!("{ENDPOINT}{keys}"))).endpoints[0])
}

/// What is warned about the one endpoint, with other words and more keys in it.
fn warned(from: &str, to: &str, keys: &str) -> String {
    assert!(ENDPOINT.contains(from), "{from}");
    warnings(&with_endpoint(&format!("{}{keys}", ENDPOINT.replace(from, to))))
}

#[track_caller]
fn assert_warns(warnings: &str, place: &str, words: &str) {
    assert!(warnings.contains(words) && warnings.contains(place), "{warnings}");
    assert_eq!(warnings.matches("warning:").count(), 1, "{warnings}");
}

#[test]
fn an_app_that_only_sends_needs_neither_sources_nor_upstreams() {
    let config = config(&with_endpoint(ENDPOINT));

    assert!(config.inbound.is_none() && config.upstreams.is_empty());
    assert_eq!(config.outbound.expect("outbound").endpoints.len(), 1);
    assert_eq!(warnings(&with_endpoint(ENDPOINT)), "");
}

#[test]
fn what_is_left_out_of_an_endpoint_has_its_default() {
    let outbound = outbound(&with_endpoint(ENDPOINT));
    let endpoint = &outbound.endpoints[0];

    let read_timeout = Duration::from_secs(10);
    assert_eq!(outbound.limits, Limits { body: 1 << 20, memory: 256 << 20, connections: 10_000, read_timeout });
    assert!(outbound.token.is_none() && outbound.egress.allow.is_empty());
    assert_eq!((endpoint.delivery, endpoint.envelope), (EndpointDelivery::Queue, Envelope::None));
    assert_eq!(endpoint.retry, Retry::standard_webhooks());
    assert_eq!(endpoint.pace, Pace { concurrency: 32, rate: None });
    assert_eq!(endpoint.connect_timeout, Duration::from_secs(2));
    assert!(endpoint.events.is_empty() && endpoint.proxy.is_none() && endpoint.query.is_none());
}

#[test]
fn the_app_is_let_in_by_a_token_and_within_limits() {
    let head = "  listen: 0.0.0.0:8081\n  token: {env: GOOD}\n  \
                limits: {body: 2MiB, memory: 8MiB, connections: 7, read_timeout: 3s}\n  \
                egress: {allow: [10.20.0.0/16, 'fd00::/8']}\n";
    let outbound = outbound(&with_endpoint(ENDPOINT).replace("  listen: 127.0.0.1:0\n", head));

    assert_eq!(outbound.listen.to_string(), "0.0.0.0:8081");
    assert!(outbound.token.expect("a token").matches(SECRET.as_bytes()));
    let read_timeout = Duration::from_secs(3);
    assert_eq!(outbound.limits, Limits { body: 2 << 20, memory: 8 << 20, connections: 7, read_timeout });
    assert_eq!(outbound.egress.allow, ["10.20.0.0/16", "fd00::/8"].map(|range| range.parse().expect("a range")));
}

#[test]
fn the_url_of_an_endpoint_is_kept_as_it_is_written() {
    let url = |url: &str| {
        let text = with_endpoint(&ENDPOINT.replace("https://partner.example/hooks/", url));
        let outbound = outbound(&text);
        let endpoint = &outbound.endpoints[0];
        (endpoint.url.port, endpoint.url.path.clone(), endpoint.query.clone(), endpoint.url.authority.clone())
    };

    assert_eq!(url("https://P.example/a//b/"), (443, "/a//b/".into(), None, "p.example".parse().expect("a host")));
    assert_eq!(url("https://p.example:8443"), (8443, String::new(), None, "p.example:8443".parse().expect("a host")));
    let query = Some("k=v/?&%20".to_owned());
    assert_eq!(url("'https://p.example?k=v/?&%20'"), (443, String::new(), query, "p.example".parse().expect("a host")));
    assert_eq!(url("'https://p.example/?'").2, Some(String::new()));
}

#[test]
fn an_endpoint_says_when_the_app_is_answered_and_what_is_sent() {
    let sync = endpoint("      delivery: sync\n      envelope: loginradius\n      connect_timeout: 250ms\n");

    assert_eq!((sync.delivery, sync.envelope), (EndpointDelivery::Sync, Envelope::LoginRadius));
    assert_eq!(sync.connect_timeout, Duration::from_millis(250));
    for (word, envelope) in [("none", Envelope::None), ("lmif", Envelope::Lmif), ("jws", Envelope::Jws)] {
        assert_eq!(endpoint(&format!("      envelope: {word}\n")).envelope, envelope);
    }
}

#[test]
fn an_endpoint_gets_the_events_that_it_names() {
    let events = endpoint("      events: [\"user:*\", invoice.paid]\n").events.clone();

    assert_eq!(events, ["user:*", "invoice.paid"].map(|pattern| EventPattern(pattern.to_owned())));
}

#[test]
fn a_pattern_means_every_type_that_its_stars_can_stand_for() {
    let matches = |pattern: &str, kind: &str| EventPattern(pattern.to_owned()).matches(kind);

    for (pattern, kind) in
        [("*", ""), ("*", "a"), ("a.*", "a."), ("a.*", "a.b.c"), ("*.c", "a.b.c"), ("a*b*c", "aXbYc"), ("a**c", "ac")]
    {
        assert!(matches(pattern, kind), "{pattern} {kind}");
    }
    for (pattern, kind) in
        [("", "a"), ("a", "ab"), ("a.*", "a"), ("a*a", "a"), ("a*b*c", "acb"), ("a.b", "axb"), ("*ab*b", "ab")]
    {
        assert!(!matches(pattern, kind), "{pattern} {kind}");
    }
}

#[test]
fn an_endpoint_may_show_a_certificate_and_trust_one_authority() {
    let keys = "      ca: /run/tls.crt\n      certificate: /run/tls.crt\n      key: /run/tls.key\n";
    let config = config(&with_endpoint(&format!("{ENDPOINT}{keys}")));

    let endpoint = &config.outbound.expect("outbound").endpoints[0];
    let tls = endpoint.tls.as_ref().expect("TLS");
    assert!(tls.client_auth_cert_resolver.has_certs());
    assert_eq!(tls.alpn_protocols, [b"http/1.1".to_vec()]);
    assert_eq!(config.files, ["/run/tls.crt", "/run/tls.key"].map(std::path::PathBuf::from));
}

#[test]
fn an_endpoint_that_shows_nothing_shows_nothing() {
    let tls = endpoint("").tls.clone().expect("TLS");

    assert!(!tls.client_auth_cert_resolver.has_certs());
}

#[test]
fn a_proxy_is_a_url_or_a_map_with_what_it_wants_to_hear() {
    let plain = endpoint("      proxy: http://proxy.internal:3128/\n").proxy.clone().expect("a proxy");
    let map = "      proxy: {url: 'https://proxy.internal', authorization: {env: GOOD}}\n";
    let secure = endpoint(map).proxy.clone().expect("a proxy");

    assert_eq!((plain.url.scheme, plain.url.host.as_str(), plain.url.port), (UrlScheme::Http, "proxy.internal", 3128));
    assert!(plain.tls.is_none() && plain.authorization.is_none());
    assert_eq!((secure.url.scheme, secure.url.port), (UrlScheme::Https, 443));
    assert!(secure.tls.is_some());
    assert!(secure.authorization.expect("a secret").matches(SECRET.as_bytes()));
}

#[test]
fn a_scheme_that_signs_the_url_signs_the_endpoints_own() {
    let scheme = "{hmac: {header: X-Sig, signed: '{url}{body}'}, event_id: {header: X-Id}}";
    let text = with_endpoint(&ENDPOINT.replace("scheme: lvconnect", &format!("scheme: {scheme}")));

    assert_eq!(&*outbound(&text).endpoints[0].scheme.name, "partner");
}

#[test]
fn an_endpoint_does_not_show_its_query_or_its_secrets() {
    let text = with_endpoint(&ENDPOINT.replace("hooks/", "hooks?key=hunter2"));
    let (config, _) = parse(&text).expect("a configuration");

    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    assert!(!format!("{config:?}").contains(SECRET));
    assert!(!crate::config::table(&config, now()).contains("hunter2"));
}

#[test]
fn the_table_shows_where_and_how_events_are_sent() {
    let more = "      events: ['user:*', 'a.b']\n      retry: lmif\n    other:\n      url: 'https://other.example:8443/in?key=x'\n      \
                scheme: github\n      secrets: [{env: GOOD, id: new}, {env: OTHER}]\n      delivery: sync\n    \
                third:\n      url: 'https://third.example'\n      scheme: lmif\n      secrets: [{env: GOOD}]\n      retry: none\n";
    let config = config(&with_endpoint(&format!("{ENDPOINT}{more}")));

    assert_eq!(
        crate::config::table(&config, now()),
        "endpoint  url                             scheme     delivery  retry              events      secrets\n\
         partner   https://partner.example/hooks/  lvconnect  queue     7 times in 34h36m  user:* a.b  1\n\
         other     https://other.example:8443/in   github     sync      -                  -           new, 2\n\
         third     https://third.example           lmif       queue     once               -           1\n"
    );
}

#[test]
fn a_short_secret_of_an_endpoint_can_be_guessed() {
    assert_warns(&warned("GOOD", "SHORT", ""), ":7:17", "a key of only 7 bytes");
}

#[test]
fn a_secret_of_an_endpoint_that_ends_soon_needs_a_successor() {
    let warnings = warned("env: GOOD", "env: GOOD, not_after: 2026-06-10T00:00:00Z", "");

    assert_warns(&warnings, ":7:17", "the receiver needs another by then");
}

#[test]
fn events_in_clear_text_can_be_read_on_the_way() {
    assert_warns(&warned("https://", "http://", ""), ":5:12", "in clear text");
    for local in ["http://127.0.0.1:9/", "http://localhost:9/", "'http://[::1]:9/'"] {
        assert!(!warned("https://partner.example/hooks/", local, "").contains("clear text"), "{local}");
    }
}

#[test]
fn a_private_address_is_not_reached_unless_it_is_allowed() {
    for (host, said) in [
        ("10.20.1.2", "such as `10.20.1.2/32`"),
        ("127.0.0.1", "such as `127.0.0.1/32`"),
        ("localhost", "such as `127.0.0.1/32`"),
        ("169.254.169.254", "such as `169.254.169.254/32`"),
        ("100.64.0.1", "such as `100.64.0.1/32`"),
        ("[fd00::1]", "such as `fd00::1/128`"),
        ("[::ffff:10.0.0.1]", "such as `10.0.0.1/32`"),
    ] {
        let warnings = warned("https://partner.example/hooks/", &format!("'https://{host}/'"), "");
        assert_warns(&warnings, ":5:12", "is a private address");
        assert!(warnings.contains(said), "{warnings}");
    }
}

#[test]
fn a_private_address_is_refused_behind_a_proxy_too() {
    let warnings = warned("partner.example", "10.20.1.2", "      proxy: http://proxy.internal:3128\n");

    assert_warns(&warnings, ":5:12", "is a private address");
}

#[test]
fn a_private_address_that_is_allowed_is_not_warned_about() {
    let text = with_endpoint(&ENDPOINT.replace("partner.example", "10.20.1.2"));

    assert_eq!(warnings(&text.replace("  endpoints", "  egress: {allow: [10.20.0.0/16]}\n  endpoints")), "");
    assert_eq!(warned("partner.example", "192.0.43.10", ""), "");
}

#[test]
fn a_receiver_that_is_not_told_the_id_cannot_drop_a_repetition() {
    let scheme = "scheme: {hmac: {header: X-Sig}}";

    assert_warns(&warned("scheme: lvconnect", scheme, ""), ":6:7", "not told the event's id");
    assert_eq!(warned("scheme: lvconnect", scheme, "      envelope: lmif\n"), "");
    assert_eq!(warned("scheme: lvconnect", "scheme: lmif", ""), "");
}

#[test]
fn an_empty_list_of_events_is_probably_not_meant() {
    assert_warns(&warned("", "", "      events: []\n"), ":8:15", "no event matches");
}

#[test]
fn what_a_queue_needs_means_nothing_without_one() {
    let sync = |keys: &str| warned("", "", &format!("      delivery: sync\n{keys}"));

    assert_warns(&sync("      concurrency: 4\n"), ":9:7", "`concurrency` means nothing");
    assert_warns(&sync("      rate: 4/s\n"), ":9:7", "`rate` means nothing");
    assert_warns(&sync("      retry: lmif\n"), ":9:7", "nothing is tried again");
    assert_eq!(sync("      retry: {timeout: 5s}\n"), "");
}

#[test]
fn an_endpoint_with_the_name_of_an_upstream_is_the_same_to_the_metrics() {
    let source = "      {path: /one, scheme: lmif, secrets: [{env: GOOD}], upstream: app}";
    let text = with_source(source).replace("store: {memory: {}}\n", "");

    let warnings = warnings(&format!("{text}{}", with_endpoint(ENDPOINT).replace("    partner:", "    app:")));

    assert_warns(&warnings, ":11:5", "has the name of an upstream");
}

#[test]
fn an_upstream_without_a_receiving_side_is_unused() {
    let text = format!("{}upstreams: {{app: {{url: http://127.0.0.1:3000}}}}\n", with_endpoint(ENDPOINT));

    assert_warns(&warnings(&text), ":9:13", "no source uses the upstream `app`");
}
