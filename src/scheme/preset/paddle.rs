//! Paddle.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("paddle-signature")];
static EVENT_ID: [Locator; 1] = [json("/event_id")];

/// Paddle.
///
/// `Paddle-Signature: ts=<seconds>;h1=<hex HMAC-SHA256>` over `<ts>:<body>`, for Paddle Billing. While a secret is
/// rotated there is an `h1` for each. Its libraries refuse what is older than five seconds; five minutes are allowed
/// here, as a clock may be off by more than that, and what is sent a second time is known by its signed id.
///
/// ref: <https://developer.paddle.com/webhooks/signature-verification>
pub static PADDLE: Scheme = Scheme {
    name: Borrowed("paddle"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: Format {
            items: Borrowed(&[
                Item { prefix: Borrowed("ts="), value: Placeholder::Timestamp },
                Item { prefix: Borrowed("h1="), value: Placeholder::Signature },
            ]),
            separator: Some(Borrowed(";")),
        },
        encoding: Encoding::HexLower,
        signed: Template(Borrowed(&[Part::Timestamp, Part::Literal(Borrowed(":")), Part::Body])),
        timestamp: Some(TimestampRule { from: TimestampSource::Format, unit: TimestampUnit::Seconds }),
        tolerance: five_minutes(),
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/event_type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Paddle"),
        document: Borrowed("https://developer.paddle.com/webhooks/signature-verification"),
        retries: Retries::For(Duration::from_secs(3 * 24 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::OK,
        events: Events::Distinct,
        notes: Borrowed(&[
            "Paddle Billing; Paddle Classic signs with a key of another kind.",
            "Its own libraries refuse what is older than 5 seconds.",
            "The secret is used as it is shown, `pdl_ntfset_` included.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with Python 3.11 and paddle-python-sdk 1.16.1, `PaddleSignature.calculate_hmac(secret,
    /// b'<ts>:<body>').hexdigest()`, and accepted by @paddle/paddle-node-sdk 3.10.0: `webhooks.isSignatureValid(body,
    /// secret, header)`.
    const CASE: Case<'_> = Case {
        secret: "pdl_ntfset_secret",
        body: r#"{"event_id":"evt_01hbe3hrqdfdhp2ek4c5fxhf1y","event_type":"transaction.completed","occurred_at":"2023-11-14T22:13:19.000000Z","notification_id":"ntf_01hbe3hrqdfdhp2ek4c5fxhf1y","data":{"note":"Café ☕"}}"#,
        headers: &[(
            "paddle-signature",
            "ts=1700000000;h1=14ba716babd31acd5ec9919cf3c452381f8150741281de50d4bce3ab65cb90cc",
        )],
        id: "evt_01hbe3hrqdfdhp2ek4c5fxhf1y",
        kind: Some("transaction.completed"),
        ..Case::of("paddle")
    };

    #[test]
    fn what_its_libraries_sign_and_accept_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn of_several_signatures_any_may_match() {
        let good = "h1=14ba716babd31acd5ec9919cf3c452381f8150741281de50d4bce3ab65cb90cc";
        let other = "h1=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39";
        for value in [format!("ts=1700000000;{other};{good}"), format!("ts=1700000000;{good};{other}")] {
            let headers = [("paddle-signature", value.as_str())];
            vector(&Case { headers: &headers, resigned: false, ..CASE });
        }
    }
}
