//! Typeform.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("typeform-signature")];
static EVENT_ID: [Locator; 1] = [json("/event_id")];

/// Typeform.
///
/// `Typeform-Signature: sha256=<base64 HMAC-SHA256>` over the body: unlike with others, what follows `sha256=` is
/// base64.
///
/// ref: <https://www.typeform.com/developers/webhooks/secure-your-webhooks/>
pub static TYPEFORM: Scheme = Scheme {
    name: Borrowed("typeform"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: prefixed(&[Item { prefix: Borrowed("sha256="), value: Placeholder::Signature }]),
        encoding: Encoding::Base64,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/event_type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Typeform"),
        document: Borrowed("https://www.typeform.com/developers/webhooks/secure-your-webhooks/"),
        retries: Retries::For(Duration::from_secs(10 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "A webhook without a secret is not signed, and is refused here.",
            "It gives up at once where it is answered 404 or 410.",
            "Nothing tells when an event was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with Node 20.20.2 as the sample of the document above does it: `'sha256=' + createHmac('sha256',
    /// secret).update(body).digest('base64')`.
    const CASE: Case<'_> = Case {
        secret: "abc123",
        body: r#"{"event_id":"LtWXD3crgy","event_type":"form_response","form_response":{"form_id":"lT4Z3j","token":"a3a12ec67a1365927098a606107fac15","submitted_at":"2018-01-18T18:17:02Z","answers":[{"type":"text","text":"Ça va très bien"}]}}"#,
        headers: &[("typeform-signature", "sha256=2hMil0d2qg9FbsejY7/hAmWEvbyOYUa/yJuwQHxIckQ=")],
        id: "LtWXD3crgy",
        kind: Some("form_response"),
        ..Case::of("typeform")
    };

    #[test]
    fn what_its_document_signs_is_accepted() {
        vector(&CASE);
    }
}
