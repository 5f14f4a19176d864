//! Queued events and the file that they are in.

use crate::support::{Action, App, Connection, Gateway, GatewayBuilder, Sender, often, source};

const QUEUE: &str = "      delivery: queue\n";

fn config(app: &App) -> String {
    let sources = source("lmif", "lmif", QUEUE) + &source("direct", "lmif", "");
    Gateway::config_on_disk(app, &sources, &often())
}

/// What would be synced to a file without a name would be gone with the process.
#[tokio::test]
async fn once_its_file_is_deleted_nothing_is_acknowledged_any_more_and_a_restart_begins_anew() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;
    gateway.post(&Sender::lmif().event("evt_1")).await;
    gateway.until_queue_is_empty().await;

    std::fs::remove_file(gateway.folder.path().join("data/store.db")).unwrap();
    let mut refused = Vec::new();
    for number in 0..20 {
        refused.push(gateway.post(&Sender::lmif().event(&format!("evt_2{number}"))).await);
    }
    let ready = gateway.admin("/readyz").await;
    let direct = gateway.post_to("/hooks/direct", &Sender::lmif().event("evt_3")).await;
    let told = gateway.log().iter().filter(|line| line.contains("moved, deleted or replaced")).count();
    let gateway = gateway.killed_and_restarted(&config(&app)).await;
    let afterwards = gateway.post(&Sender::lmif().event("evt_4")).await;

    assert!(refused.iter().all(|answer| answer.status == 503 && answer.header("retry-after") == Some("1")));
    assert_eq!((ready.status.as_u16(), direct.status.as_u16(), afterwards.status.as_u16()), (503, 200, 202));
    // That it cannot be written, and that it is not written any more.
    assert_eq!(told, 2);
}

/// Another program may hold the file for longer than anybody waits for it.
#[tokio::test]
async fn what_the_app_took_while_the_file_was_locked_is_not_sent_again() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;
    gateway.post(&Sender::lmif().event("evt_1")).await;
    app.until_received(1).await;
    let other = rusqlite::Connection::open(gateway.folder.path().join("data/store.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();

    app.release();
    gateway.until_logged(&["deliveries stand still", "the ends of attempts cannot be recorded"]).await;
    let unready = gateway.admin("/readyz").await;
    other.execute_batch("COMMIT").unwrap();
    gateway.until_logged(&["deliveries go on"]).await;
    gateway.until_queue_is_empty().await;
    let afterwards = gateway.post(&Sender::lmif().event("evt_2")).await;

    assert_eq!((unready.status.as_u16(), afterwards.status.as_u16()), (503, 202));
    app.until_received(2).await;
    let ids: Vec<_> = app.received().iter().map(|request| request.header("countersign-event-id").to_owned()).collect();
    assert_eq!(ids, ["evt_1", "evt_2"]);
}

/// What waits is on disk, and not in memory as well.
#[tokio::test]
async fn large_events_for_an_app_that_is_down_take_no_memory_once_they_are_accepted() {
    const MIB: usize = 1024 * 1024;
    let app = App::down();
    let config = config(&app).replace("limits: {", "limits: {memory: 16MiB, ");
    let gateway = GatewayBuilder::new(config).start().await;
    let connection = Connection::open(gateway.address).await;
    let before = gateway.memory();

    for number in 0..100 {
        let body = format!(r#"{{"id":"{number}","data":"{}"}}"#, "x".repeat(MIB - 100));
        assert_eq!(connection.post(&Sender::lmif().sign(body)).await.status, 202);
    }

    gateway.until_metric("countersign_body_bytes_in_use", 0.0).await;
    let grown = gateway.memory().saturating_sub(before) / MIB;
    println!("grown by {grown} MiB");
    assert!(grown < 64, "{grown} MiB");
}
