//! What comes again.

use super::*;
use crate::clock;
use crate::store::ledger::{Attempt, Change, Ended, Ledger, Next, Room, State};
use crate::store::recall::Call;

const ID: (&str, &str) = ("Countersign-Event-Id", "1");
const KEY: (&str, &str) = ("Idempotency-Key", "k");

fn partner() -> Vec<Endpoint> {
    vec![endpoint("partner", "standard-webhooks")]
}

#[tokio::test]
async fn an_id_makes_one_delivery() {
    play(partner(), async |play| {
        let first = play.post("/endpoints/partner", &[ID], "{}").await;
        let second = play.post("/endpoints/partner", &[ID], "{}").await;

        assert_eq!((second.status, &second.body), (202, &first.body));
        assert_eq!((first.is_replayed(), second.is_replayed()), (false, true));
        assert_eq!(play.ledger.accepted().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn without_an_id_every_event_is_another() {
    play(partner(), async |play| {
        play.post("/endpoints/partner", &[], "{}").await;
        play.post("/endpoints/partner", &[], "{}").await;

        assert_eq!(play.ledger.accepted().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_known_id_with_another_body_or_type_is_a_conflict() {
    play(partner(), async |play| {
        play.post("/endpoints/partner", &[ID], "{}").await;

        for (headers, body) in [(&[ID][..], "{ }"), (&[ID, ("Countersign-Event-Type", "t")], "{}")] {
            let answer = play.post("/endpoints/partner", headers, body).await;
            assert_eq!((answer.status, answer.body.as_str()), (409, r#"{"error":"event_id_conflict"}"#));
        }
        assert_eq!(play.ledger.accepted().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_conflict_at_one_endpoint_leaves_the_others_free() {
    let endpoints = vec![endpoint("a", "standard-webhooks"), endpoint("b", "standard-webhooks")];
    play(endpoints, async |play| {
        play.post("/endpoints/b", &[ID, ("Countersign-Event-Type", "t")], "old").await;

        let conflict = play.post("/events/t", &[ID], "new").await;
        let passed = play.post("/endpoints/a", &[ID, ("Countersign-Event-Type", "t")], "new").await;

        assert_eq!((conflict.status, passed.status, passed.is_replayed()), (409, 202, false));
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_has_the_event_keeps_its_delivery() {
    let endpoints = vec![endpoint("a", "standard-webhooks"), endpoint("b", "standard-webhooks")];
    play(endpoints, async |play| {
        let first = play.post("/endpoints/b", &[ID, ("Countersign-Event-Type", "t")], "{}").await;

        let both = play.post("/events/t", &[ID], "{}").await;

        assert_eq!((both.status, both.is_replayed(), both.ids().len()), (202, false, 2));
        assert_eq!(both.ids()[1], first.ids()[0]);
        assert_eq!(play.ledger.accepted().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_dead_delivery_is_due_again_and_a_discarded_one_is_made_anew() {
    play(partner(), async |play| {
        let first = play.post("/endpoints/partner", &[ID], "{}").await;
        let delivery = play.ledger.accepted()[0].clone();
        let (id, target) = (delivery.id, delivery.target);
        let room = Room { deliveries: 1, bytes: 1 };
        assert_eq!(play.ledger.lease(target.clone(), clock::now(), room).await.unwrap().leased.len(), 1);
        let attempt = Attempt {
            number: 1,
            started: clock::now(),
            took: Duration::ZERO,
            outcome: AttemptOutcome::Connect,
            answer: None,
            error: None,
        };
        play.ledger.record(Ended { id, target, attempt, next: Next::Dead, pause: None }).await.unwrap();

        let revived = play.post("/endpoints/partner", &[ID], "{}").await;
        let state = play.ledger.state(id);
        play.ledger.change(Change::Discard(id), "a test".into(), clock::now()).await.unwrap();
        let anew = play.post("/endpoints/partner", &[ID], "{}").await;

        assert_eq!((state, revived.ids(), revived.is_replayed()), (Some(State::Due), first.ids(), false));
        assert_ne!(anew.ids(), first.ids());
        assert!(!anew.is_replayed());
    })
    .await;
}

#[tokio::test]
async fn a_key_gives_the_first_answer_again() {
    play(partner(), async |play| {
        let first = play.post("/endpoints/partner", &[KEY], "{}").await;
        let second = play.post("/endpoints/partner", &[KEY], "{}").await;

        assert_eq!((first.status, first.is_replayed()), (202, false));
        assert_eq!((second.status, second.is_replayed(), second.body), (202, true, first.body));
        assert_eq!(play.ledger.calls(Call::Accept), 1);
    })
    .await;
}

#[tokio::test]
async fn a_known_key_with_another_body_type_or_id_is_unprocessable() {
    play(partner(), async |play| {
        play.post("/endpoints/partner", &[KEY], "{}").await;

        for (headers, body) in
            [(&[KEY][..], "{ }"), (&[KEY, ID], "{}"), (&[KEY, ("Countersign-Event-Type", "t")], "{}")]
        {
            let answer = play.post("/endpoints/partner", headers, body).await;
            assert_eq!((answer.status, answer.body.as_str()), (422, r#"{"error":"idempotency_conflict"}"#));
        }
        assert_eq!(play.ledger.accepted().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_key_belongs_to_its_path() {
    let endpoints = vec![endpoint("a", "standard-webhooks"), endpoint("b", "standard-webhooks")];
    play(endpoints, async |play| {
        play.post("/endpoints/a", &[KEY], "{}").await;
        let other = play.post("/endpoints/b", &[KEY], "{ }").await;

        assert_eq!((other.status, other.is_replayed()), (202, false));
    })
    .await;
}

#[tokio::test]
async fn a_known_event_under_a_new_key_makes_no_second_delivery() {
    play(partner(), async |play| {
        let first = play.post("/endpoints/partner", &[ID], "{}").await;
        let second = play.post("/endpoints/partner", &[ID, KEY], "{}").await;
        let third = play.post("/endpoints/partner", &[ID, KEY], "{}").await;

        assert_eq!((&second.body, &third.body), (&first.body, &first.body));
        assert_eq!(play.ledger.accepted().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_sent_at_once_is_known_when_the_endpoint_queues() {
    play(vec![sync("partner")], async |play| {
        let kind = ("Countersign-Event-Type", "t");
        play.receiver.answer(200, "text/x", "hello");
        play.post("/endpoints/partner", &[ID, kind], "{}").await;
        play.gateway.reload(&outbound(vec![endpoint("partner", "lvconnect")]));

        let again = play.post("/endpoints/partner", &[ID, kind], "{}").await;

        assert_eq!((again.status, again.body.as_str(), again.is_replayed()), (200, "hello", true));
        assert!(play.ledger.accepted().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_was_queued_is_known_when_the_endpoint_is_sent_to_at_once() {
    play(vec![endpoint("partner", "lvconnect")], async |play| {
        let kind = ("Countersign-Event-Type", "t");
        let first = play.post("/endpoints/partner", &[ID, kind], "{}").await;
        play.gateway.reload(&outbound(vec![sync("partner")]));

        let again = play.post("/endpoints/partner", &[ID, kind], "{}").await;

        assert_eq!((again.status, again.is_replayed(), again.body), (202, true, first.body));
        assert_eq!(play.receiver.attempts(), 0);
    })
    .await;
}
