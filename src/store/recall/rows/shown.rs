//! What is shown of the ledger in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Row, Rows, Way, accepted};
use crate::store::ledger::{
    ChangeRecord, DeliveryId, Depth, Filter, Listed, NewDelivery, Page, Shown, ShownMessage, State, Summary, Target,
    TargetKind,
};

impl Rows {
    pub(in crate::store::recall) fn list(&self, filter: &Filter, page: Page) -> Listed {
        let before = page.after.map_or(i64::MAX, DeliveryId::row);
        let mut found = self.rows.range(..before).rev().map(|(_, row)| row).filter(|row| self.fits(row, filter));
        let deliveries = found.by_ref().take(page.limit).map(|row| self.summarize(row)).collect();
        Listed { deliveries, has_more: found.next().is_some() }
    }

    pub(in crate::store::recall) fn show(&self, id: DeliveryId) -> Option<Shown> {
        let row = self.rows.get(&id.row()).filter(|row| row.new.id == id)?;
        let message = ShownMessage::Full(Arc::clone(&row.new.message));
        Some(Shown { summary: self.summarize(row), message, attempts: row.tried.clone() })
    }

    pub(in crate::store::recall) fn summary(&self, id: DeliveryId) -> Option<Summary> {
        Some(self.summarize(self.rows.get(&id.row()).filter(|row| row.new.id == id)?))
    }

    pub(in crate::store::recall) fn changes(&self, limit: usize) -> Vec<ChangeRecord> {
        self.changes.iter().rev().take(limit).cloned().collect()
    }

    pub(in crate::store::recall) fn accepted(&self) -> Vec<NewDelivery> {
        self.rows.values().map(|row| row.new.clone()).collect()
    }

    pub(in crate::store::recall) fn depths(&self) -> Vec<Depth> {
        let targets: BTreeSet<&Target> =
            self.configured.iter().chain(self.rows.values().map(|row| &row.new.target)).collect();
        let depth = |target: &Target| {
            let count = |state| {
                let of_target = self.rows.values().filter(|row| row.new.target == *target);
                of_target.filter(|row| self.state(row) == state).count() as u64
            };
            Depth {
                due: count(State::Due),
                leased: count(State::Leased),
                paused: count(State::Paused),
                dead: count(State::Dead),
                held: self.hold(target),
                target: target.clone(),
            }
        };
        targets.into_iter().map(depth).collect()
    }

    pub(in crate::store::recall) fn oldest(&self) -> Vec<(Target, Timestamp)> {
        let mut oldest = BTreeMap::new();
        for row in self.rows.values().filter(|row| !row.way.is_over()) {
            let at = accepted(row.new.id);
            oldest
                .entry(row.new.target.clone())
                .and_modify(|first: &mut Timestamp| *first = at.min(*first))
                .or_insert(at);
        }
        oldest.into_iter().collect()
    }

    pub(super) fn fits(&self, row: &Row, filter: &Filter) -> bool {
        let (new, at) = (&row.new, accepted(row.new.id));
        let is_target = |kind, name: &String| new.target.kind == kind && *new.target.name == **name;
        filter.state.is_none_or(|state| self.state(row) == state)
            && filter.source.as_ref().is_none_or(|source| new.source.as_deref() == Some(source))
            && filter.endpoint.as_ref().is_none_or(|name| is_target(TargetKind::Endpoint, name))
            && filter.upstream.as_ref().is_none_or(|name| is_target(TargetKind::Upstream, name))
            && filter.event_id.as_ref().is_none_or(|id| new.event_id == *id)
            && filter.since.is_none_or(|since| at >= since)
            && filter.until.is_none_or(|until| at < until)
    }

    fn summarize(&self, row: &Row) -> Summary {
        Summary {
            id: row.new.id,
            target: row.new.target.clone(),
            source: row.new.source.clone(),
            event_id: row.new.event_id.clone(),
            event_type: row.new.event_type.clone(),
            state: self.state(row),
            attempts: row.attempts,
            accepted: accepted(row.new.id),
            due: if let Way::Due(at) = row.way { Some(at) } else { None },
            ended: row.ended,
        }
    }
}
