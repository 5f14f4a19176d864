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
fn a_filter_that_goes_by_an_unsigned_type_can_be_passed() {
    let keys = "      event_type: {header: X-Type}\n      events: [box.*]\n";

    assert_warns(&of_source("lmif", "[{env: GOOD}]", keys), ":10:7", "can send it again past this filter");
    assert_eq!(of_source("lmif", "[{env: GOOD}]", "      events: [box.*]\n"), "");
}

#[test]
fn a_filter_that_drops_every_event_is_probably_not_meant() {
    let of = |pattern| {
        let keys = format!("      event_type: {{literal: user_logged_in}}\n      events: [{pattern}]\n");
        of_source("jws", "[{env: GOOD}]", &keys)
    };

    assert_warns(&of("user_registered"), ":10:7", "every event here is a `user_logged_in`, and is dropped");
    assert_eq!(of("user_*"), "");
}

#[test]
fn meta_cannot_ask_for_an_address_without_a_token() {
    let without = of_source("meta", "[{env: GOOD}]", "      dedup: off\n");
    let with = of_source("meta", "[{env: GOOD}]", "      dedup: off\n      verify_token: {env: SHORT}\n");

    assert_warns(&without, ":6:15", "write `verify_token: {env: NAME}`");
    assert_eq!(with, "");
}

#[test]
fn an_acknowledgement_without_a_queue_is_never_given() {
    let keys = "      acknowledge: {status: 200}\n";

    assert_warns(
        &of_source("lmif", "[{env: GOOD}]", keys),
        ":9:7",
        "`acknowledge` means nothing with `delivery: sync`",
    );
}

#[test]
fn bodies_that_count_alone_are_advised_where_id_or_type_are_not_signed() {
    let advice = "or `dedup: {also: body}`";
    let own = of_source("lmif", "[{env: GOOD}]", "      event_id: {header: X-Id}\n");
    let kind = of_source("lmif", "[{env: GOOD}]", "      event_type: {header: X-Type}\n");
    let off = of_source("lmif", "[{env: GOOD}]", "      event_type: {header: X-Type}\n      dedup: off\n");

    assert_warns(&own, ":9:17", advice);
    assert_warns(&kind, ":9:19", advice);
    assert!(!off.contains(advice), "{off}");
    let known = of_source("github", "[{env: GOOD}]", "      dedup: {also: body}\n");
    assert!(!known.contains("does not cover") && known.contains("never tries again"), "{known}");
    let open = "{hmac: {header: X-S, signed: \"{header:X-Id}\", covers_body: no}, event_id: {header: X-Other}}";
    let open = of_source(open, "[{env: GOOD}]", "      dedup: {also: body}\n");
    assert!(open.contains("duplicates are told by the header `x-other`") && !open.contains(advice), "{open}");
}

#[test]
fn what_is_not_verified_reaches_the_app_only_with_a_word_about_it() {
    let warnings = of_source("lmif", "[{env: GOOD}]", "      verification: report_only\n");

    assert_warns(&warnings, ":9:21", "requests to the source `one` that are not verified reach the app");
    assert_eq!(of_source("lmif", "[{env: GOOD}]", "      verification: enforce\n"), "");
}

#[test]
fn a_secret_that_is_demanded_can_be_guessed_where_it_is_short() {
    let bearer = of_source("lmif", "[{env: GOOD}]", "      require: {bearer: {env: SHORT}}\n");
    let basic = of_source("lmif", "[{env: GOOD}]", "      require: {basic: {env: SHORT_BASIC}}\n");
    let header = of_source("lmif", "[{env: GOOD}]", "      require: {header: {name: X-T, value: {env: SHORT}}}\n");

    assert_warns(&bearer, ":9:25", "this secret has only 7 bytes");
    assert_warns(&basic, ":9:24", "this secret has only 7 bytes");
    assert_warns(&header, ":9:44", "this secret has only 7 bytes");
    assert_eq!(of_source("lmif", "[{env: GOOD}]", "      require: {basic: {env: BASIC}}\n"), "");
}

#[test]
fn a_token_that_lets_in_an_operator_or_the_app_can_be_guessed_where_it_is_short() {
    let source = "      path: /one\n      scheme: lmif\n      secrets: [{env: GOOD}]\n      upstream: app\n";
    let admin = |token: &str| format!("admin: {{listen: 127.0.0.1:9090, token: {{env: {token}}}}}\n");
    let of = |token| warnings(&(with_source(source) + &admin(token)));

    assert!(of("SHORT").contains("this secret has only 7 bytes"));
    assert!(!of("GOOD").contains("this secret has only"));
}

#[test]
fn headers_that_are_named_and_would_be_there_anyway_change_nothing() {
    let other = of_source("lmif", "[{env: GOOD}]", "      forward: {headers: [X-Trace]}\n");
    let sync = of_source("lmif", "[{env: GOOD}]", "      forward: {headers: [Authorization]}\n");

    assert_warns(&other, ":9:27", "to name `x-trace` changes nothing here");
    assert_warns(&sync, ":9:27", "with `delivery: sync` nothing is stored");
}

#[test]
fn what_the_scheme_of_a_source_leaves_open_is_told_at_the_scheme() {
    let warnings = of_source("github", "[{env: GOOD}]", "");

    assert!(warnings.contains(":6:15"), "{warnings}");
    assert!(warnings.contains("duplicates are told by the header"), "{warnings}");
    assert!(warnings.contains("the event type is the header"), "{warnings}");
}

#[test]
fn a_token_signs_nothing() {
    let own = "    token: {header: X-Token}\n    event_id: {header: X-Id}\n    event_type: {json: /type}";

    assert_warns(&of_source("gitlab", "[{env: GOOD}]", ""), ":6:15", "GitLab sends a token and signs nothing");
    assert_warns(&warnings(&with_scheme(own)), ":5:28", "acme sends a token and signs nothing");
}

#[test]
fn events_that_may_be_the_same_are_no_duplicates_unless_it_is_said() {
    let said = of_source("dropbox", "[{env: GOOD}]", "      dedup: {window: 24h}\n");

    assert_warns(&said, ":9:23", "two genuine events of Dropbox may be the same, byte for byte");
    for keys in ["", "      dedup: off\n", "      event_id: {header: X-Id}\n      dedup: off\n"] {
        assert_eq!(of_source("dropbox", "[{env: GOOD}]", keys), "", "{keys}");
    }
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
