//! Stripe.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("stripe-signature")];
static EVENT_ID: [Locator; 1] = [json("/id")];

/// Stripe.
///
/// `Stripe-Signature: t=<seconds>,v1=<hex HMAC-SHA256>` over `<t>.<body>`. While a secret is rolled, `v1` is there for
/// both; test events have a `v0` beside it, which is no signature of the kind and is not looked at. Everything is signed.
/// Stripe's libraries refuse only what is too old; here what lies in the future is refused as well.
///
/// ref: <https://docs.stripe.com/webhooks#verify-manually>
pub static STRIPE: Scheme = Scheme {
    name: Borrowed("stripe"),
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
        tolerance: five_minutes(),
        // With its `whsec_`: unlike with Standard Webhooks, the text as a whole is the key.
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Duplicate,
    sender: Sender {
        title: Borrowed("Stripe"),
        document: Borrowed("https://docs.stripe.com/webhooks#verify-manually"),
        retries: Retries::For(Duration::from_secs(3 * 24 * 3600)),
        content_type: Borrowed("application/json; charset=utf-8"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The secret is used as it is shown, `whsec_` included.",
            "Each attempt is signed anew, with the time of the attempt.",
            "It promises no order of events.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::Rejection;
    use crate::scheme::testing::{Case, vector};

    /// Made with stripe 23.1.0 for Node: `webhooks.generateTestHeaderString({payload, secret, timestamp})`.
    const CASE: Case<'_> = Case {
        secret: "whsec_test_secret",
        body: r#"{"id":"evt_1NG8Du2eZvKYlo2CUI79vXWy","object":"event","type":"payment_intent.succeeded","data":{"object":{"description":"Café ☕"}}}"#,
        headers: &[(
            "stripe-signature",
            "t=1492774577,v1=a7e58d19c66b23c387d3d34bcdd0f977375a17fa93ca8791c22345aec7c1d0ac",
        )],
        now: 1_492_774_577,
        id: "evt_1NG8Du2eZvKYlo2CUI79vXWy",
        kind: Some("payment_intent.succeeded"),
        ..Case::of("stripe")
    };

    #[test]
    fn what_its_library_signs_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn of_several_signatures_any_may_match_in_any_place() {
        let good = "a7e58d19c66b23c387d3d34bcdd0f977375a17fa93ca8791c22345aec7c1d0ac";
        let other = "6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39";
        for value in [
            format!("t=1492774577,v1={other},v1={good},v0={other}"),
            format!("v0={other},v1={good},t=1492774577,v1={other}"),
            format!("v1={good},v1={other},t=1492774577,scheme=x"),
        ] {
            vector(&Case { headers: &[("stripe-signature", &value)], resigned: false, ..CASE });
        }
    }

    #[test]
    fn a_time_is_needed_exactly_once_and_in_digits() {
        let signature = "v1=a7e58d19c66b23c387d3d34bcdd0f977375a17fa93ca8791c22345aec7c1d0ac";
        for (time, expected) in [
            ("", Rejection::Malformed),
            ("t=,", Rejection::Malformed),
            ("t=NaN,", Rejection::Malformed),
            ("t=-1492774577,", Rejection::Malformed),
            ("t=1492774577.0,", Rejection::Malformed),
            ("t=1492774577,t=1492774577,", Rejection::Repeated),
            ("t=1492774578,", Rejection::Mismatch),
        ] {
            let value = format!("{time}{signature}");
            let case = Case { headers: &[("stripe-signature", &value)], ..CASE };
            assert_eq!(case.verify().err(), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_lies_in_the_future_is_refused_like_what_is_stale() {
        assert_eq!(Case { now: CASE.now + 301, ..CASE }.verify().err(), Some(Rejection::Stale));
        assert_eq!(Case { now: CASE.now - 301, ..CASE }.verify().err(), Some(Rejection::TooNew));
    }
}
