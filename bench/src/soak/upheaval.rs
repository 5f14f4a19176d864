//! What happens around the traffic: the app and the receivers go and come, the configuration and the clock change, the
//! gateway is started again.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::operator::{is_ready, metrics};
use super::place::Mood;
use super::world::World;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Upheaval {
    AppRestarts,
    AppHangs,
    AppIsSlow,
    ReceiversRestart,
    ReceiversHang,
    SecretsRotate,
    SeasonChanges,
    FileIsBad,
    ClockForward,
    ClockBack,
    GatewayRestarts,
    GatewayIsKilled,
}

use Upheaval::{
    AppHangs, AppIsSlow, AppRestarts, ClockBack, ClockForward, FileIsBad, GatewayIsKilled, GatewayRestarts,
    ReceiversHang, ReceiversRestart, SeasonChanges, SecretsRotate,
};

const CALM: [Upheaval; 10] = [
    AppRestarts,
    AppHangs,
    AppIsSlow,
    ReceiversRestart,
    ReceiversHang,
    SecretsRotate,
    SeasonChanges,
    FileIsBad,
    ClockForward,
    ClockBack,
];

/// How far the clock may be from the real one, in hours: an `Idempotency-Key` is known for 24.
const FURTHEST: i64 = 8;

/// How long a request may be on its way from its sender to where its signature is looked at.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// Plays one after the other, all as often as each other, until it is time.
pub(super) async fn play(world: &World, until: Instant, restarts: bool, kills: bool) {
    let (mut rng, mut deck) = (world.fork(), Vec::new());
    while Instant::now() + 3 * world.beat < until {
        if deck.is_empty() {
            deck.extend(CALM);
            deck.extend([GatewayRestarts; 2].into_iter().filter(|_| restarts));
            deck.extend([GatewayIsKilled; 3].into_iter().filter(|_| restarts && kills));
            rng.shuffle(&mut deck);
        }
        let upheaval = deck.pop().expect("it is not empty");
        play_one(world, upheaval, &mut rng).await;
        sleep(world.beat.mul_f64(rng.f64())).await;
    }
    sleep(until.saturating_duration_since(Instant::now())).await;
}

async fn play_one(world: &World, upheaval: Upheaval, rng: &mut fastrand::Rng) {
    match upheaval {
        AppRestarts | ReceiversRestart => {
            let place = if upheaval == AppRestarts { &world.app } else { &world.receivers };
            world.books.count(if upheaval == AppRestarts {
                "restarts of the app"
            } else {
                "restarts of the receivers"
            });
            place.stand(false);
            sleep(world.beat.mul_f64(rng.f64())).await;
            place.stand(true);
        }
        AppHangs | AppIsSlow => {
            let (mood, what) = match upheaval {
                AppHangs => (Mood::Hanging, "times that the app answered nothing"),
                _ => (Mood::Slow, "times that the app was slow"),
            };
            world.books.count(what);
            world.app.be(mood);
            sleep(world.beat).await;
            world.app.be(Mood::Moody);
        }
        ReceiversHang => {
            world.books.count("times that the receivers answered nothing");
            world.receivers.be(Mood::Hanging);
            sleep(world.beat).await;
            world.receivers.be(Mood::Moody);
        }
        SecretsRotate => rotate(world).await,
        SeasonChanges => {
            let is_on = world.season.is_on.get();
            world.books.count(if is_on {
                "reloads without a source and an endpoint"
            } else {
                "reloads with them again"
            });
            change_season(world, !is_on).await;
        }
        FileIsBad => spoil(world).await,
        ClockForward | ClockBack => {
            let hours = rng.i64(1..=4) * if upheaval == ClockForward { 1 } else { -1 };
            let to = world.clock.offset() / 3600 + hours;
            let hours = if to.abs() > FURTHEST { -hours } else { hours };
            if world.machine.has_clock() {
                world.clock.step(3600 * hours);
            }
        }
        GatewayRestarts => {
            world.books.count("restarts of the gateway, by SIGTERM");
            stop(world).await;
            start(world).await;
        }
        GatewayIsKilled => {
            world.clock.catch_up();
            world.books.count("kills of the gateway, by SIGKILL");
            world.books.kill();
            world.machine.signal("KILL");
            until_ended(world).await;
            start(world).await;
        }
    }
}

/// Another secret is added, signs, and then the old one goes.
async fn rotate(world: &World) {
    world.books.count("rotations of the secrets");
    let season = &world.season;
    let old = season.signs.get();
    let new = 1 - old;
    // From now on nobody forges with the one that is about to be valid.
    *season.valid.borrow_mut() = vec![old, new];
    sleep(ON_THE_WAY).await;
    reload(world).await;
    season.signs.set(new);
    sleep(ON_THE_WAY).await;
    world.machine.configure(&[new], season.is_on.get());
    apply(world).await;
    *season.valid.borrow_mut() = vec![new];
}

pub(super) async fn change_season(world: &World, is_on: bool) {
    let season = &world.season;
    if season.is_on.get() == is_on {
        return;
    }
    // Nobody counts on them before they are there, nor from when they are about to go.
    season.is_on.set(false);
    season.number.set(season.number.get() + 1);
    world.machine.configure(&season.valid.borrow(), is_on);
    apply(world).await;
    season.is_on.set(is_on);
}

async fn reload(world: &World) {
    world.machine.configure(&world.season.valid.borrow(), world.season.is_on.get());
    apply(world).await;
}

/// Has the gateway read its file, and waits until that is in force.
async fn apply(world: &World) {
    counted(world, r#"config_reloads_total{outcome="applied"}"#).await;
}

async fn spoil(world: &World) {
    world.books.count("reloads of a file with a mistake");
    world.machine.misconfigure();
    counted(world, r#"config_reloads_total{outcome="refused"}"#).await;
    reload(world).await;
}

/// Sends SIGHUP, and waits until a counter has grown.
async fn counted(world: &World, counter: &str) {
    let count = async || metrics(world).await.and_then(|metrics| metrics.get(counter).copied());
    let (begun, before) = (Instant::now(), count().await);
    world.machine.signal("HUP");
    while count().await <= before {
        if begun.elapsed() > Duration::from_secs(20) {
            return world.books.complain("came too late", format!("{counter} did not grow from {before:?}"));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Ends the gateway in peace.
pub(super) async fn stop(world: &World) {
    world.clock.catch_up();
    world.machine.signal("TERM");
    if !until_ended(world).await {
        world.books.complain("ended badly", "SIGTERM was not followed by an end with 0".to_owned());
    }
}

async fn until_ended(world: &World) -> bool {
    let begun = Instant::now();
    loop {
        if let Some(status) = world.machine.ended() {
            return status.success();
        }
        if begun.elapsed() > Duration::from_secs(30) {
            world.books.complain("came too late", "the gateway does not end".to_owned());
            world.machine.signal("KILL");
        }
        sleep(Duration::from_millis(5)).await;
    }
}

pub(super) async fn start(world: &World) {
    world.machine.start(&world.clock.file);
    let begun = Instant::now();
    while !is_ready(world).await {
        assert!(begun.elapsed() < Duration::from_secs(30), "the gateway does not become ready");
        sleep(Duration::from_millis(5)).await;
    }
}
