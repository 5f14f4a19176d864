//! Square.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-square-hmacsha256-signature")];
static EVENT_ID: [Locator; 1] = [json("/event_id")];

/// Square.
///
/// `x-square-hmacsha256-signature: <base64 HMAC-SHA256>` over the URL as it was registered, and the body, with nothing
/// between them. The older `x-square-signature` with SHA-1 comes beside it and is not looked at.
///
/// ref: <https://developer.squareup.com/docs/webhooks/step3validate>
pub static SQUARE: Scheme = Scheme {
    name: Borrowed("square"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::Base64,
        signed: Template(Borrowed(&[Part::Url, Part::Body])),
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Square"),
        document: Borrowed("https://developer.squareup.com/docs/webhooks/step3validate"),
        retries: Retries::For(Duration::from_secs(24 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The URL is signed as it was registered: `public_url` and `path` must be the same to the letter.",
            "It waits 10 seconds for an answer.",
            "Nothing tells when a notification was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::Rejection;
    use crate::scheme::testing::{Case, vector};

    /// From the tests of Square's library for Node (`test/utilities/webhooksHelper.test.ts` in square-legacy), and
    /// accepted by square 46.0.0: `WebhooksHelper.verifySignature({requestBody, signatureHeader, signatureKey,
    /// notificationUrl})`.
    const CASE: Case<'_> = Case {
        secret: "Ibxx_5AKakO-3qeNVR61Dw",
        body: r#"{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification","event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f","created_at":"2022-07-13T20:30:59.037339943Z","data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}"#,
        headers: &[("x-square-hmacsha256-signature", "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=")],
        id: "ac3ac95b-f97d-458c-a6e6-18981597e05f",
        kind: Some("webhooks.test_notification"),
        public_url: "https://webhook.site",
        path: "/679a4f3a-dcfa-49ee-bac5-9d0edad886b9",
        ..Case::of("square")
    };

    #[test]
    fn what_the_tests_of_its_library_accept_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn another_url_is_refused() {
        assert_eq!(Case { path: "/another", ..CASE }.verify().err(), Some(Rejection::Mismatch));
        assert_eq!(Case { query: Some("a=b"), ..CASE }.verify().err(), Some(Rejection::Mismatch));
        assert_eq!(Case { public_url: "http://webhook.site", ..CASE }.verify().err(), Some(Rejection::Mismatch));
    }
}
