//! The corpus of hostile requests in tests/hostile/http1, sent to every address of the real binary.
//!
//! Each case is sent on a connection of its own. Then a good request has to pass, on that connection if it is
//! still open and on a fresh one in any case. Behind the gateway stands a [`Witness`], who
//! checks for itself that what arrives is signed, whole, framed in one way, and once.

pub(crate) mod corpus;
pub(crate) mod exchange;
pub(crate) mod fill;
pub(crate) mod place;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use corpus::{Case, cases};
use exchange::{Pieces, exchange};
use place::Place;

/// How many cases are under way at once.
pub(crate) const AT_ONCE: usize = 48;

/// How often a case is sent again where the gateway has too much to do.
pub(crate) const TRIES: u32 = 50;

/// How much memory a gateway may gain from one pass of the corpus to the last.
pub(crate) const GAIN: usize = 12 << 20;

/// The cases that are about where one request ends and the next begins.
fn framings() -> Vec<Case> {
    let mut cases = cases("http1");
    let topics = ["chunks: ", "ends: ", "framing: ", "lengths: ", "pipelines: "];
    cases.retain(|case| topics.iter().any(|topic| case.name.starts_with(topic)));
    cases
}

/// Sends all cases, and names those that came out otherwise than they should.
async fn pass(place: &Arc<Place>, cases: &[Case], pass: usize, pieces: Pieces) {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (number, case) in cases.iter().cloned().enumerate() {
        let (place, slots) = (place.clone(), slots.clone());
        running.spawn(async move {
            let _slot = slots.acquire().await;
            for again in 0.. {
                match exchange(&place, &case, &format!("{pass}x{number}x{again}"), pieces).await {
                    Ok(()) => break,
                    // A machine that has too much to do has its gateway refuse what is good: it says to come again.
                    Err(error) if again < TRIES && error.contains(": 503") => sleep(Duration::from_millis(100)).await,
                    Err(error) => return Some(format!("{} as {pieces:?}: {error}", case.name)),
                }
            }
            None
        });
    }
    let failed: Vec<_> = running.join_all().await.into_iter().flatten().collect();
    is_unharmed(place, &failed);
}

/// Shows that no case has failed, that the app saw nothing that it should not, and that nothing panicked.
pub(crate) fn is_unharmed(place: &Place, failed: &[String]) {
    let mut wrong = place.witness.faults();
    wrong.extend(place.witness.events("").into_iter().filter(|id| id.ends_with("smuggled")));
    wrong.extend(place.gateway.log().into_iter().filter(|line| line.contains("panic")));
    let (failed, wrong) = (failed.join("\n"), wrong.join("\n"));
    assert!(failed.is_empty() && wrong.is_empty(), "{failed}\nThe app saw, or the log says:\n{wrong}");
}

/// Sends all cases in these ways, and shows that nothing is left of them in the gateway.
async fn withstands(place: Place, cases: &[Case], ways: &[Pieces]) {
    let descriptors = place.descriptors();
    let place = Arc::new(place);
    let mut memory = None;
    for (number, pieces) in ways.iter().enumerate() {
        pass(&place, cases, number, *pieces).await;
        place.until_at_rest(descriptors).await;
        memory.get_or_insert_with(|| place.gateway.memory());
    }
    let gained = place.gateway.memory().saturating_sub(memory.unwrap_or(0));
    assert!(gained < GAIN, "{} KiB more than after the first pass", gained >> 10);
    println!("{} cases in {} ways, {} KiB gained", cases.len(), ways.len(), gained >> 10);
}

#[tokio::test]
async fn senders_that_mean_no_good_do_none() {
    let ways = [Pieces::Whole, Pieces::CarriageReturns, Pieces::Whole];

    withstands(Place::inbound().await, &cases("http1"), &ways).await;
}

#[tokio::test]
async fn what_comes_a_byte_at_a_time_is_judged_alike() {
    withstands(Place::inbound().await, &framings(), &[Pieces::Bytes]).await;
}

#[tokio::test]
async fn senders_that_mean_no_good_do_none_over_tls_either() {
    withstands(Place::inbound_tls().await, &framings(), &[Pieces::Whole]).await;
}

#[tokio::test]
async fn an_app_that_was_taken_over_smuggles_nothing() {
    let mut cases = cases("http1");
    cases.retain(|case| !case.inbound_only);

    withstands(Place::outbound().await, &cases, &[Pieces::Whole]).await;
}

#[tokio::test]
async fn strangers_reach_nothing_at_the_addresses_of_the_app_and_of_operators() {
    let cases = cases("http1");

    for place in [Place::outbound_of_a_stranger().await, Place::admin_of_a_stranger().await] {
        withstands(place, &cases, &[Pieces::Whole]).await;
    }
}
