//! Meta (Facebook, Instagram, WhatsApp).

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-hub-signature-256")];

/// Meta (Facebook, Instagram, WhatsApp).
///
/// `X-Hub-Signature-256: sha256=<hex HMAC-SHA256>` over the body, with the secret of the app. The older
/// `X-Hub-Signature` with SHA-1 comes beside it and is not looked at. The body is a batch of entries without an id of
/// its own, so that its digest is its id.
///
/// ref: <https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads>
pub static META: Scheme = Scheme {
    name: Borrowed("meta"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: prefixed(&[Item { prefix: Borrowed("sha256="), value: Placeholder::Signature }]),
        encoding: Encoding::HexLower,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&[]),
    event_type: Some(json("/object")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Meta (Facebook, Instagram, WhatsApp)"),
        document: Borrowed("https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads"),
        // WhatsApp for seven days, the others for 36 hours.
        retries: Retries::For(Duration::from_secs(7 * 24 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: Some(Handshake::Get {
            mode: Some(("hub.mode", "subscribe")),
            token: Some("hub.verify_token"),
            challenge: "hub.challenge",
        }),
        acknowledge: Acknowledge::OK,
        events: Events::Distinct,
        notes: Borrowed(&[
            "A request is a batch, without an id of its own: the body's digest is its id. A batch that is sent again in other company counts as new.",
            "The type is the object that it is about; what happened stands in each entry.",
            "It writes characters beyond ASCII as `\\u00e9`, and signs them so: only the bytes as received can be verified.",
            "Nothing tells when a request was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with x-hub-signature 2.1.3 for Node, `new XHubSignature('sha256', secret).sign(body)`, and accepted by
    /// pywa 4.5.0 for Python: `utils.webhook_updates_validator(app_secret, request_body, x_hub_signature)`.
    const CASE: Case<'_> = Case {
        secret: "meta-app-secret",
        body: r#"{"object":"page","entry":[{"id":"1234567890","time":1700000000,"changes":[{"field":"feed","value":{"message":"caf\u00e9"}}]}]}"#,
        headers: &[("x-hub-signature-256", "sha256=faba52b063c6c024cabca984cc70d6ddeaaf488f0e885224d034cefc15bd59e2")],
        id: "sha256:a7a0ec3df3022e9cb3d5d0326275832b1320d7c58d0e268ec9e22cb674a4a9bb",
        kind: Some("page"),
        ..Case::of("meta")
    };

    #[test]
    fn what_libraries_sign_and_accept_is_accepted() {
        vector(&CASE);
    }
}
