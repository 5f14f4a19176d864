//! What is put on disk, and how it is answered.

use uuid::Uuid;

use super::*;
use crate::store::recall::Call;

#[tokio::test]
async fn an_event_for_an_endpoint_is_accepted_as_it_came() {
    play(vec![endpoint("partner", "lvconnect")], async |play| {
        let answer =
            play.post("/endpoints/partner", &[("Countersign-Event-Type", "user:created")], r#"{"user": 1.0}"#).await;

        let accepted = &play.ledger.accepted()[0];
        assert_eq!(answer.status, 202);
        assert_eq!(answer.body, format!(r#"{{"deliveries":[{{"id":"{}","endpoint":"partner"}}]}}"#, accepted.id));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(accepted.message.body, r#"{"user": 1.0}"#);
        assert_eq!((accepted.event_type.as_deref(), accepted.source.is_none()), (Some("user:created"), true));
        assert_eq!(Uuid::parse_str(&accepted.event_id).unwrap().get_version_num(), 4);
        assert!(accepted.message.headers.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_event_goes_to_all_endpoints_that_want_its_type_in_one_transaction() {
    let endpoints = vec![wanting("users", "user:*"), wanting("boxes", "box.*"), wanting("all", "*")];
    play(endpoints, async |play| {
        let answer = play.post("/events/user%3acreated", &[], "{}").await;

        let accepted = play.ledger.accepted();
        let names: Vec<_> = accepted.iter().map(|delivery| &*delivery.target.name).collect();
        assert_eq!((answer.status, names), (202, vec!["users", "all"]));
        assert_eq!(answer.ids(), [accepted[0].id.to_string(), accepted[1].id.to_string()]);
        assert_eq!(play.ledger.calls(Call::Accept), 1);
        assert_eq!(accepted[0].event_type.as_deref(), Some("user:created"));
        assert_ne!(accepted[0].event_id, accepted[1].event_id);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_nobody_wants_goes_nowhere() {
    play(vec![wanting("users", "user:*")], async |play| {
        let answer = play.post("/events/box.created", &[("Idempotency-Key", "1")], "{}").await;
        let again = play.post("/events/box.created", &[("Idempotency-Key", "1")], "{}").await;

        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"deliveries":[]}"#));
        assert_eq!((again.status, again.body, again.head.contains("replayed")), (200, answer.body, true));
        assert_eq!(play.ledger.calls(Call::Accept), 0);
    })
    .await;
}

#[tokio::test]
async fn ids_are_made_as_the_sender_makes_them() {
    let lmif = Endpoint { envelope: Envelope::Lmif, ..endpoint("lmif", "lmif") };
    let jws = Endpoint { envelope: Envelope::Jws, ..endpoint("jws", "jws") };
    play(vec![lmif, endpoint("standard", "standard-webhooks"), jws], async |play| {
        play.post("/events/box.created", &[], r#"{"a":1}"#).await;

        let accepted = play.ledger.accepted();
        let body: serde_json::Value = serde_json::from_slice(&accepted[0].message.body).unwrap();
        assert!(accepted[0].event_id.starts_with("evt_"));
        assert_eq!(body["id"], accepted[0].event_id);
        assert!(accepted[1].event_id.starts_with("msg_"));
        let body: serde_json::Value = serde_json::from_slice(&accepted[2].message.body).unwrap();
        assert_eq!(body["webhook_request_id"], accepted[2].event_id);
    })
    .await;
}

#[tokio::test]
async fn an_id_in_the_body_counts_as_given() {
    play(vec![endpoint("lmif", "lmif")], async |play| {
        let body = r#"{"id":"evt_7","type":"box.created"}"#;

        let first = play.post("/endpoints/lmif", &[], body).await;
        let second = play.post("/endpoints/lmif", &[], body).await;

        assert_eq!((first.status, second.status, second.is_replayed()), (202, 202, true));
        let accepted = &play.ledger.accepted()[0];
        assert_eq!((accepted.event_id.as_str(), accepted.event_type.as_deref()), ("evt_7", Some("box.created")));
    })
    .await;
}

#[tokio::test]
async fn the_app_s_content_type_is_sent_only_where_the_sender_has_none_of_its_own() {
    let mut acme = endpoint("acme", "lmif");
    let mut scheme = (*acme.scheme).clone();
    scheme.sender.content_type = "".into();
    acme.scheme = Arc::new(scheme);
    play(vec![acme, endpoint("lmif", "lmif"), endpoint("jws", "jws")], async |play| {
        play.post("/events/t", &[("Content-Type", "text/x"), ("X-Other", "1")], "{}").await;

        let accepted = play.ledger.accepted();
        assert_eq!(accepted[0].message.headers.len(), 1);
        assert_eq!(accepted[0].message.headers["content-type"], "text/x");
        assert!(accepted[1].message.headers.is_empty());
        assert!(accepted[2].message.headers.is_empty());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_acknowledged_while_the_store_cannot_be_written() {
    play(vec![endpoint("partner", "standard-webhooks")], async |play| {
        let headers = [("Countersign-Event-Id", "1"), ("Idempotency-Key", "k")];
        play.ledger.fail(Call::Accept, 1);

        let refused = play.post("/endpoints/partner", &headers, "{}").await;
        let passed = play.post("/endpoints/partner", &headers, "{}").await;

        assert_eq!((refused.status, refused.body.as_str()), (503, r#"{"error":"store_unavailable"}"#));
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!((passed.status, passed.is_replayed(), play.ledger.accepted().len()), (202, false, 1));
    })
    .await;
}

#[tokio::test]
async fn a_reload_takes_over_between_two_requests() {
    play(vec![wanting("old", "*")], async |play| {
        play.post("/events/t", &[("Countersign-Event-Id", "1")], "{}").await;
        play.gateway.reload(&outbound(vec![wanting("new", "*"), wanting("old", "*")]));

        let answer = play.post("/events/t", &[("Countersign-Event-Id", "1")], "{}").await;

        let accepted = play.ledger.accepted();
        assert_eq!((answer.status, answer.is_replayed(), accepted.len()), (202, false, 2));
        assert_eq!(answer.ids(), [accepted[1].id.to_string(), accepted[0].id.to_string()]);
    })
    .await;
}
