//! An app at several addresses, of which some are dead, die, or come back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{Action, App, Delivery, Flaky, Gateway, GatewayBuilder, Mood, SOON, Sender, often, source};

/// A configuration whose app is at these addresses and not at its own.
fn at(config: &str, app: &App, addresses: &[SocketAddr]) -> String {
    let urls: Vec<String> = addresses.iter().map(|address| format!("http://{address}")).collect();
    config.replace(&format!("\"http://{}\"", app.address), &format!("[{}]", urls.join(", ")))
}

/// A gateway with one worker, which sees all that happens.
async fn alone_before(app: &App, addresses: &[SocketAddr]) -> Gateway {
    let config = Gateway::config(app, "").replace("workers: 2", "workers: 1");
    GatewayBuilder::new(at(&config, app, addresses)).start().await
}

fn event(number: usize) -> Delivery {
    Sender::lmif().event(&format!("evt_{number}"))
}

#[tokio::test]
async fn where_one_of_two_addresses_is_dead_nobody_notices_and_it_is_used_again_once_it_lives() {
    let (mut dead, alive) = (App::down(), App::answering(200).await);
    let gateway = alone_before(&alive, &[dead.address, alive.address]).await;

    for number in 0..30 {
        assert_eq!(gateway.post(&event(number)).await.status, 200);
    }
    gateway.until_logged(&["WARN", "upstream=app", &dead.address.to_string(), "this address is left out"]).await;
    assert_eq!(alive.received().len(), 30);

    dead.come_up();
    let mut number = 30;
    while dead.received().len() < 5 {
        assert_eq!(gateway.post(&event(number)).await.status, 200);
        number += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    gateway.until_logged(&["INFO", "upstream=app", &dead.address.to_string(), "this address answers again"]).await;
    assert_eq!(dead.received().len() + alive.received().len(), number);
    for (app, received) in [(&dead, dead.received()), (&alive, alive.received())] {
        assert!(received.iter().all(|request| request.header("host") == app.address.to_string()));
    }
    assert_eq!(gateway.outcome("delivered").await, number as f64);
}

#[tokio::test]
async fn where_all_addresses_are_dead_it_is_502_and_the_first_that_lives_is_asked_at_once() {
    let (mut one, other) = (App::down(), App::down());
    let gateway = alone_before(&one, &[one.address, other.address]).await;

    for number in 0..20 {
        let answer = gateway.post(&event(number)).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_unreachable"}"#));
    }
    for address in [one.address, other.address] {
        gateway.until_logged(&[&address.to_string(), "this address is left out"]).await;
    }
    one.come_up();

    // All are left out, and none is refused for that.
    assert_eq!(gateway.post(&event(0)).await.status, 200);
    assert!(gateway.post(&event(0)).await.is_replayed());
}

#[tokio::test]
async fn the_address_with_fewer_requests_under_way_is_asked() {
    let (stuck, quick) = (App::doing([], Action::Hang).await, App::answering(200).await);
    let gateway = alone_before(&quick, &[stuck.address, quick.address]).await;

    let mut number = 0;
    let stuck_one = loop {
        let mut posting = gateway.posting(&event(number));
        number += 1;
        tokio::select! {
            answer = &mut posting => assert_eq!(answer.unwrap().status, 200),
            () = stuck.until_received(1) => break posting,
        }
    };
    let before = quick.received().len();
    for _ in 0..50 {
        assert_eq!(gateway.post(&event(number)).await.status, 200);
        number += 1;
    }

    assert_eq!((stuck.received().len(), quick.received().len()), (1, before + 50));
    assert!(!stuck_one.is_finished());
}

#[tokio::test]
async fn an_address_that_takes_no_connection_leaves_time_for_the_other() {
    // A listener that accepts nothing, and whose queue is full.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let full = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(100), TcpStream::connect(full)).await {
        queued.push(stream);
    }
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "").replace("timeout: 3s", "connect_timeout: 400ms");
    let gateway = GatewayBuilder::new(at(&config, &app, &[full, app.address])).start().await;

    for number in 0..20 {
        let start = Instant::now();
        assert_eq!(gateway.post(&event(number)).await.status, 200);
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    }

    gateway.until_logged(&[&full.to_string(), "this address is left out"]).await;
}

#[tokio::test]
async fn what_was_written_to_an_address_that_breaks_goes_to_no_other() {
    let broken = || App::doing([], Action::RawThenClose(Vec::new()));
    let (one, other) = (broken().await, broken().await);
    let gateway = alone_before(&one, &[one.address, other.address]).await;

    for number in 1..=20 {
        let answer = gateway.post(&event(number)).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_broken"}"#));
        assert_eq!(one.received().len() + other.received().len(), number);
    }
}

/// How many send at once.
const SENDERS: usize = 8;

/// What senders have seen.
#[derive(Default)]
struct Seen {
    failures: AtomicUsize,
    taken: AtomicUsize,
    is_over: AtomicBool,
}

