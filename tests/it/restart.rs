//! What a restart remembers, and what keeps the gateway from starting.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection as Sqlite, OpenFlags};

use crate::support::{Action, App, Cli, Gateway, GatewayBuilder, Sender};

/// The usual configuration, with a store in the test's folder.
fn config(app: &App) -> String {
    Gateway::config(app, "").replace("{memory: {}}", "{sqlite: {path: \"{folder}/data/store.db\"}}")
}

/// How many events a store's file holds.
pub(crate) fn events_in(store: &Path) -> u32 {
    let store = Sqlite::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    store.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap()
}

/// Waits until so many events are in the store's file; returns how long that took.
async fn until_written(gateway: &Gateway, events: f64) -> Duration {
    let start = Instant::now();
    while gateway.metric("countersign_store_written_total").await < events {
        assert!(start.elapsed() < Duration::from_secs(20), "the event was not written");
    }
    start.elapsed()
}

/// Runs the gateway where it is expected not to start.
fn refused(config: &str) -> crate::support::Ended {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.yaml");
    std::fs::write(&path, config.replace("{folder}", folder.path().to_str().unwrap())).unwrap();
    Cli::new(["run", "--config"]).argument(path).variable("SECRET", crate::support::SECRET).run()
}

#[tokio::test]
async fn after_a_restart_a_duplicate_is_given_the_first_answer() {
    let first = b"HTTP/1.1 201 Created\r\nContent-Type: text/x-receipt\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\n\r\nreceipt 1";
    let app = App::doing([Action::Raw(first.to_vec())], Action::Answer(200, "{}")).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;
    let delivery = Sender::lmif().event("evt_1");
    gateway.post(&delivery).await;

    let gateway = gateway.stopped_and_restarted(&config(&app)).await;
    let again = gateway.post(&delivery).await;

    assert!(again.is_replayed());
    assert_eq!((again.status.as_u16(), again.text()), (201, "receipt 1"));
    assert_eq!(again.headers["content-type"], "text/x-receipt");
    assert!(!again.headers.contains_key("set-cookie"));
    assert_eq!(app.received().len(), 1);
    assert_eq!(gateway.post(&Sender::lmif().event("evt_2")).await.status, 200);
}

#[tokio::test]
async fn what_was_answered_is_written_within_a_second_and_survives_a_kill() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;
    let mut fastest = Duration::MAX;
    // A machine that is busy with other tests may be late once.
    for number in 1..=3 {
        gateway.post(&Sender::lmif().event(&format!("evt_{number}"))).await;
        fastest = fastest.min(until_written(&gateway, f64::from(number)).await);
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");

    let gateway = gateway.killed_and_restarted(&config(&app)).await;

    for number in 1..=3 {
        assert!(gateway.post(&Sender::lmif().event(&format!("evt_{number}"))).await.is_replayed());
    }
    assert_eq!(app.received().len(), 3);
}

#[tokio::test]
async fn a_delivery_that_a_kill_cut_off_passes_when_it_is_sent_again() {
    let app = App::doing([Action::Hang], Action::Answer(200, "{}")).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;
    let delivery = Sender::lmif().event("evt_1");
    let address = gateway.address;
    let request = delivery.bytes("/hooks/lmif");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &request).await.unwrap();
    app.until_received(1).await;

    let gateway = gateway.killed_and_restarted(&config(&app)).await;
    let answer = gateway.post(&delivery).await;

    assert_eq!(answer.status, 200);
    assert!(!answer.is_replayed());
    assert_eq!(app.received().len(), 2);
}

#[tokio::test]
async fn the_files_of_the_store_are_for_their_owner_alone() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;
    gateway.post(&Sender::lmif().event("evt_1")).await;
    until_written(&gateway, 1.0).await;

    let mut names = Vec::new();
    for entry in std::fs::read_dir(gateway.folder.path().join("data")).unwrap() {
        let entry = entry.unwrap();
        names.push(entry.file_name().into_string().unwrap());
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }

    names.sort();
    assert_eq!(names, ["store.db", "store.db-shm", "store.db-wal", "store.db.lock"]);
}

