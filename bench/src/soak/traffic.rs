//! Senders: good events, repeats of them one after the other and all at once, and what nobody should take.

use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::books::Told;
use super::client::{Answer, Client, Protocol, Unanswered, post};
use super::hostile;
use super::world::{GUESS, SEASONAL, WAYS, Way, World};

/// How many send on each way.
const SENDERS: usize = 8;

/// Of all events, so many are the senders' and the rest the app's.
pub(super) const SHARE: f64 = 0.75;

/// What an event is, beside its id.
#[derive(Clone)]
pub(super) struct Event {
    pub id: String,
    pub length: usize,
}

impl Event {
    pub(super) fn new(id: String, rng: &mut Rng) -> Self {
        let length = if rng.u8(..100) == 0 { rng.usize(60_000..200_000) } else { rng.usize(..3000) };
        Self { id, length }
    }

    /// Every sender finds its id and type in it; one that is not genuine must never arrive.
    pub(super) fn body(&self, is_genuine: bool) -> Vec<u8> {
        let Self { id, length } = self;
        let data = "x".repeat(*length);
        let names = format!(r#""id":"{id}","HookId":"{id}","webhook_request_id":"{id}""#);
        let types = r#""type":"user:created","HookName":"login""#;
        format!(r#"{{{names},{types},"genuine":{is_genuine},"size":{length},"data":"{data}"}}"#).into_bytes()
    }
}

/// Begins to send, as long as the world is open.
pub(super) fn start(world: &Rc<World>) {
    let pace = Duration::from_secs_f64((WAYS.len() * SENDERS) as f64 / (world.rate * SHARE));
    for way in &WAYS {
        for number in 0..SENDERS {
            let protocol = match number {
                0 | 1 => Protocol::Http2,
                2 => Protocol::Proxied,
                _ => Protocol::Http1,
            };
            let client = Client::new(world.addresses.inbound, protocol);
            let sender = Sender { way, number, world: Rc::clone(world), client, rng: world.fork() };
            tokio::task::spawn_local(sender.run(pace));
        }
    }
}

pub(super) struct Sender {
    pub way: &'static Way,
    number: usize,
    pub world: Rc<World>,
    pub client: Client,
    pub rng: Rng,
}

impl Sender {
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
            let event = Event::new(format!("{}-{}-{number}", self.way.name, self.number), &mut self.rng);
            self.play(&event).await;
        }
    }

    async fn play(&mut self, event: &Event) {
        let books = &Rc::clone(&self.world).books;
        match self.rng.u16(..1000) {
            0..70 => self.repeat(event).await,
            70..110 => self.all_at_once(event).await,
            110..190 => {
                self.forge(event).await;
                self.deliver(event).await;
            }
            190..210 if self.way.style.has_time() => self.stale(event).await,
            210..220 => hostile::too_large(self).await,
            220..230 => hostile::half(self, event).await,
            230..245 => {
                hostile::hang_up(self, event).await;
                self.deliver(event).await;
            }
            245..248 => hostile::too_slow(self, event).await,
            248..260 => hostile::in_pieces(self, event).await,
            _ => {
                books.count("events of senders, once");
                self.deliver(event).await;
            }
        }
    }

    /// Sends an event until it is acknowledged.
    pub(super) async fn deliver(&mut self, event: &Event) {
        deliver(&self.world, self.way, &mut self.client, event).await;
    }

    async fn repeat(&mut self, event: &Event) {
        self.world.books.count("events of senders, repeated afterwards");
        self.deliver(event).await;
        for _ in 0..self.rng.u8(1..4) {
            self.deliver(event).await;
        }
    }

    async fn all_at_once(&mut self, event: &Event) {
        self.world.books.count("events of senders, four times at once");
        let copies: Vec<_> = (0..4)
            .map(|_| {
                let (world, way, event) = (Rc::clone(&self.world), self.way, event.clone());
                let mut client = Client::new(world.addresses.inbound, Protocol::Http1);
                tokio::task::spawn_local(async move { deliver(&world, way, &mut client, &event).await })
            })
            .collect();
        for copy in copies {
            let _ = copy.await;
        }
    }

