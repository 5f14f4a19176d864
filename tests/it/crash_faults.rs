//! What is acknowledged is on disk, and what cannot be put there is not acknowledged.

use std::time::Duration;

use fastrand::Rng;

use crate::support::{Answer, Flaky, Loss, Machine, Mood, SOON, WAYS, Way, event_request};

/// An app that takes nothing, and a gateway on a disk that loses what was not synced.
async fn down() -> Option<(Flaky, Machine)> {
    let app = Flaky::start(Mood::Down, Rng::with_seed(1)).await;
    let mut machine = Machine::with_disk(&app)?;
    machine.start().await;
    Some((app, machine))
}

/// What a commit syncs, and what a checkpoint does.
const LOG: &str = "store.db-wal";
const DATABASE: &str = "store.db";

/// Sends an event with this name on every way.
async fn send(machine: &Machine, name: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for way in &WAYS {
        answers.push(send_on(way, machine, name, 100).await);
    }
    answers
}

/// Sends an event with this name and so many bytes on one way.
async fn send_on(way: &Way, machine: &Machine, name: &str, bytes: usize) -> Answer {
    let request = event_request(way, &format!("{name}:{}", way.name), bytes);
    let gateway = machine.gateway();
    if way.is_inbound() { gateway.send(request).await } else { gateway.app_sends(request).await }
}

#[track_caller]
fn assert_all(answers: &[Answer], status: u16) {
    let found: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(found, vec![status; WAYS.len()]);
}

/// Whether the events with this name arrive on all ways.
async fn arrive(app: &Flaky, name: &str) -> bool {
    arrive_on(&WAYS, app, name).await
}

/// Whether they arrive on these ways.
async fn arrive_on(ways: &[Way], app: &Flaky, name: &str) -> bool {
    let places = ways.iter().flat_map(|way| way.arrives.iter().map(move |place| (*place, way.name)));
    let expected: Vec<_> = places.map(|(place, way)| (place.to_owned(), format!("{name}:{way}"))).collect();
    let mut arrivals = app.watch();
    let all = arrivals.wait_for(|arrived| expected.iter().all(|key| arrived.contains_key(key)));
    tokio::time::timeout(SOON, all).await.is_ok()
}

/// Kills the gateway, takes the power away, and starts it again before an app that is well.
async fn restart_well(app: &Flaky, machine: &mut Machine) {
    machine.kill();
    machine.lose(Loss::Everything, &mut Rng::with_seed(2));
    app.be(Mood::Well);
    machine.start().await;
}

#[tokio::test]
async fn what_was_acknowledged_is_on_disk() {
    let Some((app, mut machine)) = down().await else { return };

    let answers = send(&machine, "evt").await;
    restart_well(&app, &mut machine).await;

    assert_all(&answers, 202);
    assert!(arrive(&app, "evt").await);
}

/// Shows that the test above, and the whole suite, would notice.
#[tokio::test]
async fn a_disk_that_only_says_that_it_synced_loses_what_was_acknowledged() {
    let Some((app, mut machine)) = down().await else { return };
    machine.disk.as_ref().unwrap().lie();

    let answers = send(&machine, "evt").await;
    restart_well(&app, &mut machine).await;
    let later = send(&machine, "later").await;

    assert_all(&answers, 202);
    assert!(later.iter().all(|answer| answer.status.is_success()));
    assert!(arrive(&app, "later").await);
    // What was on its way at the kill may arrive all the same.
    let arrived = app.arrivals().keys().filter(|(_, id)| id.starts_with("evt:")).count();
    assert!(arrived < answers.len(), "{:?}", app.arrivals());
}

#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_acknowledged_until_a_restart() {
    let Some((app, mut machine)) = down().await else { return };
    assert_all(&send(&machine, "before").await, 202);

    machine.disk.as_ref().unwrap().fail_next_sync(LOG);
    let answers = send(&machine, "during").await;
    let ready = machine.gateway().admin("/readyz").await;

    assert!(machine.disk.as_ref().unwrap().has_failed());
    assert_all(&answers, 503);
    assert!(answers.iter().all(|answer| answer.header("retry-after").is_some()));
    assert_eq!(ready.status, 503);
    restart_well(&app, &mut machine).await;
    assert!(arrive(&app, "before").await);
    assert_eq!(machine.gateway().admin("/readyz").await.status, 200);
}

/// Linux forgets that the pages of a failed sync are dirty: a process that starts afterwards reads from memory what is not
/// on disk, and a later sync does not put it there.
#[tokio::test]
async fn what_is_acknowledged_after_a_failed_sync_and_a_restart_is_on_disk() {
    let Some((app, mut machine)) = down().await else { return };
    assert_all(&send(&machine, "before").await, 202);
    machine.disk.as_ref().unwrap().fail_next_sync(LOG);
    assert_all(&send(&machine, "during").await, 503);

    machine.kill();
    machine.start().await;
    let answers = send(&machine, "after").await;
    restart_well(&app, &mut machine).await;

    assert_all(&answers, 202);
    assert!(arrive(&app, "before").await);
    assert!(arrive(&app, "after").await);
}

#[tokio::test]
async fn a_checkpoint_that_could_not_be_synced_loses_nothing() {
    let Some((app, mut machine)) = down().await else { return };
    machine.disk.as_ref().unwrap().fail_next_sync(DATABASE);
    let mut acknowledged = 0;
    while send_on(&WAYS[0], &machine, &acknowledged.to_string(), 900_000).await.status == 202 {
        acknowledged += 1;
        assert!(acknowledged < 30, "there was no checkpoint");
    }
    assert!(machine.disk.as_ref().unwrap().has_failed());
    assert_all(&send(&machine, "during").await, 503);

    machine.kill();
    machine.start().await;
    assert_all(&send(&machine, "after").await, 202);
    restart_well(&app, &mut machine).await;

    for number in 0..acknowledged {
        assert!(arrive_on(&WAYS[..1], &app, &number.to_string()).await, "{number} of {acknowledged}");
    }
    assert!(arrive(&app, "after").await);
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_goes_on_when_there_is_space() {
    let Some((app, mut machine)) = down().await else { return };
    assert_all(&send(&machine, "before").await, 202);

    machine.disk.as_ref().unwrap().fill();
    let answers = send(&machine, "during").await;
    let ready = machine.gateway().admin("/readyz").await.status;
    machine.disk.as_ref().unwrap().free();
    until_ready(&machine).await;
    let later = send(&machine, "later").await;
    restart_well(&app, &mut machine).await;

    assert_all(&answers, 503);
    assert!(answers.iter().all(|answer| answer.header("retry-after").is_some()));
    assert_eq!(ready, 503);
    assert_all(&later, 202);
    assert!(arrive(&app, "before").await);
    assert!(arrive(&app, "later").await);
}

/// Waits until the gateway says that it is ready.
async fn until_ready(machine: &Machine) {
    let ready = async {
        while machine.gateway().admin("/readyz").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, ready).await.expect("the gateway did not become ready");
}
