//! Deliveries: many, and one with all that is kept of it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::{shown, state, summary};
use super::{Call, Refusal, done};
use crate::store::ledger::{DeliveryId, Filter, Listed, Page, State};

/// How many are listed where nothing is said.
const USUAL_LIMIT: usize = 50;

/// How many are listed at once.
const LIMIT: usize = 1000;

/// Every state, in the order of its word.
const STATES: [State; 6] = [State::Dead, State::Delivered, State::Discarded, State::Due, State::Leased, State::Paused];

impl Call<'_> {
    /// A page of deliveries, the newest first.
    pub(super) async fn deliveries(&self) -> Result<Value, Refusal> {
        let filter = self.filter()?;
        let after = self.given.read_as("cursor", "one that an answer held", DeliveryId::parse)?;
        let page = Page { after, limit: self.limit()? };
        let listed = match self.ledger() {
            Some(ledger) => done(ledger.list(filter, page)).await?,
            None => Listed::default(),
        };
        let last = listed.deliveries.last().filter(|_| listed.has_more);
        Ok(json!({
            "deliveries": listed.deliveries.iter().map(summary).collect::<Vec<_>>(),
            "next_cursor": last.map(|last| last.id.to_string()),
        }))
    }

    /// One of them.
    pub(super) async fn delivery(&self) -> Result<Value, Refusal> {
        let ledger = self.ledger().ok_or(Refusal::NotFound)?;
        let found = done(ledger.show(self.id()?)).await?.ok_or(Refusal::NotFound)?;
        Ok(shown(&found))
    }

    /// Which deliveries are meant.
    pub(super) fn filter(&self) -> Result<Filter, Refusal> {
        let given = &self.given;
        let words = STATES.map(|wanted| format!("`{}`", state(wanted))).join(", ");
        let named = |text: &str| STATES.into_iter().find(|wanted| state(*wanted) == text);
        let time = |name| given.read_as(name, "a time as in RFC 3339", |text| text.parse::<Timestamp>().ok());
        Ok(Filter {
            state: given.read_as("state", format_args!("one of {words}"), named)?,
            source: given.text("source"),
            endpoint: given.text("endpoint"),
            upstream: given.text("upstream"),
            event_id: given.text("event_id"),
            since: time("since")?,
            until: time("until")?,
        })
    }

    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let number = |text: &str| text.parse().ok().filter(|limit| (1..=LIMIT).contains(limit));
        let limit = self.given.read_as("limit", format_args!("a number from 1 to {LIMIT}"), number)?;
        Ok(limit.unwrap_or(USUAL_LIMIT))
    }
}
