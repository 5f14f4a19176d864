//! Zoom.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-zm-signature")];

/// Zoom.
///
/// `x-zm-signature: v0=<hex HMAC-SHA256>` over `v0:<x-zm-request-timestamp>:<body>`: the form of Slack. The body has no
/// id, so that its digest is its id.
///
/// ref: <https://developers.zoom.us/docs/api/webhooks/#verify-with-zooms-header>
pub static ZOOM: Scheme = Scheme {
    name: Borrowed("zoom"),
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
            from: TimestampSource::Header(HeaderName::from_static("x-zm-request-timestamp")),
            unit: TimestampUnit::Seconds,
        }),
        tolerance: five_minutes(),
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&[]),
    event_type: Some(json("/event")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Zoom"),
        document: Borrowed("https://developers.zoom.us/docs/api/webhooks/#verify-with-zooms-header"),
        // After 5 minutes, 30 more, and 90 more.
        retries: Retries::For(Duration::from_secs(125 * 60)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: Some(Handshake::Post {
            at: json("/event"),
            value: "endpoint.url_validation",
            answer: Answer::Proof {
                at: Pointer(Borrowed("/payload/plainToken")),
                plain: "plainToken",
                mac: "encryptedToken",
            },
        }),
        acknowledge: Acknowledge::OK,
        events: Events::Distinct,
        notes: Borrowed(&[
            "An event has no id: the body's digest is its id.",
            "It waits 3 seconds for an answer.",
            "The secret is the secret token of the app, not its older verification token.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with Node 20.20.2 as the sample of the document above does it, and accepted by @zoom/rivet 0.4.0: `new
    /// AwsLambdaReceiver({webhooksSecretToken}).start()`.
    const CASE: Case<'_> = Case {
        secret: "zoom_secret_token",
        body: r#"{"event":"meeting.started","event_ts":1700000000000,"payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","topic":"Café"}}}"#,
        headers: &[
            ("x-zm-signature", "v0=26ace100b2b1f38cad9b85a27f97251c65abdf17d02bf12d22bef65c9c76910b"),
            ("x-zm-request-timestamp", "1700000000"),
        ],
        id: "sha256:b07c7594c5519b4fdff88e64c9862ab7901601092421a9476388bb91f7d897d9",
        kind: Some("meeting.started"),
        ..Case::of("zoom")
    };

    /// Made and answered by @zoom/rivet 0.4.0, for the plain token of Zoom's document.
    #[test]
    fn the_token_that_it_sends_is_proved_as_its_library_proves_it() {
        let case = Case {
            body: r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}"#,
            headers: &[
                ("x-zm-signature", "v0=c914ce806ecfc847caee06fd9e019d6b15d662c44be7ba1cd7544227b79ae829"),
                ("x-zm-request-timestamp", "1700000000"),
            ],
            ..CASE
        };

        let answer = case.greeted().unwrap();

        assert_eq!(
            answer.body,
            concat!(
                r#"{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","#,
                r#""encryptedToken":"bd48235863f4a6323ccc4963c594908b7c97f88b4a6a95278f4f093690b12726"}"#
            )
        );
        assert_eq!(CASE.greeted(), None);
    }

    #[test]
    fn what_its_library_accepts_is_accepted() {
        vector(&CASE);
    }
}
