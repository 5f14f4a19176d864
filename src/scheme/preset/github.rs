//! GitHub.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-hub-signature-256")];
static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("x-github-delivery"))];

/// GitHub.
///
/// `X-Hub-Signature-256: sha256=<hex HMAC-SHA256>` over the body, which may be JSON or a form. The delivery id, which a
/// redelivery keeps, and the event's name are not signed. The older `X-Hub-Signature` with SHA-1 comes beside it and is
/// not looked at.
///
/// ref: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub static GITHUB: Scheme = Scheme {
    name: Borrowed("github"),
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
    event_type: Some(Locator::Header(HeaderName::from_static("x-github-event"))),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("GitHub"),
        document: Borrowed("https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"),
        retries: Retries::Never,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The signature covers neither the delivery id nor the event.",
            "It repeats a delivery only when somebody asks for it, by hand or through its API; the id stays.",
            "It waits 10 seconds for an answer.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    #[test]
    fn the_published_vector_is_accepted() {
        // From the document above, and made again with @octokit/webhooks-methods 6.0.0.
        vector(&Case {
            secret: "It's a Secret to Everybody",
            body: "Hello, World!",
            headers: &[
                ("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
                ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
                ("x-github-event", "issues"),
            ],
            id: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            kind: Some("issues"),
            signed: false,
            ..Case::of("github")
        });
    }
}
