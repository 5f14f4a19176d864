//! The gateway as a process: its configuration, its signals, its log, and what the kernel says of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use super::client::PROXY;
use super::style::{Style, notary_key};
use super::world::{Addresses, GUEST, RECEIVERS, SEASONAL, SECRETS, WAYS};

pub(super) struct Machine {
    program: PathBuf,
    pub folder: PathBuf,
    addresses: Addresses,
    /// What sets its clock; `None`: no compiler is here.
    shim: Option<PathBuf>,
    child: RefCell<Option<Child>>,
    pub log: Arc<Mutex<Log>>,
    pub starts: Cell<u32>,
}

/// What the gateway has said.
#[derive(Default)]
pub(super) struct Log {
    pub lines: u64,
    /// Lines above `info`, by what is the same in all of their sort.
    pub warnings: BTreeMap<String, u64>,
    pub errors: Vec<String>,
    /// Errors that have to be: each names a mistake that was made in the configuration on purpose.
    pub reports: u64,
}

/// A scheme that does not exist.
const MISTAKE: &str = "lmfi";

impl Machine {
    pub(super) fn new(program: &Path, folder: &Path, addresses: Addresses) -> Self {
        let folder = folder.to_owned();
        let shim = compiled(&folder);
        let (child, log) = (RefCell::default(), Arc::default());
        Self { program: program.to_owned(), folder, addresses, shim, child, log, starts: Cell::new(0) }
    }

    /// Whether the gateway's clock can be set.
    pub(super) fn has_clock(&self) -> bool {
        self.shim.is_some()
    }

    pub(super) fn store(&self) -> PathBuf {
        self.folder.join("store.db")
    }

    /// Writes the configuration, in one step.
    pub(super) fn configure(&self, secrets: &[usize], has_seasonal: bool) {
        self.write(&configuration(&self.addresses, secrets, has_seasonal, &self.store()));
    }

    /// Writes one that cannot be used.
    pub(super) fn misconfigure(&self) {
        let config = fs::read_to_string(self.folder.join("countersign.yaml")).expect("a configuration");
        self.write(&config.replacen("scheme: lmif", &format!("scheme: {MISTAKE}"), 1));
    }

    fn write(&self, text: &str) {
        let next = self.folder.join("countersign.yaml.next");
        fs::write(&next, text).expect("the folder can be written");
        fs::rename(next, self.folder.join("countersign.yaml")).expect("the folder can be written");
    }

    pub(super) fn start(&self, clock: &Path) {
        let mut command = Command::new(&self.program);
        command.args(["run", "--config"]).arg(self.folder.join("countersign.yaml"));
        for (number, secret) in SECRETS.iter().enumerate() {
            command.env(format!("SECRET_{number}"), secret);
        }
        command.env("NOTARY_KEY", notary_key());
        if let Some(shim) = &self.shim {
            command.env("LD_PRELOAD", shim).env("COUNTERSIGN_CLOCK", clock);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("cannot start {}: {error}", self.program.display()));
        self.follow(child.stdout.take(), Log::add);
        self.follow(child.stderr.take(), Log::add_message);
        self.child.replace(Some(child));
        self.starts.set(self.starts.get() + 1);
    }

    /// Reads along what it says.
    fn follow(&self, output: Option<impl Read + Send + 'static>, add: fn(&mut Log, String)) {
        let (log, output) = (Arc::clone(&self.log), output.expect("it is piped"));
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                add(&mut log.lock().expect("nobody panics with it"), line);
            }
        });
    }

    pub(super) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let done = Command::new("kill").args(["-s", name, &id]).status();
        assert!(done.is_ok_and(|status| status.success()), "{name} cannot be sent");
    }

    /// Whether it has ended, and how.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        let mut child = self.child.borrow_mut();
        child.as_mut().expect("it was started").try_wait().expect("its state is known")
    }

    fn id(&self) -> u32 {
        self.child.borrow().as_ref().expect("it was started").id()
    }

    /// Resident memory in MiB.
    pub(super) fn memory(&self) -> f64 {
        crate::process::memory(self.id())
    }

    pub(super) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.id())).map_or(0, Iterator::count)
    }

    /// How many descriptors there are of each sort.
    pub(super) fn descriptors(&self) -> BTreeMap<String, usize> {
        let mut sorts = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{}/fd", self.id())).into_iter().flatten().flatten() {
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            let name = target.to_string_lossy();
            let sort = match name.split_once(':') {
                Some(("anon_inode", what)) => what.trim_matches(['[', ']']).to_owned(),
                Some((sort, _)) => sort.to_owned(),
                None => target.file_name().map_or_else(|| name.to_string(), |name| name.to_string_lossy().into_owned()),
            };
            *sorts.entry(sort).or_default() += 1;
        }
        sorts
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Log {
    fn add(&mut self, line: String) {
        self.lines += 1;
        let level = |word: &str| line.contains(&format!(r#""level":"{word}""#));
        if level("info") || level("debug") {
            return;
        }
        if level("warn") {
            *self.warnings.entry(sort(&line)).or_default() += 1;
        } else if line.contains("the configuration was not reloaded") && line.contains(MISTAKE) {
            self.reports += 1;
        } else {
            self.fail(line);
        }
    }

    /// A line of standard error, where it warns of the configuration when it starts.
    fn add_message(&mut self, line: String) {
        if line.contains("panicked") || line.starts_with("error") {
            self.fail(line);
        }
    }

    fn fail(&mut self, line: String) {
        if self.errors.len() < 20 {
            self.errors.push(line);
        }
    }
}

/// What a line says, without what is different in each.
fn sort(line: &str) -> String {
    let line: Option<serde_json::Value> = serde_json::from_str(line).ok();
    let message = line.as_ref().and_then(|line| line["message"].as_str()).unwrap_or("(no message)");
    let message = message.lines().next().unwrap_or_default();
    message.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).take(100).collect()
}

/// Compiles what sets the clock.
fn compiled(folder: &Path) -> Option<PathBuf> {
    let (source, to) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, include_str!("../../soak/clock.c")).expect("the folder can be written");
    let done = Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&to).arg(source).status();
    done.is_ok_and(|status| status.success()).then_some(to)
}

