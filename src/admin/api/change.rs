//! What an operator changes. Each change leaves a record in the store, and a line in the log.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Call, Refusal, done};
use crate::admin::answer::{self, Answer};
use crate::store::ledger::{Change, DeliveryId, Filter, Ledger, Target, TargetKind};

/// How long a reason may be, in bytes.
const LONGEST_REASON: usize = 1000;

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Discard,
    Pause(TargetKind),
    Replay,
    ReplayAll,
    Resume(TargetKind),
    Test,
}

impl Call<'_> {
    /// Does it, and says how much was changed.
    pub(super) async fn change(&self, deed: Deed) -> Result<Answer, Refusal> {
        let reason = self.given.text("reason").unwrap_or_default();
        if reason.len() > LONGEST_REASON {
            return Err(Refusal::BadRequest(format!("`reason` is longer than {LONGEST_REASON} bytes")));
        }
        match deed {
            Deed::Discard => self.make(Change::Discard(self.id()?), reason).await,
            Deed::Pause(kind) => self.make(Change::Pause(self.target(kind)?), reason).await,
            Deed::Replay => self.make(Change::Replay(self.id()?), reason).await,
            Deed::ReplayAll => self.make(Change::ReplayAll(self.narrow_filter()?), reason).await,
            Deed::Resume(kind) => self.make(Change::Resume(self.target(kind)?), reason).await,
            Deed::Test => self.test(reason).await,
        }
    }

    async fn make(&self, change: Change, reason: String) -> Result<Answer, Refusal> {
        let (what, whom) = self.told(&change);
        let changed = done(self.queue()?.change(change, reason.clone(), self.now)).await?;
        tracing::info!(what, whom, count = changed.count, reason, "changed by hand");
        Ok(answer::json(StatusCode::OK, &json!({ "changed": changed.count })))
    }

    /// Lets a sample event go to an endpoint, the way that all events go there.
    async fn test(&self, reason: String) -> Result<Answer, Refusal> {
        let target = self.target(TargetKind::Endpoint)?;
        self.queue()?;
        let testing = self.state.testing.as_ref().ok_or(Refusal::NotFound)?;
        let delivery = done(testing.test(&target.name, self.now)).await.map_err(|refusal| match refusal {
            Refusal::State => Refusal::NoSample,
            other => other,
        })?;
        self.make(Change::Test(target, delivery), reason).await?;
        Ok(answer::json(StatusCode::ACCEPTED, &json!({ "delivery": delivery.to_string() })))
    }

    /// What was changed so far, the newest first.
    pub(super) async fn changes(&self) -> Result<Value, Refusal> {
        let limit = self.limit()?;
        let records = match self.ledger() {
            Some(ledger) => done(ledger.changes(limit)).await?,
            None => Vec::new(),
        };
        Ok(json!({ "changes": records.iter().map(super::json::change).collect::<Vec<_>>() }))
    }

    fn queue(&self) -> Result<&Arc<dyn Ledger>, Refusal> {
        self.ledger().ok_or(Refusal::NoQueue)
    }

    /// The delivery that the path names.
    pub(super) fn id(&self) -> Result<DeliveryId, Refusal> {
        DeliveryId::parse(&self.name).ok_or(Refusal::NotFound)
    }

    /// A filter that leaves something out: all deliveries of all times are never meant by mistake, nor those of all
    /// targets where a script's variable was empty.
    fn narrow_filter(&self) -> Result<Filter, Refusal> {
        if let Some(name) = self.given.empty().find(|name| *name != "reason") {
            return Err(Refusal::BadRequest(format!("`{name}` is empty")));
        }
        let filter = self.filter()?;
        let Filter { state, source, endpoint, upstream, event_id, since, until } = &filter;
        let names = [source, endpoint, upstream, event_id];
        if state.is_none() && names.iter().all(|name| name.is_none()) && since.is_none() && until.is_none() {
            return Err(Refusal::BadRequest("say which deliveries, for example `state=dead`".to_owned()));
        }
        Ok(filter)
    }

    /// The change, and what it is made to, for the log.
    fn told(&self, change: &Change) -> (&'static str, String) {
        match change {
            Change::Discard(id) => ("discard", id.to_string()),
            Change::Pause(Target { name, .. }) => ("pause", name.to_string()),
            Change::Replay(id) => ("replay", id.to_string()),
            Change::ReplayAll(_) => ("replay", self.given.filters()),
            Change::Resume(Target { name, .. }) => ("resume", name.to_string()),
            Change::Test(Target { name, .. }, _) => ("test", name.to_string()),
        }
    }
}
