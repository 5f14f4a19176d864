//! Zendesk.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-zendesk-webhook-signature")];
static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("x-zendesk-webhook-invocation-id"))];

/// Zendesk.
///
/// `X-Zendesk-Webhook-Signature: <base64 HMAC-SHA256>` over the text of `X-Zendesk-Webhook-Signature-Timestamp` and the
/// body, with nothing between them. The id of the invocation is a header that is not signed. What a trigger or an
/// automation sends is written by whoever set it up, and may have no `type`.
///
/// ref: <https://developer.zendesk.com/documentation/webhooks/verifying/>
pub static ZENDESK: Scheme = Scheme {
    name: Borrowed("zendesk"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::Base64,
        signed: Template(Borrowed(&[Part::Timestamp, Part::Body])),
        timestamp: Some(TimestampRule {
            from: TimestampSource::Header(HeaderName::from_static("x-zendesk-webhook-signature-timestamp")),
            unit: TimestampUnit::Rfc3339,
        }),
        tolerance: five_minutes(),
        // It looks like base64 and is used as it is shown.
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Zendesk"),
        document: Borrowed("https://developer.zendesk.com/documentation/webhooks/verifying/"),
        retries: Retries::Unknown,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The signature does not cover the invocation id.",
            "The secret looks like base64 and is used as it is shown.",
            "It repeats what was answered 409, 429 or 503 or not in time, a few times; other failures it does not repeat.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with Node 20.20.2 as the sample of the document above does it, with the secret that it names for tests:
    /// `createHmac('sha256', secret).update(timestamp + body).digest('base64')`.
    const CASE: Case<'_> = Case {
        secret: "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
        body: r#"{"account_id":22129848,"detail":{"id":"6596848315901","email":"zoë@example.com"},"event":{},"id":"cbe4028c-7239-495d-b020-f22348516046","subject":"zen:user:6596848315901","time":"2023-11-14T22:13:19.030717819Z","type":"zen:event-type:user.created","zendesk_event_version":"2022-11-06"}"#,
        headers: &[
            ("x-zendesk-webhook-signature", "bW1fhL4D+WpnbloCTLx0MLJl9L6jIi76CYcZr0OTbLI="),
            ("x-zendesk-webhook-signature-timestamp", "2023-11-14T22:13:20Z"),
            ("x-zendesk-webhook-invocation-id", "01HF8Z6D6V4PKQ0X2Y7N9M3R5T"),
        ],
        id: "01HF8Z6D6V4PKQ0X2Y7N9M3R5T",
        kind: Some("zen:event-type:user.created"),
        signed: false,
        ..Case::of("zendesk")
    };

    #[test]
    fn what_its_document_signs_is_accepted() {
        vector(&CASE);
    }
}
