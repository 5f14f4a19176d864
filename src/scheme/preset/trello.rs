//! Trello.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-trello-webhook")];
static EVENT_ID: [Locator; 1] = [json("/action/id")];

/// Trello.
///
/// `X-Trello-Webhook: <base64 HMAC-SHA1>` over the body and then the callback URL as it was registered, with the secret
/// of the app.
///
/// ref: <https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/#webhook-signatures>
pub static TRELLO: Scheme = Scheme {
    name: Borrowed("trello"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha1,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::Base64,
        signed: Template(Borrowed(&[Part::Body, Part::Url])),
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/action/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Trello"),
        document: Borrowed("https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/#webhook-signatures"),
        // After 30, 60 and 120 seconds.
        retries: Retries::For(Duration::from_secs(210)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: Some(Handshake::Head),
        acknowledge: Acknowledge::OK,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The URL is signed as it was registered: `public_url`, `path` and query must be the same to the letter.",
            "The secret is that of the app, not its key and not a token.",
            "Nothing tells when an action was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::Rejection;
    use crate::scheme::testing::{Case, vector};

    /// Made with Node 20.20.2 as the sample of the document above does it: `createHmac('sha1', secret).update(body +
    /// callbackURL).digest('base64')`.
    const CASE: Case<'_> = Case {
        secret: "trello-oauth-secret",
        body: r#"{"action":{"id":"51f9424bcd6e040f3c002412","idMemberCreator":"4fc78a59a885233f4b349bd9","data":{"board":{"name":"Trello Development","id":"4d5ea62fd76aa1136000000c"}},"type":"updateCard","date":"2013-07-31T16:58:51.949Z"},"model":{"id":"4d5ea62fd76aa1136000000c"}}"#,
        headers: &[("x-trello-webhook", "rPVOd7IWp7zYbUZpGPPW7lpW9bY=")],
        id: "51f9424bcd6e040f3c002412",
        kind: Some("updateCard"),
        ..Case::of("trello")
    };

    #[test]
    fn what_its_document_signs_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn another_url_is_refused() {
        assert_eq!(Case { query: Some("board=1"), ..CASE }.verify().err(), Some(Rejection::Mismatch));
        assert_eq!(Case { path: "/hooks/y", ..CASE }.verify().err(), Some(Rejection::Mismatch));
    }
}
