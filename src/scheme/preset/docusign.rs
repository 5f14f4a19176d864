//! Docusign Connect.

use std::time::Duration;

use super::*;

static EVENT_ID: [Locator; 3] = [json("/event"), json("/data/envelopeId"), json("/generatedDateTime")];

/// Docusign Connect.
///
/// `X-DocuSign-Signature-1` to `-100: <base64 HMAC-SHA256>` over the body, one for each key of the account; any may
/// match. An event has no id of its own: what happened, to which envelope and when it was told are its id together. XML
/// has none of these, so that its digest is its id.
///
/// ref: <https://developers.docusign.com/platform/webhooks/connect/hmac/>
pub static DOCUSIGN: Scheme = Scheme {
    name: Borrowed("docusign"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Numbered { prefix: Borrowed("x-docusign-signature-"), suffix: Borrowed("") },
        format: BARE,
        encoding: Encoding::Base64,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        // It looks like base64 and is used as it is shown.
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(json("/event")),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Docusign Connect"),
        document: Borrowed("https://developers.docusign.com/platform/webhooks/connect/hmac/"),
        retries: Retries::For(Duration::from_secs(15 * 24 * 3600)),
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "HMAC is off until it is turned on in the settings of Connect, and in each configuration.",
            "The key looks like base64 and is used as it is shown.",
            "A repeated message counts itself in `retryCount`: its body is another, and it is delivered again under the same id.",
            "Nothing tells when a message was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, keyring, message, seconds, vector};
    use crate::scheme::{Rejection, preset};

    /// Made with Node 20.20.2 as the sample of the document above does it: `createHmac('sha256',
    /// key).update(body).digest('base64')`.
    const CASE: Case<'_> = Case {
        secret: "DkPTX4bVvkHCjRxyBSvUVnbnzDfFxNDqVnHZzbBRnXo=",
        body: r#"{"event":"envelope-completed","apiVersion":"v2.1","uri":"/restapi/v2.1/accounts/0cdb3ff3/envelopes/fb2ef4c9","retryCount":0,"configurationId":10418598,"generatedDateTime":"2023-11-14T22:13:19.1234567Z","data":{"accountId":"0cdb3ff3-e5a4-4dc9-b1f2-f5c9a7a3b0f2","userId":"d3a1c9b2","envelopeId":"fb2ef4c9-6c2f-4a35-9d52-7d7a5a4e9a11"}}"#,
        headers: &[("x-docusign-signature-1", "TtA5WjUrEnSAO8F+jk/nt0Og4IBeJ26vsuXDPOd7Fuo=")],
        id: "envelope-completed:fb2ef4c9-6c2f-4a35-9d52-7d7a5a4e9a11:2023-11-14T22:13:19.1234567Z",
        kind: Some("envelope-completed"),
        ..Case::of("docusign")
    };

    #[test]
    fn what_its_document_signs_is_accepted() {
        vector(&CASE);
    }

    #[test]
    fn of_the_signatures_of_several_keys_any_may_match() {
        // Made as above, with the key `another-key-of-the-account`.
        let other = "9T7HSj2AkrGbX5AR9fWaRyaNp0rLCariNBelp1q7Pfg=";
        let good = CASE.headers[0].1;

        let second = [("x-docusign-signature-1", other), ("x-docusign-signature-2", good)];
        vector(&Case { headers: &second, resigned: false, ..CASE });
        let wrong = [("x-docusign-signature-1", other)];
        assert_eq!(Case { headers: &wrong, ..CASE }.verify().err(), Some(Rejection::Mismatch));
        let beyond = [("x-docusign-signature-101", good)];
        assert_eq!(Case { headers: &beyond, ..CASE }.verify().err(), Some(Rejection::Missing));
    }

    #[test]
    fn several_keys_sign_into_numbered_headers() {
        let scheme = preset("docusign").unwrap();

        let signed = scheme.sign(
            &keyring(scheme, &[CASE.secret, "another-key-of-the-account"]),
            &message(CASE.body.into()),
            seconds(CASE.now),
        );

        let signed = signed.unwrap().headers;
        for (name, value) in [
            ("x-docusign-signature-1", CASE.headers[0].1),
            ("x-docusign-signature-2", "9T7HSj2AkrGbX5AR9fWaRyaNp0rLCariNBelp1q7Pfg="),
        ] {
            assert!(signed.iter().any(|(other, written)| other == name && written == value), "{name}");
        }
    }
}
