//! Receivers and proxies on loopback, for tests.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::endpoint::Wire;
use crate::config::{Endpoint, EndpointDelivery, Envelope, Pace, Retry, Upstream, UpstreamUrl, UrlScheme};
use crate::scheme::{KeyKind, KeySpec, Keyring, Secret};

/// The secret of every endpoint under test, in UTF-8 as in base64.
pub(crate) const SECRET: &str = "YSBzZWNyZXQgb2YgdGhlIHRlc3RzLCBsb25nIGVub3VnaA==";

/// How long a test waits for what must happen.
const SOON: Duration = Duration::from_secs(20);

/// What a receiver does on a connection.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answers each request with these bytes.
    Answer(Vec<u8>),
    /// Answers one request with these bytes, and is gone: over TLS without a word.
    Gone(Vec<u8>),
    /// Answers one request with these bytes, and closes.
    Last(Vec<u8>),
    /// Writes these bytes before anything is asked.
    Greet(&'static [u8]),
    /// Writes these bytes and then this part again and again, with a pause before each.
    Repeat(Vec<u8>, Vec<u8>, Duration),
    /// Connects to whatever a `CONNECT` names.
    Tunnel,
}

/// Somebody who listens.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    log: Rc<RefCell<Log>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Log {
    connections: usize,
    requests: Vec<String>,
    ended: usize,
}

impl Receiver {
    /// One who answers with a status of 200.
    pub(crate) async fn ok() -> Self {
        Self::doing(Act::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec())).await
    }

    /// One who speaks first.
    pub(crate) async fn greeting(bytes: &'static [u8]) -> Self {
        Self::doing(Act::Greet(bytes)).await
    }

    /// One at 127.0.0.1 who does this.
    pub(crate) async fn doing(act: Act) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), act).await
    }

    /// The same at another address.
    pub(crate) async fn at(address: SocketAddr, act: Act) -> Self {
        Self::listen(address, act, None).await
    }

    /// One who does this over TLS.
    pub(crate) async fn secure(act: Act, tls: Arc<ServerConfig>) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), act, Some(tls.into())).await
    }

    async fn listen(address: SocketAddr, act: Act, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Rc::<RefCell<Log>>::default();
        let serving = spawn_local(serve(listener, act, tls, log.clone()));
        Self { address, log, serving }
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.borrow().connections
    }

    /// What was received so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.log.borrow().requests.clone()
    }

    /// How many connections have ended.
    pub(crate) fn ended(&self) -> usize {
        self.log.borrow().ended
    }

    /// Waits until so many connections have ended.
    pub(crate) async fn until_ended(&self, count: usize) {
        let ended = async {
            while self.ended() < count {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, ended).await.unwrap_or_else(|_| panic!("{count} connections did not end"));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, act: Act, tls: Option<TlsAcceptor>, log: Rc<RefCell<Log>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (act, tls, log) = (act.clone(), tls.clone(), log.clone());
        log.borrow_mut().connections += 1;
        spawn_local(async move {
            let wire: Option<Wire> = match tls {
                Some(tls) => tls.accept(stream).await.ok().map(|stream| Box::new(stream) as Wire),
                None => Some(Box::new(stream)),
            };
            if let Some(wire) = wire {
                converse(wire, act, &log).await;
            }
            log.borrow_mut().ended += 1;
        });
    }
}

async fn converse(mut wire: Wire, act: Act, log: &RefCell<Log>) -> Option<()> {
    if let Act::Greet(bytes) = act {
        wire.write_all(bytes).await.ok()?;
    }
    while let Some(request) = read(&mut wire).await {
        log.borrow_mut().requests.push(request.clone());
        match &act {
            Act::Answer(answer) => wire.write_all(answer).await.ok()?,
            Act::Greet(_) => {}
            Act::Gone(answer) => {
                wire.write_all(answer).await.ok()?;
                return wire.flush().await.ok();
            }
            Act::Last(answer) => {
                wire.write_all(answer).await.ok()?;
                return wire.shutdown().await.ok();
            }
            Act::Repeat(head, part, pause) => {
                wire.write_all(head).await.ok()?;
                loop {
                    sleep(*pause).await;
                    wire.write_all(part).await.ok()?;
                }
            }
            Act::Tunnel => {
                let authority = request.strip_prefix("CONNECT ")?.split(' ').next()?;
                let mut other = TcpStream::connect(authority).await.ok()?;
                wire.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
                copy_bidirectional(&mut wire, &mut other).await.ok()?;
                return None;
            }
        }
    }
    None
}

