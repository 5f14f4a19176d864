//! LMIF.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-lmif-signature")];
static EVENT_ID: [Locator; 1] = [json("/id")];

/// LMIF, the brand protection service Look Ma, I'm Famous.
///
/// `X-LMIF-Signature: sha256=<hex HMAC-SHA256>` over the body, which holds id, type and `createdAt`, so they are signed.
///
/// The document would have deliveries refused whose `createdAt` is older than five minutes. It also repeats deliveries
/// for 34 hours and 36 minutes, and does not say that `createdAt` changes. So there is no tolerance here: to refuse what
/// is late would be to lose every third and later attempt, and the id already tells a replay.
///
/// ref: <https://www.lookmaimfamous.com/webhooks/security>
pub static LMIF: Scheme = Scheme {
    name: Borrowed("lmif"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: prefixed(&[Item { prefix: Borrowed("sha256="), value: Placeholder::Signature }]),
        encoding: Encoding::HexLower,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Duplicate,
    sender: Sender {
        title: Borrowed("LMIF"),
        document: Borrowed("https://www.lookmaimfamous.com/webhooks/security"),
        // 1 min, 5 min, 30 min, 2 h, 8 h and 24 h, each after the attempt before.
        retries: Retries::For(Duration::from_secs(34 * 3600 + 36 * 60)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "It names the body's `id` as the key for idempotency.",
            "`createdAt` is not held against a delivery: its own retries would not pass its own limit of five minutes.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    #[test]
    fn a_delivery_made_as_documented_is_accepted() {
        // Made with Node 20.20.2 by the documented procedure: `createHmac('sha256', secret).update(body).digest('hex')`.
        vector(&Case {
            secret: "your-webhook-secret",
            body: r#"{"id":"evt_abc123","type":"box.created","createdAt":"2024-01-15T10:00:00Z","data":{},"meta":{"apiVersion":"v1","webhookId":"wh_xyz789"}}"#,
            headers: &[("x-lmif-signature", "sha256=309a093f922f807eb68d808bc43e8cef69205b2045064c6354c0ff3898617a11")],
            id: "evt_abc123",
            kind: Some("box.created"),
            ..Case::of("lmif")
        });
    }
}