fn configuration(addresses: &Addresses, secrets: &[usize], has_seasonal: bool, store: &Path) -> String {
    let Addresses { inbound, outbound, admin, app, receivers } = addresses;
    let secrets: Vec<String> = secrets.iter().map(|number| format!("{{env: SECRET_{number}}}")).collect();
    let secrets = secrets.join(", ");
    let often = format!("[0s, {}]", vec!["200ms"; 20].join(", ")).replace(']', &format!("{}]", ", 1s".repeat(75)));
    let mut text = format!(
        "workers: 2\ninbound:\n  listen: {inbound}\n  limits: {{body: 1MiB, read_timeout: 2s}}\n  \
         proxy_protocol: {{from: [{PROXY}/32]}}\n  sources:\n"
    );
    for way in WAYS.iter().filter(|way| has_seasonal || way.name != SEASONAL) {
        let keys = match way.style {
            Style::Notary => "keys: [{env: NOTARY_KEY}]".to_owned(),
            _ => format!("secrets: [{secrets}]"),
        };
        let name = way.name;
        let _ = write!(
            text,
            "    {name}:\n      path: /{name}\n      scheme: {}\n      {keys}\n      upstream: app\n      \
             delivery: {}\n      dedup: {{entries: 3000}}\n",
            way.scheme, way.delivery
        );
    }
    let _ = write!(
        text,
        "upstreams:\n  app:\n    url: http://{app}\n    timeout: 2s\n    connect_timeout: 1s\n    \
         retry: {{schedule: {often}, timeout: 2s}}\noutbound:\n  listen: {outbound}\n  \
         egress: {{allow: [127.0.0.0/8]}}\n  endpoints:\n"
    );
    for receiver in RECEIVERS.iter().filter(|receiver| has_seasonal || receiver.name != GUEST) {
        let name = receiver.name;
        let delivery = if receiver.is_sync { "sync" } else { "queue" };
        let events = if matches!(name, "partner" | "tracker") { "\n      events: [\"user:*\"]" } else { "" };
        let schedule = if name == "refuser" { "[0s, 100ms]" } else { &often };
        let _ = write!(
            text,
            "    {name}:\n      url: http://{receivers}/{name}\n      scheme: {}\n      secrets: [{secrets}]\n      \
             delivery: {delivery}{events}\n      retry: {{schedule: {schedule}, timeout: 2s}}\n",
            receiver.scheme
        );
    }
    let _ = write!(
        text,
        "schemes:\n  acme:\n    hmac: {{algorithm: sha512, header: X-Acme-Signature, format: \
         \"t={{timestamp}},v1={{signature}}\", signed: \"{{timestamp}}.{{body}}\", timestamp: {{from: format}}}}\n    \
         event_id: {{json: /id}}\n    event_type: {{json: /type}}\n  notary:\n    public_key: {{algorithm: ed25519, key: hex, \
         header: X-Notary-Signature, encoding: base64, signed: \"{{timestamp}}.{{body}}\", timestamp: {{from: {{header: \
         X-Notary-Time}}}}}}\n    event_id: {{json: /id}}\n    event_type: {{json: /type}}\nstore:\n  sqlite: {{path: \
         \"{}\"}}\n  retention: {{size: 64MiB}}\nadmin: {{listen: {admin}}}\nlog: {{format: json}}\nshutdown: 15s\n",
        store.display()
    );
    text
}
