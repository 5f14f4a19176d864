//! Whom a command trusts that speaks TLS without a configuration.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::environment::Environment;
use super::resolve::{anonymous, system_roots};

/// Why a file of authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("the file holds no certificate; it must be PEM: `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    #[error("the file cannot be read")]
    Unreadable(#[from] io::Error),
    #[error("a certificate in the file cannot be trusted")]
    Untrusted(#[from] rustls::Error),
}

/// A client that trusts the authorities of this file and nobody else, or those of the system.
///
/// # Errors
///
/// Where the file is not one of authorities.
pub(crate) fn trusting(ca: Option<&Path>, environment: &dyn Environment) -> Result<Arc<ClientConfig>, TrustError> {
    let Some(ca) = ca else { return Ok(anonymous(Arc::new(system_roots(environment)))) };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&environment.read(ca)?) {
        roots.add(certificate.map_err(|_| TrustError::NoCertificate)?)?;
    }
    if roots.is_empty() {
        return Err(TrustError::NoCertificate);
    }
    Ok(anonymous(Arc::new(roots)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GivenEnvironment;

    fn refused(content: Option<&str>) -> TrustError {
        let mut environment = GivenEnvironment::default();
        if let Some(content) = content {
            environment = environment.file("ca.pem", content);
        }
        trusting(Some(Path::new("ca.pem")), &environment).unwrap_err()
    }

    #[test]
    fn a_file_without_certificates_is_no_file_of_authorities() {
        assert!(matches!(refused(None), TrustError::Unreadable(_)));
        for content in ["", "hello", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(refused(Some(content)), TrustError::NoCertificate), "{content}");
        }
    }

    #[test]
    fn without_a_file_the_system_is_trusted() {
        assert!(trusting(None, &GivenEnvironment::default()).is_ok());
    }
}
