//! The real binary, started with a configuration of the test's.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{App, Connection, Delivery, SOON};

/// The secret in the variable `SECRET` of every gateway under test.
pub(crate) const SECRET: &str = "a secret of the tests, long enough";

/// What stands for the address of a gateway at a Unix socket: nobody can connect there.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// A gateway that runs.
pub(crate) struct Gateway {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    /// Where the app sends to.
    pub outbound: SocketAddr,
    pub folder: TempDir,
    process: Child,
    log: watch::Receiver<Vec<String>>,
    gate: Arc<Mutex<()>>,
}

/// What it will run with.
pub(crate) struct GatewayBuilder {
    config: String,
    folder: TempDir,
    variables: Vec<(String, String)>,
    descriptors: Option<u32>,
}

/// What a sender was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub(crate) fn is_replayed(&self) -> bool {
        self.headers.get("countersign-replayed").is_some_and(|value| value == "true")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The id of the delivery that the event was accepted as.
    pub(crate) fn delivery(&self) -> String {
        let id = self.text().strip_prefix("{\"delivery\":\"").and_then(|rest| rest.strip_suffix("\"}"));
        id.unwrap_or_else(|| panic!("no delivery in {self:?}")).to_owned()
    }

    /// The value of a header, if it is there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().unwrap();
        values.next().is_none().then_some(value)
    }
}

/// A source at `/hooks/<name>`, with more keys: lines of six spaces' indent.
pub(crate) fn source(name: &str, scheme: &str, keys: &str) -> String {
    format!(
        "    {name}:
      path: /hooks/{name}
      scheme: {scheme}
      secrets: [{{env: SECRET}}]
      upstream: app
{keys}
"
    )
}

/// A schedule with as many attempts as it may have, one soon after the other.
pub(crate) fn often() -> String {
    format!("[0s{}]", ", 100ms".repeat(99))
}

impl GatewayBuilder {
    /// A configuration as in the documentation, with ports that the system gives.
    pub(crate) fn new(config: impl Into<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables = vec![("SECRET".into(), SECRET.into())];
        Self { config: config.into(), folder, variables, descriptors: None }
    }

    /// More keys at the end of the configuration.
    pub(crate) fn more(mut self, keys: &str) -> Self {
        self.config.push_str(keys);
        self
    }

    /// Lets the process open only so many files and connections.
    pub(crate) fn descriptors(mut self, count: u32) -> Self {
        self.descriptors = Some(count);
        self
    }

    /// Uses the folder of a gateway that ran before.
    pub(crate) fn folder(mut self, folder: TempDir) -> Self {
        self.folder = folder;
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// A file beside the configuration; in its text `{folder}` is the folder.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    pub(crate) async fn start(self) -> Gateway {
        let Self { config, folder, variables, descriptors } = self;
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        if let Some(count) = descriptors {
            command = Command::new("sh");
            command.args(["-c", &format!("ulimit -n {count}; exec \"$0\" \"$@\"")]);
            command.arg(env!("CARGO_BIN_EXE_countersign"));
        }
        start(command, &config, folder, &variables).await
    }
}

impl Gateway {
    /// A gateway with one LMIF source at `/hooks/lmif` in front of this app.
    pub(crate) async fn before(app: &App) -> Self {
        Self::with_source(app, "").await
    }

    /// The same, with more keys for the source: lines of six spaces' indent.
    pub(crate) async fn with_source(app: &App, keys: &str) -> Self {
        GatewayBuilder::new(Self::config(app, keys)).start().await
    }

    /// A gateway with these sources in front of this app.
    pub(crate) async fn with_sources(app: &App, sources: &[&str]) -> Self {
        GatewayBuilder::new(Self::config_of(app, &sources.concat())).start().await
    }

    /// The configuration that the tests begin with.
    pub(crate) fn config(app: &App, keys: &str) -> String {
        Self::config_of(app, &source("lmif", "lmif", keys))
    }

    /// The same with other sources.
    pub(crate) fn config_of(app: &App, sources: &str) -> String {
        Self::config_at(app.address, sources)
    }

