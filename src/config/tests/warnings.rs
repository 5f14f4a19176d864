//! What is accepted with a word of advice.

use super::given::{now, warnings, with_scheme, with_source};

fn of_source(scheme: &str, secrets: &str, keys: &str) -> String {
    let source =
        format!("      path: /one\n      scheme: {scheme}\n      secrets: {secrets}\n      upstream: app\n{keys}");
    warnings(&with_source(&source))
}

#[track_caller]
fn assert_warns(warnings: &str, place: &str, words: &str) {
    assert!(warnings.contains(words) && warnings.contains(place), "{warnings}");
    assert_eq!(warnings.matches("warning:").count(), 1, "{warnings}");
}

#[test]
fn a_short_secret_can_be_guessed() {
    assert_warns(&of_source("lmif", "[{env: SHORT}]", ""), ":7:17", "a key of only 7 bytes");
}

#[test]
fn white_space_at_the_end_of_a_secret_is_probably_not_meant() {
    assert_warns(&of_source("lmif", "[{env: SPACED}]", ""), ":7:17", "white space");
}

#[test]
fn a_secret_that_ends_soon_needs_a_successor() {
    let soon = of_source("lmif", "[{env: GOOD, not_after: 2026-06-10T00:00:00Z}]", "");
    let late = of_source("lmif", "[{env: GOOD, not_after: 2026-07-10T00:00:00Z}]", "");

    assert_warns(&soon, ":7:17", "this secret ends at 2026-06-10T00:00:00Z");
    assert_eq!(late, "");
}

#[test]
fn a_secret_that_has_ended_can_go() {
    let warnings = of_source("lmif", "[{env: OTHER}, {env: GOOD, not_after: 2026-05-01T00:00:00Z}]", "");

    assert_warns(&warnings, ":7:31", "this secret ended at 2026-05-01T00:00:00Z");
}

#[test]
fn an_id_that_is_not_signed_is_not_trusted() {
    let own = of_source("lmif", "[{env: GOOD}]", "      event_id: {header: X-Id}\n");
    let key = of_source("lmif", "[{env: GOOD}]", "      dedup: {key: [{json: /id}, {query: id}]}\n");

    assert_warns(&own, ":9:17", "the header `x-id`, which the signature does not cover");
    assert_warns(&key, ":9:20", "the parameter `id` of the query, which the signature does not cover");
    assert_eq!(of_source("lmif", "[{env: GOOD}]", "      event_id: {header: X-Id}\n      dedup: off\n"), "");
}

#[test]
fn a_type_that_is_not_signed_is_not_trusted() {
    let warnings = of_source("lmif", "[{env: GOOD}]", "      event_type: {header: X-Type}\n");

    assert_warns(&warnings, ":9:19", "the event type is the header `x-type`, which the signature does not cover");
    assert_eq!(of_source("lmif", "[{env: GOOD}]", "      event_type: {literal: login}\n"), "");
}

#[test]
fn what_the_scheme_of_a_source_leaves_open_is_told_at_the_scheme() {
    let warnings = of_source("github", "[{env: GOOD}]", "");

    assert!(warnings.contains(":6:15"), "{warnings}");
    assert!(warnings.contains("duplicates are told by the header"), "{warnings}");
    assert!(warnings.contains("the event type is the header"), "{warnings}");
}

#[test]
fn a_window_shorter_than_the_last_retry_lets_it_through() {
    let short = of_source("lmif", "[{env: GOOD}]", "      dedup: {window: 24h}\n");

    assert_warns(&short, ":9:23", "LMIF tries again until 34h36m after the first attempt");
}

#[test]
fn a_sender_that_never_retries_wants_the_queue() {
    for (scheme, title) in [("lvconnect", "LVConnect"), ("loginradius", "LoginRadius")] {
        let warnings = of_source(scheme, "[{env: GOOD}]", "      delivery: sync\n");

        assert!(warnings.contains(&format!("{title} never tries again")), "{warnings}");
        assert!(warnings.contains(":9:17") && warnings.contains("write `delivery: queue`"), "{warnings}");
    }
}

