//! An app that takes nothing on trust: it reads what the gateway sends as strictly as can be, checks every signature
//! itself, and remembers what it saw.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::Sender;

/// The app or the endpoint behind a gateway under attack.
pub(crate) struct Witness {
    pub address: SocketAddr,
    state: Arc<Mutex<Seen>>,
    serving: JoinHandle<()>,
}

/// What it has seen.
#[derive(Default)]
struct Seen {
    /// The ids of events, in the order in which they came.
    events: Vec<String>,
    faults: Vec<String>,
    connections: usize,
}

/// What tells that a request is from the gateway.
#[derive(Clone)]
pub(crate) struct Signed {
    pub scheme: Sender,
    /// The header with the signature, over nothing but the body.
    pub header: &'static str,
    pub target: &'static str,
    /// Headers that must be there with these values.
    pub headers: &'static [(&'static str, &'static str)],
    /// All others that may be there, once.
    pub others: &'static [&'static str],
}

impl Witness {
    pub(crate) async fn of(signed: Signed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<Mutex<Seen>> = Arc::default();
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, signed) = (shared.clone(), signed.clone());
                state.lock().unwrap().connections += 1;
                tokio::spawn(async move {
                    if let Err(fault) = serve(stream, &signed, &state).await {
                        state.lock().unwrap().faults.push(fault);
                    }
                    state.lock().unwrap().connections -= 1;
                });
            }
        });
        Self { address, state, serving }
    }

    /// The ids that begin like this, in the order in which they came.
    pub(crate) fn events(&self, beginning: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.events.iter().filter(|id| id.starts_with(beginning)).cloned().collect()
    }

    /// What was wrong with what the gateway sent.
    pub(crate) fn faults(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let distinct: BTreeSet<_> = state.events.iter().collect();
        let twice = (distinct.len() != state.events.len()).then(|| "an event came twice".to_owned());
        state.faults.iter().cloned().chain(twice).collect()
    }

    /// How many connections the gateway has to it.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, signed: &Signed, state: &Mutex<Seen>) -> Result<(), String> {
    let mut buffer = Vec::new();
    loop {
        let Some(head) = head(&mut stream, &mut buffer).await? else { return Ok(()) };
        let fault = |why: &str| format!("{why} in\n{head}");
        let length = sound(&head, signed).map_err(|why| fault(&why))?;
        while buffer.len() < length {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                // A sender that left has its delivery given up.
                return Ok(());
            }
        }
        if buffer.len() > length {
            return Err(fault(&format!("{:?} behind the body", String::from_utf8_lossy(&buffer[length..]))));
        }
        let body = std::mem::take(&mut buffer);
        let expected = signed.scheme.sign(body.clone());
        if value(&head, signed.header) != Some(expected.header(signed.header)) {
            return Err(fault("a wrong signature"));
        }
        let id = id(&body).ok_or_else(|| fault("no event"))?;
        state.lock().unwrap().events.push(id.clone());
        let answer = format!(r#"{{"seen":"{id}"}}"#);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return Ok(());
        }
    }
}

/// The next head, the empty line included; `None`: the connection ended before one.
async fn head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<String>, String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = buffer.drain(..end + 4).collect();
            return String::from_utf8(head).map(Some).map_err(|error| error.to_string());
        }
        match stream.read_buf(buffer).await {
            Ok(count) if count > 0 => {}
            _ if buffer.is_empty() => return Ok(None),
            _ => return Err(format!("half a head: {:?}", String::from_utf8_lossy(buffer))),
        }
    }
}

/// Whether a head is what the gateway sends and nothing else: the length of its body.
fn sound(head: &str, signed: &Signed) -> Result<usize, String> {
    let mut lines = head.strip_suffix("\r\n\r\n").ok_or("no end")?.split("\r\n");
    let target = lines.next().and_then(|line| line.strip_prefix("POST ")?.strip_suffix(" HTTP/1.1"));
    if target.is_none_or(|target| target.split('?').next() != Some(signed.target) || target.contains(' ')) {
        return Err("another request line".into());
    }
    let mut seen = BTreeSet::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or_else(|| format!("a line that is no field: {line:?}"))?;
        let name = name.to_ascii_lowercase();
        let known = signed.headers.iter().find(|(known, _)| *known == name);
        match known {
            Some((_, wanted)) if *wanted != value => return Err(format!("another {name}")),
            None if !signed.others.contains(&&*name) => return Err(format!("the field {name}")),
            _ => {}
        }
        if value.bytes().any(|byte| !matches!(byte, b'\t' | b' '..=b'~')) || value.trim() != value {
            return Err(format!("a value that is not plain: {value:?}"));
        }
        if !seen.insert(name.clone()) {
            return Err(format!("{name} twice"));
        }
    }
    if let Some((gone, _)) = signed.headers.iter().find(|(name, _)| !seen.contains(*name)) {
        return Err(format!("no {gone}"));
    }
    value(head, "content-length").and_then(|length| length.parse().ok()).ok_or_else(|| "no length".into())
}

fn value<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let fields = head.split("\r\n").filter_map(|line| line.split_once(": "));
    fields.into_iter().find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then_some(value))
}

/// The id that an event names.
fn id(body: &[u8]) -> Option<String> {
    let event: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(event["id"].as_str()?.to_owned())
}
