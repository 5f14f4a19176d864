//! What an operator sees and does, under `/api/v1/`: route → read what is given → answer.
//!
//! `openapi.json` describes it; a test compares the two.

mod change;
mod deliveries;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod given;
mod json;
mod refusal;
mod route;
mod targets;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::timeout;

use super::answer::{self, Answer};
use super::state::State;
use crate::store::ledger::{Ledger, Pending};
use given::Given;
pub(super) use refusal::Refusal;
use route::Operation;

/// The description of all this, in OpenAPI 3.1.
const DOCUMENT: &str = include_str!("../openapi.json");

/// How long the store may take. A change that it was asked for is made all the same.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers a request of somebody who may use the API.
pub(super) async fn answer(state: &State, request: Request<Incoming>, now: Timestamp) -> Answer {
    respond(state, request, now).await.unwrap_or_else(|refusal| refusal.answer())
}

async fn respond(state: &State, request: Request<Incoming>, now: Timestamp) -> Result<Answer, Refusal> {
    let (route, name) = route::find(request.method(), request.uri().path())?;
    let name = name.to_owned();
    let given = Given::read(request, route.parameters).await?;
    let call = Call { state, name, given, now };
    let body = match route.operation {
        Operation::Change(deed) => return call.change(deed).await,
        Operation::Changes => call.changes().await?,
        Operation::Deliveries => call.deliveries().await?,
        Operation::Delivery => call.delivery().await?,
        Operation::Document => return Ok(answer::of(StatusCode::OK, "application/json", DOCUMENT)),
        Operation::Endpoint => call.endpoint()?,
        Operation::Endpoints => call.endpoints(),
        Operation::Sources => call.sources(),
        Operation::Targets => call.targets(),
        Operation::Upstream => call.upstream()?,
        Operation::Upstreams => call.upstreams(),
    };
    Ok(answer::json(StatusCode::OK, &body))
}

/// A request that was read.
struct Call<'a> {
    state: &'a State,
    /// The delivery or target in its path; empty where there is none.
    name: String,
    given: Given,
    now: Timestamp,
}

impl Call<'_> {
    fn ledger(&self) -> Option<&Arc<dyn Ledger>> {
        self.state.ledger.as_ref()
    }
}

/// Waits for the store, but not for ever.
async fn done<T>(pending: Pending<T>) -> Result<T, Refusal> {
    let done = timeout(PATIENCE, pending).await.map_err(|_| Refusal::Unavailable)?;
    Ok(done?)
}
