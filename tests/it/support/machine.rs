//! A machine that a gateway runs on: it can be killed there, lose its power, and start again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tempfile::TempDir;

use super::{Disk, Flaky, Gateway, GatewayBuilder, Loss, SECRET};

/// A folder with a store, the disk that it is on, and the gateway while one runs.
pub(crate) struct Machine {
    config: String,
    folder: Option<TempDir>,
    /// `None`: a disk like any other.
    pub disk: Option<Disk>,
    gateway: Option<Gateway>,
}

impl Machine {
    /// Whose disk keeps what it was given, synced or not.
    pub(crate) fn new(app: &Flaky) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { config: config(app), folder: Some(folder), disk: None, gateway: None }
    }

    /// Whose disk loses what was not synced; `None`: it cannot be had here.
    pub(crate) fn with_disk(app: &Flaky) -> Option<Self> {
        let mut machine = Self::new(app);
        let folder = machine.path();
        machine.disk = Some(Disk::watching(&folder.join("data"), &folder)?);
        Some(machine)
    }

    pub(crate) async fn start(&mut self) {
        let folder = self.folder.take().expect("no gateway runs");
        let mut builder = GatewayBuilder::new(self.config.clone()).folder(folder);
        for (name, value) in self.disk.iter().flat_map(Disk::variables) {
            builder = builder.variable(name, value.to_str().unwrap());
        }
        self.gateway = Some(builder.start().await);
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("a gateway runs")
    }

    /// Waits until the gateway was killed by its disk, but not for ever.
    pub(crate) async fn until_killed(&mut self, longest: Duration) {
        let ended = self.gateway.as_mut().expect("a gateway runs").until_ended();
        let _ = tokio::time::timeout(longest, ended).await;
    }

    pub(crate) fn kill(&mut self) {
        self.folder = Some(self.gateway.take().expect("a gateway runs").killed());
    }

    /// Starts a gateway and kills it after this time, perhaps before it listens. Its disk may kill it earlier.
    pub(crate) async fn start_and_kill(&mut self, after: Duration) {
        let mut process = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["run", "--config"])
            .arg(self.path().join("countersign.yaml"))
            .current_dir(self.path())
            .env("SECRET", SECRET)
            .envs(self.disk.iter().flat_map(Disk::variables))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while begun.elapsed() < after && process.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Takes the power away, and says how many sectors that lost; no gateway runs.
    pub(crate) fn lose(&self, loss: Loss, rng: &mut Rng) -> usize {
        self.disk.as_ref().expect("a disk that loses").lose(loss, rng)
    }

    fn path(&self) -> PathBuf {
        let path =
            self.folder.as_ref().map(TempDir::path).or(self.gateway.as_ref().map(|gateway| gateway.folder.path()));
        path.map(Path::to_owned).expect("one of them has it")
    }
}

/// How many attempts are made at once at each target,
const AT_ONCE: u32 = 8;

/// and at all of them.
pub(crate) const ALL_AT_ONCE: u32 = 3 * AT_ONCE;

/// Attempts for seconds on end, so that none is the last.
fn retry() -> String {
    format!("{{schedule: [0s{}], jitter: 10%}}", ", 50ms".repeat(60))
}

fn config(app: &Flaky) -> String {
    let (address, retry) = (app.address, retry());
    format!(
        "workers: 2
inbound:
  listen: 127.0.0.1:0
  sources:
    queue: {{path: /hooks/queue, scheme: lmif, secrets: [{{env: SECRET}}], upstream: app, delivery: queue}}
    both:
      path: /hooks/both
      scheme: lmif
      secrets: [{{env: SECRET}}]
      upstream: app
      delivery: {{sync_then_queue: {{within: 100ms}}}}
upstreams:
  app: {{url: \"http://{address}\", timeout: 10s, concurrency: {AT_ONCE}, retry: {retry}}}
outbound:
  listen: 127.0.0.1:0
  egress: {{allow: [127.0.0.0/8]}}
  endpoints:
    partner:
      url: http://{address}/lvconnect
      scheme: lvconnect
      secrets: [{{env: SECRET}}]
      events: [\"user:*\"]
      concurrency: {AT_ONCE}
      retry: {retry}
    tracker:
      url: http://{address}/lmif
      scheme: lmif
      secrets: [{{env: SECRET}}]
      events: [\"user:*\"]
      concurrency: {AT_ONCE}
      retry: {retry}
store: {{sqlite: {{path: \"{{folder}}/data/store.db\"}}}}
admin: {{listen: 127.0.0.1:0}}
"
    )
}
