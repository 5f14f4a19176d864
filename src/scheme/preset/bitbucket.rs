//! Bitbucket.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-hub-signature")];
static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("x-request-uuid"))];

/// Bitbucket.
///
/// `X-Hub-Signature: sha256=<hex HMAC-SHA256>` over the body: the header that others use for SHA-1. Neither the id nor
/// the event is signed. Bitbucket Data Center signs alike, and has its id in `X-Request-Id`.
///
/// ref: <https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/>
pub static BITBUCKET: Scheme = Scheme {
    name: Borrowed("bitbucket"),
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
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(Locator::Header(HeaderName::from_static("x-event-key"))),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Bitbucket"),
        document: Borrowed("https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/"),
        retries: Retries::Unknown,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The signature covers neither the id nor the event.",
            "A webhook without a secret is not signed, and is refused here.",
            "For Bitbucket Data Center add `event_id: {header: X-Request-Id}` to the source.",
            "Nothing tells when an event was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// From the document above, which prints it as a test.
    const CASE: Case<'_> = Case {
        secret: "It's a Secret to Everybody",
        body: r#"Hello World!"#,
        headers: &[
            ("x-hub-signature", "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"),
            ("x-request-uuid", "2a5b9a0e-4f8e-4b7a-8a55-2f7c3f6f5b1d"),
            ("x-event-key", "repo:push"),
        ],
        id: "2a5b9a0e-4f8e-4b7a-8a55-2f7c3f6f5b1d",
        kind: Some("repo:push"),
        signed: false,
        ..Case::of("bitbucket")
    };

    #[test]
    fn the_published_vector_is_accepted() {
        vector(&CASE);
    }
}
