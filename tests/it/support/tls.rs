//! An authority of the test's own, what it issues, and both ends of TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, SupportedProtocolVersion, WantsVerifier};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::App;

/// Somebody who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Issued {
    pub certificate: String,
    pub key: String,
}

impl Issued {
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>().unwrap()
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name or an address.
    pub(crate) fn issue(&self, name: &str) -> Issued {
        self.sign(CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// The same, which was valid once.
    pub(crate) fn issue_expired(&self, name: &str) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts nobody else, and speaks these versions and protocols.
    pub(crate) fn client(&self, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> Arc<ClientConfig> {
        trusting(&[self], versions, alpn, None)
    }

    /// The same, which shows this certificate if it is asked for one.
    pub(crate) fn client_showing(
        &self,
        issued: &Issued,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> Arc<ClientConfig> {
        trusting(&[self], versions, alpn, Some(issued))
    }

    /// An app's end of TLS, for clients that this authority vouches for.
    pub(crate) fn demanding(&self, issued: &Issued) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        TlsAcceptor::from(Arc::new(serving(issued, |config| config.with_client_cert_verifier(clients))))
    }

    /// Connects over TLS 1.3 or 1.2 to a gateway that this authority vouches for.
    pub(crate) async fn connect(&self, address: SocketAddr, alpn: &[&str]) -> io::Result<TlsStream<TcpStream>> {
        connect(address, self.client(rustls::ALL_VERSIONS, alpn)).await
    }
}

/// A client that trusts these authorities and nobody else.
pub(crate) fn trusting(
    authorities: &[&Authority],
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
    shown: Option<&Issued>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.0.der().clone()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shown {
        Some(shown) => config.with_client_auth_cert(shown.chain(), shown.private_key()).unwrap(),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Connects to `localhost` at this address.
pub(crate) async fn connect(address: SocketAddr, client: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(client).connect("localhost".try_into().unwrap(), stream).await
}

/// Puts TLS before an app; the address is the one that speaks it.
pub(crate) async fn in_front_of(app: &App, issued: &Issued) -> SocketAddr {
    accepting(app, acceptor(issued)).await
}

/// Puts this end of TLS before an app; the address is the one that speaks it.
pub(crate) async fn accepting(app: &App, acceptor: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, app) = (listener.local_addr().unwrap(), app.address);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut outer = acceptor.accept(stream).await?;
                copy_bidirectional(&mut outer, &mut TcpStream::connect(app).await?).await
            });
        }
    });
    address
}

/// An app's end of TLS.
pub(crate) fn acceptor(issued: &Issued) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(serving(issued, |config| config.with_no_client_auth())))
}

fn serving(
    issued: &Issued,
    clients: impl FnOnce(ConfigBuilder<ServerConfig, WantsVerifier>) -> ConfigBuilder<ServerConfig, WantsServerCert>,
) -> ServerConfig {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    clients(config).with_single_cert(issued.chain(), issued.private_key()).unwrap()
}
