//! Linear.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("linear-signature")];
static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("linear-delivery"))];

/// Linear.
///
/// `Linear-Signature: <hex HMAC-SHA256>` over the body. The time of signing is `webhookTimestamp` in the body, in
/// milliseconds, and may be a minute off; the header `Linear-Timestamp` is not signed and not looked at. As each
/// attempt has a time of its own, a repeated delivery has another body under the same `Linear-Delivery`, which is not
/// signed: it cannot be told from a new one.
///
/// ref: <https://linear.app/developers/webhooks#securing-webhooks>
pub static LINEAR: Scheme = Scheme {
    name: Borrowed("linear"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::HexLower,
        signed: BODY,
        timestamp: Some(TimestampRule {
            from: TimestampSource::Json(Pointer(Borrowed("/webhookTimestamp"))),
            unit: TimestampUnit::Milliseconds,
        }),
        tolerance: Some(Duration::from_secs(60)),
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Linear"),
        document: Borrowed("https://linear.app/developers/webhooks#securing-webhooks"),
        // After one minute, one hour more, and six hours more.
        retries: Retries::For(Duration::from_secs(7 * 3600 + 60)),
        content_type: Borrowed("application/json; charset=utf-8"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::OK,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The signature does not cover the delivery id. As the body has the time of the attempt in it, a repeated delivery counts as new.",
            "The type says what an event is about; `action` in the body says what happened.",
            "It waits 5 seconds for an answer.",
            "Who sends in this form puts `webhookTimestamp` into the body, and has a minute: what is tried again later is refused.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, keyring, message, seconds, vector};
    use crate::scheme::{Message, Rejection, SignError, preset};

    /// Made with Node 20.20.2 as the sample of the document above does it, and accepted by @linear/sdk 98.0.0: `new
    /// LinearWebhookClient(secret).verify(body, signature)`.
    const CASE: Case<'_> = Case {
        secret: "lin_wh_secret",
        body: r#"{"action":"create","type":"Issue","createdAt":"2023-11-14T22:13:19.000Z","data":{"id":"2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9","title":"Größe prüfen"},"webhookTimestamp":1700000000000,"webhookId":"000042e3-d123-4980-b49f-8e140eef9329"}"#,
        headers: &[
            ("linear-signature", "249962be1f0606883446995a2fa62686205f12b0540c27ab5d161cee6c021240"),
            ("linear-delivery", "234d1a4e-b617-4388-90fe-adc3633d6b72"),
        ],
        id: "234d1a4e-b617-4388-90fe-adc3633d6b72",
        kind: Some("Issue"),
        signed: false,
        ..Case::of("linear")
    };

    #[test]
    fn what_its_library_accepts_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn the_time_in_the_body_counts_and_not_the_one_in_a_header() {
        let [signature, id] = [CASE.headers[0], CASE.headers[1]];
        let headers = [signature, id, ("linear-timestamp", "1700000061000")];

        assert_eq!(Case { headers: &headers, ..CASE }.verify().err(), None);
        assert_eq!(Case { headers: &headers, now: CASE.now + 61, ..CASE }.verify().err(), Some(Rejection::Stale));
        assert_eq!(Case { now: CASE.now - 61, ..CASE }.verify().err(), Some(Rejection::TooNew));
    }

    #[test]
    fn a_body_without_its_time_is_not_signed() {
        let scheme = preset("linear").unwrap();
        let message = Message { event_id: Some("1"), ..message("{}".into()) };

        let error = scheme.sign(&keyring(scheme, &[CASE.secret]), &message, seconds(CASE.now)).err();

        assert_eq!(error, Some(SignError::PartMissing));
    }

    #[test]
    fn a_body_without_its_time_is_refused() {
        // Made with Node 20.20.2: `createHmac('sha256', secret).update('{}').digest('hex')`.
        let headers = [("linear-signature", "451f912983620893321285f30f27adf8ea14dd17aa66023afb44d122b8f0a857")];

        assert_eq!(Case { body: "{}", headers: &headers, ..CASE }.verify().err(), Some(Rejection::Missing));
    }
}
