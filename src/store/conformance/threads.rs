//! Several workers at once, each with a runtime of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use tokio::task::{JoinSet, yield_now};

use super::harness::{BODY, Harness, WINDOW, answer, at, failure, key};
use crate::store::{Alike, Claim, ScopeHandle, Seen, Succession, Waited, Waiter};

const THREADS: usize = 4;

/// How many tasks of each thread ask for the same event.
const TASKS: usize = 12;

const EVENTS: usize = 400;

/// Long enough that no test waits for it.
const LONG: Duration = Duration::from_secs(60);

/// What the workers of a test share.
struct Shared {
    scope: ScopeHandle,
    /// Whether an event is being delivered.
    busy: Vec<AtomicBool>,
    deliveries: AtomicUsize,
    successes: AtomicUsize,
}

impl Shared {
    fn new(harness: &Harness) -> Arc<Shared> {
        Arc::new(Shared {
            scope: harness.scope_of("lmif", WINDOW, 1_000_000),
            busy: (0..EVENTS).map(|_| AtomicBool::new(false)).collect(),
            deliveries: AtomicUsize::new(0),
            successes: AtomicUsize::new(0),
        })
    }

    fn ask(&self, event: usize) -> Seen {
        self.scope.claim(key(event as u64), BODY, at(0), LONG)
    }

    /// Delivers, and shows that nobody else does.
    async fn deliver(&self, event: usize, claim: Claim, succeeds: bool) {
        assert!(!self.busy[event].swap(true, SeqCst), "event {event} has two owners");
        self.deliveries.fetch_add(1, SeqCst);
        yield_now().await;
        assert!(self.busy[event].swap(false, SeqCst));
        if succeeds {
            self.successes.fetch_add(1, SeqCst);
            claim.settle(answer("ok"), at(0));
        } else {
            claim.release(failure(), Succession::Next);
        }
    }
}

/// Runs many tasks for each event on each of several threads.
fn on_threads<F>(shared: &Arc<Shared>, task: fn(Arc<Shared>, usize, usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let run = |thread: usize| {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            runtime.block_on(async move {
                for event in 0..EVENTS {
                    let tasks = (0..TASKS).map(|number| task(Arc::clone(&shared), event, thread * TASKS + number));
                    JoinSet::from_iter(tasks).join_all().await;
                }
            });
        })
    };
    let threads: Vec<_> = (0..THREADS).map(run).collect();
    for thread in threads {
        thread.join().expect("no task panicked");
    }
}

fn nobody_has_two_owners(harness: &Harness) {
    let shared = Shared::new(harness);

    on_threads(&shared, |shared, event, number| async move {
        let claim = match shared.ask(event) {
            Seen::New(claim) => claim,
            Seen::InFlight { waiter, .. } => match waiter.wait().await {
                Waited::Yours(claim) => claim,
                Waited::Settled(_) | Waited::Replayed(_) | Waited::Failed(_) => return,
                Waited::TooLong => panic!("event {event} is stuck"),
            },
            Seen::Settled { .. } => return,
            Seen::Crowded => panic!("fewer than 64 ask"),
        };
        shared.deliver(event, claim, number % 3 == 0).await;
    });

    assert!(shared.successes.load(SeqCst) <= EVENTS, "an event was delivered twice");
    assert!(shared.deliveries.load(SeqCst) >= EVENTS);
    assert_eq!(harness.stats("lmif").in_flight, 0);
    assert_eq!(harness.entries("lmif"), shared.successes.load(SeqCst));
}

/// Each event comes with one of few bodies: whoever delivers has both for himself.
fn nobody_has_two_owners_of_a_body(harness: &Harness) {
    const BODIES: usize = 7;
    let shared = Shared::new(harness);

    on_threads(&shared, |shared, event, number| async move {
        // Some ask for the same event, some for others with the same body.
        let (id, body) = (event * TASKS + number % 5, event % BODIES);
        let claim = match shared.scope.claim(key(id as u64), BODY, at(0), LONG) {
            Seen::New(claim) => claim,
            Seen::InFlight { waiter, .. } => match waiter.wait().await {
                Waited::Yours(claim) => claim,
                Waited::TooLong => panic!("event {id} is stuck"),
                _ => return,
            },
            _ => return,
        };
        match shared.scope.claim_body(claim, key(1_000_000 + body as u64), at(0), LONG).await {
            Alike::New(claim) => shared.deliver(body, claim, event > EVENTS / 2 && number % 3 == 0).await,
            // More than 64 may wait for one body.
            Alike::Busy | Alike::Failed(_) | Alike::JustReplayed(_) | Alike::Replayed(_) => {}
        }
    });

    assert_eq!(shared.successes.load(SeqCst), BODIES);
    assert_eq!(harness.entries("lmif"), BODIES);
    assert_eq!(harness.stats("lmif").in_flight, 0);
}

