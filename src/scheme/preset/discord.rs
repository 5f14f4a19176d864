//! Discord.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-signature-ed25519")];
static EVENT_ID: [Locator; 1] = [json("/id")];

/// Discord: interactions, and the events of an app.
///
/// `X-Signature-Ed25519: <hex Ed25519>` over `<X-Signature-Timestamp><body>`. Interactions have an id, events have none,
/// so that their digest is their id. The application's public key is shown as 64 hexadecimal digits.
///
/// ref: <https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint>
pub static DISCORD: Scheme = Scheme {
    name: Borrowed("discord"),
    mechanism: Mechanism::PublicKey(Recipe {
        algorithm: PublicAlgorithm::Ed25519,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::HexLower,
        signed: TIMESTAMP_AND_BODY,
        timestamp: Some(TimestampRule {
            from: TimestampSource::Header(HeaderName::from_static("x-signature-timestamp")),
            unit: TimestampUnit::Seconds,
        }),
        tolerance: five_minutes(),
        secret: KeyForm::Hex,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/type")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Discord"),
        document: Borrowed("https://docs.discord.com/developers/interactions/overview"),
        retries: Retries::Unknown,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The type is a number. Of an interaction 1 is a PING, 2 a command; of an event 0 is a PING, 1 an event.",
            "PINGs are verified and passed on like others, for the app to answer: `{\"type\":1}`, or 204 to one of an event.",
            "It sends wrong signatures on purpose and wants 401 for them, which is what it gets.",
            "It waits 3 seconds for the answer to an interaction, and the answer is shown: use `delivery: sync`.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, head, headers, keyring, seconds, vector};
    use crate::scheme::{Rejection, preset};

    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    /// Signed with the first key of RFC 8032 §7.1, and accepted by `verifyKey` of discord-interactions 4.4.0.
    const CASE: Case<'_> = Case {
        secret: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        body: r#"{"app_permissions":"442368","application_id":"845027738276462632","id":"846462639134605312","token":"aW50ZXJhY3Rpb24","type":2,"version":1}"#,
        headers: &[
            (
                "x-signature-ed25519",
                "5aabfd08616c6342e2f69116b916fd70b8391848df7f77a360c34bf7a870ecc859fff6a5ff729a0641cf3ecb6b99d2effaa262d81e0c692b7ea339593540370d",
            ),
            ("x-signature-timestamp", "1700000000"),
        ],
        id: "846462639134605312",
        kind: Some("2"),
        ..Case::of("discord")
    };

    #[test]
    fn what_its_library_accepts_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn the_public_key_is_enough_to_verify() {
        let scheme = preset("discord").unwrap();
        let verify = |headers: &http::HeaderMap| {
            let body = CASE.body.as_bytes().to_vec();
            scheme.verify(&keyring(scheme, &[PUBLIC]), &head(headers), body, seconds(CASE.now)).err()
        };

        assert_eq!(verify(&headers(CASE.headers)), None);
        let late = [CASE.headers[0], ("x-signature-timestamp", "1700000001")];
        assert_eq!(verify(&headers(&late)), Some(Rejection::Mismatch));
    }
}
