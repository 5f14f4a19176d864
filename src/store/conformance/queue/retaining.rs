//! How long what is over is kept, and what of it.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::harness::{Queue, at, end, message};
use crate::config::{Keep, KeptBodies};
use crate::scheme::Pointer;
use crate::store::ledger::{
    AttemptAnswer, Change, Filter, LedgerError, Message, NewDelivery, Next, Repeated, ShownMessage,
};

fn count(queue: &Queue, table: &str) -> i64 {
    let connection = Connection::open(queue.path()).expect("the store");
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a table")
}

#[tokio::test]
async fn what_is_over_goes_after_its_time_and_nothing_else() {
    let queue = Queue::keeping(Keep { age: Duration::from_secs(100), ..Keep::default() });
    let (delivered, discarded) = (queue.ended(Next::Delivered).await, queue.discarded().await);
    let (dead, due) = (queue.ended(Next::Dead).await, queue.due(1).await);

    queue.store.sweep(at(149));
    queue.store.flush().await;
    assert!(queue.ledger.show(delivered).await.expect("it can be read").is_none());
    queue.show(discarded).await;
    queue.store.sweep(at(150));
    queue.store.flush().await;

    assert!(queue.ledger.show(discarded).await.expect("it can be read").is_none());
    queue.store.sweep(at(1_000_000));
    queue.store.flush().await;
    let left: Vec<_> = queue.list(Filter::default()).await.iter().map(|summary| summary.id).collect();
    assert_eq!(left, [due, dead]);
    assert_eq!((count(&queue, "message"), count(&queue, "attempt")), (2, 1));
    assert_eq!(queue.ledger.repeat(delivered, queue.fresh(0)).await, Ok(Repeated::Same(delivered)));
}

#[tokio::test]
async fn what_was_over_first_goes_first_where_there_is_no_room() {
    let queue = Queue::keeping(Keep { size: Some(25_000), ..Keep::default() });
    let mut over = Vec::new();
    for number in 1..=5 {
        let id = queue.accept(NewDelivery { message: message(&[b'x'; 10_000]), ..queue.fresh(0) }).await;
        queue.leased(0).await;
        queue.record(id, number, Next::Delivered).await.expect("it is leased");
        over.push(id);
    }

    queue.store.sweep(at(10));
    queue.store.flush().await;

    let left: Vec<_> = queue.list(Filter::default()).await.iter().map(|summary| summary.id).collect();
    assert_eq!(left, [over[4], over[3]]);
    let queue = queue.reopen(at(10));
    queue.store.sweep(at(10));
    queue.store.flush().await;
    assert_eq!(queue.list(Filter::default()).await.len(), 2);
}

/// Fault 14: a retention that stalls accepting.
#[tokio::test]
async fn many_that_are_over_go_in_several_transactions() {
    let queue = Queue::keeping(Keep { age: Duration::from_secs(10), ..Keep::default() });
    let ids: Vec<_> = (0..2500).map(|_| queue.fresh(0)).collect();
    let deliveries = ids.into_iter().map(|new| {
        let attempt = end(new.id, 1, Next::Delivered).attempt;
        let start = crate::store::ledger::Start::Attempted(attempt, Next::Delivered);
        (NewDelivery { start, ..new }, None)
    });
    let accept = crate::store::ledger::Accept { deliveries: deliveries.collect(), answered: None };
    queue.ledger.accept(accept).await.expect("it is accepted");

    queue.store.sweep(at(100));
    for _ in 0..4 {
        queue.store.flush().await;
    }

    assert_eq!((count(&queue, "delivery"), count(&queue, "message"), count(&queue, "attempt")), (0, 0, 0));
}

/// Fault 14: a retention that stalls accepting.
#[tokio::test]
async fn a_few_that_are_large_go_in_several_transactions_too() {
    let queue = Queue::keeping(Keep { age: Duration::from_secs(10), ..Keep::default() });
    for number in 1..=10 {
        let id = queue.accept(NewDelivery { message: message(&[b'x'; 1024 * 1024]), ..queue.fresh(0) }).await;
        queue.leased(0).await;
        queue.record(id, number, Next::Delivered).await.expect("it is leased");
    }

    queue.store.sweep(at(100));
    let mut left = vec![10];
    while left.last() != Some(&0) {
        queue.store.flush().await;
        left.push(count(&queue, "delivery"));
    }

    assert!(left.windows(2).all(|pair| pair[0] - pair[1] <= 4), "{left:?}");
}

#[tokio::test]
async fn of_what_is_over_only_a_digest_may_stay() {
    let queue = Queue::keeping(Keep { bodies: KeptBodies::Digest, ..Keep::default() });
    let (delivered, discarded) = (queue.ended(Next::Delivered).await, queue.discarded().await);
    let dead = queue.ended(Next::Dead).await;

    for id in [delivered, discarded] {
        let shown = queue.show(id).await;
        let ShownMessage::Digest { length, sha256 } = shown.message else { panic!("a body") };
        assert_eq!((length, sha256), (13, Sha256::digest(b"{\"token\":\"t\"}").into()));
        let answers = shown.attempts.iter().filter_map(|attempt| attempt.answer.as_ref());
        assert!(answers.into_iter().all(|answer| answer.body.is_empty() && answer.status == 503));
        assert_eq!(queue.change(Change::Replay(id)).await, Err(LedgerError::State));
    }
    assert!(matches!(queue.show(dead).await.message, ShownMessage::Full(_)));
    assert_eq!(queue.change(Change::ReplayAll(Filter::default())).await, Ok(1));
}

#[tokio::test]
async fn what_is_masked_is_not_shown_and_still_sent() {
    let mask = ["/token", "/secret", "/not/there"].map(|pointer| Pointer::parse(pointer).expect("a pointer"));
    let queue = Queue::keeping(Keep { mask: mask.to_vec(), ..Keep::default() });
    let id = queue.ended(Next::Due(at(0))).await;

    let shown = queue.show(id).await;

    let ShownMessage::Full(message) = shown.message else { panic!("a digest") };
    assert_eq!(&message.body[..], b"{\"token\":\"***\"}");
    let answer: &AttemptAnswer = shown.attempts[0].answer.as_ref().expect("an answer");
    assert_eq!(&answer.body[..], b"{\"busy\":true,\"secret\":\"***\"}");
    let leased = queue.lease(super::harness::app(), 0).await.leased.remove(0);
    assert_eq!(&leased.message.body[..], b"{\"token\":\"t\"}");
}

#[tokio::test]
async fn credentials_are_not_stored() {
    let queue = Queue::sqlite();
    let secret = |name| (name, HeaderValue::from_static("hunter2"));
    let names = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
    let message = Message { headers: HeaderMap::from_iter(names.map(secret)), ..Message::default() };
    let id = queue.accept(NewDelivery { message: message.into(), ..queue.fresh(0) }).await;
    queue.leased(0).await;
    let mut ended = end(id, 1, Next::Due(at(0)));
    let answer = ended.attempt.answer.as_mut().expect("an answer");
    answer.headers = HeaderMap::from_iter([secret(header::SET_COOKIE)]);
    queue.ledger.record(ended).await.expect("it is leased");

    let path = queue.path().clone();
    let shown = queue.show(id).await;
    assert!(shown.attempts[0].answer.as_ref().is_some_and(|answer| answer.headers.is_empty()));
    for suffix in ["", "-wal"] {
        let bytes = std::fs::read(format!("{}{suffix}", path.display())).expect("a file");
        assert!(memchr::memmem::find(&bytes, b"hunter2").is_none());
    }
}
