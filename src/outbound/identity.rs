//! What an event is known by.

use sha2::{Digest, Sha256};
use twox_hash::XxHash3_128;
use uuid::Uuid;

use crate::config::{Endpoint, Envelope};
use crate::store::{DedupKey, Fingerprint};

/// The key of something that is known by these parts, each with its length under SHA-256.
pub(super) fn key(parts: &[&[u8]]) -> DedupKey {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().first_chunk().copied().expect("SHA-256 has 32 bytes")
}

/// Tells apart what comes under one key. The app is trusted to give no two such bodies on purpose: a fast hash will do.
pub(super) fn fingerprint(parts: &[Option<&[u8]>]) -> Fingerprint {
    let mut hash = XxHash3_128::new();
    for part in parts {
        // No part has the length that stands for one that is missing.
        hash.write(&part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
        hash.write(part.unwrap_or_default());
    }
    Fingerprint(hash.finish_128())
}

/// An id for an event that the app gave none, as the sender that is played makes them.
pub(super) fn new_id(endpoint: &Endpoint) -> String {
    id_like(endpoint.envelope, &endpoint.scheme.name)
}

/// The same, by what it puts its events into and signs them with.
pub(super) fn id_like(envelope: Envelope, scheme: &str) -> String {
    let unique = Uuid::new_v4();
    match (envelope, scheme) {
        (Envelope::Lmif, _) | (Envelope::None, "lmif") => format!("evt_{}", unique.simple()),
        (_, "standard-webhooks") => format!("msg_{}", unique.simple()),
        _ => unique.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_of_parts_are_the_same_for_being_joined() {
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
        assert_eq!(key(&[b"ab", b"c"]), key(&[b"ab", b"c"]));
        assert_ne!(fingerprint(&[Some(b""), Some(b"a")]), fingerprint(&[None, Some(b"a")]));
        assert_ne!(fingerprint(&[Some(b"a"), Some(b"")]), fingerprint(&[Some(b""), Some(b"a")]));
    }
}
