use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::clock;
use crate::config::{Keep, Pace, Retry};
use crate::delivery::{Attempting, Courier, Course, Engine};
use crate::store::Store;
use crate::store::ledger::{
    Accept, AttemptAnswer, DeliveryId, Leased, Ledger, Message, NewDelivery, Start, State, Target,
};

/// An app that takes an event when it comes the second time.
#[derive(Default)]
struct Hesitant {
    seen: RefCell<HashMap<DeliveryId, Vec<u32>>>,
    was_asked: Notify,
}

impl Courier for Hesitant {
    fn attempt<'a>(&'a self, leased: &'a Leased, number: u32) -> Attempting<'a> {
        self.seen.borrow_mut().entry(leased.id).or_default().push(number);
        self.was_asked.notify_one();
        let status = if number == 1 { 500 } else { 200 };
        Box::pin(async move { Ok(AttemptAnswer { status, headers: HeaderMap::new(), body: Bytes::new() }) })
    }
}

async fn accept(ledger: &Arc<dyn Ledger>, target: &Target, count: usize) -> Vec<DeliveryId> {
    let new = |_| NewDelivery {
        id: ledger.next_id(clock::now()),
        target: target.clone(),
        source: None,
        event_id: "e".to_owned(),
        event_type: None,
        message: Arc::new(Message::default()),
        start: Start::Due(clock::now()),
    };
    let deliveries: Vec<_> = (0..count).map(|number| (new(number), None)).collect();
    let ids = deliveries.iter().map(|(new, _)| new.id).collect();
    ledger.accept(Accept { deliveries, answered: None }).await.unwrap();
    ids
}

#[tokio::test(flavor = "local")]
async fn what_is_in_a_file_is_delivered_and_what_became_of_it_is_written_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_sqlite(&folder.path().join("countersign.db"), &Keep::default(), clock::now()).unwrap();
    let ledger = store.ledger().unwrap();
    let engine = Engine::new(Arc::clone(&ledger), Arc::default());
    let courier = Rc::new(Hesitant::default());
    let retry = Retry { schedule: [0, 20].map(Duration::from_millis).into(), ..Retry::none() };
    let course = Course { target: upstream("app"), retry, pace: Pace::default(), courier: courier.clone() };
    engine.configure(vec![course]);

    let ids = accept(&ledger, &upstream("app"), 200).await;
    let all_twice = async {
        while courier.seen.borrow().values().map(Vec::len).sum::<usize>() < 400 {
            courier.was_asked.notified().await;
        }
    };
    timeout(Duration::from_secs(20), all_twice).await.expect("each is attempted twice");
    engine.drain().await;

    assert!(courier.seen.borrow().values().all(|numbers| *numbers == [1, 2]));
    for id in ids {
        assert_eq!(ledger.show(id).await.unwrap().unwrap().summary.state, State::Delivered);
    }
}
