//! Deliveries that come more than once, and what they are known by.

use std::time::{Duration, Instant};

use crate::support::{Action, App, Delivery, Gateway, SECRET, Sender, digest, response, source};

#[tokio::test]
async fn a_duplicate_gets_the_first_answer_without_its_cookies_and_other_headers() {
    let head =
        "HTTP/1.1 202 Accepted\r\nContent-Type: text/plain; charset=utf-8\r\nSet-Cookie: session=1\r\nX-Other: 1\r\n";
    let app = App::doing([], Action::Raw(response(head, "angenommen: é"))).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.post(&delivery).await;
    let second = gateway.post(&delivery).await;

    assert_eq!(first.header("set-cookie"), Some("session=1"));
    assert_eq!(first.header("countersign-replayed"), None);
    assert_eq!((second.status.as_u16(), second.text()), (202, "angenommen: é"));
    assert_eq!(second.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(second.header("countersign-replayed"), Some("true"));
    assert!(!second.headers.contains_key("set-cookie"));
    assert!(!second.headers.contains_key("x-other"));
    assert_eq!(app.received().len(), 1);
}

#[tokio::test]
async fn sixteen_kibibytes_of_an_answer_are_kept_and_of_a_longer_one_the_status() {
    let plain = "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\n";
    let chunked = |length: usize| {
        let (head, body) = (format!("{plain}Transfer-Encoding: chunked\r\n\r\n"), "x".repeat(length));
        format!("{head}{length:x}\r\n{body}\r\n0\r\n\r\n").into_bytes()
    };
    let framed = |length: usize| response(plain, "x".repeat(length));
    for (answer, kept) in [
        (framed(16 * 1024), 16 * 1024),
        (framed(16 * 1024 + 1), 0),
        (chunked(16 * 1024), 16 * 1024),
        (chunked(16 * 1024 + 1), 0),
        (framed(0), 0),
    ] {
        let app = App::doing([], Action::Raw(answer)).await;
        let gateway = Gateway::before(&app).await;
        let delivery = Sender::lmif().event("evt_1");

        let first = gateway.post(&delivery).await;
        let second = gateway.post(&delivery).await;

        assert_eq!((first.status.as_u16(), first.is_replayed()), (201, false));
        assert_eq!((second.status.as_u16(), second.is_replayed(), second.body.len()), (201, true, kept));
        assert_eq!(app.received().len(), 1);
    }
}

#[tokio::test]
async fn an_encoded_answer_is_not_kept_because_its_header_is_not() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n";
    let app = App::doing([], Action::Raw(response(head, b"\x1f\x8b\x08\x00"))).await;
    let gateway = Gateway::before(&app).await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.post(&delivery).await;
    let second = gateway.post(&delivery).await;

    assert_eq!((first.header("content-encoding"), first.body.as_ref()), (Some("gzip"), &b"\x1f\x8b\x08\x00"[..]));
    assert_eq!((second.status.as_u16(), second.is_replayed(), second.text()), (200, true, ""));
    assert!(!second.headers.contains_key("content-encoding"));
}

const CONFLICT: &str = r#"countersign_inbound_deliveries_total{source="lmif",outcome="conflict"}"#;

/// Posts these in turn, and tells which of them were replayed.
async fn replayed(gateway: &Gateway, path: &str, deliveries: &[&Delivery]) -> Vec<bool> {
    let mut replayed = Vec::new();
    for delivery in deliveries {
        let answer = gateway.post_to(path, delivery).await;
        assert_eq!(answer.status, 200, "{delivery:?}");
        replayed.push(answer.is_replayed());
    }
    replayed
}

