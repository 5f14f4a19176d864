//! What becomes of requests and connections when the gateway is told to stop.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Action, App, Connection, Gateway, GatewayBuilder, SOON, Sender, request};

/// The usual configuration, draining for as long as this.
fn config(app: &App, shutdown: &str) -> String {
    format!("{}shutdown: {shutdown}\n", Gateway::config(app, ""))
}

async fn started(app: &App, shutdown: &str) -> Gateway {
    GatewayBuilder::new(config(app, shutdown)).start().await
}

/// Waits until a port is not listened on any more.
async fn until_refused(gateway: &Gateway) {
    let refused = async {
        while TcpStream::connect(gateway.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, refused).await.expect("the gateway still accepts connections");
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_its_connection_closed() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let mut gateway = started(&app, "30s").await;
    let connection = Connection::open(gateway.address).await;
    let delivery = Sender::lmif().event("evt_1");

    let (answer, ()) = tokio::join!(connection.post(&delivery), async {
        app.until_received(1).await;
        gateway.signal("TERM");
        gateway.until_logged(&["draining"]).await;
        app.release();
    });

    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["connection"], "close");
    connection.until_closed().await;
    assert_eq!(gateway.until_ended().await.code(), Some(0));
}

#[tokio::test]
async fn while_draining_new_connections_are_refused_and_the_gateway_lives_but_is_not_ready() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let mut gateway = started(&app, "30s").await;
    let connection = Connection::open(gateway.address).await;
    let delivery = Sender::lmif().event("evt_1");

    let (answer, (live, ready)) = tokio::join!(connection.post(&delivery), async {
        app.until_received(1).await;
        gateway.signal("TERM");
        until_refused(&gateway).await;
        let health = (gateway.admin("/livez").await, gateway.admin("/readyz").await);
        app.release();
        health
    });

    assert_eq!(live.status, 200);
    assert_eq!((ready.status.as_u16(), ready.text()), (503, "draining\n"));
    assert_eq!(answer.status, 200);
    assert_eq!(gateway.until_ended().await.code(), Some(0));
}

