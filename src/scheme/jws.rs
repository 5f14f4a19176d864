//! Compact JWS (RFC 7515 §3.1) with an HMAC (RFC 7518 §3.2), as strictly as it can be read.
//!
//! What is accepted is exactly what an honest signer writes. Every other spelling of the same message is refused, so
//! that one message has one spelling: three segments, each canonical base64url without padding, and no white space
//! around them. The algorithm is the configured one, never the message's choice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::few::Few;
use super::hashing::Hashing;
use super::json;
use super::{Algorithm, Encoding, JwsAlgorithm, Keyring, Rejection};

#[cfg(test)]
mod tests;

/// The longest header in bytes, decoded. Signers write some 30.
const LONGEST_HEADER: usize = 4096;

/// Header members that change what the signature or the payload means. Ignoring one is how libraries were fooled.
const REFUSED: [&str; 3] = ["b64", "crit", "zip"];

impl JwsAlgorithm {
    /// Its name in a header (RFC 7518 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    pub(super) fn hmac(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::Sha256,
            Self::Hs384 => Algorithm::Sha384,
            Self::Hs512 => Algorithm::Sha512,
        }
    }
}

/// Divides a token; gives its payload, not to be used before the hashing is concluded.
pub(super) fn read(token: &[u8], algorithm: JwsAlgorithm, keyring: &Keyring) -> Result<(Vec<u8>, Hashing), Rejection> {
    if token.is_empty() {
        return Err(Rejection::Missing);
    }
    let mut segments = token.split(|byte| *byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(Rejection::Malformed);
    };
    check_header(header, algorithm)?;
    let signature = Encoding::Base64Url.decode(signature, algorithm.hmac().size()).ok_or(Rejection::Malformed)?;
    let decoded = URL_SAFE_NO_PAD.decode(payload).map_err(|_| Rejection::Malformed)?;
    let mut macs = keyring.macs();
    let signed = &token[..header.len() + 1 + payload.len()];
    macs.iter_mut().for_each(|mac| mac.update(signed));
    let offered = Few::from_iter([signature]);
    Ok((decoded, Hashing { macs, offered, after: Vec::new(), covers_body: true, hashed: token.len() }))
}

fn check_header(segment: &[u8], algorithm: JwsAlgorithm) -> Result<(), Rejection> {
    if segment.len() > LONGEST_HEADER.div_ceil(3) * 4 {
        return Err(Rejection::Malformed);
    }
    let header = URL_SAFE_NO_PAD.decode(segment).map_err(|_| Rejection::Malformed)?;
    let members = json::members(&header).filter(|_| header.len() <= LONGEST_HEADER).ok_or(Rejection::Malformed)?;
    if members.iter().any(|(name, _)| REFUSED.contains(&name.as_str())) {
        return Err(Rejection::Malformed);
    }
    match members.iter().find(|(name, _)| name == "alg") {
        Some((_, Some(name))) if name == algorithm.name() => Ok(()),
        _ => Err(Rejection::Algorithm),
    }
}

/// Writes a token as senders do.
pub(super) fn write(payload: &[u8], algorithm: JwsAlgorithm, keyring: &Keyring, key: usize) -> String {
    let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, algorithm.name());
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let mut mac = keyring.mac(key);
    mac.update(token.as_bytes());
    token.push('.');
    token.push_str(&Encoding::Base64Url.encode(&mac.finish()));
    token
}
