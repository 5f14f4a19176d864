use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// An app behind a gate that does so many requests at a time, in their order, each in the same time. Time is a number
/// here, and chance the same at each run.
struct Played<'a> {
    gate: &'a Gate,
    start: Instant,
    each: Duration,
    /// When each of those that work is free.
    free: BinaryHeap<Reverse<Duration>>,
    /// When they will be answered, and when they came; in the order of both.
    under_way: VecDeque<(Duration, Duration, Pass<'a>)>,
    now: Duration,
    random: fastrand::Rng,
}

/// What became of a load: how long the answers took, and how many were refused.
#[derive(Default)]
struct Load {
    took: Vec<Duration>,
    refused: usize,
}

impl Load {
    fn percentile(&self, percent: usize) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took[(took.len() - 1) * percent / 100]
    }
}

impl<'a> Played<'a> {
    fn new(gate: &'a Gate, start: Instant, at_once: usize, each: Duration) -> Self {
        let free = (0..at_once).map(|_| Reverse(Duration::ZERO)).collect();
        let random = fastrand::Rng::with_seed(7);
        Self { gate, start, each, free, under_way: VecDeque::new(), now: Duration::ZERO, random }
    }

    /// So many a second come, at random moments.
    fn load(&mut self, rate: f64, time: Duration) -> Load {
        let (end, mut load) = (self.now + time, Load::default());
        loop {
            let pause = -(1.0 - self.random.f64()).ln() / rate;
            let next = self.now + Duration::from_secs_f64(pause);
            self.answer(next.min(end), &mut load);
            if next >= end {
                return load;
            }
            self.come(&mut load);
        }
    }

    fn come(&mut self, load: &mut Load) {
        if self.gate.is_full() {
            load.refused += 1;
            return;
        }
        let Reverse(free) = self.free.pop().unwrap();
        let answered = free.max(self.now) + self.each;
        self.free.push(Reverse(answered));
        self.under_way.push_back((answered, self.now, self.gate.pass(self.start + self.now)));
    }

    fn answer(&mut self, until: Duration, load: &mut Load) {
        while self.under_way.front().is_some_and(|(answered, ..)| *answered <= until) {
            let (answered, came, pass) = self.under_way.pop_front().unwrap();
            pass.answered(self.start + answered);
            load.took.push(answered - came);
        }
        self.now = until;
    }
}

/// So many at a time, and how long each takes.
const APPS: [(usize, Duration); 8] = [
    (1, MS),
    (2, Duration::from_millis(20)),
    (4, Duration::from_millis(20)),
    (8, Duration::from_millis(20)),
    (8, Duration::from_millis(100)),
    (16, Duration::from_millis(10)),
    (64, Duration::from_millis(50)),
    (256, Duration::from_millis(100)),
];

#[test]
fn of_three_times_what_an_app_can_do_it_does_what_it_can_in_time_whatever_that_is() {
    for (at_once, each) in APPS {
        let start = Instant::now();
        let gate = Gate::new(5 * MS, start);
        let mut app = Played::new(&gate, start, at_once, each);
        let capacity = at_once as f64 / each.as_secs_f64();
        let shown = format!("{at_once} at once, {each:?} each");

        let calm = app.load(capacity / 2.0, 10 * SECOND);
        app.load(capacity * 3.0, 3 * SECOND);
        let over = app.load(capacity * 3.0, 10 * SECOND);
        app.load(capacity / 2.0, SECOND);
        let after = app.load(capacity / 2.0, 10 * SECOND);

        assert_eq!(calm.refused, 0, "{shown}");
        let (usual, took) = (calm.percentile(99), over.percentile(99));
        assert!(took <= 5 * usual, "{shown}: {took:?}, and {usual:?} without a load");
        assert!(over.took.len() as f64 > 9.0 * capacity, "{shown}: {} were answered", over.took.len());
        assert!(after.refused * 50 < after.took.len(), "{shown}: {} refused afterwards", after.refused);
    }
}

#[test]
fn bursts_pass_whole() {
    for (at_once, each) in APPS {
        let start = Instant::now();
        let gate = Gate::new(5 * MS, start);
        let mut app = Played::new(&gate, start, at_once, each);
        let capacity = at_once as f64 / each.as_secs_f64();

        // A quarter of what it can do, but all of a second at once.
        let mut load = Load::default();
        for second in 1..60 {
            (0..WIDE.min(capacity as usize / 4)).for_each(|_| app.come(&mut load));
            app.answer(SECOND * second, &mut load);
        }

        assert_eq!(load.refused, 0, "{at_once} at once, {each:?} each");
    }
}

#[test]
fn an_app_that_takes_longer_than_it_used_to_is_soon_taken_as_it_is() {
    let start = Instant::now();
    let gate = Gate::new(5 * MS, start);
    let mut app = Played::new(&gate, start, 1000, 30 * MS);

    let before = app.load(200.0, 10 * SECOND);
    app.each = 300 * MS;
    app.load(200.0, 10 * SECOND);
    let after = app.load(200.0, 10 * SECOND);

    assert_eq!((before.refused, after.refused), (0, 0));
}

#[test]
fn of_an_app_that_never_answers_few_wait() {
    let start = Instant::now();
    let gate = Gate::new(5 * MS, start);

    for second in 1..=4 {
        let (came, late) = (start + SECOND * second, start + SECOND * (second + 1));
        let passes: Vec<_> = (0..100).map_while(|_| (!gate.is_full()).then(|| gate.pass(came))).collect();
        assert_eq!(passes.len(), if second == 1 { 100 } else { FEW }, "in second {second}");
        passes.into_iter().for_each(|pass| pass.late(late));
    }
}

#[test]
fn what_fails_at_once_tells_nothing_and_leaves_its_place() {
    let start = Instant::now();
    let gate = Gate::new(5 * MS, start);

    (0..10 * WIDE).for_each(|_| drop(gate.pass(start)));

    assert!(!gate.is_full());
    assert_eq!(gate.seen().look.answers, 0);
}
