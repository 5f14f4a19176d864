//! SendGrid's event webhook.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-twilio-email-event-webhook-signature")];

/// SendGrid's event webhook.
///
/// `X-Twilio-Email-Event-Webhook-Signature: <base64 of an ECDSA signature in DER>`, with P-256 and SHA-256, over
/// `<X-Twilio-Email-Event-Webhook-Timestamp><body>`. The body is a list of events, so that its digest is its id. The
/// public key is shown as base64 of its DER.
///
/// ref: <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>
pub static SENDGRID: Scheme = Scheme {
    name: Borrowed("sendgrid"),
    mechanism: Mechanism::PublicKey(Recipe {
        algorithm: PublicAlgorithm::EcdsaP256Sha256(EcdsaForm::Der),
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::Base64,
        signed: TIMESTAMP_AND_BODY,
        timestamp: Some(TimestampRule {
            from: TimestampSource::Header(HeaderName::from_static("x-twilio-email-event-webhook-timestamp")),
            unit: TimestampUnit::Seconds,
        }),
        // What is sent again may bear the time of the first attempt, and its senders go on for a day.
        tolerance: Some(Duration::from_secs(25 * 3600)),
        secret: KeyForm::Base64 { public: Borrowed(""), private: Borrowed("") },
    }),
    event_id: Borrowed(&[]),
    event_type: None,
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("SendGrid"),
        document: Borrowed(
            "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
        ),
        retries: Retries::For(Duration::from_secs(24 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "A delivery is a list of events, each with an `sg_event_id`: the digest of the whole list is its id here.",
            "It does not say whether a retry bears a new time, so that a time of up to 25 hours is accepted.",
            "The body ends with the bytes that were signed, often a line feed: nothing may be taken away in front.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::Rejection;
    use crate::scheme::testing::{Case, vector};

    /// From the tests of @sendgrid/eventwebhook 8.0.0.
    const CASE: Case<'_> = Case {
        secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
        body: concat!(
            r#"[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","#,
            r#""sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","#,
            r#""sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","#,
            r#""smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]"#,
            "\r\n",
        ),
        headers: &[
            (
                "x-twilio-email-event-webhook-signature",
                "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
            ),
            ("x-twilio-email-event-webhook-timestamp", "1600112502"),
        ],
        now: 1_600_112_502,
        id: "sha256:ef3e4606385ea6adbc55fceb6117cf2784040cf145a010e5ef4afc2bc7c70452",
        // An ECDSA signature is another one each time, and this is a public key.
        resigned: false,
        ..Case::of("sendgrid")
    };

    #[test]
    fn the_published_vector_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn a_body_without_its_last_line_feed_is_another() {
        let body = CASE.body.trim_end();

        assert_eq!(Case { body, ..CASE }.verify().err(), Some(Rejection::Mismatch));
    }

    #[test]
    fn a_retry_may_bear_the_time_of_the_first_attempt() {
        assert_eq!(Case { now: CASE.now + 24 * 3600, ..CASE }.verify().err(), None);
        assert_eq!(Case { now: CASE.now + 26 * 3600, ..CASE }.verify().err(), Some(Rejection::Stale));
    }
}
