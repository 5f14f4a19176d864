//! The app, which gives events to the gateway to be signed and delivered.

use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::books::Told;
use super::client::{Answer, Client, Protocol, Unanswered, post};
use super::traffic::{Event, SHARE};
use super::world::{GUEST, RECEIVERS, World};

/// How many parts of the app send.
const SENDERS: usize = 12;

/// What the books call requests of the app.
pub(super) const OUTBOUND: &str = "outbound";

/// Those with `events: ["user:*"]`.
const SUBSCRIBED: [&str; 2] = ["partner", "tracker"];

/// Begins to send, as long as the world is open.
pub(super) fn start(world: &Rc<World>) {
    let pace = Duration::from_secs_f64(SENDERS as f64 / (world.rate * (1.0 - SHARE)));
    for number in 0..SENDERS {
        let protocol = if number == 0 { Protocol::Http2 } else { Protocol::Http1 };
        let client = Client::new(world.addresses.outbound, protocol);
        let part = Part { number, world: Rc::clone(world), client, rng: world.fork() };
        tokio::task::spawn_local(part.run(pace));
    }
}

struct Part {
    number: usize,
    world: Rc<World>,
    client: Client,
    rng: Rng,
}

/// Where an event goes.
struct Errand {
    path: String,
    places: Vec<&'static str>,
    /// Whether a repeat is known by an `Idempotency-Key`, before it is by its id.
    is_keyed: bool,
}

impl Part {
    async fn run(mut self, pace: Duration) {
        let world = Rc::clone(&self.world);
        let mut is_open = world.is_open.subscribe();
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0_u64.. {
            if !*is_open.borrow_and_update() {
                self.client.close();
                if is_open.wait_for(|is_open| *is_open).await.is_err() {
                    return;
                }
            }
            ticks.tick().await;
            let _busy = world.begin();
            let event = Event::new(format!("app-{}-{number}", self.number), &mut self.rng);
            self.play(&event).await;
        }
    }

    async fn play(&mut self, event: &Event) {
        let errand = self.errand();
        let what = if errand.is_keyed { "events of the app, with `Idempotency-Key`" } else { "events of the app" };
        self.world.books.count(what);
        let Some(first) = self.deliver(&errand, event).await else { return };
        match self.rng.u8(..100) {
            0..10 => {
                self.world.books.count("events of the app, repeated");
                let again = self.deliver(&errand, event).await;
                if errand.places != ["prompt"] && again.as_ref().is_some_and(|again| again.body != first.body) {
                    let what = format!("{} at {}: {first:?}, then {again:?}", event.id, errand.path);
                    self.world.books.complain("answered otherwise", what);
                }
            }
            10..12 => {
                self.world.books.count("another body under a known id of the app");
                let answer = self.send(&errand, event, false).await;
                if !matches!(answer, Ok(Answer { status: 409 | 422 | 503 | 404, .. }) | Err(_)) {
                    self.world.books.complain("answered otherwise", format!("another body: {answer:?}"));
                }
            }
            _ => {}
        }
    }

    fn errand(&mut self) -> Errand {
        if self.rng.u8(..4) == 0 {
            let (path, places) = ("/events/user:created".to_owned(), SUBSCRIBED.to_vec());
            return Errand { path, places, is_keyed: self.rng.u8(..3) == 0 };
        }
        let receiver = match self.rng.u8(..100) {
            0..4 => "refuser",
            4..14 => "leaver",
            14..24 => "sluggish",
            _ => ["partner", "tracker", "prompt", GUEST][self.rng.usize(..4)],
        };
        let receiver = RECEIVERS.iter().find(|other| other.name == receiver).expect("it is one of them");
        let is_keyed = self.rng.u8(..3) == 0 && !receiver.is_sync;
        Errand { path: format!("/endpoints/{}", receiver.name), places: vec![receiver.name], is_keyed }
    }

    /// Sends an event until it is acknowledged.
    async fn deliver(&mut self, errand: &Errand, event: &Event) -> Option<Answer> {
        let world = Rc::clone(&self.world);
        let (begun, mut pause) = (Instant::now(), Duration::from_millis(20));
        loop {
            let season = world.season.number.get();
            let answer = self.send(errand, event, true).await;
            let is_out_of_season =
                errand.places == [GUEST] && (!world.season.is_on.get() || world.season.number.get() != season);
            match answer {
                Ok(answer @ Answer { status: 200..=299, .. }) => {
                    errand.places.iter().for_each(|place| world.books.acknowledge(place, &event.id));
                    return Some(answer);
                }
                Ok(Answer { status: 500 | 502..=504, .. }) | Err(Unanswered::Unsent | Unanswered::Broken) => {}
                Ok(Answer { status: 404, .. }) if is_out_of_season => {}
                other => {
                    let what = format!("{} at {}: {other:?}", event.id, errand.path);
                    world.books.complain("answered otherwise", what);
                }
            }
            if begun.elapsed() > Duration::from_secs(90) {
                world.books.complain("never acknowledged", format!("{} at {}", event.id, errand.path));
                return None;
            }
            sleep(pause).await;
            pause = (2 * pause).min(Duration::from_millis(500));
        }
    }

    async fn send(&mut self, errand: &Errand, event: &Event, is_genuine: bool) -> Result<Answer, Unanswered> {
        let mut headers = vec![("countersign-event-id", event.id.clone())];
        if errand.is_keyed {
            headers.push(("idempotency-key", event.id.clone()));
        }
        if errand.path.starts_with("/endpoints/") {
            headers.push(("countersign-event-type", "user:created".to_owned()));
        }
        let answer = self.client.send(post(&errand.path, &headers, event.body(is_genuine))).await;
        self.world.books.tell(
            OUTBOUND,
            match &answer {
                Ok(Answer { status: 200..=299, is_replayed: false, .. }) => Told::Fresh,
                Ok(Answer { status: 200..=299, .. }) => Told::Repeat,
                Ok(Answer { status: 500..=599, .. }) => Told::Failed,
                Ok(_) => Told::Else,
                Err(Unanswered::Unsent) => return answer,
                Err(_) => Told::Nothing,
            },
        );
        answer
    }
}