#[tokio::test]
async fn a_signed_id_with_another_body_is_a_duplicate_where_the_sender_names_it_as_key() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let sender = Sender::lmif();
    let (first, other) = (sender.sign(r#"{"id":"evt_1","n":1}"#), sender.sign(r#"{"id":"evt_1","n":2}"#));

    let replayed = replayed(&gateway, "/hooks/lmif", &[&first, &other, &first]).await;

    assert_eq!(replayed, [false, true, true]);
    assert_eq!(app.received().len(), 1);
    assert_eq!(gateway.metric(CONFLICT).await, 1.0);
    gateway.until_logged(&["another body", "source=lmif", "evt_1"]).await;
}

const YAML: &str = "{hmac: {algorithm: sha256, header: X-Sig, signed: \"{body}\"}, event_id: {json: /id}}";

#[tokio::test]
async fn a_signed_id_with_another_body_is_delivered_for_a_scheme_of_ones_own_and_counted() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("lmif", YAML, "")]).await;
    let sender = Sender::of(YAML);
    let (first, other) = (sender.sign(r#"{"id":"evt_1","n":1}"#), sender.sign(r#"{"id":"evt_1","n":2}"#));

    let replayed = replayed(&gateway, "/hooks/lmif", &[&first, &other, &first, &other]).await;

    assert_eq!(replayed, [false, false, true, true]);
    assert_eq!(app.received().len(), 2);
    assert_eq!(gateway.metric(CONFLICT).await, 1.0);
}

#[tokio::test]
async fn what_a_conflict_means_can_be_configured() {
    let app = App::answering(200).await;
    let sources = [
        source("deliver", "lmif", "      dedup: {conflict: deliver}"),
        source("duplicate", YAML, "      dedup: {conflict: duplicate}"),
    ];
    let gateway = Gateway::with_sources(&app, &[&sources[0], &sources[1]]).await;
    let both = |sender: Sender| [r#"{"id":"evt_1","n":1}"#, r#"{"id":"evt_1","n":2}"#].map(|body| sender.sign(body));
    let (lmif, own) = (both(Sender::lmif()), both(Sender::of(YAML)));

    assert_eq!(replayed(&gateway, "/hooks/deliver", &[&lmif[0], &lmif[1]]).await, [false, false]);
    assert_eq!(replayed(&gateway, "/hooks/duplicate", &[&own[0], &own[1]]).await, [false, true]);
    assert_eq!(app.received().len(), 3);
}

#[tokio::test]
async fn an_id_that_is_not_signed_counts_only_together_with_its_body() {
    for scheme in ["lvconnect", "github", "shopify"] {
        let app = App::answering(200).await;
        let gateway = Gateway::with_sources(&app, &[&source("lmif", scheme, "")]).await;
        let sender = Sender::of(scheme);
        let [a, b, c] = ["one", "two", "six"].map(|body| sender.sign_event(body, "evt_1", "user:created"));

        let replayed = replayed(&gateway, "/hooks/lmif", &[&a, &b, &a, &b, &c, &c, &a]).await;

        assert_eq!(replayed, [false, false, true, true, false, true, true], "{scheme}");
        assert_eq!(app.received().len(), 3);
        assert_eq!(gateway.metric(CONFLICT).await, 2.0, "{scheme}");
        assert_eq!(app.received()[1].header("countersign-event-id"), "evt_1");
    }
}

#[tokio::test]
async fn another_body_under_an_unsigned_id_stays_known_when_the_first_body_fails() {
    let app = App::doing([Action::Wait, Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let gateway = Gateway::with_sources(&app, &[&source("lmif", "lvconnect", "")]).await;
    let sender = Sender::of("lvconnect");
    let [first, other] = ["one", "two"].map(|body| sender.sign_event(body, "evt_1", "user:created"));

    let failing = gateway.posting(&first);
    app.until_received(1).await;
    let delivering = gateway.posting(&other);
    gateway.until_verified(2).await;
    app.release();
    let statuses = [failing.await.unwrap().status.as_u16(), delivering.await.unwrap().status.as_u16()];

    assert_eq!(statuses, [500, 200]);
    assert_eq!(replayed(&gateway, "/hooks/lmif", &[&other, &first, &other, &first]).await, [true, false, true, true]);
    assert_eq!(app.received().len(), 3);
}

/// One action of a merchant has one event id at Shopify, and causes several topics that may have equal bodies.
#[tokio::test]
async fn an_unsigned_id_and_the_same_body_under_another_type_is_another_event() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("lmif", "shopify", "")]).await;
    let sender = Sender::of("shopify");
    let [created, paid] = ["orders/create", "orders/paid"].map(|topic| sender.sign_event("{}", "evt_1", topic));

    let replays = replayed(&gateway, "/hooks/lmif", &[&created, &paid, &created, &paid]).await;

    assert_eq!(replays, [false, false, true, true]);
    let types: Vec<String> =
        app.received().iter().map(|seen| seen.header("countersign-event-type").to_owned()).collect();
    assert_eq!(types, ["orders/create", "orders/paid"]);
}

/// Fault 22: dropping the id skips deduplication.
#[tokio::test]
async fn without_a_usable_id_the_bodys_digest_is_the_key() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let bodies = [
        "",
        "{}",
        "[]",
        "null",
        "plain text",
        r#"{"id":"evt_1""#,
        r#"{"type":"a"}"#,
        r#"{"id":""}"#,
        r#"{"id":null}"#,
        r#"{"id":true}"#,
        r#"{"id":false}"#,
        r#"{"id":{}}"#,
        r#"{"id":{"id":"evt_1"}}"#,
        r#"{"id":["evt_1"]}"#,
        r#"{"data":{"id":"evt_1"}}"#,
        r#"{"ID":"evt_1"}"#,
        r#"{"id":"evt_1","id":"evt_1"}"#,
        r#"{"id":"evt_1","id":"evt_2"}"#,
        r#"{"id":"evt_1","\u0069d":"evt_2"}"#,
        r#"{"id":"evt_1","n":1,"id":null}"#,
    ];

    for (number, body) in bodies.into_iter().enumerate() {
        let delivery = Sender::lmif().sign(body);
        assert_eq!(replayed(&gateway, "/hooks/lmif", &[&delivery, &delivery]).await, [false, true], "{body}");
        assert_eq!(app.received().len(), number + 1, "{body}");
        assert_eq!(app.received()[number].header("countersign-event-id"), digest(body), "{body}");
    }
    assert_eq!(gateway.metric(CONFLICT).await, 0.0);
}

