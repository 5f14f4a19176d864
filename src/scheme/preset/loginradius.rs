//! LoginRadius.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("signature")];
static EVENT_ID: [Locator; 2] = [json("/HookId"), Locator::DigestBody];

/// LoginRadius.
///
/// `signature: <upper-case hex HMAC-SHA256>` over the body, under the account's API secret or a secondary one. Id, type
/// and time are in the body, so they are signed.
///
/// `HookId` alone does not name an event: the documents leave open whether it is made for each event or for each
/// subscription. Together with the body's digest it is right either way. `HookName` is lower case on the wire and
/// mixed case in the configuration.
///
/// ref: <https://www.loginradius.com/docs/integrations/webhook/overview>
pub static LOGINRADIUS: Scheme = Scheme {
    name: Borrowed("loginradius"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::HexUpper,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/HookName")),
    type_case: TypeCase::Ignored,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("LoginRadius"),
        document: Borrowed("https://www.loginradius.com/docs/integrations/webhook/overview"),
        retries: Retries::Never,
        content_type: Borrowed("application/json; charset=utf-8"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "It does not track whether a delivery arrived, and does not repeat it.",
            "By default the secret is the account's API secret, which also opens the management API: a secondary secret \
             is the better choice.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with Node 20.20.2 by the documented procedure:
    /// `createHmac('sha256', secret).update(body).digest('hex').toUpperCase()`.
    const CASE: Case<'_> = Case {
        secret: "lr-api-secret",
        body: r#"{"HookName":"login","Time":"2019-06-11T20:27:56Z","HookId":"079345b7-7491-4619-91fa-eb881dd78ba4","Data":{"Uid":"793fb102948e48c0bac4382200cc50a8","FirstName":"René"}}"#,
        headers: &[("signature", "1913C7D7E5785E1E6BA49C98A8B5AF3AE6383CF08A3BE871360B9A73095C3BBE")],
        id: "079345b7-7491-4619-91fa-eb881dd78ba4:sha256:30fdcc4b741b7f1a88cf7f30cfa23ea80b57eab5f40c574cd4dfd510fa9e83b2",
        kind: Some("login"),
        ..Case::of("loginradius")
    };

    #[test]
    fn a_delivery_made_as_documented_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn hexadecimal_in_lower_case_is_accepted_too() {
        let signature = CASE.headers[0].1.to_lowercase();

        vector(&Case { headers: &[("signature", &signature)], resigned: false, ..CASE });
    }
}
