//! Why a message was not accepted.

/// Why a message was not accepted. The sender learns none of it; metrics and logs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A JWS names another algorithm than the configured one.
    #[error("the JWS names another algorithm than the configured one")]
    Algorithm,
    /// The signature, the timestamp or the JWS is not written as the scheme says.
    #[error("the signature is not written as the scheme says")]
    Malformed,
    /// No signature belongs to these bytes under any key.
    #[error("the signature does not match")]
    Mismatch,
    /// The signature, or a part that it covers, is not there.
    #[error("the signature, or a part that it covers, is missing")]
    Missing,
    /// A header or parameter that takes part in the signature is there twice.
    #[error("a part of the signature is there twice")]
    Repeated,
    /// The signature matches, but only by a key that is not valid at this time.
    #[error("the signature matches only a key that is not valid at this time")]
    SecretExpired,
    /// The signed timestamp lies too far in the past.
    #[error("the signed timestamp is too old")]
    Stale,
    /// The signed timestamp lies too far in the future.
    #[error("the signed timestamp lies in the future")]
    TooNew,
}

impl Rejection {
    /// The word for it in metrics and logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Malformed => "signature_malformed",
            Self::Mismatch => "signature_mismatch",
            Self::Missing => "signature_missing",
            Self::Repeated => "signature_repeated",
            Self::SecretExpired => "secret_expired",
            Self::Stale => "stale",
            Self::TooNew => "too_new",
        }
    }
}