async fn read(wire: &mut Wire) -> Option<String> {
    let mut bytes = Vec::new();
    let head = loop {
        match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None if wire.read_buf(&mut bytes).await.ok()? == 0 => return None,
            None => {}
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    while bytes.len() < head + length {
        if wire.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// A URL without a path.
pub(crate) fn url(scheme: UrlScheme, host: &str, port: u16) -> UpstreamUrl {
    let authority = HeaderValue::try_from(format!("{host}:{port}")).unwrap();
    UpstreamUrl { scheme, host: host.to_owned(), port, path: String::new(), authority }
}

/// An endpoint that is signed to by a preset, or a scheme as it stands in a configuration.
pub(crate) fn endpoint(scheme: &str, url: UpstreamUrl) -> Endpoint {
    let scheme = Arc::new(crate::config::scheme(scheme).unwrap());
    let secret = match scheme.key_kind() {
        KeyKind::Public => crate::scheme::testing::secrets(&scheme)[0],
        KeyKind::Secret => SECRET,
    };
    let secret = Secret::new(secret.into());
    let key = KeySpec { id: "0".to_owned(), secret, encoding: None, not_before: None, not_after: None };
    Endpoint {
        name: "partner".into(),
        url,
        query: None,
        keyring: Keyring::new(&scheme, vec![key]).unwrap(),
        scheme,
        events: Vec::new(),
        delivery: EndpointDelivery::Queue,
        retry: Retry::none(),
        pace: Pace::default(),
        envelope: Envelope::None,
        connect_timeout: Duration::from_secs(5),
        tls: None,
        proxy: None,
    }
}

/// An app at these addresses.
pub(crate) fn upstream(mut urls: Vec<UpstreamUrl>) -> Upstream {
    Upstream {
        name: "app".into(),
        url: urls.remove(0),
        others: urls,
        sign: None,
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(2),
        tls: None,
        retry: Retry::none(),
        pace: Pace::default(),
    }
}

/// A request that was received.
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn read(request: &str) -> Self {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let (line, head) = head.split_once("\r\n").unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in head.lines().map(|line| line.split_once(": ").unwrap()) {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        Self { line: line.to_owned(), headers, body: body.to_owned() }
    }

    /// The value of a header that is there once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert_eq!(values.len(), 1, "{name} in {:?}", self.headers);
        values[0].to_str().unwrap()
    }
}

/// An answer as it was read.
pub(crate) fn text(answer: &Response<Bytes>) -> (u16, &str) {
    (answer.status().as_u16(), std::str::from_utf8(answer.body()).unwrap())
}

/// Somebody who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Issued {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn issue(&self, name: &str) -> Issued {
        self.sign(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    pub(crate) fn issue_expired(&self, name: &str) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Issued { chain: vec![certificate.der().clone()], key }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// A client that trusts this authority, and shows a certificate if it has one.
    pub(crate) fn client(&self, shown: Option<Issued>) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots());
        Arc::new(match shown {
            Some(Issued { chain, key }) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }

    /// A server that shows this certificate.
    pub(crate) fn server(issued: Issued) -> Arc<ServerConfig> {
        let config = server().with_no_client_auth().with_single_cert(issued.chain, issued.key);
        Arc::new(config.unwrap())
    }

    /// The same, which demands a certificate by this authority.
    pub(crate) fn demanding_server(&self, issued: Issued) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(self.roots().into(), provider).build().unwrap();
        let config = server().with_client_cert_verifier(clients).with_single_cert(issued.chain, issued.key);
        Arc::new(config.unwrap())
    }
}

fn server() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}
