//! Lets no more requests go one way at once than come out of it soon.
//!
//! Behind an app that is given more than it can do, or behind a disk, a line forms, and whoever is at its end waits in
//! vain: when its turn comes, its sender has given up. The line cannot be seen from here, but by the time that answers
//! take. Where, for a while, even the quickest answer took much longer than answers take while few are waited for,
//! there is a line (the idea of CoDel, RFC 8289 §3). The gate narrows then to as many as go through without one, which
//! is how many were under way, less by as much as they take too long (Little's law), and widens again until there is a
//! line again. So a burst passes, and of a load that stays a part is refused, at once.
//!
//! What waits before it is read is not seen here: of a worker that has too much to do, `limits.connections` bounds the
//! line.
//!
//! All workers share the gates, as they share what is behind them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So few at once never are a line: the gate gets no narrower, and learns from them how long answers take.
const FEW: usize = 4;

/// How wide a gate is of which nothing is known, or nothing bad.
const WIDE: usize = 1024;

/// How long it looks before it changes, and at how many answers.
const LOOK: (Duration, u32) = (Duration::from_millis(50), 8);

/// How much longer than usual the quickest answer takes where there is a line.
const LINE: f32 = 1.5;

/// How long it sees a line before it takes it for one that stays: whatever else the machine does may hold up all
/// answers for a moment.
const STAYS: Duration = Duration::from_millis(200);

/// Where nobody came for so long, what was learnt of a line is worth nothing.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// A way that requests go.
#[derive(Debug)]
pub(crate) struct Gate {
    /// In seconds: what takes no longer did not stand in a line worth speaking of.
    short: f32,
    under_way: AtomicUsize,
    width: AtomicUsize,
    /// Held for a few comparisons.
    seen: Mutex<Seen>,
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    since: Instant,
    among_few: bool,
}

impl Gate {
    /// A gate of a way on which `short` is no time.
    pub(crate) fn new(short: Duration, now: Instant) -> Self {
        let seen = Seen { usual: Usual::default(), look: Look::begin(now), line_since: None };
        let (under_way, width) = (AtomicUsize::new(0), AtomicUsize::new(WIDE));
        Self { short: short.as_secs_f32(), under_way, width, seen: Mutex::new(seen) }
    }

    /// Whether whoever comes now had better come again later.
    pub(crate) fn is_full(&self) -> bool {
        self.under_way.load(Relaxed) >= self.width.load(Relaxed)
    }

    /// Lets a request pass, whether or not the gate is full.
    pub(crate) fn pass(&self, now: Instant) -> Pass<'_> {
        let before = self.under_way.fetch_add(1, Relaxed);
        if before == 0 {
            let mut seen = self.seen();
            if now.saturating_duration_since(seen.look.begun) > FORGOTTEN {
                seen.look = Look::begin(now);
                self.width.fetch_max(WIDE, Relaxed);
            }
        }
        Pass { gate: self, since: now, among_few: before < FEW }
    }

    fn took(&self, seen: &mut Seen, pass: &Pass<'_>, took: f32, now: Instant) {
        // What passed earlier tells how it was at another width.
        if pass.since < seen.look.begun {
            return;
        }
        seen.look.add(took, self.under_way.load(Relaxed));
        if seen.look.is_enough(now) {
            self.width.store(self.judge(seen, now), Relaxed);
            seen.look = Look::begin(now);
        }
    }

    /// How wide it is to be.
    fn judge(&self, Seen { usual, look, line_since }: &mut Seen, now: Instant) -> usize {
        let (usual, width) = (usual.at_most().max(self.short / LINE), self.width.load(Relaxed));
        if look.quickest > LINE * usual {
            let since = *line_since.get_or_insert(look.begun);
            if width >= WIDE && now.saturating_duration_since(since) < STAYS {
                return width;
            }
            let through = look.most as f32 * usual / look.quickest;
            return width.min(FEW.max(through as usize));
        }
        *line_since = None;
        let wider = if look.quickest <= usual { width / 2 } else { width / 8 };
        width.max(WIDE.max(2 * look.most).min(width + wider + 1))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The answer has come.
    pub(crate) fn answered(self, now: Instant) {
        let (took, mut seen) = (self.took(now), self.gate.seen());
        if self.among_few {
            seen.usual.add(took);
        }
        self.gate.took(&mut seen, &self, took, now);
    }

    /// No answer came in its time, however few were under way.
    pub(crate) fn late(self, now: Instant) {
        self.gate.took(&mut self.gate.seen(), &self, self.took(now), now);
    }

    fn took(&self, now: Instant) -> f32 {
        now.saturating_duration_since(self.since).as_secs_f32()
    }
}

/// What was not answered ends as well, and tells nothing: to fail is quick.
impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.under_way.fetch_sub(1, Relaxed);
    }
}

/// What the answers told.
#[derive(Debug)]
struct Seen {
    usual: Usual,
    look: Look,
    /// Since when every look has seen a line.
    line_since: Option<Instant>,
}

/// How long answers take while few are waited for, in seconds: their mean, and how far they are from it (RFC 6298 §2).
#[derive(Debug, Default)]
struct Usual {
    mean: f32,
    deviation: f32,
}

impl Usual {
    fn add(&mut self, took: f32) {
        if self.mean == 0.0 {
            self.mean = took;
        }
        let off = took - self.mean;
        self.deviation += (off.abs() - self.deviation) / 8.0;
        self.mean += off / 8.0;
    }

    /// Hardly one takes longer.
    fn at_most(&self) -> f32 {
        self.mean + 4.0 * self.deviation
    }
}

/// The answers of a while, to what passed in it.
#[derive(Debug)]
struct Look {
    begun: Instant,
    answers: u32,
    /// How long the quickest took, in seconds.
    quickest: f32,
    /// How many were under way at the most.
    most: usize,
}

impl Look {
    fn begin(now: Instant) -> Self {
        Self { begun: now, answers: 0, quickest: f32::INFINITY, most: 0 }
    }

    fn add(&mut self, took: f32, under_way: usize) {
        self.answers += 1;
        self.quickest = self.quickest.min(took);
        self.most = self.most.max(under_way);
    }

    fn is_enough(&self, now: Instant) -> bool {
        let (time, answers) = LOOK;
        self.answers >= answers && now.saturating_duration_since(self.begun) >= time
    }
}

#[cfg(test)]
mod tests;
