//! LVConnect.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-lvconnect-signature")];
static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("x-lvconnect-delivery"))];

/// LVConnect, the identity provider of LinkValue.
///
/// `X-LVConnect-Signature: sha1=<hex HMAC-SHA1>` over the body and nothing else: the delivery id and the event's name
/// travel outside the signature, and `user:created` and `user:deleted` have bodies of one shape.
///
/// ref: <https://github.com/Linkvalue-Interne/LvConnect/blob/HEAD/docs/hooks.md>; what that leaves open is read from
/// `packages/api/src/hooks/hooks.plugin.js` there.
pub static LVCONNECT: Scheme = Scheme {
    name: Borrowed("lvconnect"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha1,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: prefixed(&[Item { prefix: Borrowed("sha1="), value: Placeholder::Signature }]),
        encoding: Encoding::HexLower,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(Locator::Header(HeaderName::from_static("x-lvconnect-event"))),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("LVConnect"),
        document: Borrowed("https://github.com/Linkvalue-Interne/LvConnect/blob/HEAD/docs/hooks.md"),
        retries: Retries::Never,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The signature covers neither the delivery id nor the event: whoever captured a body can send it again as \
             another event.",
            "It never retries, and waits for an answer without limit, one delivery at a time.",
            "It follows redirects, and counts them as delivered.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    #[test]
    fn a_delivery_made_as_its_source_does_is_accepted() {
        // Made with Node 20.20.2: `createHmac('sha1', secret).update(JSON.stringify(data)).digest('hex')`.
        vector(&Case {
            secret: "TopSecretHookPassword@SuperStrong#123456",
            body: r#"{"user":{"firstName":"Zoé","id":"5c9a"},"sender":{"id":"1"}}"#,
            headers: &[
                ("x-lvconnect-signature", "sha1=3a0fdd11efcf952f5c4cb73d7023ffb5073f20df"),
                ("x-lvconnect-event", "user:created"),
                ("x-lvconnect-delivery", "d3b07384-d9a0-4c1e-8f3b-5a0d3c9e7f11"),
            ],
            id: "d3b07384-d9a0-4c1e-8f3b-5a0d3c9e7f11",
            kind: Some("user:created"),
            signed: false,
            ..Case::of("lvconnect")
        });
    }
}
