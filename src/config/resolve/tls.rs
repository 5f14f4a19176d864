//! Certificates, keys and trust.

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, ConfigBuilder, InconsistentKeys, RootCertStore, ServerConfig};

use super::Context;
use crate::config::environment::Environment;
use crate::config::file::{TlsFile, TrustFile};
use crate::config::node::{Span, Spanned};
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
    let clients = match &file.client_ca {
        None => Some(WebPkiClientVerifier::no_client_auth()),
        Some(path) => authorities(path, context).and_then(|roots| vouched_for_by(roots, path, context)),
    };
    let (chain, key, at) = (chain?, key?, file.key?.span);
    let mut config = match ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider supports the versions that rustls calls safe")
        .with_client_cert_verifier(clients?)
        .with_single_cert(chain, key)
    {
        Ok(config) => config,
        Err(error) => {
            unusable(&error, at, context);
            return None;
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Some(Tls { config: Arc::new(config) })
}

/// Demands a certificate of every client that one of these authorities has issued.
fn vouched_for_by(
    roots: RootCertStore,
    path: &Spanned<FilePath>,
    context: &mut Context<'_>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build();
    let told = verifier.inspect_err(|error| {
        context.problems.error(path.span, "clients cannot be verified by these authorities", error.to_string());
    });
    told.ok()
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

/// How TLS is spoken to a URL: outer `None` where that cannot be, inner `None` where it is not spoken.
pub(super) fn client(
    url: Option<&Spanned<Url>>,
    file: &TrustFile,
    trust: &mut Trust,
    context: &mut Context<'_>,
) -> Option<Option<Arc<ClientConfig>>> {
    let secure = url.is_none_or(|url| url.value.secure);
    if !secure {
        unused(file, "an `http` URL", context)?;
    }
    let own = file.ca.as_ref().map(|ca| authorities(ca, context));
    let identity = identity(file, context);
    let url = url?;
    if !secure {
        return Some(None);
    }
    check_server_name(url, context)?;
    match (own, identity?) {
        (None, None) => Some(Some(trust.system(context))),
        (own, identity) => {
            let roots = own.map_or_else(|| Some(trust.roots(context)), |own| own.map(Arc::new))?;
            config(roots, identity, context).map(Some)
        }
    }
}

/// Refuses keys of TLS where it is not spoken.
pub(super) fn unused(file: &TrustFile, what: &str, context: &mut Context<'_>) -> Option<()> {
    let named = [("ca", &file.ca), ("certificate", &file.certificate), ("key", &file.key)];
    let Some((name, place)) = named.into_iter().find_map(|(name, key)| Some((name, key.as_ref()?))) else {
        return Some(());
    };
    let label = format!("write `https://…`, or leave `{name}` out");
    context.problems.error(place.owner, format!("`{name}` means nothing for {what}"), label);
    None
}

/// What a client shows of itself, and where its key stands in the file.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, Span);

/// Inner `None`: it shows nothing.
fn identity(file: &TrustFile, context: &mut Context<'_>) -> Option<Option<Identity>> {
    let chain = file.certificate.as_ref().map(|path| certificates(path, context));
    let key = file.key.as_ref().map(|path| (private_key(path, context), path.span));
    match (chain, key) {
        (None, None) => Some(None),
        (Some(chain), Some((key, at))) => Some(Some((chain?, key?, at))),
        // That the other is missing has been reported.
        _ => None,
    }
}

/// What the system trusts: looked up once, and only if somebody asks.
#[derive(Default)]
pub(super) struct Trust {
    roots: Option<Arc<RootCertStore>>,
    system: Option<Arc<ClientConfig>>,
}

impl Trust {
    fn roots(&mut self, context: &Context<'_>) -> Arc<RootCertStore> {
        Arc::clone(self.roots.get_or_insert_with(|| Arc::new(system_roots(context.environment))))
    }

    /// Trust in the system's authorities, and nothing shown.
    pub(super) fn system(&mut self, context: &Context<'_>) -> Arc<ClientConfig> {
        let roots = self.roots(context);
        Arc::clone(self.system.get_or_insert_with(|| anonymous(roots)))
    }
}

/// The authorities that the system trusts.
pub(in crate::config) fn system_roots(environment: &dyn Environment) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(environment.roots());
    if roots.is_empty() {
        // An image without a system, such as one that holds this program alone, has no roots of its own.
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// The certificates of one file: who has it as `ca` trusts nothing else.
fn authorities(path: &Spanned<FilePath>, context: &mut Context<'_>) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, context)? {
        if let Err(error) = roots.add(certificate) {
            let file = quote(&path.value.0.display().to_string());
            let message = format!("a certificate in the file {file} cannot be trusted");
            context.problems.error(path.span, message, error.to_string());
            return None;
        }
    }
    Some(roots)
}

fn config(
    roots: Arc<RootCertStore>,
    identity: Option<Identity>,
    context: &mut Context<'_>,
) -> Option<Arc<ClientConfig>> {
    let Some((chain, key, at)) = identity else { return Some(anonymous(roots)) };
    match trusting(roots).with_client_auth_cert(chain, key) {
        Ok(config) => Some(speaking(config)),
        Err(error) => {
            unusable(&error, at, context);
            None
        }
    }
}

pub(in crate::config) fn anonymous(roots: Arc<RootCertStore>) -> Arc<ClientConfig> {
    speaking(trusting(roots).with_no_client_auth())
}

fn trusting(roots: Arc<RootCertStore>) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider supports the versions that rustls calls safe")
        .with_root_certificates(roots)
}

fn speaking(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Says why a certificate and a key cannot be used together.
fn unusable(error: &rustls::Error, at: Span, context: &mut Context<'_>) {
    if let rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) = error {
        let label = "the first certificate of the file must belong to this key";
        context.problems.error(at, "the key does not fit the certificate", label);
    } else {
        context.problems.error(at, "certificate and key cannot be used", error.to_string());
    }
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
