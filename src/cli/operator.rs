//! Asks a running gateway at its admin address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::table::{printable, printable_json};
use crate::clock;
use crate::config::{self, Listen, SystemEnvironment};
use crate::scheme::Secret;

/// Where a gateway is asked if nothing is said.
const USUAL_ADDRESS: &str = "http://127.0.0.1:9090";

/// The variable that holds the token if nothing is said.
const USUAL_VARIABLE: &str = "COUNTERSIGN_ADMIN_TOKEN";

/// How long an answer may take; the gateway gives up on its store before.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer: a page of a thousand deliveries is far below.
const LIMIT: usize = 64 << 20;

#[derive(Debug, clap::Args)]
pub(super) struct OperatorArgs {
    /// The gateway's admin address, or `unix:/path` [default: http://127.0.0.1:9090].
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    admin: Option<String>,
    /// Take the admin address and its token from this configuration.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The variable that holds the token of the admin address [default: COUNTERSIGN_ADMIN_TOKEN].
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// Print what the gateway answers, as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Where a gateway is asked.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    /// At a host and a port.
    Network(String),
    /// At a Unix socket.
    Socket(PathBuf),
}

/// A gateway that can be asked.
pub(super) struct Operator {
    address: Address,
    token: Option<Secret>,
    is_json: bool,
}

impl OperatorArgs {
    /// Finds the gateway and lets `work` ask it; ends with 0, or with 1 and what went wrong.
    pub(super) fn run(&self, work: impl AsyncFnOnce(&Operator) -> anyhow::Result<ExitCode>) -> ExitCode {
        let worked = self.operator().and_then(|operator| {
            let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
            runtime.block_on(work(&operator))
        });
        worked.unwrap_or_else(|error| {
            tell(&error);
            ExitCode::FAILURE
        })
    }

    fn operator(&self) -> anyhow::Result<Operator> {
        let (address, configured) = match &self.config {
            Some(path) => configured(path)?,
            None => (address(self.admin.as_deref().unwrap_or(USUAL_ADDRESS))?, None),
        };
        let token = match &self.token_env {
            Some(name) => Some(variable(name).with_context(|| format!("the variable {name} is not set"))?),
            None => configured.or_else(|| variable(USUAL_VARIABLE)),
        };
        Ok(Operator { address, token, is_json: self.json })
    }
}

/// Says what went wrong, on standard error.
pub(super) fn tell(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

fn variable(name: &str) -> Option<Secret> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(Secret::new(value.into_encoded_bytes()))
}

/// A Unix socket, or host and port, with or without `http://` before them.
fn address(text: &str) -> anyhow::Result<Address> {
    match text.strip_prefix("unix:") {
        Some(path) => Ok(Address::Socket(path.into())),
        None => authority(text).map(Address::Network),
    }
}

fn authority(text: &str) -> anyhow::Result<String> {
    let wrong = || format!("--admin is an address such as {USUAL_ADDRESS}, and not {text}");
    let bare = text.strip_prefix("http://").unwrap_or(text);
    let uri: Uri = format!("http://{}", bare.trim_end_matches('/')).parse().with_context(wrong)?;
    let is_bare = uri.path() == "/" && uri.query().is_none() && !bare.contains('@');
    let host = uri.host().filter(|_| is_bare).with_context(wrong)?;
    Ok(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
}

fn configured(path: &Path) -> anyhow::Result<(Address, Option<Secret>)> {
    let (config, _) = config::load(path, &SystemEnvironment, clock::now()).map_err(|errors| {
        anyhow!("say where the gateway is with --admin, as its configuration cannot be used here:\n{errors}")
    })?;
    let admin = config.admin.context("the configuration has no `admin`, so the gateway cannot be asked")?;
    let address = match admin.listen {
        Listen::Unix(path) => Address::Socket(path),
        Listen::Tcp(listen) if listen.port() == 0 => {
            bail!("the configuration leaves the port of `admin` to the system; say it with --admin");
        }
        Listen::Tcp(listen) => Address::Network(reachable(listen).to_string()),
    };
    Ok((address, admin.token))
}

/// Where this machine reaches what listens on an address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, listen.port())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(authority) => f.write_str(authority),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// What the `Host` of a request says.
    fn host(&self) -> &str {
        match self {
            Self::Network(authority) => authority,
            Self::Socket(_) => "localhost",
        }
    }
}