/// Fault 22: dropping the id skips deduplication.
#[tokio::test]
async fn without_its_id_header_a_delivery_is_known_by_its_body() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("lmif", "lvconnect", "")]).await;
    let sign = |body: &'static str| Sender::of("lvconnect").sign(body);
    let deliveries = [
        sign("one").without("x-lvconnect-delivery"),
        sign("two").changed("x-lvconnect-delivery", |_| String::new()),
        sign("six").with("x-lvconnect-delivery", "another"),
    ];

    for (number, delivery) in deliveries.iter().enumerate() {
        assert_eq!(replayed(&gateway, "/hooks/lmif", &[delivery, delivery]).await, [false, true]);
        let body = std::str::from_utf8(&delivery.body).unwrap();
        assert_eq!(app.received()[number].header("countersign-event-id"), digest(body));
    }
    assert_eq!(app.received().len(), deliveries.len());
}

#[tokio::test]
async fn ids_compare_after_unescaping_and_a_number_never_equals_a_string() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let sign = |id: &str| Sender::lmif().sign(format!(r#"{{"id":{id}}}"#));
    let ids = ["1", r#""1""#, "1.0", "1e0", r#""a""#, r#""A""#, r#""a ""#, r#""\u00e9""#, r#""e\u0301""#];
    let same = [(r#""\u0031""#, "1"), (r#""\u0061""#, "a"), (r#""é""#, "é")];

    for id in ids {
        assert_eq!(replayed(&gateway, "/hooks/lmif", &[&sign(id)]).await, [false], "{id}");
    }
    for (id, known) in same {
        assert_eq!(replayed(&gateway, "/hooks/lmif", &[&sign(id)]).await, [true], "{id} is {known}");
    }
    assert_eq!(app.received().len(), ids.len());
}

#[tokio::test]
async fn a_hook_id_that_never_changes_does_not_hold_back_other_events() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("lmif", "loginradius", "")]).await;
    let sign = |n: u32| Sender::of("loginradius").sign(format!(r#"{{"HookId":"b2fd","HookName":"Login","Data":{n}}}"#));
    let deliveries = [1, 2, 3].map(sign);

    let replayed = replayed(&gateway, "/hooks/lmif", &[&deliveries[0], &deliveries[1], &deliveries[2], &sign(2)]).await;

    assert_eq!(replayed, [false, false, false, true]);
    assert_eq!(app.received().len(), 3);
    assert_eq!(gateway.metric(CONFLICT).await, 0.0);
}

#[tokio::test]
async fn a_jws_is_known_by_its_request_id_and_else_by_its_payload() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("lmif", "jws", "")]).await;
    let sign = |payload: &'static str| Sender::of("jws").sign(payload);
    let (named, other) = (r#"{"webhook_request_id":"r1","n":1}"#, r#"{"webhook_request_id":"r1","n":2}"#);
    let (unnamed, another) = (r#"{"n":1}"#, r#"{"n":2}"#);

    let deliveries = [named, named, other, unnamed, unnamed, another].map(sign);
    let replayed = replayed(&gateway, "/hooks/lmif", &deliveries.iter().collect::<Vec<_>>()).await;

    assert_eq!(replayed, [false, true, true, false, true, false]);
    let ids: Vec<String> =
        app.received().iter().map(|request| request.header("countersign-event-id").to_owned()).collect();
    assert_eq!(ids, ["r1".to_owned(), digest(unnamed), digest(another)]);
    assert_eq!(gateway.metric(CONFLICT).await, 1.0);
}

/// Libraries write different headers, and so make different signatures of one payload.
#[tokio::test]
async fn a_payload_that_is_signed_anew_is_the_same_event_and_no_conflict() {
    for conflict in ["duplicate", "deliver"] {
        let app = App::answering(200).await;
        let keys = format!("      dedup: {{conflict: {conflict}}}");
        let gateway = Gateway::with_sources(&app, &[&source("lmif", "jws", &keys)]).await;
        for payload in [r#"{"n":1}"#, r#"{"webhook_request_id":"r1"}"#] {
            let deliveries =
                [r#"{"alg":"HS256"}"#, r#"{"alg":"HS256","typ":"JWT"}"#].map(|head| compact(head, payload));
            let replayed = replayed(&gateway, "/hooks/lmif", &[&deliveries[0], &deliveries[1]]).await;
            assert_eq!(replayed, [false, true], "{payload}");
        }
        assert_eq!(app.received().len(), 2);
        assert_eq!(gateway.metric(CONFLICT).await, 0.0);
    }
}

/// A compact JWS with a header of our choice.
fn compact(header: &str, payload: &str) -> Delivery {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let signature = BASE64URL.encode(mac.finalize().into_bytes());
    Delivery { headers: Vec::new(), body: format!("{signed}.{signature}").into() }
}

#[tokio::test]
async fn with_dedup_off_every_copy_reaches_the_app_also_at_once() {
    let app = App::doing([Action::Wait, Action::Answer(200, "{}"), Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = Gateway::with_source(&app, "      dedup: off").await;
    let delivery = Sender::lmif().event("evt_1");

    let first = gateway.posting(&delivery);
    let second = gateway.posting(&delivery);
    app.until_received(2).await;
    app.release();
    let third = gateway.post(&delivery).await;

    for answer in [first.await.unwrap(), second.await.unwrap(), third] {
        assert_eq!((answer.status.as_u16(), answer.is_replayed()), (200, false));
    }
    assert_eq!((app.received().len(), app.most_at_once()), (3, 2));
}

#[tokio::test]
async fn the_configured_key_tells_deliveries_apart_and_the_event_keeps_its_id() {
    let app = App::answering(200).await;
    let key = "      dedup: {key: [{json: /order}, {header: X-Part}, {query: p}, {literal: v1}]}";
    let gateway = Gateway::with_source(&app, key).await;
    let sign = |id: u32, order: u32, part: &str| {
        Sender::lmif().sign(format!(r#"{{"id":"evt_{id}","order":{order}}}"#)).with("x-part", part)
    };

    let first = replayed(&gateway, "/hooks/lmif?p=1", &[&sign(1, 7, "a"), &sign(1, 7, "a"), &sign(1, 7, "b")]).await;
    let other = replayed(&gateway, "/hooks/lmif?p=2", &[&sign(1, 7, "a"), &sign(1, 8, "a"), &sign(1, 8, "a")]).await;

    assert_eq!(first, [false, true, false]);
    assert_eq!(other, [false, false, true]);
    assert_eq!(app.received().len(), 4);
    for request in app.received() {
        assert_eq!(request.header("countersign-event-id"), "evt_1");
    }
}

#[tokio::test]
async fn parts_of_a_key_are_not_run_together() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, "      event_id: [{json: /a}, {json: /b}]").await;
    let sign = |a: &str, b: &str| Sender::lmif().sign(format!(r#"{{"a":"{a}","b":"{b}"}}"#));

    let deliveries = [sign("x", "yz"), sign("xy", "z"), sign("x:y", "z"), sign("x", "y:z")];
    let replayed = replayed(&gateway, "/hooks/lmif", &deliveries.iter().collect::<Vec<_>>()).await;

    assert_eq!(replayed, [false; 4]);
    let ids: Vec<String> =
        app.received().iter().map(|request| request.header("countersign-event-id").to_owned()).collect();
    assert_eq!(ids, ["x:yz", "xy:z", "x:y:z", "x:y:z"]);
}

#[tokio::test]
async fn over_the_limit_on_entries_the_oldest_is_forgotten_which_is_counted_and_logged() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, "      dedup: {entries: 3}").await;
    let events = ["evt_1", "evt_2", "evt_3", "evt_4"].map(|id| Sender::lmif().event(id));
    let [one, two, three, four] = &events;

    let replayed = replayed(&gateway, "/hooks/lmif", &[one, two, three, four, four, three, two, one]).await;

    assert_eq!(replayed, [false, false, false, false, true, true, true, false]);
    gateway.until_metric(r#"countersign_dedup_evictions_total{source="lmif"}"#, 2.0).await;
    gateway.until_metric(r#"countersign_dedup_entries{source="lmif"}"#, 3.0).await;
    gateway.until_logged(&["WARN", "source=lmif", "entries"]).await;
}

#[tokio::test]
async fn once_the_window_is_over_a_delivery_is_new_again() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_source(&app, "      dedup: {window: 1s}").await;
    let delivery = Sender::lmif().event("evt_1");

    let start = Instant::now();
    assert!(!gateway.post(&delivery).await.is_replayed());
    let mut replays = 0;
    while gateway.post(&delivery).await.is_replayed() {
        assert!(start.elapsed() < Duration::from_secs(5));
        replays += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    assert!(replays > 0);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(app.received().len(), 2);
}

#[tokio::test]
async fn a_key_belongs_to_its_source() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("one", "lmif", ""), &source("two", "lmif", "")]).await;
    let delivery = Sender::lmif().event("evt_1");

    assert_eq!(replayed(&gateway, "/hooks/one", &[&delivery, &delivery]).await, [false, true]);
    assert_eq!(replayed(&gateway, "/hooks/two", &[&delivery, &delivery]).await, [false, true]);
    assert_eq!(app.received().len(), 2);
}

#[tokio::test]
async fn two_sources_may_share_a_path_on_different_hosts() {
    let app = App::answering(200).await;
    let hosted = |name: &str, host: &str| {
        source(name, "lmif", &format!("      host: {host}")).replace(&format!("/hooks/{name}"), "/hooks")
    };
    let sources = [hosted("one", "one.example"), hosted("two", "two.example")];
    let gateway = Gateway::with_sources(&app, &[&sources[0], &sources[1]]).await;
    let delivery = Sender::lmif().event("evt_1");

    let mut statuses = Vec::new();
    for host in ["one.example", "TWO.example:8080", "two.example", "three.example", "one.example."] {
        let answer = gateway.post_to("/hooks", &delivery.clone().with("host", host)).await;
        statuses.push((answer.status.as_u16(), answer.is_replayed()));
    }

    assert_eq!(statuses, [(200, false), (200, false), (200, true), (404, false), (404, false)]);
    let sources: Vec<String> =
        app.received().iter().map(|request| request.header("countersign-source").to_owned()).collect();
    assert_eq!(sources, ["one", "two"]);
}