#[tokio::test]
async fn the_store_holds_no_secret_and_no_body_of_a_request() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;
    gateway.post(&Sender::lmif().sign(r#"{"id":"evt_1","type":"a","data":"a recognisable body"}"#)).await;
    until_written(&gateway, 1.0).await;

    for entry in std::fs::read_dir(gateway.folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!content.contains("recognisable") && !content.contains(crate::support::SECRET), "{}", path.display());
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_store_is_told_who_has_it() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;

    let folder = gateway.folder.path().to_str().unwrap();
    let second = refused(&config(&app).replace("{folder}", folder));

    assert_eq!(second.code, 1);
    assert_eq!(
        second.stderr,
        format!("error: the store {folder}/data/store.db is in use by process {}\n", gateway.process_id())
    );
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_second_process_on_the_same_store_by_another_name_is_told_so_too() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;
    let (store, link) = (gateway.folder.path().join("data/store.db"), gateway.folder.path().join("link.db"));
    std::os::unix::fs::symlink(&store, &link).unwrap();

    let second = refused(&config(&app).replace("{folder}/data/store.db", link.to_str().unwrap()));

    assert_eq!(second.code, 1);
    assert!(second.stderr.contains(&format!("is in use by process {}\n", gateway.process_id())), "{second:?}");
}

#[tokio::test]
async fn a_second_process_on_the_same_address_is_told_so() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    for workers in ["workers: 1", "workers: 2"] {
        let address = format!("listen: {}\n  limits", gateway.address);
        let config = Gateway::config(&app, "").replace("listen: 127.0.0.1:0\n  limits", &address);
        let second = refused(&config.replace("workers: 2", workers));
        assert_eq!(second.code, 1);
        assert!(
            second.stderr.contains(&format!("cannot listen on {}: Address already in use", gateway.address)),
            "{second:?}"
        );
    }
    let admin = Gateway::config(&app, "")
        .replace("admin: {listen: 127.0.0.1:0}", &format!("admin: {{listen: \"{}\"}}", gateway.admin));
    let second = refused(&admin);
    assert_eq!(second.code, 1);
    assert!(
        second.stderr.contains(&format!(
            "the admin address cannot be used: cannot listen on {}: Address already in use",
            gateway.admin
        )),
        "{second:?}"
    );
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn an_address_that_another_program_has_is_an_error_at_start() {
    let app = App::answering(200).await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("listen: {}\n  limits", other.local_addr().unwrap());

    let ended = refused(&Gateway::config(&app, "").replace("listen: 127.0.0.1:0\n  limits", &address));

    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("Address already in use"), "{ended:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_an_error_at_start_that_says_why() {
    let app = App::answering(200).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("garbage.db"), "this is not a database, whatever its name says".repeat(100)).unwrap();
    let foreign = Sqlite::open(path("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (a)").unwrap();
    let newer = Sqlite::open(path("newer.db")).unwrap();
    newer.execute_batch("PRAGMA application_id = 0x63736967; PRAGMA user_version = 99").unwrap();
    std::fs::create_dir(path("folder.db")).unwrap();

    for (name, problem) in [
        ("garbage.db", "is not a database"),
        ("foreign.db", "is the database of another program"),
        ("newer.db", "has format 99, this version knows formats up to 3"),
        ("folder.db", "cannot be "),
        ("garbage.db/store.db", "cannot be used"),
        ("/proc/nowhere/store.db", "cannot be used"),
    ] {
        let ended = refused(&config(&app).replace("{folder}/data/store.db", path(name).to_str().unwrap()));
        assert_eq!(ended.code, 1, "{name}: {ended:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(problem), "{name}: {ended:?}");
        assert!(ended.stderr.contains(name.split('/').next().unwrap()), "{name}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{name}: {ended:?}");
    }
}

#[tokio::test]
async fn a_store_whose_pages_are_damaged_is_an_error_at_start() {
    let app = App::answering(200).await;
    let mut gateway = GatewayBuilder::new(config(&app)).start().await;
    for number in 0..100 {
        gateway.post(&Sender::lmif().event(&format!("evt_{number}"))).await;
    }
    gateway.signal("TERM");
    gateway.until_ended().await;
    let store = gateway.folder.path().join("data/store.db");
    // Everything goes from the log into the file itself.
    Sqlite::open(&store).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut bytes = std::fs::read(&store).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(&store, bytes).unwrap();

    let ended = refused(&config(&app).replace("{folder}", gateway.folder.path().to_str().unwrap()));

    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("is damaged"), "{ended:?}");
}

#[tokio::test]
async fn while_the_store_cannot_be_written_the_gateway_is_not_ready_and_delivers_all_the_same() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(config(&app)).start().await;
    assert_eq!(gateway.admin("/readyz").await.status, 200);
    let operator = Sqlite::open(gateway.folder.path().join("data/store.db")).unwrap();
    operator.execute_batch("BEGIN IMMEDIATE").unwrap();

    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
    gateway.until_logged(&["ERROR", "the store cannot be written"]).await;
    let ready = gateway.admin("/readyz").await;
    let second = gateway.post(&Sender::lmif().event("evt_2")).await;
    let live = gateway.admin("/livez").await;

    assert_eq!((ready.status.as_u16(), ready.text()), (503, "the store cannot be written\n"));
    assert_eq!((second.status.as_u16(), live.status.as_u16()), (200, 200));
    assert!(gateway.metric("countersign_store_write_failures_total").await >= 1.0);
    assert_eq!(app.received().len(), 2);

    operator.execute_batch("COMMIT").unwrap();
    gateway.until_logged(&["the store can be written again"]).await;
    assert_eq!(gateway.admin("/readyz").await.status, 200);
    until_written(&gateway, 2.0).await;
}