impl Operator {
    /// Asks with GET; `path` is behind `/api/v1`.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Asks with POST and an object.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, body.to_string().into()).await
    }

    /// Prints an answer: as it is where JSON is wanted, else as `readable` puts it.
    pub(super) fn print(&self, answer: &Value, readable: impl FnOnce(&Value) -> String) -> anyhow::Result<()> {
        super::print(if self.is_json { printable_json(answer) + "\n" } else { readable(answer) })
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Value> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, self.address.host())
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            let bearer = [b"Bearer ", token.expose()].concat();
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let request = request.body(Full::new(body)).context("the token cannot be sent in a header")?;
        let answered = timeout(PATIENCE, self.exchange(request)).await;
        let (status, body) = answered.with_context(|| format!("{} did not answer in time", self.address)).flatten()?;
        self.understand(status, &body)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
        let cannot = || format!("cannot ask the gateway at {}", self.address);
        match &self.address {
            Address::Network(authority) => {
                let stream = TcpStream::connect(authority).await.with_context(cannot)?;
                self.exchange_over(stream, request).await
            }
            Address::Socket(path) => {
                let stream = UnixStream::connect(path).await.with_context(cannot)?;
                self.exchange_over(stream, request).await
            }
        }
    }

    async fn exchange_over<S>(&self, stream: S, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let cannot = || format!("cannot ask the gateway at {}", self.address);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.with_context(cannot)?;
        // It ends with the exchange, and what went wrong is told there.
        let connection = async { connection.await.ok() };
        let exchange = async {
            let (head, body) = sender.send_request(request).await.with_context(cannot)?.into_parts();
            let body =
                Limited::new(body, LIMIT).collect().await.map_err(|error| anyhow!(error)).with_context(cannot)?;
            Ok((head.status, body.to_bytes()))
        };
        tokio::pin!(connection, exchange);
        tokio::select! {
            exchanged = &mut exchange => exchanged,
            _ = &mut connection => exchange.await,
        }
    }

    fn understand(&self, status: StatusCode, body: &[u8]) -> anyhow::Result<Value> {
        if status == StatusCode::UNAUTHORIZED {
            match self.token {
                Some(_) => bail!("the gateway at {} takes another token", self.address),
                None => bail!("the gateway at {} wants a token: set {USUAL_VARIABLE}, or --token-env", self.address),
            }
        }
        let answer: Value = serde_json::from_slice(body)
            .with_context(|| format!("what answers at {} is not the admin address of a gateway", self.address))?;
        if status.is_success() {
            return Ok(answer);
        }
        let message = answer["message"].as_str().unwrap_or("the gateway does not say why");
        bail!("{} ({})", printable(message), status.as_u16())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_given_with_or_without_its_scheme() {
        for (text, expected) in [
            ("http://127.0.0.1:9090", "127.0.0.1:9090"),
            ("http://127.0.0.1:9090/", "127.0.0.1:9090"),
            ("127.0.0.1:9090", "127.0.0.1:9090"),
            ("http://[::1]:9090", "[::1]:9090"),
            ("http://gateway", "gateway:80"),
        ] {
            assert_eq!(address(text).unwrap(), Address::Network(expected.to_owned()));
        }
        for text in ["https://127.0.0.1:9090", "", "http://a/b", "http://a?b", "http://user@a", "a b"] {
            assert!(address(text).is_err(), "{text}");
        }
        assert_eq!(address("unix:/run/a.sock").unwrap(), Address::Socket("/run/a.sock".into()));
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        for (listen, reached) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("192.0.2.1:1", "192.0.2.1:1")] {
            assert_eq!(reachable(listen.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
