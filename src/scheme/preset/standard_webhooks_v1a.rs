//! Standard Webhooks, where it is signed with a private key.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("webhook-signature")];
static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("webhook-id"))];

/// Standard Webhooks, where it is signed with a private key.
///
/// `webhook-signature: v1a,<base64 Ed25519>` over `<webhook-id>.<webhook-timestamp>.<body>`. A preset of its own, because
/// its keys are of another kind: a receiver has a public key, `whpk_…`, or a secret, `whsec_…`, and is never to accept
/// the other's signatures. Those of `v1` beside it are passed over, as the specification wants it.
///
/// ref: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme>
pub static STANDARD_WEBHOOKS_V1A: Scheme = Scheme {
    name: Borrowed("standard-webhooks-v1a"),
    mechanism: Mechanism::PublicKey(Recipe {
        algorithm: PublicAlgorithm::Ed25519,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: Format {
            items: Borrowed(&[Item { prefix: Borrowed("v1a,"), value: Placeholder::Signature }]),
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
        secret: KeyForm::Base64 { public: Borrowed("whpk_"), private: Borrowed("whsk_") },
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Duplicate,
    sender: Sender {
        title: Borrowed("Standard Webhooks, signed with a private key"),
        document: Borrowed(
            "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
        ),
        retries: super::STANDARD_WEBHOOKS.sender.retries,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "Several signatures, by an old and a new key, stand in one header, separated by spaces; any may match.",
            "An endpoint signs with `whsk_…`: the 64 bytes of seed and public key, or the seed alone.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, head, headers, keyring, seconds, vector};
    use crate::scheme::{KeyError, KeyFlaw, Keyring, Rejection, preset};

    const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    /// Made with cryptography 48.0.0 for Python, with the first key of RFC 8032 §7.1.
    const CASE: Case<'_> = Case {
        secret: "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==",
        body: r#"{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}"#,
        headers: &[
            (
                "webhook-signature",
                "v1a,Wyz6x/GYbryW3K53HbtKe+FBiawWfuVukzxGwZ7Tq66VaJZ3jDCViH5GMggbjMoRF+hzDOea7MDCg4QPVN9pCw==",
            ),
            ("webhook-timestamp", "1700000000"),
            ("webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
        ],
        id: "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        kind: Some("contact.created"),
        ..Case::of("standard-webhooks-v1a")
    };

    fn with_signature(value: &str) -> Option<Rejection> {
        let scheme = preset("standard-webhooks-v1a").unwrap();
        let lines = headers(&[("webhook-signature", value), CASE.headers[1], CASE.headers[2]]);
        let body = CASE.body.as_bytes().to_vec();
        scheme.verify(&keyring(scheme, &[PUBLIC]), &head(&lines), body, seconds(CASE.now)).err()
    }

    #[test]
    fn the_vector_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn of_several_signatures_any_may_match_and_those_of_v1_are_passed_over() {
        let (good, other) = (CASE.headers[0].1, format!("v1a,{}==", "A".repeat(86)));
        let v1 = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

        assert_eq!(with_signature(good), None);
        assert_eq!(with_signature(&format!("{v1} {other} {good}")), None);
        assert_eq!(with_signature(&other), Some(Rejection::Mismatch));
        assert_eq!(with_signature(v1), Some(Rejection::Malformed));
        assert_eq!(with_signature(&good.replace("v1a", "v1")), Some(Rejection::Malformed));
    }

    #[test]
    fn neither_kind_of_key_is_taken_for_the_other() {
        let of = |scheme: &str, text: &str| {
            Keyring::new(preset(scheme).unwrap(), vec![crate::scheme::testing::key(text)]).err()
        };
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

        let malformed = Some(KeyError::Unusable { index: 0, flaw: KeyFlaw::Malformed });
        assert_eq!(of("standard-webhooks-v1a", secret), malformed);
        assert!(of("standard-webhooks", PUBLIC).is_some());
        assert!(of("standard-webhooks", CASE.secret).is_some());
    }
}
