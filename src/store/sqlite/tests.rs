use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::config::Keep;
use crate::store::ledger::{Accept, Accepted, LedgerError, Message, NewDelivery, Room, Start, Target, TargetKind};
use crate::store::{DedupKey, Fingerprint, KeptAnswer, Scope, Seen, Store};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("countersign.db");
    (folder, path)
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::UNIX_EPOCH
}

fn open_store(path: &Path) -> Result<Arc<Store>, OpenError> {
    Store::open_sqlite(path, &Keep::default(), now())
}

#[track_caller]
fn refused(path: &Path) -> OpenError {
    match open_store(path) {
        Ok(_) => panic!("the store was opened"),
        Err(error) => error,
    }
}

fn key(event: u32) -> DedupKey {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&event.to_le_bytes());
    key
}

/// Settles an event with an answer of so many bytes.
fn settle(store: &Arc<Store>, event: u32, length: usize) {
    store.configure(&[Scope { name: "lmif".into(), window: Duration::from_secs(60), entries: 1000 }]);
    let scope = store.scope("lmif").expect("it was configured");
    let Seen::New(claim) = scope.claim(key(event), Fingerprint(0), now(), Duration::ZERO) else { panic!("known") };
    let answer = KeptAnswer { body: Some(vec![b'x'; length].into()), ..KeptAnswer::bare(http::StatusCode::OK) };
    claim.settle(answer, now());
}

fn is_known(store: &Arc<Store>, event: u32) -> bool {
    let scope = store.scope("lmif").expect("it was configured");
    matches!(scope.claim(key(event), Fingerprint(0), now(), Duration::ZERO), Seen::Settled { .. })
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

#[tokio::test]
async fn all_files_are_for_their_owner_only() {
    let (folder, _) = folder();
    let path = folder.path().join("data/of/countersign.db");

    let store = open_store(&path).expect("a new store");
    settle(&store, 1, 0);
    store.flush().await;

    for suffix in ["", "-wal", "-shm", ".lock"] {
        assert_eq!(mode(&with_suffix(&path, suffix)), 0o600, "{suffix}");
    }
    assert_eq!(mode(&folder.path().join("data")), 0o700);
}

#[test]
fn a_file_that_others_can_read_is_closed_to_them() {
    let (_folder, path) = folder();
    drop(open_store(&path).expect("a new store"));
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("it is ours");

    let _store = open_store(&path).expect("the same store");

    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_second_owner_is_told_who_the_first_is() {
    let (_folder, path) = folder();
    let _store = open_store(&path).expect("a new store");

    let error = refused(&path);

    assert!(matches!(error, OpenError::InUse { holder: Some(holder), .. } if holder == std::process::id()));
    let text = format!("the store {} is in use by process {}", path.display(), std::process::id());
    assert_eq!(error.to_string(), text);
}

#[test]
fn the_lock_of_a_process_that_is_gone_is_free() {
    let (_folder, path) = folder();
    fs::write(with_suffix(&path, ".lock"), "4294967295\n").expect("a file");

    assert!(open_store(&path).is_ok());
}

#[test]
fn a_link_in_the_place_of_the_lock_leads_nowhere() {
    let (folder, path) = folder();
    let theirs = folder.path().join("theirs");
    fs::write(&theirs, "precious").expect("a file");
    std::os::unix::fs::symlink(&theirs, with_suffix(&path, ".lock")).expect("a link");

    assert!(matches!(refused(&path), OpenError::Io { .. }));
    assert_eq!(fs::read_to_string(&theirs).expect("it is untouched"), "precious");
}

#[test]
fn what_is_no_database_is_refused() {
    let (_folder, path) = folder();
    fs::write(&path, "notes ".repeat(1000)).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("it is ours");

    assert!(matches!(refused(&path), OpenError::NotADatabase { .. }));
    assert_eq!(mode(&path), 0o644);
    assert_eq!(fs::read_to_string(&path).expect("it is untouched"), "notes ".repeat(1000));
}

#[test]
fn the_database_of_another_program_is_refused() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).expect("a database");
    other.execute_batch("CREATE TABLE event (id)").expect("a table");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("it is ours");

    assert!(matches!(refused(&path), OpenError::Foreign { .. }));
    assert_eq!(mode(&path), 0o644);
}

