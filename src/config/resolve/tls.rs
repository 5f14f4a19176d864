//! Certificates, keys and trust.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore, ServerConfig};

use super::Context;
use crate::config::file::TlsFile;
use crate::config::node::Spanned;
use crate::config::page::quote;
use crate::config::resolved::Tls;
use crate::config::text::{FilePath, Url};

/// One provider for both directions, named: with two of them in the build rustls would choose none.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What this gateway shows to senders.
pub(super) fn server(file: TlsFile, context: &mut Context<'_>) -> Option<Tls> {
    let chain = file.certificate.as_ref().and_then(|path| certificates(path, context));
    let key = file.key.as_ref().and_then(|path| private_key(path, context));
    let (chain, key, at) = (chain?, key?, file.key?.span);
    let mut config = match ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider supports the versions that rustls calls safe")
        .with_no_client_auth()
        .with_single_cert(chain, key)
    {
        Ok(config) => config,
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let label = "the first certificate of the file must belong to this key";
            context.problems.error(at, "the key does not fit the certificate", label);
            return None;
        }
        Err(error) => {
            context.problems.error(at, "certificate and key cannot be used", error.to_string());
            return None;
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Some(Tls { config: Arc::new(config) })
}

fn certificates(path: &Spanned<FilePath>, context: &mut Context<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let content = context.read(&path.value.0, path.span)?;
    let certificates = CertificateDer::pem_slice_iter(&content).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    if certificates.is_empty() {
        let file = quote(&path.value.0.display().to_string());
        let message = format!("the file {file} holds no certificate");
        context.problems.error(path.span, message, "it must be PEM: `-----BEGIN CERTIFICATE-----`");
        return None;
    }
    Some(certificates)
}

fn private_key(path: &Spanned<FilePath>, context: &mut Context<'_>) -> Option<PrivateKeyDer<'static>> {
    let content = zeroize::Zeroizing::new(context.read(&path.value.0, path.span)?);
    let Ok(key) = PrivateKeyDer::from_pem_slice(&content) else {
        let file = quote(&path.value.0.display().to_string());
        let message = format!("the file {file} holds no private key");
        context.problems.error(path.span, message, "it must be PEM: `-----BEGIN PRIVATE KEY-----`, not encrypted");
        return None;
    };
    Some(key)
}

/// What the system trusts: looked up once, and only if somebody asks.
#[derive(Default)]
pub(super) struct Trust {
    system: Option<Arc<ClientConfig>>,
}

impl Trust {
    pub(super) fn system(&mut self, context: &Context<'_>) -> Arc<ClientConfig> {
        let load = || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(context.environment.roots());
            if roots.is_empty() {
                // An image without a system, such as one that holds this program alone, has no roots of its own.
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            client(roots)
        };
        Arc::clone(self.system.get_or_insert_with(load))
    }
}

/// Trust in the certificates of one file, and in nothing else.
pub(super) fn with_authority(path: &Spanned<FilePath>, context: &mut Context<'_>) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, context)? {
        if let Err(error) = roots.add(certificate) {
            let file = quote(&path.value.0.display().to_string());
            let message = format!("a certificate in the file {file} cannot be trusted");
            context.problems.error(path.span, message, error.to_string());
            return None;
        }
    }
    Some(client(roots))
}

fn client(roots: RootCertStore) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider supports the versions that rustls calls safe")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Whether a certificate can be issued to the host of a URL at all.
pub(super) fn check_server_name(url: &Spanned<Url>, context: &mut Context<'_>) -> Option<()> {
    let host = url.value.host.trim_start_matches('[').trim_end_matches(']');
    if ServerName::try_from(host).is_err() {
        let message = format!("no certificate can name the host {}", quote(host));
        context.problems.error(url.span, message, "write the name that its certificate holds");
        return None;
    }
    Some(())
}
