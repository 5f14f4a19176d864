//! Compact JWS (RFC 7515 §3.1), as the body or, detached (appendix F), in a header; as strictly as it can be read.
//!
//! What is accepted is exactly what an honest signer writes. Every other spelling of the same message is refused, so
//! that one message has one spelling: three segments, each canonical base64url without padding, and no white space
//! around them. The algorithm is the configured one, never the message's choice, and so are the keys: of the header's
//! members, only `kid` has a say, and only among keys that are configured.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::few::Few;
use super::given::single;
use super::hashing::Hashing;
use super::json::{self, Value};
use super::{
    Algorithm, Body, DetachedJws, EcdsaForm, Encoding, Head, JwsAlgorithm, JwsPayload, KeyForm, Keyring, Needs,
    PublicAlgorithm, Rejection, SecretEncoding,
};

#[cfg(test)]
mod tests;

/// The longest header in bytes, decoded. Signers write some 30.
const LONGEST_HEADER: usize = 4096;

/// Header members that change what the signature or the payload means. Ignoring one is how libraries were fooled.
const REFUSED: [&str; 3] = ["b64", "crit", "zip"];

impl JwsAlgorithm {
    /// Its name in a header (RFC 7518 §3.1, RFC 8037 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    pub(super) fn needs(self) -> Needs<'static> {
        let public = |algorithm| Needs::Public(algorithm, &KeyForm::Pem);
        let secret = |algorithm| Needs::Secret(algorithm, &SecretEncoding::Utf8);
        match self {
            Self::EdDsa => public(PublicAlgorithm::Ed25519),
            Self::Es256 => public(PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::P1363)),
            Self::Es384 => public(PublicAlgorithm::EcdsaP384Sha384(EcdsaForm::P1363)),
            Self::Hs256 => secret(Algorithm::Sha256),
            Self::Hs384 => secret(Algorithm::Sha384),
            Self::Hs512 => secret(Algorithm::Sha512),
            Self::Ps256 => public(PublicAlgorithm::RsaPssSha256),
            Self::Rs256 => public(PublicAlgorithm::RsaPkcs1Sha256),
        }
    }

    /// The valid key that made the signature over `parts`.
    fn verify(
        self,
        parts: &[&[u8]],
        signature: &[u8],
        kid: Option<&str>,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<usize, Rejection> {
        match self.needs() {
            Needs::Public(algorithm, _) => {
                let signature = algorithm.decode(signature, Encoding::Base64Url).ok_or(Rejection::Malformed)?;
                keyring.verify(&parts.concat(), &Few::from_iter([signature]), kid, now)
            }
            Needs::Secret(algorithm, _) => {
                let signature = Encoding::Base64Url.decode(signature, algorithm.size()).ok_or(Rejection::Malformed)?;
                let mut macs = keyring.macs();
                macs.iter_mut().for_each(|mac| parts.iter().for_each(|part| mac.update(part)));
                let offered = Few::from_iter([signature]);
                Hashing { macs, offered, after: Vec::new(), covers_body: true, hashed: 0 }.conclude(keyring, now)
            }
        }
    }
}

/// Three segments.
struct Token<'t> {
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
}

impl<'t> Token<'t> {
    fn read(token: &'t [u8]) -> Result<Self, Rejection> {
        if token.is_empty() {
            return Err(Rejection::Missing);
        }
        let mut segments = token.split(|byte| *byte == b'.');
        match (segments.next(), segments.next(), segments.next(), segments.next()) {
            (Some(header), Some(payload), Some(signature), None) => Ok(Self { header, payload, signature }),
            _ => Err(Rejection::Malformed),
        }
    }
}

/// Verifies a token; gives its payload, and the position of the key that made it.
pub(super) fn verify(
    token: &[u8],
    algorithm: JwsAlgorithm,
    keyring: &Keyring,
    now: Timestamp,
) -> Result<(Vec<u8>, usize), Rejection> {
    let Token { header, payload, signature } = Token::read(token)?;
    let kid = check_header(header, algorithm, JwsPayload::Encoded)?;
    let decoded = URL_SAFE_NO_PAD.decode(payload).map_err(|_| Rejection::Malformed)?;
    let signed = &token[..header.len() + 1 + payload.len()];
    let key = algorithm.verify(&[signed], signature, kid.as_deref(), keyring, now)?;
    Ok((decoded, key))
}

