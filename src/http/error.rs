//! Why no answer came.

use std::error::Error;
use std::io;
use std::net::IpAddr;

use http::StatusCode;
use rustls::{AlertDescription, CertificateError};

use crate::scheme::SignError;
use crate::telemetry::words::AttemptOutcome;

/// Why no answer came. Its text is for the log of whoever forwards to an upstream; [`SendError::explain`] is for attempts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The connection ended, or what came was not HTTP, before the answer was whole.
    #[error("the upstream broke the connection")]
    Broken(#[source] hyper::Error),
    /// No connection could be made.
    #[error("the upstream refuses the connection")]
    Connect(#[source] io::Error),
    /// The target may not be connected to at its address.
    #[error("the address {0} is not allowed: {1}")]
    EgressDenied(IpAddr, &'static str),
    /// The answer did not come in time.
    #[error("the upstream did not answer in time")]
    Late,
    /// The proxy on the way does not connect to the target.
    #[error("the proxy answered {0}")]
    Proxy(StatusCode),
    /// Nothing was sent, as what is sent could not be signed. Like a connection that cannot be made, it is nobody's
    /// answer, and may go better the next time.
    #[error("what is sent cannot be signed")]
    Unsigned(#[source] SignError),
    /// The other side is not who it should be, or does not speak TLS.
    #[error("the upstream refuses the connection")]
    Tls(#[source] io::Error),
}

impl SendError {
    /// What ended an exchange: TLS 1.3 says only after the handshake that it wants another certificate.
    pub(super) fn ended(error: hyper::Error) -> Self {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        match cause.and_then(alarm) {
            Some(alarm) => Self::Tls(io::Error::other(alarm.clone())),
            None => Self::Broken(error),
        }
    }

    /// The word for an attempt that it ended.
    pub(crate) fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Broken(_) | Self::Connect(_) | Self::Proxy(_) | Self::Unsigned(_) => AttemptOutcome::Connect,
            Self::EgressDenied(..) => AttemptOutcome::EgressDenied,
            Self::Late => AttemptOutcome::Timeout,
            Self::Tls(_) => AttemptOutcome::Tls,
        }
    }

    /// What happened, in words that hold no byte from the other side.
    pub(crate) fn explain(&self) -> String {
        match self {
            Self::Broken(cause) => format!("the connection broke: {cause}"),
            Self::Connect(cause) => format!("no connection: {cause}"),
            Self::Late => "no whole answer in time".to_owned(),
            Self::Tls(cause) => format!("TLS failed: {}", alarm(cause).map_or("the handshake broke off", words)),
            Self::EgressDenied(..) | Self::Proxy(_) => self.to_string(),
            Self::Unsigned(cause) => cause.to_string(),
        }
    }
}

fn alarm(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// rustls' own text repeats names out of the certificate.
fn words(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            // Another issuer may bear the name of a trusted one.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the certificate's issuer is not trusted"
            }
            CertificateError::Revoked => "the certificate was revoked",
            // rustls has no word of its own for it, and passes on webpki's.
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "the certificate is an authority's own, and not one for a server"
            }
            _ => "the certificate is not valid",
        },
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => "the target wants a client certificate",
            AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA => "the target refuses the client certificate",
            AlertDescription::ProtocolVersion => "the target speaks no version that is safe",
            AlertDescription::UnrecognisedName => "the target does not know the name",
            _ => "the target ended the handshake",
        },
        rustls::Error::InvalidMessage(_) => "the target does not speak TLS",
        rustls::Error::PeerIncompatible(_) => "the target speaks no version or cipher that is safe",
        _ => "the target breaks the protocol",
    }
}
