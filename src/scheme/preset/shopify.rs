//! Shopify.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-shopify-hmac-sha256")];
static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("x-shopify-event-id"))];

/// Shopify.
///
/// `X-Shopify-Hmac-Sha256: <base64 HMAC-SHA256>` over the body, under the app's client secret. Everything else, the
/// topic and the shop included, travels in headers that are not signed.
///
/// `X-Shopify-Event-Id` names the event and `X-Shopify-Webhook-Id` the delivery. One action of a merchant has one
/// event id and can cause several topics, so an id counts only together with its topic and its body.
///
/// ref: <https://shopify.dev/docs/apps/build/webhooks/verify-deliveries>
pub static SHOPIFY: Scheme = Scheme {
    name: Borrowed("shopify"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::Base64,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(Locator::Header(HeaderName::from_static("x-shopify-topic"))),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Shopify"),
        document: Borrowed("https://shopify.dev/docs/apps/build/webhooks/verify-deliveries"),
        retries: Retries::For(Duration::from_secs(4 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The signature covers neither the id nor the topic nor the shop.",
            "It waits 5 seconds for an answer.",
            "After a rotation of the client secret it may sign with the old one for an hour.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    #[test]
    fn what_its_library_accepts_is_accepted() {
        // Made with Node 20.20.2, `createHmac('sha256', secret).update(body).digest('base64')`, and accepted by
        // @shopify/shopify-api 13.1.0: `webhooks.validate({rawBody, rawRequest, rawResponse})`.
        vector(&Case {
            secret: "shpss_7a9f",
            body: r#"{"id":820982911946154508,"email":"jon@example.com","note":"Größe"}"#,
            headers: &[
                ("x-shopify-hmac-sha256", "SK0Hs8FeAcEY+Kwg1qCxOTyD8gUq8/ayHlubG+Mt73o="),
                ("x-shopify-topic", "orders/create"),
                ("x-shopify-event-id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
            ],
            id: "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
            kind: Some("orders/create"),
            signed: false,
            ..Case::of("shopify")
        });
    }
}
