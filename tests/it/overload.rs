//! More comes than can be served: what is accepted is served in time, and the rest is told at once to come again.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::{Connection, Gateway, GatewayBuilder, Rush, Sender, Sent, Workshop, percentile, source};

const SECOND: Duration = Duration::from_secs(1);

/// What the app can do: so many at once, each in this time, and so 80 a second.
const AT_ONCE: usize = 8;
const EACH: Duration = Duration::from_millis(100);
const CAPACITY: u32 = 80;

async fn before(app: &Workshop, keys: &str) -> Gateway {
    let config = Gateway::config_at(app.address, &source("lmif", "lmif", keys));
    GatewayBuilder::new(config.replace("{memory: {}}", "{sqlite: {path: \"{folder}/data/store.db\"}}")).start().await
}

fn parted(sent: &[Sent]) -> (Vec<&Sent>, Vec<&Sent>) {
    sent.iter().partition(|sent| sent.is_taken())
}

#[track_caller]
fn assert_refused_at_once(refused: &[&Sent], within: Duration) {
    for sent in refused {
        assert_eq!((sent.status, sent.retry_after.as_deref()), (503, Some("1")), "{sent:?}");
    }
    let took = percentile(refused.iter().copied(), 0.99);
    assert!(took < within, "refusals take {took:?}");
}

#[tokio::test]
async fn an_app_that_is_sent_three_times_what_it_can_do_does_what_it_can_in_time_and_the_rest_comes_again() {
    let app = Workshop::open(AT_ONCE, EACH).await;
    let gateway = before(&app, "").await;
    let mut rush = Rush::at(gateway.address, "/hooks/lmif");

    let calm = rush.of(CAPACITY / 2, 2 * SECOND).await;
    let over = rush.of(3 * CAPACITY, 5 * SECOND).await;
    let after = rush.of(CAPACITY / 2, SECOND).await;

    assert!(calm.iter().all(Sent::is_taken));
    let usual = percentile(&calm, 0.99);
    // The first moments are a burst, which passes.
    let over: Vec<Sent> = over.into_iter().filter(|sent| sent.came > SECOND).collect();
    let (taken, refused) = parted(&over);
    let took = percentile(taken.iter().copied(), 0.99);
    println!("without a load {usual:?}, {} taken in {took:?}, {} refused", taken.len(), refused.len());
    assert!(took <= 5 * usual, "{took:?}, and {usual:?} without a load");
    assert!(taken.len() > CAPACITY as usize * 4 / 2, "{} were taken", taken.len());
    assert_refused_at_once(&refused, usual);
    assert!(after.iter().filter(|sent| sent.is_taken()).count() * 10 >= after.len() * 9);
    assert_eq!(app.done().len(), app.done().iter().collect::<HashSet<_>>().len());
}

/// How many send at once, each the next event as soon as it was answered.
const SENDERS: usize = 300;

#[tokio::test]
async fn what_a_queue_has_acknowledged_under_more_than_it_can_take_arrives_and_the_rest_comes_again() {
    let app = Workshop::open(1000, Duration::ZERO).await;
    let gateway = before(&app, "      delivery: queue").await;
    let until = Instant::now() + 2 * SECOND;

    let mut sending = JoinSet::new();
    for number in 0..SENDERS {
        let connection = Connection::open(gateway.address).await;
        sending.spawn(async move {
            let (mut acknowledged, mut refused) = (Vec::new(), 0);
            for event in 0.. {
                if Instant::now() > until {
                    break;
                }
                let id = format!("evt_{number}_{event}");
                let answer = connection.post(&Sender::lmif().event(&id)).await;
                match answer.status.as_u16() {
                    202 => acknowledged.push(id),
                    status => {
                        assert_eq!((status, answer.header("retry-after")), (503, Some("1")), "{answer:?}");
                        refused += 1;
                    }
                }
            }
            (acknowledged, refused)
        });
    }
    let (acknowledged, refused): (Vec<_>, Vec<usize>) = sending.join_all().await.into_iter().unzip();
    let acknowledged: HashSet<String> = acknowledged.into_iter().flatten().collect();
    gateway.until_queue_is_empty().await;

    let arrived: HashSet<String> = app.done().into_iter().collect();
    println!("{} acknowledged, {} refused", acknowledged.len(), refused.iter().sum::<usize>());
    assert!(!acknowledged.is_empty());
    assert!(acknowledged.is_subset(&arrived), "{:?} did not arrive", acknowledged.difference(&arrived));
    assert!(gateway.most_memory() < 200 << 20, "{} MiB", gateway.most_memory() >> 20);
}
