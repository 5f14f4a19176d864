//! Intercom.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-hub-signature")];
static EVENT_ID: [Locator; 1] = [json("/id")];

/// Intercom.
///
/// `X-Hub-Signature: sha1=<hex HMAC-SHA1>` over the body, with the client secret of the app. Everything that matters is
/// in the body. Each attempt counts itself in `delivery_attempts`, so that a repeated notification has another body
/// under the same id: it is a duplicate all the same.
///
/// ref: <https://developers.intercom.com/docs/webhooks/setting-up-webhooks>
pub static INTERCOM: Scheme = Scheme {
    name: Borrowed("intercom"),
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
    event_type: Some(json("/topic")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Duplicate,
    sender: Sender {
        title: Borrowed("Intercom"),
        document: Borrowed("https://developers.intercom.com/docs/webhooks/setting-up-webhooks"),
        retries: Retries::Unknown,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: Some(Handshake::Head),
        acknowledge: Acknowledge::OK,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The secret is the client secret of the app.",
            "A notification that is sent again keeps its id; `delivery_attempts` in its body is another.",
            "Nothing tells when a notification was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with x-hub-signature 2.1.3 for Node, a library for this header: `new XHubSignature('sha1',
    /// secret).sign(body)`.
    const CASE: Case<'_> = Case {
        secret: "intercom-client-secret",
        body: r#"{"type":"notification_event","app_id":"a86dr8yl","data":{"type":"notification_event_data","item":{"type":"ping","message":"Zoë"}},"links":{},"id":"notif_ccd8a4d0-f965-11e3-a367-c779cae3e1b3","topic":"contact.user.created","delivery_status":"pending","delivery_attempts":1,"delivered_at":0,"first_sent_at":1700000000,"created_at":1700000000,"self":null}"#,
        headers: &[("x-hub-signature", "sha1=a98961cc2dd3900120d2a57db431315ddbc84714")],
        id: "notif_ccd8a4d0-f965-11e3-a367-c779cae3e1b3",
        kind: Some("contact.user.created"),
        ..Case::of("intercom")
    };

    #[test]
    fn what_a_library_for_this_header_signs_is_accepted() {
        vector(&CASE);
    }
}