/// Sends one event after the other until it is told to stop, each again until it is taken.
async fn send(gateway: Arc<Gateway>, sender: usize, seen: Arc<Seen>) -> Vec<String> {
    let mut ids = Vec::new();
    while !seen.is_over.load(Ordering::SeqCst) {
        let id = format!("evt_{sender}_{}", ids.len());
        while gateway.post(&Sender::lmif().event(&id)).await.status != 200 {
            seen.failures.fetch_add(1, Ordering::SeqCst);
        }
        seen.taken.fetch_add(1, Ordering::SeqCst);
        ids.push(id);
    }
    ids
}

async fn until_taken(seen: &Seen, more: usize) {
    let (start, before) = (Instant::now(), seen.taken.load(Ordering::SeqCst));
    while seen.taken.load(Ordering::SeqCst) < before + more {
        assert!(start.elapsed() < SOON, "nothing goes on");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn an_address_that_dies_under_load_costs_no_more_than_what_was_under_way_there() {
    let (dying, alive) = (Flaky::start(Mood::Well, Rng::new()).await, Flaky::start(Mood::Well, Rng::new()).await);
    let (app, address) = (App::down(), dying.address);
    let gateway = GatewayBuilder::new(at(&Gateway::config(&app, ""), &app, &[address, alive.address])).start().await;
    let (gateway, seen, mut senders) = (Arc::new(gateway), Arc::<Seen>::default(), JoinSet::new());
    for sender in 0..SENDERS {
        senders.spawn(send(gateway.clone(), sender, seen.clone()));
    }
    until_taken(&seen, 100).await;

    let arrived = dying.watch();
    drop(dying);
    until_taken(&seen, 100).await;
    gateway.until_logged(&[&address.to_string(), "this address is left out"]).await;
    let failures = seen.failures.load(Ordering::SeqCst);
    let back = Flaky::at(address, Mood::Well, Rng::new()).await;
    let mut used = back.watch();
    timeout(SOON, used.wait_for(|arrived| arrived.len() > 20)).await.expect("it is not used again").unwrap();
    seen.is_over.store(true, Ordering::SeqCst);
    let ids = senders.join_all().await.concat();

    assert!(failures <= SENDERS, "{failures} failed");
    assert_eq!(seen.failures.load(Ordering::SeqCst), failures, "no other request failed");
    let all = [arrived.borrow().clone(), alive.arrivals(), back.arrivals()];
    assert!(all.iter().all(|arrivals| arrivals.len() > 20), "{:?}", all.each_ref().map(|arrivals| arrivals.len()));
    let times = |id: &String| {
        let key = ("/hooks/lmif".to_owned(), id.clone());
        all.iter().filter_map(|arrivals| arrivals.get(&key)).sum::<u32>() as usize
    };
    assert!(ids.iter().all(|id| times(id) > 0), "an event that was acknowledged did not arrive");
    // What was under way when it died may have arrived there too.
    assert!(ids.iter().map(times).sum::<usize>() <= ids.len() + failures);
}

#[tokio::test]
async fn what_is_queued_reaches_the_address_that_lives_with_its_first_attempt() {
    let (dead, alive) = (App::down(), App::answering(200).await);
    let config = Gateway::config_on_disk(&alive, &source("lmif", "lmif", "      delivery: queue"), &often());
    let gateway = GatewayBuilder::new(at(&config, &alive, &[dead.address, alive.address])).start().await;

    for number in 0..50 {
        assert_eq!(gateway.post(&event(number)).await.status, 202);
    }
    alive.until_received(50).await;
    gateway.until_queue_is_empty().await;

    assert!(alive.received().iter().all(|request| request.header("countersign-attempt") == "1"));
    assert_eq!(gateway.metric(r#"countersign_attempts_total{target="app",outcome="success"}"#).await, 50.0);
    assert_eq!(gateway.metric(r#"countersign_attempts_total{target="app",outcome="connect"}"#).await, 0.0);
    gateway.until_logged(&[&dead.address.to_string(), "this address is left out"]).await;
}

#[tokio::test]
async fn a_reload_takes_an_address_away_and_adds_another() {
    let (one, other, third) = (App::answering(200).await, App::answering(200).await, App::answering(200).await);
    let gateway = alone_before(&one, &[one.address, other.address]).await;
    for number in 0..30 {
        assert_eq!(gateway.post(&event(number)).await.status, 200);
    }

    let config = Gateway::config(&one, "").replace("workers: 2", "workers: 1");
    gateway.rewrite(&at(&config, &one, &[other.address, third.address]));
    gateway.until_logged(&["the configuration was reloaded"]).await;
    let before = one.received().len();
    for number in 30..60 {
        assert_eq!(gateway.post(&event(number)).await.status, 200);
    }

    assert!(before > 0 && one.received().len() == before);
    assert!(!other.received().is_empty() && !third.received().is_empty());
}