    /// The same before an app at this address.
    pub(crate) fn config_at(app: SocketAddr, sources: &str) -> String {
        format!(
            "workers: 2
inbound:
  listen: 127.0.0.1:0
  limits: {{read_timeout: 2s}}
  sources:
{sources}
upstreams:
  app: {{url: \"http://{app}\", timeout: 3s}}
store: {{memory: {{}}}}
admin: {{listen: 127.0.0.1:0}}
"
        )
    }

    /// The same with a store in the gateway's folder, and this schedule for the app.
    pub(crate) fn config_on_disk(app: &App, sources: &str, schedule: &str) -> String {
        Self::config_of(app, sources)
            .replace("timeout: 3s}", &format!("timeout: 3s, retry: {{schedule: {schedule}}}}}"))
            .replace("{memory: {}}", "{sqlite: {path: \"{folder}/data/store.db\"}}")
    }

    /// Sends a delivery to the LMIF source on a connection of its own.
    pub(crate) async fn post(&self, delivery: &Delivery) -> Answer {
        self.post_to("/hooks/lmif", delivery).await
    }

    pub(crate) async fn post_to(&self, target: &str, delivery: &Delivery) -> Answer {
        self.send(delivery.request(target)).await
    }

    /// Begins to send a delivery to the LMIF source.
    pub(crate) fn posting(&self, delivery: &Delivery) -> JoinHandle<Answer> {
        tokio::spawn(send(self.address, delivery.request("/hooks/lmif")))
    }

    /// Sends a delivery to the LMIF source so many times at once.
    pub(crate) fn posting_copies(&self, delivery: &Delivery, count: usize) -> Vec<JoinHandle<Answer>> {
        (0..count).map(|_| self.posting(delivery)).collect()
    }

    /// Sends any request; its `Host` is the gateway's address where it has none.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        send(self.address, request).await
    }

    /// Sends any request to the address for the app.
    pub(crate) async fn app_sends(&self, request: Request<Full<Bytes>>) -> Answer {
        send(self.outbound, request).await
    }

    /// What the admin address answers.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        send(self.admin, Request::get(path).body(Full::default()).unwrap()).await
    }

    /// Sends any request to the admin address.
    pub(crate) async fn operate(&self, request: Request<Full<Bytes>>) -> Answer {
        send(self.admin, request).await
    }