#[tokio::test]
async fn idle_connections_are_closed_at_once_whatever_they_have_said_so_far() {
    let app = App::answering(200).await;
    let patient = config(&app, "30s").replace("read_timeout: 2s", "read_timeout: 30s");
    let mut gateway = GatewayBuilder::new(patient).start().await;
    let used = Connection::open(gateway.address).await;
    used.post(&Sender::lmif().event("evt_1")).await;
    let mut silent = TcpStream::connect(gateway.address).await.unwrap();
    let start = Instant::now();

    gateway.signal("TERM");

    used.until_closed().await;
    timeout(SOON, silent.read_to_end(&mut Vec::new())).await.expect("a silent connection is closed").unwrap();
    assert_eq!(gateway.until_ended().await.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_request_whose_body_is_on_its_way_is_taken_and_answered() {
    let app = App::answering(200).await;
    let mut gateway = started(&app, "30s").await;
    let request = Sender::lmif().event("evt_1").bytes("/hooks/lmif");
    let (first, rest) = request.split_at(request.len() - 10);
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(first).await.unwrap();
    // Answers are in the order of the connections that were accepted: the head has been read.
    while gateway.metric("countersign_body_bytes_in_use").await == 0.0 {}

    gateway.signal("TERM");
    gateway.until_logged(&["draining"]).await;
    stream.write_all(rest).await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();

    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close\r\n"), "{answer}");
    assert_eq!(gateway.until_ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_app_that_hangs_holds_the_drain_up_no_longer_than_shutdown_says() {
    let app = App::doing([], Action::Hang).await;
    let hanging = config(&app, "1s").replace("timeout: 3s", "timeout: 60s");
    let mut gateway = GatewayBuilder::new(hanging).start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(&Sender::lmif().event("evt_1").bytes("/hooks/lmif")).await.unwrap();
    app.until_received(1).await;
    let start = Instant::now();

    gateway.signal("TERM");
    let status = gateway.until_ended().await;

    assert_eq!(status.code(), Some(0));
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    gateway.until_logged(&["WARN", "not everything that had begun"]).await;
}

#[tokio::test]
async fn a_delivery_whose_sender_hung_up_is_finished_first() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let store = config(&app, "30s").replace("{memory: {}}", "{sqlite: {path: \"{folder}/store.db\"}}");
    let mut gateway = GatewayBuilder::new(store).start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(&Sender::lmif().event("evt_1").bytes("/hooks/lmif")).await.unwrap();
    app.until_received(1).await;
    drop(stream);

    gateway.signal("TERM");
    until_refused(&gateway).await;
    app.release();

    assert_eq!(gateway.until_ended().await.code(), Some(0));
    gateway.until_logged(&["outcome=delivered"]).await;
    assert_eq!(super::restart::events_in(&gateway.folder.path().join("store.db")), 1);
}

#[tokio::test]
async fn what_was_settled_last_is_in_the_store_when_the_process_ends() {
    let app = App::answering(200).await;
    let store = config(&app, "30s").replace("{memory: {}}", "{sqlite: {path: \"{folder}/store.db\"}}");
    let mut gateway = GatewayBuilder::new(store).start().await;
    let connection = Connection::open(gateway.address).await;
    for number in 0..50 {
        connection.post(&Sender::lmif().event(&format!("evt_{number}"))).await;
    }

    gateway.signal("TERM");

    assert_eq!(gateway.until_ended().await.code(), Some(0));
    assert_eq!(super::restart::events_in(&gateway.folder.path().join("store.db")), 50);
}

#[tokio::test]
async fn an_interrupt_from_the_keyboard_drains_too() {
    let app = App::answering(200).await;
    let mut gateway = started(&app, "30s").await;

    gateway.signal("INT");

    assert_eq!(gateway.until_ended().await.code(), Some(0));
    gateway.until_logged(&["stopped"]).await;
}

/// Sends one event after the other until the connection is closed; returns how many were answered.
async fn until_turned_away(connection: Connection, name: String) -> usize {
    let sender = Sender::lmif();
    for number in 0.. {
        let delivery = sender.event(&format!("evt_{name}_{number}"));
        match connection.try_send(request("/hooks/lmif", &delivery)).await {
            Ok(answer) => assert_eq!(answer.status, 200),
            Err(_) => return number,
        }
    }
    unreachable!("the loop has no end")
}

#[tokio::test]
async fn under_load_whatever_reaches_the_app_is_answered() {
    let app = App::answering(200).await;
    let mut gateway = started(&app, "30s").await;
    let mut senders = Vec::new();
    for number in 0..6 {
        let connection = Connection::open(gateway.address).await;
        senders.push(tokio::spawn(until_turned_away(connection, format!("1_{number}"))));
        let connection = Connection::open_http2(gateway.address).await;
        senders.push(tokio::spawn(until_turned_away(connection, format!("2_{number}"))));
    }
    app.until_received(300).await;

    gateway.signal("TERM");
    let mut answered = 0;
    for sender in senders {
        answered += timeout(SOON, sender).await.expect("the sender was not turned away").unwrap();
    }

    assert_eq!(gateway.until_ended().await.code(), Some(0));
    assert_eq!(app.received().len(), answered);
    assert!(!gateway.log().iter().any(|line| line.contains("WARN") || line.contains("ERROR")));
}

#[tokio::test]
async fn signals_that_come_during_the_drain_cut_nothing_off() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let mut gateway = started(&app, "30s").await;
    let connection = Connection::open(gateway.address).await;
    let delivery = Sender::lmif().event("evt_1");

    let (answer, ()) = tokio::join!(connection.post(&delivery), async {
        app.until_received(1).await;
        gateway.signal("TERM");
        gateway.until_logged(&["draining"]).await;
        gateway.signal("HUP");
        gateway.signal("TERM");
        gateway.signal("INT");
        assert_eq!(gateway.admin("/livez").await.status, 200);
        app.release();
    });

    assert_eq!(answer.status, 200);
    assert_eq!(gateway.until_ended().await.code(), Some(0));
    assert!(!gateway.log().iter().any(|line| line.contains("reloaded")));
}
