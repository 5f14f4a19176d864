//! Box.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 2] =
    [HeaderName::from_static("box-signature-primary"), HeaderName::from_static("box-signature-secondary")];
static EVENT_ID: [Locator; 1] = [json("/id")];

/// Box.
///
/// `BOX-SIGNATURE-PRIMARY` and `BOX-SIGNATURE-SECONDARY: <base64 HMAC-SHA256>` over the body and then the text of
/// `BOX-DELIVERY-TIMESTAMP`, each with a key of its own, so that one key can be replaced while the other is in use. Any
/// key may match either header. Its libraries also try the body with characters beyond ASCII escaped, for apps that
/// have parsed it; here it is verified as it came.
///
/// ref: <https://developer.box.com/guides/webhooks/v2/signatures-v2/>
pub static BOX: Scheme = Scheme {
    name: Borrowed("box"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::Base64,
        signed: Template(Borrowed(&[Part::Body, Part::Timestamp])),
        timestamp: Some(TimestampRule {
            from: TimestampSource::Header(HeaderName::from_static("box-delivery-timestamp")),
            unit: TimestampUnit::Rfc3339,
        }),
        tolerance: Some(Duration::from_secs(600)),
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/trigger")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Box"),
        document: Borrowed("https://developer.box.com/guides/webhooks/v2/signatures-v2/"),
        retries: Retries::Unknown,
        content_type: Borrowed("application/json"),
        headers: &[("box-signature-version", "1"), ("box-signature-algorithm", "HmacSHA256")],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "Version 2 of its webhooks. Give both keys as `secrets`, the primary one first.",
            "`BOX-DELIVERY-ID` is not signed; the id is the one in the body.",
            "Its own libraries allow no timestamp of the future; here ten minutes are allowed both ways.",
            "`BOX-SIGNATURE-VERSION: 1` and `BOX-SIGNATURE-ALGORITHM: HmacSHA256`, which its own libraries ask for, are sent, and not asked for: they are not signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, keyring, message, seconds, vector};
    use crate::scheme::{Rejection, preset};

    /// From the tests of Box's libraries (`testWebhookValidation` in box-node-sdk 10.12.0 and in boxsdk 10.18.0).
    const CASE: Case<'_> = Case {
        secret: "SamplePrimaryKey",
        body: r#"{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}"#,
        headers: &[
            ("box-signature-primary", "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI="),
            ("box-signature-secondary", "v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo="),
            ("box-delivery-timestamp", "2020-01-01T00:00:00-07:00"),
        ],
        now: 1_577_862_000,
        id: "sha256:02e30aedd935a21940d21675866e453627d976d2cba69d224fa3810f4cb65b70",
        kind: Some("FILE.UPLOADED"),
        resigned: false,
        ..Case::of("box")
    };

    #[test]
    fn what_the_tests_of_its_libraries_accept_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn either_key_is_enough() {
        let [primary, secondary, time] = [CASE.headers[0], CASE.headers[1], CASE.headers[2]];
        let case = |secret: &str, headers: &[(&str, &str)]| Case { secret, headers, ..CASE }.verify().err();

        assert_eq!(case("SampleSecondaryKey", CASE.headers), None);
        assert_eq!(case("SamplePrimaryKey", &[primary, time]), None);
        assert_eq!(case("SampleSecondaryKey", &[secondary, time]), None);
        assert_eq!(case("SamplePrimaryKey", &[secondary, time]), Some(Rejection::Mismatch));
        assert_eq!(case("IncorrectKey", CASE.headers), Some(Rejection::Mismatch));
        assert_eq!(case("SamplePrimaryKey", &[time]), Some(Rejection::Missing));
    }

    #[test]
    fn two_keys_sign_into_two_headers() {
        let scheme = preset("box").unwrap();
        let message = message(CASE.body.into());

        let signed =
            scheme.sign(&keyring(scheme, &["SamplePrimaryKey", "SampleSecondaryKey"]), &message, seconds(CASE.now));

        // Made with Node 20.20.2 as box-node-sdk 10.12.0 does it, for the same moment in UTC.
        let signed = signed.unwrap().headers;
        for (name, value) in [
            ("box-delivery-timestamp", "2020-01-01T07:00:00Z"),
            ("box-signature-primary", "Xi52Wd0jXNScXPlljQxAq0ycQ8dju4bxi8nEZhAEAwE="),
            ("box-signature-secondary", "9Tce+LKwBFA1KAvBe285pJX2/WSCopq7WzUeB3pRmvw="),
        ] {
            assert!(signed.iter().any(|(other, written)| other == name && written == value), "{name}");
        }
    }
}