    /// The value of a metric, by its name with all labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let answer = self.admin("/metrics").await;
        let value = answer.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("there is no {name}")).parse().unwrap()
    }

    /// Waits until a metric has this value.
    ///
    /// Nothing tells that it has, so it is asked for again and again.
    pub(crate) async fn until_metric(&self, name: &str, value: f64) {
        self.until_metric_is(name, |found| found == value).await;
    }

    /// Waits until a metric has a value like this.
    pub(crate) async fn until_metric_is(&self, name: &str, is_so: impl Fn(f64) -> bool) {
        let start = Instant::now();
        while !is_so(self.metric(name).await) {
            assert!(start.elapsed() < SOON, "{name} is {}", self.metric(name).await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until nothing is to be delivered to the app any more.
    pub(crate) async fn until_queue_is_empty(&self) {
        for state in ["due", "leased"] {
            self.until_metric(&format!(r#"countersign_queue_deliveries{{target="app",state="{state}"}}"#), 0.0).await;
        }
    }

    /// Waits until so many requests have been verified at the LMIF source.
    pub(crate) async fn until_verified(&self, count: usize) {
        self.until_metric(r#"countersign_verified_total{source="lmif",key="1"}"#, count as f64).await;
    }

    /// How many requests to the LMIF source had this outcome.
    pub(crate) async fn outcome(&self, outcome: &str) -> f64 {
        self.metric(&format!(r#"countersign_inbound_deliveries_total{{source="lmif",outcome="{outcome}"}}"#)).await
    }

    /// Writes bytes as they are, and reads to the end.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A gateway that refuses early may have closed while it is written to.
        let _ = stream.write_all(bytes.as_ref()).await;
        let mut answer = Vec::new();
        let read = timeout(SOON, stream.read_to_end(&mut answer)).await;
        let _ = read.expect("the connection was not closed");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Every line of the log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Waits for a line of the log that holds all these words.
    pub(crate) async fn until_logged(&self, words: &[&str]) -> String {
        let holds = |lines: &Vec<String>| find(lines, words).is_some();
        let mut log = self.log.clone();
        let lines = timeout(SOON, log.wait_for(holds)).await;
        let lines = lines.unwrap_or_else(|_| panic!("{words:?} was not logged:\n{}", self.log().join("\n"))).unwrap();
        find(&lines, words).unwrap()
    }

    /// Reads nothing more of the log until the value is dropped.
    pub(crate) fn hold_log(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The Unix socket of this name in its folder.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A connection to that socket.
    pub(crate) async fn at_socket(&self, name: &str) -> Connection {
        Connection::http1(UnixStream::connect(self.socket(name)).await.unwrap(), "hooks.example").await
    }

    /// Waits for the process to end by itself.
    pub(crate) async fn until_ended(&mut self) -> ExitStatus {
        let mut tries = 0;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            tries += 1;
            assert!(tries < 2000, "the gateway did not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Replaces the configuration, in one step as an editor does.
    pub(crate) fn rewrite(&self, config: &str) {
        let (new, path) = (self.folder.path().join("new.yaml"), config_path(&self.folder));
        std::fs::write(&new, config.replace("{folder}", self.folder.path().to_str().unwrap())).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    /// The process's number.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// How much memory the process has in use, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.status("VmRSS:")
    }

    /// How much memory the process ever had in use, in bytes.
    pub(crate) fn most_memory(&self) -> usize {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// The configuration's file.
    pub(crate) fn config_path(&self) -> PathBuf {
        config_path(&self.folder)
    }

    /// Stops it as an operator does, and starts it again with the same folder.
    pub(crate) async fn stopped_and_restarted(mut self, config: &str) -> Self {
        self.signal("TERM");
        assert!(self.until_ended().await.success());
        self.restart(config).await
    }

    /// Kills it as `kill -9` does, and starts it again with the same folder.
    pub(crate) async fn killed_and_restarted(mut self, config: &str) -> Self {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.restart(config).await
    }

    /// Kills it as `kill -9` does, and leaves its folder.
    pub(crate) fn killed(mut self) -> TempDir {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    async fn restart(mut self, config: &str) -> Self {
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        let command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        start(command, config, folder, &[("SECRET".into(), SECRET.into())]).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn config_path(folder: &TempDir) -> PathBuf {
    folder.path().join("countersign.yaml")
}

fn find(lines: &[String], words: &[&str]) -> Option<String> {
    lines.iter().find(|line| words.iter().all(|word| line.contains(word))).cloned()
}

async fn start(mut command: Command, config: &str, folder: TempDir, variables: &[(String, String)]) -> Gateway {
    std::fs::write(config_path(&folder), config.replace("{folder}", folder.path().to_str().unwrap())).unwrap();
    let mut process = command
        .args(["run", "--config"])
        .arg(config_path(&folder))
        .current_dir(folder.path())
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let gate = Arc::default();
    let log = follow(process.stdout.take().unwrap(), Arc::clone(&gate));
    let address = |words: &'static [&'static str]| {
        let mut log = log.clone();
        async move {
            let lines = timeout(SOON, log.wait_for(|lines| find(lines, words).is_some())).await;
            let line = find(&lines.expect("the gateway did not start").expect("the gateway ended"), words).unwrap();
            let address = line.split("address").nth(1).unwrap().trim_start_matches(['=', '"', ':']);
            if address.starts_with("unix:") {
                return NOWHERE;
            }
            let end = address.find(|c: char| c != ':' && c != '.' && !c.is_ascii_digit()).unwrap_or(address.len());
            address[..end].parse::<SocketAddr>().unwrap()
        }
    };
    let inbound = address(&["listening", "workers"]).await;
    let admin = if config.contains("admin:") { address(&["admin listening"]).await } else { inbound };
    let outbound = if config.contains("outbound:") { address(&["outbound listening"]).await } else { inbound };
    Gateway { address: inbound, admin, outbound, folder, process, log, gate }
}

/// Gathers the lines of the log as they come.
fn follow(stdout: std::process::ChildStdout, gate: Arc<Mutex<()>>) -> watch::Receiver<Vec<String>> {
    let (lines, log) = watch::channel(Vec::new());
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _open = gate.lock().unwrap();
            lines.send_modify(|lines| lines.push(line));
        }
    });
    log
}

async fn send(address: SocketAddr, mut request: Request<Full<Bytes>>) -> Answer {
    if !request.headers().contains_key("host") {
        request.headers_mut().insert("host", address.to_string().parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let answer = timeout(SOON, sender.send_request(request)).await.expect("no answer came").unwrap();
    let (head, body) = answer.into_parts();
    let body = timeout(SOON, body.collect()).await.expect("the answer did not end").unwrap().to_bytes();
    driver.abort();
    Answer { status: head.status, headers: head.headers, body }
}