impl DetachedJws {
    /// The token that the head carries: nothing stands between its two dots.
    pub(super) fn token<'h>(&self, head: &Head<'h>) -> Result<&'h [u8], Rejection> {
        let value = single(head.headers, &self.header)?.ok_or(Rejection::Missing)?.as_bytes();
        if !Token::read(value)?.payload.is_empty() {
            return Err(Rejection::Malformed);
        }
        Ok(value)
    }

    /// The valid key that made the signature over `body`.
    pub(super) fn verify(
        &self,
        head: &Head<'_>,
        body: &Body,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<usize, Rejection> {
        let token = Token::read(self.token(head)?)?;
        let kid = check_header(token.header, self.algorithm, self.payload)?;
        let body = body.contiguous();
        let payload = self.payload.write(&body);
        let parts: [&[u8]; 3] = [token.header, b".", payload.as_deref().map_or(&body, str::as_bytes)];
        self.algorithm.verify(&parts, token.signature, kid.as_deref(), keyring, now)
    }

    /// Writes the value of the header; `None` where the key cannot sign.
    pub(super) fn write(&self, body: &[u8], keyring: &Keyring, key: usize) -> Option<String> {
        let header = match self.payload {
            JwsPayload::Encoded => format!(r#"{{"alg":"{}"}}"#, self.algorithm.name()),
            JwsPayload::Unencoded => format!(r#"{{"alg":"{}","b64":false,"crit":["b64"]}}"#, self.algorithm.name()),
        };
        let header = URL_SAFE_NO_PAD.encode(header);
        let payload = self.payload.write(body);
        let parts: [&[u8]; 3] = [header.as_bytes(), b".", payload.as_deref().map_or(body, str::as_bytes)];
        let signature = Encoding::Base64Url.encode(&keyring.sign(key, &parts)?);
        Some(format!("{header}..{signature}"))
    }
}

impl JwsPayload {
    /// The body as it is signed; `None`: as it is.
    fn write(self, body: &[u8]) -> Option<String> {
        match self {
            Self::Encoded => Some(URL_SAFE_NO_PAD.encode(body)),
            Self::Unencoded => None,
        }
    }
}

/// Checks what a header says, and gives its `kid`.
fn check_header(segment: &[u8], algorithm: JwsAlgorithm, payload: JwsPayload) -> Result<Option<String>, Rejection> {
    if segment.len() > LONGEST_HEADER.div_ceil(3) * 4 {
        return Err(Rejection::Malformed);
    }
    let header = URL_SAFE_NO_PAD.decode(segment).map_err(|_| Rejection::Malformed)?;
    let mut members = json::members(&header).filter(|_| header.len() <= LONGEST_HEADER).ok_or(Rejection::Malformed)?;
    if payload == JwsPayload::Unencoded {
        take_unencoded(&mut members)?;
    }
    if members.iter().any(|(name, _)| REFUSED.contains(&name.as_str())) {
        return Err(Rejection::Malformed);
    }
    match members.iter().find(|(name, _)| name == "alg") {
        Some((_, Value::Text(name))) if name == algorithm.name() => {}
        _ => return Err(Rejection::Algorithm),
    }
    match members.into_iter().find(|(name, _)| name == "kid") {
        None => Ok(None),
        Some((_, Value::Text(kid))) => Ok(Some(kid)),
        Some(_) => Err(Rejection::Malformed),
    }
}

/// Takes out `b64` and `crit`, which must say that the payload is not encoded, and nothing else (RFC 7797 §6).
fn take_unencoded(members: &mut Vec<(String, Value)>) -> Result<(), Rejection> {
    for (name, expected) in [("b64", Value::False), ("crit", Value::List(vec![Value::Text("b64".to_owned())]))] {
        let at = members.iter().position(|(other, value)| other == name && *value == expected);
        members.swap_remove(at.ok_or(Rejection::Malformed)?);
    }
    Ok(())
}

/// Writes a token as senders do; `None` where the key cannot sign.
pub(super) fn write(payload: &[u8], algorithm: JwsAlgorithm, keyring: &Keyring, key: usize) -> Option<String> {
    let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, algorithm.name());
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = keyring.sign(key, &[token.as_bytes()])?;
    token.push('.');
    token.push_str(&Encoding::Base64Url.encode(&signature));
    Some(token)
}
