//! The sender's side of TLS 1.3, without resumption: each connection is a full handshake.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

thread_local! {
    /// What is trusted, for one process is measured by one thread.
    static TRUSTED: OnceCell<ClientConfig> = const { OnceCell::new() };
}

/// Trusts this certificate alone.
pub(crate) fn trust(certificate: &Path) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).expect("a certificate")).expect("it can be trusted");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    TRUSTED.with(|trusted| trusted.set(config).expect("it is said once"));
}

pub(super) async fn connect(stream: TcpStream, protocol: &[u8]) -> Option<TlsStream<TcpStream>> {
    let mut config = TRUSTED.with(|trusted| trusted.get().expect("a certificate is trusted").clone());
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()
}