#[test]
fn a_later_format_is_refused() {
    let (_folder, path) = folder();
    drop(open_store(&path).expect("a new store"));
    let later = Connection::open(&path).expect("the store");
    later.pragma_update(None, "user_version", 99).expect("it is ours");
    drop(later);

    let error = refused(&path);

    assert!(matches!(error, OpenError::Newer { found: 99, known: 3, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let (_folder, path) = folder();
    let store = open_store(&path).expect("a new store");
    for event in 0..500 {
        settle(&store, event, 100);
    }
    drop(store);

    let mut bytes = fs::read(&path).expect("a file");
    bytes[4096..].fill(0x5a);
    fs::write(&path, bytes).expect("it is ours");

    assert!(matches!(refused(&path), OpenError::Corrupt { .. }));
}

#[test]
fn a_file_that_somebody_keeps_locked_is_refused() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).expect("a database");
    other.execute_batch("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE").expect("a lock");

    assert!(matches!(refused(&path), OpenError::Locked { .. }));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let (_folder, path) = folder();
    fs::write(&path, "").expect("a file");

    let error = refused(&path.join("below/countersign.db"));

    assert!(matches!(&error, OpenError::Io { path: named, .. } if named.ends_with("below")), "{error:?}");
}

#[test]
fn a_disk_that_may_not_be_written_to_is_told_apart() {
    let refusal = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY), None);

    assert!(matches!(OpenError::of(Path::new("x"), refusal), OpenError::ReadOnly { .. }));
}

#[tokio::test]
async fn a_full_disk_is_survived_in_memory_and_written_to_when_there_is_room() {
    let (_folder, path) = folder();
    let file = open(&path).expect("a new store");
    file.connection.execute_batch("CREATE TABLE filler (bytes BLOB)").expect("a table");
    file.connection.pragma_update(None, "max_page_count", 40).expect("a limit");
    let store = Store::load(file, &path, &Keep::default(), now()).expect("the store");
    let other = Connection::open(&path).expect("the store");
    other.execute_batch("INSERT INTO filler VALUES (zeroblob(100000))").expect("room");

    for event in 0..20 {
        settle(&store, event, 3_000);
    }
    store.flush().await;
    assert!(!store.healthy());
    assert!(store.totals().failures > 0);
    assert!((0..20).all(|event| is_known(&store, event)));

    other.execute_batch("DELETE FROM filler").expect("the store");
    store.flush().await;
    assert!(store.healthy());
    assert_eq!((store.totals().written, store.totals().unwritten), (20, 0));
}

#[tokio::test]
async fn a_file_that_is_locked_for_a_while_is_written_to_afterwards() {
    let (_folder, path) = folder();
    let store = open_store(&path).expect("a new store");
    let other = Connection::open(&path).expect("the store");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");

    settle(&store, 1, 0);
    store.flush().await;
    assert!(!store.healthy());
    assert!(is_known(&store, 1));
    assert_eq!(store.totals().written, 0);

    other.execute_batch("COMMIT").expect("the lock is let go");
    store.flush().await;
    assert!(store.healthy());
    assert_eq!(store.totals().written, 1);
}

#[tokio::test]
async fn rows_of_forgotten_events_are_deleted() {
    let (_folder, path) = folder();
    let store = open_store(&path).expect("a new store");
    for event in 0..2500 {
        settle(&store, event, 10);
    }

    store.flush().await;
    store.flush().await;

    let other = Connection::open(&path).expect("the store");
    let count = |table| -> i64 {
        other.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a table")
    };
    assert_eq!((count("event"), count("answer")), (1000, 1000));
}

