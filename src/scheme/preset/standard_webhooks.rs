//! Standard Webhooks.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("webhook-signature")];
static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("webhook-id"))];

/// Standard Webhooks, and with it Svix and many who use either.
///
/// `webhook-signature: v1,<base64 HMAC-SHA256>`, several separated by spaces, over
/// `<webhook-id>.<webhook-timestamp>.<body>`: everything is signed, the id included. The key is what follows `whsec_`,
/// decoded from base64. Items of another version, such as the asymmetric `v1a`, are not looked at.
///
/// ref: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
pub static STANDARD_WEBHOOKS: Scheme = Scheme {
    name: Borrowed("standard-webhooks"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: Format {
            items: Borrowed(&[Item { prefix: Borrowed("v1,"), value: Placeholder::Signature }]),
            separator: Some(Borrowed(" ")),
        },
        encoding: Encoding::Base64,
        signed: Template(Borrowed(&[
            Part::Id,
            Part::Literal(Borrowed(".")),
            Part::Timestamp,
            Part::Literal(Borrowed(".")),
            Part::Body,
        ])),
        timestamp: Some(TimestampRule {
            from: TimestampSource::Header(HeaderName::from_static("webhook-timestamp")),
            unit: TimestampUnit::Seconds,
        }),
        tolerance: five_minutes(),
        secret: SecretEncoding::Base64 { strip_prefix: Borrowed("whsec_") },
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Duplicate,
    sender: Sender {
        title: Borrowed("Standard Webhooks"),
        document: Borrowed(
            "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
        ),
        // The schedule that it recommends: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h.
        retries: Retries::For(Duration::from_secs(75 * 3600 + 35 * 60 + 5)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The id is signed and stays over all attempts; the timestamp is that of the attempt.",
            "How long a sender retries is its own choice; the time here is that of the recommended schedule.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::Rejection;
    use crate::scheme::testing::{Case, vector};

    /// From the documentation of Svix, and made again with standardwebhooks 1.1.1 for Node:
    /// `new Webhook(secret).sign(id, time, body)`.
    const CASE: Case<'_> = Case {
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        body: r#"{"test": 2432232314}"#,
        headers: &[
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ("webhook-timestamp", "1614265330"),
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ],
        now: 1_614_265_330,
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        ..Case::of("standard-webhooks")
    };

    fn with_signature(value: &str) -> Option<Rejection> {
        let headers = [("webhook-signature", value), CASE.headers[1], CASE.headers[2]];
        Case { headers: &headers, ..CASE }.verify().err()
    }

    #[test]
    fn the_published_vector_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn the_prefix_of_the_secret_may_be_left_out() {
        vector(&Case { secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ..CASE });
    }

    #[test]
    fn of_several_signatures_any_may_match() {
        let other = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let good = CASE.headers[0].1;

        assert_eq!(with_signature(&format!("{other} v1a,whatever {good}")), None);
        assert_eq!(with_signature(&format!("{good} {other}")), None);
        assert_eq!(with_signature(&format!("{other} {other}")), Some(Rejection::Mismatch));
    }

    #[test]
    fn a_signature_that_is_no_whole_one_is_refused() {
        // ref: https://rustsec.org/advisories/RUSTSEC-2024-0010.html, where `v1,` alone was accepted.
        for value in ["v1,", "v1,g0hM9SsE", "v1", "v1a,x", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", ""] {
            assert_eq!(with_signature(value), Some(Rejection::Malformed), "{value}");
        }
        let good = CASE.headers[0].1;
        for value in [good.trim_end_matches('=').to_owned(), format!("{good},{good}"), format!("{good}=")] {
            assert_eq!(with_signature(&value), Some(Rejection::Malformed), "{value}");
        }
    }

    #[test]
    fn the_id_is_part_of_what_is_signed() {
        let [signature, time, id] = [CASE.headers[0], CASE.headers[1], CASE.headers[2]];
        let other = ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJel");

        assert_eq!(Case { headers: &[signature, time, other], ..CASE }.verify().err(), Some(Rejection::Mismatch));
        assert_eq!(Case { headers: &[signature, time], ..CASE }.verify().err(), Some(Rejection::Missing));
        assert_eq!(Case { headers: &[signature, time, id, id], ..CASE }.verify().err(), Some(Rejection::Repeated));
    }
}