/// Waiters leave at all moments, also while a claim is on its way to them.
fn no_claim_is_lost_on_a_waiter_that_leaves(harness: &Harness) {
    let shared = Shared::new(harness);

    on_threads(&shared, |shared, event, number| async move {
        match shared.ask(event) {
            Seen::New(claim) => shared.deliver(event, claim, false).await,
            Seen::InFlight { waiter, .. } => {
                // Some look once and leave; some leave without looking; some stay.
                let patience = if number % 4 == 3 { LONG } else { Duration::from_micros(number as u64 % 5 * 10) };
                let waited = match number % 3 {
                    0 => return drop(waiter),
                    _ => tokio::time::timeout(patience, waiter.wait()).await,
                };
                match waited {
                    Ok(Waited::Yours(claim)) => shared.deliver(event, claim, false).await,
                    Ok(Waited::TooLong) => panic!("event {event} is stuck"),
                    Ok(Waited::Settled(_) | Waited::Replayed(_) | Waited::Failed(_)) | Err(_) => {}
                }
            }
            other => panic!("nothing is settled, and few ask: {other:?}"),
        }
    });

    assert_eq!(harness.stats("lmif").in_flight, 0);
    assert!((0..EVENTS).all(|event| matches!(shared.ask(event), Seen::New(_))), "a key is stuck");
}

/// Releases a claim while all who wait for it leave, at moments that shift against each other.
fn no_key_is_stuck_when_all_leave_at_the_moment_of_a_release(harness: &Harness) {
    let scope = harness.scope();
    let (sender, leaving) = std::sync::mpsc::sync_channel::<(usize, [Waiter; 2])>(0);
    let (left, all_left) = std::sync::mpsc::sync_channel(0);
    let leaver = thread::spawn(move || {
        for (round, waiters) in leaving {
            (0..round % 97).for_each(|_| std::hint::spin_loop());
            drop(waiters);
            left.send(()).expect("somebody listens");
        }
    });

    for round in 0..20_000 {
        let claim = scope.ask(1).claimed();
        let waiters = [scope.ask(1).in_flight(), scope.ask(1).in_flight()];
        sender.send((round, waiters)).expect("somebody listens");
        (0..round % 89 * 8).for_each(|_| std::hint::spin_loop());
        claim.release(failure(), Succession::Next);
        all_left.recv().expect("they left");
        assert!(scope.ask(1).is_new(), "the key is stuck in round {round}");
    }

    drop(sender);
    leaver.join().expect("no panic");
}

mod memory {
    use super::*;

    #[test]
    fn nobody_has_two_owners() {
        super::nobody_has_two_owners(&Harness::memory());
    }

    #[test]
    fn nobody_has_two_owners_of_a_body() {
        super::nobody_has_two_owners_of_a_body(&Harness::memory());
    }

    #[test]
    fn no_claim_is_lost_on_a_waiter_that_leaves() {
        super::no_claim_is_lost_on_a_waiter_that_leaves(&Harness::memory());
    }

    #[test]
    fn no_key_is_stuck_when_all_leave_at_the_moment_of_a_release() {
        super::no_key_is_stuck_when_all_leave_at_the_moment_of_a_release(&Harness::memory());
    }
}

mod sqlite {
    use super::*;

    #[test]
    fn nobody_has_two_owners() {
        super::nobody_has_two_owners(&Harness::sqlite());
    }

    #[test]
    fn nobody_has_two_owners_of_a_body() {
        super::nobody_has_two_owners_of_a_body(&Harness::sqlite());
    }

    #[test]
    fn no_claim_is_lost_on_a_waiter_that_leaves() {
        super::no_claim_is_lost_on_a_waiter_that_leaves(&Harness::sqlite());
    }

    #[test]
    fn no_key_is_stuck_when_all_leave_at_the_moment_of_a_release() {
        super::no_key_is_stuck_when_all_leave_at_the_moment_of_a_release(&Harness::sqlite());
    }
}
