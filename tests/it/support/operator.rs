//! Who watches over a gateway: its admin address, and the command that asks there.

use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;

use super::{Answer, App, Cli, Connection, Ended, Gateway, GatewayBuilder, SECRET, SOON};

/// The token of the admin address.
pub(crate) const TOKEN: &str = "the token of the operators, long enough";

/// A gateway whose deliveries an operator looks after.
pub(crate) struct Operated {
    pub gateway: Gateway,
}

impl Operated {
    /// A gateway with a queue before this app, which an event that fails reaches once and is dead.
    pub(crate) async fn before(app: &App) -> Self {
        Self::start(config(app)).await
    }

    /// The same with an endpoint `partner` where this receiver listens.
    pub(crate) async fn with_endpoint(receiver: &App) -> Self {
        let endpoint = format!(
            "outbound:
  listen: 127.0.0.1:0
  egress: {{allow: [127.0.0.0/8]}}
  endpoints:
    partner:
      url: http://{}/hooks?key=recognisable
      scheme: lmif
      secrets: [{{env: SECRET}}]
      envelope: lmif
",
            receiver.address
        );
        Self::start(config(receiver) + &endpoint).await
    }

    async fn start(config: String) -> Self {
        Self { gateway: GatewayBuilder::new(config).variable("TOKEN", TOKEN).start().await }
    }

    /// Asks the API with the token; the path is behind `/api/v1`.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        Connection::open(self.gateway.admin).await.send(request).await
    }

    /// What lies at a path of the API.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Waits until so many deliveries are in a state, and gives their ids, the newest first.
    ///
    /// Nothing tells that they are, so it is asked for again and again.
    pub(crate) async fn until(&self, state: &str, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let list = self.get(&format!("/deliveries?state={state}")).await;
            let ids = list["deliveries"].as_array().unwrap().iter().map(|delivery| delivery["id"].as_str().unwrap());
            let ids: Vec<String> = ids.map(ToOwned::to_owned).collect();
            if ids.len() == count {
                return ids;
            }
            assert!(start.elapsed() < SOON, "not {count} are {state}: {list}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Runs a command against the gateway; its words are parted by spaces.
    pub(crate) async fn run(&self, words: &str) -> Ended {
        let admin = format!("http://{}", self.gateway.admin);
        let words: Vec<String> = words.split(' ').map(ToOwned::to_owned).collect();
        let run = move || {
            let command = Cli::new(words.iter().map(String::as_str)).argument("--admin").argument(admin);
            command.variable("COUNTERSIGN_ADMIN_TOKEN", TOKEN).run()
        };
        let ended = tokio::task::spawn_blocking(run).await.unwrap();
        assert!(!ended.all().contains(TOKEN) && !ended.all().contains(SECRET), "{ended:?}");
        ended
    }
}

fn config(app: &App) -> String {
    Gateway::config(app, "      delivery: queue\n")
        .replace("timeout: 3s}", "timeout: 3s, retry: none}")
        .replace("store: {memory: {}}", "store: {sqlite: {path: \"{folder}/countersign.db\"}}")
        .replace("admin: {listen: 127.0.0.1:0}", "admin: {listen: 127.0.0.1:0, token: {env: TOKEN}}")
}
