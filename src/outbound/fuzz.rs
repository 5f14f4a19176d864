//! What must hold of whatever the app gives.

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use uuid::Uuid;

use super::envelope::{Plain, id_in, wrap};
use super::read::Given;
use super::route::{decoded, is_name};
use crate::config::Envelope;
use crate::fuzzing::text_line;
use crate::fuzzing::tree::Tree;
use crate::scheme::{Body, preset};

/// An id and a type on the first lines, then the app's body. What is sent is JSON that holds the body as it was given,
/// and says the id and the type once, where the sender's receivers and serde_json find them.
pub fn envelope(data: &[u8]) {
    let Some((id, rest)) = text_line(data) else { return };
    let Some((kind, body)) = text_line(rest) else { return };
    if let Ok(kind) = decoded(kind) {
        assert!(is_name(&kind));
    }
    let kind = Some(kind).filter(|kind| is_name(kind));
    if !is_name(id) {
        return;
    }
    let body = Bytes::copy_from_slice(body);
    let own = Tree::read(&body);
    let plain = Plain { body: &body, id, kind, endpoint: "partner", at: Timestamp::UNIX_EPOCH, unique: Uuid::nil() };
    for (envelope, scheme, members) in [
        (Envelope::Jws, "jws", ["webhook_request_id", "", ""]),
        (Envelope::Lmif, "lmif", ["id", "type", "data"]),
        (Envelope::LoginRadius, "loginradius", ["", "", "Data"]),
    ] {
        let Ok(sent) = wrap(envelope, &plain) else { continue };
        // serde_json's own limit of depth is one less for what stands in an envelope.
        let Some(tree) = Tree::read(&sent) else {
            assert!(own.as_ref().is_none_or(|own| own.depth() > 120), "{envelope:?}");
            continue;
        };
        let [own_id, own_kind, data] = members.map(|name| tree.member(name));
        assert!(members[0].is_empty() || own_id == Some(&Tree::Text(id.to_owned())), "{envelope:?}");
        assert!(members[1].is_empty() || own_kind == kind.map(|kind| Tree::Text(kind.to_owned())).as_ref());
        assert!(members[2].is_empty() || data == own.as_ref(), "{envelope:?}");
        assert!(envelope == Envelope::Jws || memchr::memmem::find(&sent, &body).is_some(), "{envelope:?}");
        let (found, _) = preset(scheme).expect("a preset").named(&Body::from(sent));
        assert!(members[0].is_empty() || found.as_deref() == Some(id), "{envelope:?}");
    }
    assert!(
        id_in(&body).is_none_or(|id| own.is_none_or(|own| own.member("webhook_request_id") == Some(&Tree::Text(id))))
    );
}

/// What headers say of an event can be written wherever a scheme may want it, and was said once.
pub(crate) fn headers(headers: &HeaderMap) {
    let Ok(given) = Given::read(headers) else { return };
    for (text, name) in [(given.id, "countersign-event-id"), (given.kind, "countersign-event-type")] {
        assert!(text.as_deref().is_none_or(is_name));
        assert_eq!(headers.get_all(name).iter().count(), usize::from(text.is_some()));
    }
    assert!(given.idempotency_key.is_none_or(|key| (1..=256).contains(&key.len())));
}
