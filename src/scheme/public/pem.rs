//! PEM (RFC 7468): one block.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::KeyFlaw;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// What a block holds.
pub(super) struct Block<'t> {
    pub(super) label: &'t str,
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// Whether a text says of itself that it is PEM.
pub(super) fn is_pem(text: &str) -> bool {
    text.contains(BEGIN)
}

/// The one block of `text`. What stands before it is a comment.
pub(super) fn block(text: &str) -> Result<Block<'_>, KeyFlaw> {
    let (_, rest) = text.split_once(BEGIN).ok_or(KeyFlaw::Malformed)?;
    let (label, rest) = rest.split_once(DASHES).ok_or(KeyFlaw::Malformed)?;
    let (content, rest) = rest.split_once(END).ok_or(KeyFlaw::Malformed)?;
    let rest = rest.strip_prefix(label).and_then(|rest| rest.strip_prefix(DASHES)).ok_or(KeyFlaw::Malformed)?;
    if is_pem(rest) {
        return Err(KeyFlaw::SeveralBlocks);
    }
    // Headers are what encrypted keys of OpenSSL's old form have (RFC 1421 §4.6).
    if content.contains(':') {
        return Err(KeyFlaw::Encrypted);
    }
    let digits: Zeroizing<Vec<u8>> =
        Zeroizing::new(content.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    let content = STANDARD.decode(&*digits).map(Zeroizing::new).map_err(|_| KeyFlaw::Malformed)?;
    Ok(Block { label, content })
}
