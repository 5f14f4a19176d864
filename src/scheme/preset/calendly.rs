//! Calendly.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("calendly-webhook-signature")];

/// Calendly.
///
/// `Calendly-Webhook-Signature: t=<seconds>,v1=<hex HMAC-SHA256>` over `<t>.<body>`: the form of Stripe. The body has
/// no id, so that its digest is its id. Its document allows three minutes and looks at what is too old only; here what
/// lies in the future is refused as well.
///
/// ref: <https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures>
pub static CALENDLY: Scheme = Scheme {
    name: Borrowed("calendly"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: Format {
            items: Borrowed(&[
                Item { prefix: Borrowed("t="), value: Placeholder::Timestamp },
                Item { prefix: Borrowed("v1="), value: Placeholder::Signature },
            ]),
            separator: Some(Borrowed(",")),
        },
        encoding: Encoding::HexLower,
        signed: Template(Borrowed(&[Part::Timestamp, Part::Literal(Borrowed(".")), Part::Body])),
        timestamp: Some(TimestampRule { from: TimestampSource::Format, unit: TimestampUnit::Seconds }),
        tolerance: Some(Duration::from_secs(180)),
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&[]),
    event_type: Some(json("/event")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Calendly"),
        document: Borrowed("https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures"),
        retries: Retries::For(Duration::from_secs(24 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "An event has no id: the body's digest is its id.",
            "It signs only where the subscription was made with a signing key.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with Node 20.20.2 as the sample of the document above does it: `createHmac('sha256', key).update(t + '.'
    /// + body, 'utf8').digest('hex')`.
    const CASE: Case<'_> = Case {
        secret: "5mEzn9C-I28UtwOjZJtFoob0sAAFZ95GbZkqj4y3i0I",
        body: r#"{"created_at":"2020-11-23T17:51:19.000000Z","created_by":"https://api.calendly.com/users/AAAAAAAAAAAAAAAA","event":"invitee.created","payload":{"email":"test@example.com","name":"Zoë Doe","uri":"https://api.calendly.com/scheduled_events/AAAAAAAAAAAAAAAA/invitees/AAAAAAAAAAAAAAAA"}}"#,
        headers: &[(
            "calendly-webhook-signature",
            "t=1700000000,v1=ed3dd720c0ec5cbcfae35a622482d5d7816f6d00d420400a272a05a25b91f708",
        )],
        id: "sha256:5ff9ddc2a4e6b7300c1d6c5ec482e6490a4033f8607a06ed2c1793da4c012e5f",
        kind: Some("invitee.created"),
        ..Case::of("calendly")
    };

    #[test]
    fn what_its_document_signs_is_accepted() {
        vector(&CASE);
    }
}
