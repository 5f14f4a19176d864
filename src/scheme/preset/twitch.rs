//! Twitch EventSub.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("twitch-eventsub-message-signature")];
static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("twitch-eventsub-message-id"))];

/// Twitch EventSub.
///
/// `Twitch-Eventsub-Message-Signature: sha256=<hex HMAC-SHA256>` over `Twitch-Eventsub-Message-Id`,
/// `Twitch-Eventsub-Message-Timestamp` and the body, with nothing between them: the id is signed. The type is read from
/// the body, as `Twitch-Eventsub-Subscription-Type` is not signed.
///
/// ref: <https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#verifying-the-event-message>
pub static TWITCH: Scheme = Scheme {
    name: Borrowed("twitch"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: prefixed(&[Item { prefix: Borrowed("sha256="), value: Placeholder::Signature }]),
        encoding: Encoding::HexLower,
        signed: Template(Borrowed(&[Part::Id, Part::Timestamp, Part::Body])),
        timestamp: Some(TimestampRule {
            from: TimestampSource::Header(HeaderName::from_static("twitch-eventsub-message-timestamp")),
            unit: TimestampUnit::Rfc3339,
        }),
        tolerance: Some(Duration::from_secs(600)),
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/subscription/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Duplicate,
    sender: Sender {
        title: Borrowed("Twitch EventSub"),
        document: Borrowed("https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#verifying-the-event-message"),
        retries: Retries::Unknown,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: Some(Handshake::Post {
            // The header that says so as well is not signed.
            at: json("/subscription/status"),
            value: "webhook_callback_verification_pending",
            answer: Answer::Echo(Pointer(Borrowed("/challenge"))),
        }),
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "Everything is signed but `Twitch-Eventsub-Message-Type`, which says whether it is an event or a revocation.",
            "Nothing separates what is signed: an id and a timestamp could be divided at another place, which the form of a timestamp rules out.",
            "It sends a message again under the same id.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::Rejection;
    use crate::scheme::testing::{Case, vector};

    /// Made with Node 20.20.2 as the sample of the document above does it, and accepted by @twurple/eventsub-http
    /// 8.1.4: `EventSubHttpBase._verifyData(messageId, timestamp, body, signature)`.
    const CASE: Case<'_> = Case {
        secret: "s3cRe7s3cRe7",
        body: r#"{"subscription":{"id":"f1c2a387-161a-49f9-a165-0f21d7a4e1c4","status":"enabled","type":"channel.follow","version":"2","condition":{"broadcaster_user_id":"12826"},"transport":{"method":"webhook","callback":"https://example.com/webhooks/callback"},"created_at":"2019-11-16T10:11:12.634234626Z"},"event":{"user_name":"Zoë"}}"#,
        headers: &[
            (
                "twitch-eventsub-message-signature",
                "sha256=eb1ff4c2184d741f930240914550862348e9a2afe4e154353708f49a1fcb0c45",
            ),
            ("twitch-eventsub-message-id", "befa7b53-d79d-478f-86b9-120f112b044e"),
            ("twitch-eventsub-message-timestamp", "2023-11-14T22:13:20.634234626Z"),
        ],
        id: "befa7b53-d79d-478f-86b9-120f112b044e",
        kind: Some("channel.follow"),
        resigned: false,
        ..Case::of("twitch")
    };

    #[test]
    fn what_a_library_accepts_is_accepted() {
        vector(&CASE);
    }

    /// The body of the document's example, signed as above.
    #[test]
    fn its_challenge_is_given_back() {
        let case = Case {
            body: r#"{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{"id":"f1c2a387-161a-49f9-a165-0f21d7a4e1c4","status":"webhook_callback_verification_pending","type":"channel.follow","version":"1"}}"#,
            headers: &[
                (
                    "twitch-eventsub-message-signature",
                    "sha256=7c196ca898fb6af65900649bdcc124f182c42410d89e2c3d7d1f66e79765b577",
                ),
                ("twitch-eventsub-message-id", "befa7b53-d79d-478f-86b9-120f112b044e"),
                ("twitch-eventsub-message-timestamp", "2023-11-14T22:13:20Z"),
            ],
            ..CASE
        };

        assert_eq!(case.greeted().unwrap().body, "pogchamp-kappa-360noscope-vohiyo");
        assert_eq!(CASE.greeted(), None);
    }

    #[test]
    fn bytes_cannot_be_moved_between_the_id_and_the_timestamp() {
        let [signature, (id_name, id), (time_name, time)] = [CASE.headers[0], CASE.headers[1], CASE.headers[2]];
        let (shorter, longer) = (&id[..id.len() - 1], format!("{}{time}", &id[id.len() - 1..]));

        let headers = [signature, (id_name, shorter), (time_name, &longer)];

        assert_eq!(Case { headers: &headers, ..CASE }.verify().err(), Some(Rejection::Malformed));
    }
}
