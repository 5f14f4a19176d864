//! As much of DER (X.690 §10) as keys need: what they are, and where in a certificate they stand.

const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;
const NULL: u8 = 0x05;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The version of a certificate.
const VERSION: u8 = 0xa0;

const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// A public key by its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// Its 32 bytes.
    Ed25519(Vec<u8>),
    /// A type that no algorithm here has.
    Other,
    /// A point (SEC 1 §2.3.3).
    P256(Vec<u8>),
    /// A point (SEC 1 §2.3.3).
    P384(Vec<u8>),
    /// An `RSAPublicKey` (RFC 8017 §A.1.1), and the bits of its modulus.
    Rsa(Vec<u8>, usize),
}

/// Values one behind the other.
struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// The content of the next value, which must have this tag. Lengths must be written as shortly as they can be.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
            0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
            _ => return None,
        };
        let shortest = match first {
            0x81 => length > 0x7f,
            0x82 => length > 0xff,
            _ => true,
        };
        let (content, rest) = rest.split_at_checked(length).filter(|_| *found == tag && shortest)?;
        self.0 = rest;
        Some(content)
    }

    fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) { self.next(tag).map(Some) } else { Some(None) }
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The content of the one value that `bytes` are.
fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let mut values = Values(bytes);
    let content = values.next(tag)?;
    values.end()?;
    Some(content)
}

/// The key in a `SubjectPublicKeyInfo` (RFC 5280 §4.1).
pub(super) fn public_key(spki: &[u8]) -> Option<Plain> {
    subject_key(only(spki, SEQUENCE)?)
}

fn subject_key(spki: &[u8]) -> Option<Plain> {
    let mut values = Values(spki);
    let (algorithm, bits) = (values.next(SEQUENCE)?, values.next(BIT_STRING)?);
    values.end()?;
    // Keys have whole bytes: no bit of the last one is unused.
    let key = bits.strip_prefix(&[0])?;
    let mut algorithm = Values(algorithm);
    let oid = algorithm.next(OID)?;
    let plain = match oid {
        ED25519 if key.len() == 32 => Plain::Ed25519(key.to_vec()),
        ED25519 => return None,
        EC => match algorithm.next(OID)? {
            P256 => Plain::P256(key.to_vec()),
            P384 => Plain::P384(key.to_vec()),
            _ => Plain::Other,
        },
        RSA => {
            algorithm.next(NULL).filter(|content| content.is_empty())?;
            rsa(key)?
        }
        _ => return Some(Plain::Other),
    };
    algorithm.end()?;
    Some(plain)
}

/// An `RSAPublicKey` (RFC 8017 §A.1.1).
pub(super) fn rsa(key: &[u8]) -> Option<Plain> {
    let mut numbers = Values(only(key, SEQUENCE)?);
    let (modulus, _) = (numbers.next(INTEGER)?, numbers.next(INTEGER)?);
    numbers.end()?;
    Some(Plain::Rsa(key.to_vec(), bits(modulus)))
}

/// Whether these are two integers in a sequence, as a signature is, and nothing else.
pub(super) fn is_pair(bytes: &[u8]) -> bool {
    let pair = || {
        let mut numbers = Values(only(bytes, SEQUENCE)?);
        let pair = [numbers.next(INTEGER)?, numbers.next(INTEGER)?];
        numbers.end()?;
        Some(pair.iter().all(|number| !number.is_empty()))
    };
    pair().unwrap_or(false)
}

/// How many bits a number has.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let significant = &number[zeros..];
    significant.first().map_or(0, |first| significant.len() * 8 - first.leading_zeros() as usize)
}

/// The key in a certificate (RFC 5280 §4.1). Nothing else of it is looked at.
pub(super) fn certificate_key(certificate: &[u8]) -> Option<Plain> {
    let mut signed = Values(Values(only(certificate, SEQUENCE)?).next(SEQUENCE)?);
    signed.optional(VERSION)?;
    signed.next(INTEGER)?;
    // The algorithm, the issuer, the validity, the subject.
    for _ in 0..4 {
        signed.next(SEQUENCE)?;
    }
    subject_key(signed.next(SEQUENCE)?)
}

/// The type of a private key in PKCS#8 (RFC 5208 §5), without the key.
pub(super) fn private_type(pkcs8: &[u8]) -> Option<Plain> {
    let mut values = Values(only(pkcs8, SEQUENCE)?);
    values.next(INTEGER)?;
    let mut algorithm = Values(values.next(SEQUENCE)?);
    let key = values.next(OCTET_STRING)?;
    Some(match algorithm.next(OID)? {
        ED25519 => Plain::Ed25519(Vec::new()),
        EC => match algorithm.next(OID)? {
            P256 => Plain::P256(Vec::new()),
            P384 => Plain::P384(Vec::new()),
            _ => Plain::Other,
        },
        RSA => {
            let mut numbers = Values(only(key, SEQUENCE)?);
            numbers.next(INTEGER)?;
            Plain::Rsa(Vec::new(), bits(numbers.next(INTEGER)?))
        }
        _ => Plain::Other,
    })
}

/// Writes an `RSAPublicKey` of two numbers, big-endian.
pub(super) fn write_rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [integer(modulus), integer(exponent)].concat();
    value(SEQUENCE, &numbers)
}

fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let mut content = number[zeros..].to_vec();
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0);
    }
    value(INTEGER, &content)
}

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=0x7f), _) => bytes.push(short),
        (Ok(byte), _) => bytes.extend([0x81, byte]),
        (_, Ok(word)) => bytes.extend([&[0x82], &word.to_be_bytes()[..]].concat()),
        // Longer than any key that is accepted: it is refused when it is read again.
        _ => bytes.push(0),
    }
    bytes.extend_from_slice(content);
    bytes
}
