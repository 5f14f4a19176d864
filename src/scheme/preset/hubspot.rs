//! HubSpot.

use std::time::Duration;

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-hubspot-signature-v3")];

/// HubSpot.
///
/// `X-HubSpot-Signature-v3: <base64 HMAC-SHA256>` over the method, the URL, the body and the text of
/// `X-HubSpot-Request-Timestamp`, with nothing between them. Of the URL some percent-encoded characters are signed
/// decoded. The body is a batch of events without an id of its own, so that its digest is its id. The older signatures,
/// which are plain hashes, come beside it and are not looked at.
///
/// ref: <https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation>
pub static HUBSPOT: Scheme = Scheme {
    name: Borrowed("hubspot"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::Base64,
        signed: Template(Borrowed(&[Part::Method, Part::UrlDecoded, Part::Body, Part::Timestamp])),
        timestamp: Some(TimestampRule {
            from: TimestampSource::Header(HeaderName::from_static("x-hubspot-request-timestamp")),
            unit: TimestampUnit::Milliseconds,
        }),
        tolerance: five_minutes(),
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&[]),
    event_type: None,
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("HubSpot"),
        document: Borrowed(
            "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
        ),
        retries: Retries::For(Duration::from_secs(24 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "Version 3 of its signature; the secret is the client secret of the app.",
            "The URL is signed as it was registered: `public_url` and `path` must be the same to the letter.",
            "A request is a batch, without an id of its own: the body's digest is its id. As each event counts its attempts in `attemptNumber`, a repeated batch counts as new.",
            "It waits 5 seconds for an answer.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::Rejection;
    use crate::scheme::testing::{Case, vector};

    /// Made with @hubspot/api-client 13.5.0 for Node: `Signature.getSignature('POST', 'v3', {clientSecret,
    /// requestBody, url, timestamp})`.
    const CASE: Case<'_> = Case {
        secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        body: r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321,"note":"Zoë"}]"#,
        headers: &[
            ("x-hubspot-signature-v3", "u5rf/gUu1Cai74PDbxzniIw6DAShM4G6w+sIc8zhzbc="),
            ("x-hubspot-request-timestamp", "1700000000000"),
        ],
        id: "sha256:bc90e0c26220cb6918c63d1a7abd6760bf6eb9462a2eccf21bb5b76611cb94de",
        ..Case::of("hubspot")
    };

    #[test]
    fn what_its_library_signs_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn some_characters_of_the_url_are_signed_decoded() {
        // Made as above, for a URL that ends with `?portal=a:b/c@d&to=%C3%A9%20f`.
        let headers = [("x-hubspot-signature-v3", "mt03d6fEyjyPCcltqzRs9c8P2VdJsc5FrqeiwkpaYy8="), CASE.headers[1]];
        for query in ["portal=a%3Ab%2Fc%40d&to=%C3%A9%20f", "portal=a%3ab/c@d&to=%C3%A9%20f"] {
            vector(&Case { query: Some(query), headers: &headers, ..CASE });
        }

        let other = Case { query: Some("portal=a:b/c@d&to=%c3%a9%20f"), headers: &headers, ..CASE };
        assert_eq!(other.verify().err(), Some(Rejection::Mismatch));
    }
}
