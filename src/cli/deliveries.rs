//! `countersign deliveries`: what became of every delivery, and what is to be done about it.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::operator::{Operator, OperatorArgs, tell};
use super::shown;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Deliveries {
    /// List deliveries, the newest first.
    List(List),
    /// Show one with its message and its attempts.
    Show(Show),
    /// Deliver again, at attempt 1 and with the same event id: these, or all that the filters find and
    /// that are not waiting or being attempted.
    Replay(Replay),
    /// Take deliveries that are due or dead out for good.
    Discard(Discard),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many, up to 1000.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Where to go on, as the page before said.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// The delivery.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    #[command(flatten)]
    ids: Ids,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Discard {
    #[command(flatten)]
    ids: Ids,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
struct Ids {
    /// The deliveries.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// The same.
    #[arg(long = "id", value_name = "ID", num_args = 1..)]
    more: Vec<String>,
}

impl Ids {
    fn all(&self) -> Vec<&str> {
        self.ids.iter().chain(&self.more).map(String::as_str).collect()
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Reason {
    /// Why; kept with the record of the change.
    #[arg(long = "reason", value_name = "TEXT")]
    pub(super) text: Option<String>,
}

#[derive(Debug, clap::Args)]
struct FilterArgs {
    /// In this state.
    #[arg(long, value_parser = ["dead", "delivered", "discarded", "due", "leased", "paused"])]
    state: Option<String>,
    /// From this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// To this endpoint.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// To this upstream.
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// Of the event with this id.
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// Accepted at this moment or later, as in 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Accepted before this moment.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl FilterArgs {
    /// What is given of them, by the names of the API.
    fn given(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("state", &self.state),
            ("source", &self.source),
            ("endpoint", &self.endpoint),
            ("upstream", &self.upstream),
            ("event_id", &self.event_id),
            ("since", &self.since),
            ("until", &self.until),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

impl Deliveries {
    /// Ends with 0, or with 1 where something could not be done.
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(list) => list.operator.run(async |operator| list.run(operator).await),
            Self::Show(show) => show.operator.run(async |operator| show.run(operator).await),
            Self::Replay(replay) => replay.operator.run(async |operator| replay.run(operator).await),
            Self::Discard(discard) => {
                let (ids, reason) = (discard.ids.all(), &discard.reason);
                discard.operator.run(async |operator| each(operator, &ids, "discard", reason).await)
            }
        }
    }
}

impl List {
    async fn run(&self, operator: &Operator) -> anyhow::Result<ExitCode> {
        let limit = self.limit.to_string();
        let mut query = self.filter.given();
        query.push(("limit", &limit));
        query.extend(self.cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let answer = operator.get(&format!("/deliveries?{}", pairs.join("&"))).await?;
        operator.print(&answer, shown::deliveries)?;
        if let Some(cursor) = answer["next_cursor"].as_str().filter(|_| !self.operator.json) {
            eprintln!("there are more: --cursor {cursor}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    async fn run(&self, operator: &Operator) -> anyhow::Result<ExitCode> {
        let answer = operator.get(&format!("/deliveries/{}", encode(&self.id))).await?;
        operator.print(&answer, shown::delivery)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Replay {
    async fn run(&self, operator: &Operator) -> anyhow::Result<ExitCode> {
        let (ids, filter) = (self.ids.all(), self.filter.given());
        match (ids.is_empty(), filter.is_empty()) {
            (true, true) => anyhow::bail!("say which deliveries: their ids, or a filter such as --state dead"),
            (false, false) => anyhow::bail!("deliveries are named by their ids or by filters, not by both"),
            (false, true) => return each(operator, &ids, "replay", &self.reason).await,
            (true, false) => {}
        }
        let mut body: Map<String, Value> =
            filter.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        body.extend(self.reason.text.as_deref().map(|reason| ("reason".to_owned(), reason.into())));
        let answer = operator.post("/deliveries/replay", &body.into()).await?;
        operator.print(&answer, |answer| format!("{} will be delivered again\n", answer["changed"]))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Does it to one after the other, also where it fails for some.
async fn each(operator: &Operator, ids: &[&str], what: &str, reason: &Reason) -> anyhow::Result<ExitCode> {
    if ids.is_empty() {
        anyhow::bail!("say which deliveries, by their ids");
    }
    let mut end = ExitCode::SUCCESS;
    for id in ids {
        match operator.post(&format!("/deliveries/{}/{what}", encode(id)), &json!({ "reason": reason.text })).await {
            Ok(answer) => operator.print(&answer, |_| format!("{id}: {}\n", done(what)))?,
            Err(error) => {
                tell(&error.context((*id).to_owned()));
                end = ExitCode::FAILURE;
            }
        }
    }
    Ok(end)
}

fn done(what: &str) -> &'static str {
    match what {
        "discard" => "discarded",
        _ => "will be delivered again",
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986 §2.3).
pub(super) fn encode(text: &str) -> String {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match is_unreserved(byte) {
            true => encoded.push(byte.into()),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}
