//! An engine to be tested, and couriers that note what they are given.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use tokio::time::sleep;

use crate::clock::testing::Following;
use crate::config::{Pace, Retry};
use crate::delivery::{Attempting, Courier, Course, Engine, Tried, Unanswered};
use crate::store::ledger::{
    Accept, AttemptAnswer, DeliveryId, Leased, Ledger, Message, NewDelivery, Start, Target, TargetKind,
};
use crate::store::recall::Recall;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::words::AttemptOutcome;

pub(super) fn endpoint(name: &str) -> Target {
    Target { kind: TargetKind::Endpoint, name: name.into() }
}

pub(super) fn upstream(name: &str) -> Target {
    Target { kind: TargetKind::Upstream, name: name.into() }
}

/// What a courier does with an attempt.
#[derive(Clone)]
pub(super) enum Script {
    Answer(u16),
    /// 503, with this `Retry-After`.
    Later(String),
    Fail(AttemptOutcome),
    Panic,
}

/// An attempt as its courier saw it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) id: DeliveryId,
    pub(super) number: u32,
    pub(super) at: Timestamp,
}

type Decide = Box<dyn Fn(&Leased, u32) -> (Script, Duration)>;

pub(super) struct Scripted {
    clock: Rc<Following>,
    decide: RefCell<Decide>,
    pub(super) seen: RefCell<Vec<Seen>>,
    under_way: Cell<usize>,
    pub(super) most: Cell<usize>,
}

impl Scripted {
    /// What every attempt is from now on, and how long it takes.
    pub(super) fn always(&self, script: Script, takes: Duration) {
        self.decide(move |_, _| (script.clone(), takes));
    }

    pub(super) fn decide(&self, decide: impl Fn(&Leased, u32) -> (Script, Duration) + 'static) {
        *self.decide.borrow_mut() = Box::new(decide);
    }

    pub(super) fn count(&self) -> usize {
        self.seen.borrow().len()
    }

    /// When attempts began, in milliseconds since the first.
    pub(super) fn millis(&self) -> Vec<i64> {
        let seen = self.seen.borrow();
        seen.iter().map(|attempt| attempt.at.as_millisecond() - seen[0].at.as_millisecond()).collect()
    }

    async fn act(&self, leased: &Leased, number: u32) -> Tried {
        self.seen.borrow_mut().push(Seen { id: leased.id, number, at: self.clock.now() });
        let (script, takes) = (self.decide.borrow())(leased, number);
        let _under_way = UnderWay::begin(self);
        sleep(takes).await;
        let mut headers = HeaderMap::new();
        match script {
            Script::Answer(status) => Ok(AttemptAnswer { status, headers, body: Bytes::new() }),
            Script::Later(value) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_str(&value).unwrap());
                Ok(AttemptAnswer { status: 503, headers, body: Bytes::new() })
            }
            Script::Fail(outcome) => Err(Unanswered { outcome, error: "as told".to_owned() }),
            Script::Panic => panic!("as told"),
        }
    }
}

struct UnderWay<'a>(&'a Scripted);

impl UnderWay<'_> {
    fn begin(courier: &Scripted) -> UnderWay<'_> {
        courier.under_way.set(courier.under_way.get() + 1);
        courier.most.set(courier.most.get().max(courier.under_way.get()));
        UnderWay(courier)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
    }
}

impl Courier for Scripted {
    fn attempt<'a>(&'a self, leased: &'a Leased, number: u32) -> Attempting<'a> {
        Box::pin(self.act(leased, number))
    }
}

pub(super) struct Rig {
    pub(super) ledger: Arc<Recall>,
    pub(super) clock: Rc<Following>,
    pub(super) engine: Rc<Engine>,
    pub(super) metrics: Arc<Metrics>,
}

impl Rig {
    pub(super) fn new() -> Rig {
        let (ledger, clock, metrics) = (Recall::with(&[]), Following::new(), Arc::new(Metrics::new()));
        let engine = Engine::with(ledger.clone(), metrics.clone(), clock.clock());
        Rig { ledger, clock, engine, metrics }
    }

    /// A courier that answers 200 after 10 ms.
    pub(super) fn courier(&self) -> Rc<Scripted> {
        Rc::new(Scripted {
            clock: Rc::clone(&self.clock),
            decide: RefCell::new(Box::new(|_, _| (Script::Answer(200), Duration::from_millis(10)))),
            seen: RefCell::default(),
            under_way: Cell::default(),
            most: Cell::default(),
        })
    }

    /// A target with this schedule alone, and its courier.
    pub(super) fn serve(&self, target: Target, retry: Retry) -> Rc<Scripted> {
        let courier = self.courier();
        self.engine.configure(vec![course(target, retry, &courier)]);
        courier
    }

    pub(super) async fn accept(&self, target: &Target) -> DeliveryId {
        self.accept_many(target, 1).await[0]
    }

    /// Accepts so many that are due at once.
    pub(super) async fn accept_many(&self, target: &Target, count: usize) -> Vec<DeliveryId> {
        let now = self.clock.now();
        self.accept_due(target, &vec![now; count]).await
    }

    pub(super) async fn accept_due(&self, target: &Target, due: &[Timestamp]) -> Vec<DeliveryId> {
        let now = self.clock.now();
        let new = |at: &Timestamp| NewDelivery {
            id: self.ledger.next_id(now),
            target: target.clone(),
            source: None,
            event_id: "e".to_owned(),
            event_type: None,
            message: Arc::new(Message::default()),
            start: Start::Due(*at),
        };
        let deliveries: Vec<_> = due.iter().map(|at| (new(at), None)).collect();
        let ids = deliveries.iter().map(|(new, _)| new.id).collect();
        self.ledger.accept(Accept { deliveries, answered: None }).await.unwrap();
        ids
    }

    /// Lets this time pass.
    pub(super) async fn pass(&self, seconds: f64) {
        sleep(Duration::from_secs_f64(seconds)).await;
    }

    pub(super) fn metric(&self, line: &str) -> Option<String> {
        let text = self.metrics.render();
        text.lines().find_map(|found| found.strip_prefix(line)).map(|value| value.trim().to_owned())
    }
}

pub(super) fn course(target: Target, retry: Retry, courier: &Rc<Scripted>) -> Course {
    paced(target, retry, Pace::default(), courier)
}

pub(super) fn paced(target: Target, retry: Retry, pace: Pace, courier: &Rc<Scripted>) -> Course {
    Course { target, retry, pace, courier: Rc::clone(courier) as Rc<dyn Courier> }
}