    /// Something with this event's id that its sender did not sign.
    async fn forge(&mut self, event: &Event) {
        let (world, way) = (Rc::clone(&self.world), self.way);
        let genuine = event.body(true);
        let sign = |secret: &str, body: &[u8]| way.style.sign(secret, world.clock.now(), &event.id, body);
        let (secret, mut body) = (world.season.secret(), event.body(false));
        let is_by_secret = !matches!(way.name, "notary");
        let (what, mut headers) = match (self.rng.u8(..4), world.season.retired()) {
            (0, Some(retired)) if is_by_secret => {
                let (headers, signed) = sign(retired, &body);
                body = signed;
                ("forged: signed with a secret that has gone", headers)
            }
            (1, _) if is_by_secret => {
                let (headers, signed) = sign(GUESS, &body);
                body = signed;
                ("forged: signed with another secret", headers)
            }
            (2, _) => {
                body = event.body(false);
                ("forged: not signed", Vec::new())
            }
            _ => {
                // The genuine signature, on another body.
                let (headers, signed) = sign(secret, &genuine);
                if headers.is_empty() {
                    body = signed;
                    let middle = body.len() / 2;
                    body[middle] = if body[middle] == b'A' { b'B' } else { b'A' };
                }
                ("forged: changed after it was signed", headers)
            }
        };
        headers.retain(|_| what != "forged: not signed");
        world.books.count(what);
        self.refused(post(&path(way), &headers, body), what).await;
    }

    async fn stale(&mut self, event: &Event) {
        let by = if self.rng.bool() { -600 } else { 600 };
        let now = self.world.clock.now() + by;
        let (headers, body) = self.way.style.sign(self.world.season.secret(), now, &event.id, &event.body(false));
        self.world.books.count("too old or too new");
        self.refused(post(&path(self.way), &headers, body), "stale").await;
    }

    /// Sends what has to be answered 401, once.
    async fn refused(&mut self, request: hyper::Request<http_body_util::Full<bytes::Bytes>>, what: &str) {
        let season = self.world.season.number.get();
        let answer = self.client.send(request).await;
        told(&self.world, self.way, &answer);
        match answer {
            Ok(Answer { status: 401 | 503, .. }) | Err(Unanswered::Unsent | Unanswered::Broken) => {}
            Ok(Answer { status: 404, .. }) if is_out_of_season(&self.world, self.way, season) => {}
            other => self.world.books.complain("answered otherwise", format!("{what} at {}: {other:?}", self.way.name)),
        }
    }
}

async fn deliver(world: &World, way: &'static Way, client: &mut Client, event: &Event) {
    let (begun, mut pause) = (Instant::now(), Duration::from_millis(20));
    loop {
        let (season, offset) = (world.season.number.get(), world.clock.offset());
        let body = event.body(true);
        let (headers, body) = way.style.sign(world.season.secret(), world.clock.now(), &event.id, &body);
        let answer = client.send(post(&path(way), &headers, body)).await;
        told(world, way, &answer);
        match answer {
            Ok(Answer { status: 200..=299, .. }) => return world.books.acknowledge(way.name, &event.id),
            Ok(Answer { status: 500 | 502..=504, .. }) | Err(Unanswered::Unsent | Unanswered::Broken) => {}
            Ok(Answer { status: 404, .. }) if is_out_of_season(world, way, season) => {}
            Ok(Answer { status: 401, .. }) if way.style.has_time() && world.clock.offset() != offset => {}
            other => world.books.complain("answered otherwise", format!("{} at {}: {other:?}", event.id, way.name)),
        }
        if begun.elapsed() > Duration::from_secs(90) {
            return world.books.complain("never acknowledged", format!("{} at {}", event.id, way.name));
        }
        sleep(pause).await;
        pause = (2 * pause).min(Duration::from_millis(500));
    }
}

/// Whether a source may have been missing while it was sent to.
pub(super) fn is_out_of_season(world: &World, way: &Way, season: u32) -> bool {
    way.name == SEASONAL && (!world.season.is_on.get() || world.season.number.get() != season)
}

pub(super) fn path(way: &Way) -> String {
    format!("/{}", way.name)
}

/// Writes down what a sender was told.
pub(super) fn told(world: &World, way: &'static Way, answer: &Result<Answer, Unanswered>) {
    world.books.tell(
        way.name,
        match answer {
            Ok(Answer { status: 200..=299, is_replayed: false, .. }) => Told::Fresh,
            Ok(Answer { status: 200..=299, .. }) => Told::Repeat,
            Ok(Answer { status: 401 | 408 | 413, .. }) => Told::Refused,
            Ok(Answer { status: 500..=599, .. }) => Told::Failed,
            Ok(_) => Told::Else,
            Err(Unanswered::Unsent) => return,
            Err(Unanswered::Broken | Unanswered::Late) => Told::Nothing,
        },
    );
}