#[test]
fn a_sender_that_never_retries_is_content_with_a_queue() {
    for delivery in ["queue", "sync_then_queue"] {
        let source = format!(
            "      {{path: /one, scheme: lvconnect, secrets: [{{env: GOOD}}], upstream: app, delivery: {delivery}}}"
        );
        let warnings = warnings(&with_source(&source).replace("{memory: {}}", "{sqlite: {path: a.db}}"));

        assert!(!warnings.contains("never tries again"), "{warnings}");
    }
}

#[test]
fn a_timestamp_that_is_not_signed_tells_nothing() {
    let scheme = "    hmac:\n      header: X-Sig\n      timestamp: {from: {header: X-Time}}";

    assert_warns(&warnings(&with_scheme(scheme)), ":13:7", "this timestamp is not part of what is signed");
}

#[test]
fn a_body_that_is_not_signed_tells_nothing_of_duplicates() {
    let scheme = "    hmac: {header: X-Sig, signed: '{header:X-Id}', covers_body: no}";

    assert_warns(&warnings(&with_scheme(scheme)), ":5:28", "the body, which the signature does not cover");
}

#[test]
fn a_store_that_nobody_asked_for_is_memory() {
    let text = with_source("      {path: /one, scheme: lmif, secrets: [{env: GOOD}], upstream: app}");

    assert_warns(&warnings(&text.replace("store: {memory: {}}\n", "")), ":1:1", "a restart forgets");
}

#[test]
fn an_upstream_that_nobody_uses_is_probably_misspelt() {
    let text = with_source("      {path: /one, scheme: lmif, secrets: [{env: GOOD}], upstream: app}");
    let more = "upstreams:\n  other: {url: http://127.0.0.1:3001}";

    assert_warns(&warnings(&text.replace("upstreams:", more)), ":7:3", "no source uses the upstream `other`");
}

#[test]
fn an_upstream_that_nothing_is_queued_for_has_nothing_to_try_again() {
    let text = |delivery: &str| {
        let source = format!(
            "      {{path: /one, scheme: lmif, secrets: [{{env: GOOD}}], upstream: app, delivery: {delivery}}}"
        );
        let text = with_source(&source).replace("{memory: {}}", "{sqlite: {path: a.db}}");
        text.replace("127.0.0.1:3000}", "127.0.0.1:3000, rate: 5/s}")
    };

    assert_warns(&warnings(&text("sync")), ":7:37", "`rate` means nothing here");
    assert_eq!(warnings(&text("queue")), "");
    assert_eq!(warnings(&text("sync_then_queue")), "");
}

#[test]
fn a_payload_that_is_the_body_changes_nothing() {
    let warnings = of_source("lmif", "[{env: GOOD}]", "      forward: {body: payload}\n");

    assert_warns(&warnings, ":9:23", "`body: payload` changes nothing here");
}

#[test]
fn the_table_shows_what_is_and_is_not_signed() {
    let sources = "      {path: /one, scheme: lmif, secrets: [{env: GOOD, id: new}, {env: OTHER, not_after: 2026-12-31T00:00:00Z}], upstream: app}\n    \
                   longer: {path: /two, host: b.example, scheme: lvconnect, secrets: [{env: GOOD}], upstream: app, dedup: off}";
    let config = super::given::config(&with_source(sources));

    assert_eq!(
        crate::config::table(&config, now()),
        "source  path           scheme     signed        duplicates by  upstream  delivery  secrets\n\
         one     /one           lmif       body id type  json /id, 72h  app       sync      new, 2 until 2026-12-31T00:00:00Z\n\
         longer  b.example/two  lvconnect  body          off            app       sync      1\n"
    );
}
