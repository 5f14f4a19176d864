//! What was leased ahead, so that a slot that becomes free does not wait for the store.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::ledger::{DeliveryId, Leased, Room};

/// How many bytes of bodies are leased ahead for a target.
const BYTES: usize = 8 * 1024 * 1024;

/// How long a delivery is kept that is not attempted. An operator can hold or discard it only when it is back.
const FRESH: Duration = Duration::from_secs(5);

/// Deliveries that are leased and not attempted yet.
#[derive(Debug, Default)]
pub(super) struct Stock {
    waiting: VecDeque<(Instant, Leased)>,
    bytes: usize,
    /// How many are leased beyond the free slots. It grows while the target takes all that there is, and is nothing
    /// once something had to wait for long.
    ahead: usize,
}

impl Stock {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Room for the slots that are free and as many ahead as pay; `None`: there is enough.
    pub(super) fn room(&self, free: usize, is_ahead_wanted: bool) -> Option<Room> {
        let ahead = if is_ahead_wanted { self.ahead } else { 0 };
        // Half the stock at a time, not one by one.
        let is_enough = self.waiting.len() > free + ahead / 2 || self.bytes >= BYTES;
        let deliveries = (free + ahead).saturating_sub(self.waiting.len());
        (deliveries > 0 && !is_enough).then_some(Room { deliveries, bytes: BYTES - self.bytes })
    }

    /// Takes in what was handed out for this room. `most` is how many may be ahead.
    pub(super) fn fill(&mut self, leased: Vec<Leased>, room: Room, most: usize, now: Instant) {
        if leased.len() == room.deliveries {
            self.ahead = (self.ahead * 2).clamp(1, most);
        }
        self.bytes += leased.iter().map(size).sum::<usize>();
        self.waiting.extend(leased.into_iter().map(|leased| (now, leased)));
    }

    /// The one that is due first.
    pub(super) fn take(&mut self) -> Option<Leased> {
        let (_, leased) = self.waiting.pop_front()?;
        self.bytes -= size(&leased);
        Some(leased)
    }

    /// When the oldest has waited for too long.
    pub(super) fn stale_at(&self) -> Option<Instant> {
        self.waiting.front().map(|(since, _)| *since + FRESH)
    }

    /// Gives everything back.
    pub(super) fn clear(&mut self) -> Vec<DeliveryId> {
        (self.bytes, self.ahead) = (0, 0);
        self.waiting.drain(..).map(|(_, leased)| leased.id).collect()
    }
}

fn size(leased: &Leased) -> usize {
    leased.message.body.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::store::ledger::{Message, Target, TargetKind};

    fn leased(bytes: usize) -> Leased {
        Leased {
            id: DeliveryId::new(Timestamp::UNIX_EPOCH, 1),
            target: Target { kind: TargetKind::Endpoint, name: "a".into() },
            source: None,
            event_id: String::new(),
            event_type: None,
            attempts: 0,
            message: Arc::new(Message { body: vec![0; bytes].into(), ..Message::default() }),
        }
    }

    /// Fills a stock as a store would that has so much of this size, and tells how many it handed out.
    fn filled(stock: &mut Stock, free: usize, size: usize) -> usize {
        let Some(room) = stock.room(free, true) else { return 0 };
        let count = room.deliveries.min(room.bytes / size.max(1));
        stock.fill(vec![leased(size); count], room, 32, Instant::now());
        count
    }

    #[test]
    fn what_is_ahead_grows_with_what_is_taken_up_to_the_slots() {
        let mut stock = Stock::default();

        let mut handed = Vec::new();
        for _ in 0..8 {
            handed.push(filled(&mut stock, 32, 1));
            while stock.take().is_some() {}
        }

        assert_eq!(handed, [32, 33, 34, 36, 40, 48, 64, 64]);
    }

    #[test]
    fn nothing_is_ahead_after_something_waited_for_too_long() {
        let mut stock = Stock::default();
        filled(&mut stock, 32, 1);

        let given_back = stock.clear();

        assert_eq!((given_back.len(), stock.room(0, true), stock.is_empty()), (32, None, true));
    }

    #[test]
    fn large_bodies_are_few_ahead() {
        let mut stock = Stock::default();

        let handed = [filled(&mut stock, 32, 3 << 20), filled(&mut stock, 32, 3 << 20)];

        assert_eq!(handed, [2, 0]);
        assert_eq!(stock.room(32, true).map(|room| room.bytes), Some(2 << 20));
    }
}
