//! Xero.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-xero-signature")];

/// Xero.
///
/// `x-xero-signature: <base64 HMAC-SHA256>` over the body, with the webhooks key as it is shown. The body is a batch of
/// events without an id of its own, so that its digest is its id. To see whether a receiver verifies, Xero sends
/// requests with a wrong signature and wants 401 with an empty body for them, which is what everybody gets here.
///
/// ref: <https://developer.xero.com/documentation/guides/webhooks/overview/>
pub static XERO: Scheme = Scheme {
    name: Borrowed("xero"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::Base64,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        // It looks like base64 and is used as it is shown.
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&[]),
    event_type: None,
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Xero"),
        document: Borrowed("https://developer.xero.com/documentation/guides/webhooks/overview/"),
        retries: Retries::For(Duration::from_secs(24 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: Some(Handshake::Post {
            // The first event has the number 1.
            at: json("/lastEventSequence"),
            value: "0",
            answer: Answer::Fixed(Acknowledge::EMPTY),
        }),
        acknowledge: Acknowledge::EMPTY,
        events: Events::Distinct,
        notes: Borrowed(&[
            "A request is a batch, without an id of its own: the body's digest is its id.",
            "The key looks like base64 and is used as it is shown.",
            "Before it sends events it sends requests with right and with wrong signatures: the wrong ones are counted as refused.",
            "It waits 5 seconds for an answer.",
            "Nothing tells when a request was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with Node 20.20.2 as the sample of the document above does it, for the body that it shows:
    /// `createHmac('sha256', key).update(body).digest('base64')`.
    const CASE: Case<'_> = Case {
        secret: "2kq0Yr1bYgJwHkQkTgGd9lKQ2uCvPPsFzzk9LLuxmPZz1v0X3Z6Kx1nJvHq7VjT0yw3XJ9oJm8Cq5vLr2bQyNw==",
        body: r#"{"events":[{"resourceUrl":"https://api.xero.com/api.xro/2.0/Contacts/717f2bfc-c6d4-41fd-b238-3f2f0c0cf777","resourceId":"717f2bfc-c6d4-41fd-b238-3f2f0c0cf777","eventDateUtc":"2017-06-21T01:15:39.902","eventType":"UPDATE","eventCategory":"CONTACT","tenantId":"c2cc9b6e-9458-4c7d-93cc-f02b81b0594f","tenantType":"ORGANISATION"}],"lastEventSequence":1,"firstEventSequence":1,"entropy":"S0m3r4Nd0mt3xt"}"#,
        headers: &[("x-xero-signature", "6aXUmeaqZdwo5dQVIEGqM1/6KjE0oMabDW4PskVpJ7M=")],
        id: "sha256:b91de58ddd20de6d689efc594209fd5ab5e7e816ac17e93d834516abe553ec22",
        ..Case::of("xero")
    };

    #[test]
    fn what_its_document_signs_is_accepted() {
        vector(&CASE);
    }
}
