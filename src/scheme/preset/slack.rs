//! Slack.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-slack-signature")];
static EVENT_ID: [Locator; 1] = [json("/event_id")];

/// Slack.
///
/// `X-Slack-Signature: v0=<hex HMAC-SHA256>` over `v0:<X-Slack-Request-Timestamp>:<body>`. Events are JSON; commands
/// and interactions are forms, which have no id and no type here, so that their digest is their id. Everything is signed
/// except `X-Slack-Retry-Num`.
///
/// ref: <https://docs.slack.dev/authentication/verifying-requests-from-slack>
pub static SLACK: Scheme = Scheme {
    name: Borrowed("slack"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: prefixed(&[Item { prefix: Borrowed("v0="), value: Placeholder::Signature }]),
        encoding: Encoding::HexLower,
        signed: Template(Borrowed(&[
            Part::Literal(Borrowed("v0:")),
            Part::Timestamp,
            Part::Literal(Borrowed(":")),
            Part::Body,
        ])),
        timestamp: Some(TimestampRule {
            from: TimestampSource::Header(HeaderName::from_static("x-slack-request-timestamp")),
            unit: TimestampUnit::Seconds,
        }),
        tolerance: five_minutes(),
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/event/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Slack"),
        document: Borrowed("https://docs.slack.dev/authentication/verifying-requests-from-slack"),
        // At once, after one minute, and after five more.
        retries: Retries::For(Duration::from_secs(6 * 60)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: Some(Handshake::Post {
            at: json("/type"),
            value: "url_verification",
            answer: Answer::Echo(Pointer(Borrowed("/challenge"))),
        }),
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "It waits 3 seconds for an answer.",
            "Commands and interactions are forms without an event id: the body's digest is their id.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::Rejection;
    use crate::scheme::testing::{Case, vector};

    /// From the document above, and made again with slack_sdk 3.47.0 for Python:
    /// `SignatureVerifier(secret).generate_signature(timestamp=…, body=…)`.
    const CASE: Case<'_> = Case {
        secret: "8f742231b10e8888abcd99yyyzzz85a5",
        body: concat!(
            "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&",
            "channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=",
            "https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&",
            "trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        ),
        headers: &[
            ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
            ("x-slack-request-timestamp", "1531420618"),
        ],
        now: 1_531_420_618,
        id: "sha256:390eeeff8d0cb7c9f6ecf8a88c3df6452fea0914eb02f64844369f3758d8d330",
        ..Case::of("slack")
    };

    #[test]
    fn the_published_vector_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn the_signed_time_must_be_there_once() {
        let [signature, time] = [CASE.headers[0], CASE.headers[1]];

        assert_eq!(Case { headers: &[signature], ..CASE }.verify().err(), Some(Rejection::Missing));
        assert_eq!(Case { headers: &[signature, time, time], ..CASE }.verify().err(), Some(Rejection::Repeated));
        assert_eq!(Case { now: CASE.now + 301, ..CASE }.verify().err(), Some(Rejection::Stale));
    }
}