#[test]
fn every_format_since_the_first_can_be_read() {
    for version in 0..MIGRATIONS.len() {
        let mut connection = Connection::open_in_memory().expect("a database");
        for step in &MIGRATIONS[..version] {
            connection.execute_batch(step).expect("a step");
        }

        schema::migrate(&mut connection, version).expect("the rest of the steps");

        assert!(matches!(schema::owner(&connection), Ok(Owner::Us(found)) if found == MIGRATIONS.len()));
    }
}

/// A delivery with a body of so many bytes, and the claim on its event.
fn delivery(store: &Arc<Store>, event: u32, length: usize) -> Accept {
    if store.scope("lmif").is_none() {
        store.configure(&[Scope { name: "lmif".into(), window: Duration::from_secs(60), entries: 1000 }]);
    }
    let scope = store.scope("lmif").expect("it was configured");
    let Seen::New(claim) = scope.claim(key(event), Fingerprint(0), now(), Duration::ZERO) else { panic!("known") };
    let new = NewDelivery {
        id: store.ledger().expect("a file").next_id(now()),
        target: Target { kind: TargetKind::Upstream, name: "app".into() },
        source: None,
        event_id: event.to_string(),
        event_type: None,
        message: Arc::new(Message { body: vec![b'x'; length].into(), ..Message::default() }),
        start: Start::Due(now()),
    };
    Accept { deliveries: vec![(new, Some(claim))], answered: None }
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_accepted_until_there_is_room() {
    let (_folder, path) = folder();
    let file = open(&path).expect("a new store");
    file.connection.execute_batch("CREATE TABLE filler (bytes BLOB)").expect("a table");
    file.connection.pragma_update(None, "max_page_count", 60).expect("a limit");
    let store = Store::load(file, &path, &Keep::default(), now()).expect("the store");
    let ledger = store.ledger().expect("a file");
    let other = Connection::open(&path).expect("the store");
    other.execute_batch("INSERT INTO filler VALUES (zeroblob(140000))").expect("room");
    drop(delivery(&store, 1, 0));
    store.flush().await;

    for _ in 0..3 {
        assert_eq!(ledger.accept(delivery(&store, 1, 50_000)).await, Err(LedgerError::Unavailable));
        // The writer says so right after it.
        while ledger.healthy() {
            tokio::task::yield_now().await;
        }
        assert!(!store.healthy());
        assert!(!is_known(&store, 1), "its claim is released");
    }
    assert!(ledger.depths().is_empty());
    store.flush().await;
    assert!(!ledger.healthy(), "a transaction without anything in it does not count");

    other.execute_batch("DELETE FROM filler").expect("the store");
    assert_eq!(ledger.accept(delivery(&store, 1, 50_000)).await, Ok(vec![Accepted::New]));
    assert!(ledger.healthy());
    assert!(is_known(&store, 1));
    assert_eq!(ledger.depths()[0].paused, 1);
}

#[tokio::test]
async fn a_store_that_can_be_written_again_says_so_before_anybody_tries() {
    let (_folder, path) = folder();
    let store = open_store(&path).expect("a new store");
    let ledger = store.ledger().expect("a file");
    let other = Connection::open(&path).expect("the store");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    assert_eq!(ledger.accept(delivery(&store, 1, 10)).await, Err(LedgerError::Unavailable));

    other.execute_batch("COMMIT").expect("the lock is let go");
    store.sweep(now());
    store.flush().await;

    assert!(ledger.healthy());
}

#[tokio::test]
async fn while_another_program_keeps_the_file_locked_nothing_is_accepted() {
    let (_folder, path) = folder();
    let store = open_store(&path).expect("a new store");
    let ledger = store.ledger().expect("a file");
    let other = Connection::open(&path).expect("the store");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");

    assert_eq!(ledger.accept(delivery(&store, 1, 10)).await, Err(LedgerError::Unavailable));

    other.execute_batch("COMMIT").expect("the lock is let go");
    assert_eq!(ledger.accept(delivery(&store, 1, 10)).await, Ok(vec![Accepted::New]));
}

#[tokio::test]
async fn a_store_that_was_closed_accepts_and_hands_out_nothing() {
    let (_folder, path) = folder();
    let store = open_store(&path).expect("a new store");
    let (ledger, accept) = (store.ledger().expect("a file"), delivery(&store, 1, 10));
    drop(store);

    assert_eq!(ledger.accept(accept).await, Err(LedgerError::Unavailable));
    let target = Target { kind: TargetKind::Upstream, name: "app".into() };
    let room = Room { deliveries: 1, bytes: 1 };
    assert!(matches!(ledger.lease(target, now(), room).await, Err(LedgerError::Unavailable)));
    assert!(ledger.oldest().await.is_err());
    assert!(!ledger.healthy());
    open_store(&path).expect("nobody has it");
}

#[tokio::test]
async fn a_file_of_the_first_format_keeps_its_events() {
    let (_folder, path) = folder();
    let first = Connection::open(&path).expect("a database");
    first.execute_batch(MIGRATIONS[0]).expect("the first format");
    first.pragma_update(None, "application_id", schema::APPLICATION).expect("a mark");
    first.pragma_update(None, "user_version", 1).expect("a mark");
    first.execute_batch("INSERT INTO scope VALUES (1, 'lmif', 60000, 1000)").expect("a row");
    let event = "INSERT INTO event VALUES (7, 1, ?1, zeroblob(16), 0, 201)";
    first.execute(event, [key(1)]).expect("a row");
    first.execute_batch("INSERT INTO answer VALUES (7, X'', X'6F6B')").expect("a row");
    drop(first);

    let store = open_store(&path).expect("an older store");

    assert!(is_known(&store, 1));
    assert!(store.ledger().expect("a file").next_id(now()).row() > 7);
    let ledger = store.ledger().expect("a file");
    assert_eq!(ledger.accept(delivery(&store, 2, 10)).await, Ok(vec![Accepted::New]));
}

#[tokio::test]
async fn what_would_go_to_a_file_that_is_not_in_its_place_is_not_accepted() {
    for (suffix, is_replaced) in [("", false), ("", true), ("-wal", false), ("-wal", true)] {
        let (_folder, path) = folder();
        let store = open_store(&path).expect("a new store");
        let ledger = store.ledger().expect("a file");
        assert_eq!(ledger.accept(delivery(&store, 1, 10)).await, Ok(vec![Accepted::New]));

        let (moved, copy) = (with_suffix(&path, suffix), with_suffix(&path, ".copy"));
        fs::copy(&moved, &copy).expect("it is ours");
        fs::remove_file(&moved).expect("it is ours");
        if is_replaced {
            fs::rename(&copy, &moved).expect("it is ours");
        }

        assert_eq!(ledger.accept(delivery(&store, 2, 10)).await, Err(LedgerError::Unavailable), "{suffix}");
        assert!(!is_known(&store, 2));
        // The writer says so right after it.
        while ledger.healthy() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_is_called_by_a_link_is_in_its_place() {
    let (folder, path) = folder();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    drop(open_store(&path).expect("a new store"));
    let store = open_store(&link).expect("the same store");

    let accepted = store.ledger().expect("a file").accept(delivery(&store, 1, 10)).await;

    assert_eq!(accepted, Ok(vec![Accepted::New]));
}

/// Otherwise it would be called healthy again by whatever is written beside the damage.
#[tokio::test]
async fn a_file_that_is_damaged_while_it_is_in_use_is_not_written_any_more() {
    let (_folder, path) = folder();
    let store = open_store(&path).expect("a new store");
    let ledger = store.ledger().expect("a file");
    let other = Connection::open(&path).expect("the store");
    other.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("nobody reads");
    let page: i64 = other
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'delivery'", [], |row| row.get(0))
        .expect("a table");
    drop(other);
    let file = fs::OpenOptions::new().write(true).open(&path).expect("it is ours");
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 4096], ((page - 1) * 4096) as u64).expect("it is ours");

    let accepted = ledger.accept(delivery(&store, 1, 10)).await;
    store.sweep(now());
    store.flush().await;

    assert_eq!(accepted, Err(LedgerError::Unavailable));
    assert!(!ledger.healthy());
}
