//! An endpoint that is down or hangs delays no other.

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;
use tokio::task::JoinSet;

use crate::support::{Action, App, Connection, Gateway, GatewayBuilder, often};

/// How many deliveries wait for the endpoint that does not take them.
const WAITING: usize = 10_000;

/// How many are sent to the healthy one, to see how long they take.
const MEASURED: usize = 400;

/// How often that is looked at.
const ROUNDS: usize = 4;

/// How many connections the app has.
const CONNECTIONS: usize = 16;

/// A gateway with an endpoint `healthy`, and an endpoint `dead`.
async fn start(healthy: &App, dead: &App) -> Gateway {
    let retry = format!("{{schedule: {}, timeout: 500ms}}", often());
    let endpoint = |name: &str, app: &App| {
        format!(
            "    {name}: {{url: \"http://{}/\", scheme: lmif, secrets: [{{env: SECRET}}], retry: {retry}}}\n",
            app.address
        )
    };
    let config = format!(
        "workers: 2
outbound:
  listen: 127.0.0.1:0
  egress: {{allow: [127.0.0.0/8]}}
  endpoints:
{}{}store: {{sqlite: {{path: \"{{folder}}/data/store.db\"}}}}
admin: {{listen: 127.0.0.1:0}}
",
        endpoint("healthy", healthy),
        endpoint("dead", dead)
    );
    GatewayBuilder::new(config).start().await
}

/// Posts so many events for an endpoint, over a few connections at once.
async fn post(gateway: &Gateway, endpoint: &'static str, count: usize) {
    let (mut posting, address) = (JoinSet::new(), gateway.outbound);
    for _ in 0..CONNECTIONS {
        posting.spawn(async move {
            let connection = Connection::open(address).await;
            for _ in 0..count / CONNECTIONS {
                let request = Request::post(format!("/endpoints/{endpoint}")).body(Full::from(r#"{"a":1}"#)).unwrap();
                assert_eq!(connection.send(request).await.status, 202);
            }
        });
    }
    posting.join_all().await;
}

/// How long events for the healthy endpoint take until they have arrived.
async fn time(gateway: &Gateway, healthy: &App) -> Duration {
    let (begun, before) = (Instant::now(), healthy.received().len());
    post(gateway, "healthy", MEASURED).await;
    healthy.until_received(before + MEASURED).await;
    begun.elapsed()
}

/// The same alone and beside what waits for another endpoint: in turns, and the best of each, as other programs use the
/// machine too.
async fn assert_delays_nobody(dead: App) {
    let healthy = App::answering(200).await;
    let (empty, full) = (start(&healthy, &dead).await, start(&healthy, &dead).await);
    post(&full, "dead", WAITING).await;

    let (mut alone, mut beside) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        alone = alone.min(time(&empty, &healthy).await);
        beside = beside.min(time(&full, &healthy).await);
    }

    println!("{MEASURED} deliveries alone: {alone:?}, beside {WAITING} that wait: {beside:?}");
    let waiting = async |state: &str| {
        full.metric(&format!(r#"countersign_queue_deliveries{{target="dead",state="{state}"}}"#)).await
    };
    assert!(waiting("due").await + waiting("leased").await >= (WAITING - 1) as f64);
    assert!(beside <= 2 * alone, "alone: {alone:?}, beside those that wait: {beside:?}");
}

#[tokio::test]
async fn ten_thousand_deliveries_for_a_dead_endpoint_delay_no_other() {
    assert_delays_nobody(App::down()).await;
}

#[tokio::test]
async fn ten_thousand_deliveries_for_an_endpoint_that_hangs_delay_no_other() {
    assert_delays_nobody(App::doing([], Action::Hang).await).await;
}
