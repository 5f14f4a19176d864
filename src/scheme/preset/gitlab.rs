//! GitLab.

use http::HeaderName;

use super::*;

static EVENT_ID: [Locator; 1] = [Locator::Header(HeaderName::from_static("idempotency-key"))];

/// GitLab, with a secret token.
///
/// `X-Gitlab-Token` holds the secret itself, as it was entered. Nothing is signed: whoever has read one request can send
/// any other. `Idempotency-Key` stays over repeated deliveries; versions of GitLab before 17.4 send none, and the body's
/// digest is the id. A webhook with a signing token, which newer versions offer beside the secret token, is signed as
/// Standard Webhooks are.
///
/// ref: <https://docs.gitlab.com/user/project/integrations/webhooks/>
pub static GITLAB: Scheme = Scheme {
    name: Borrowed("gitlab"),
    mechanism: Mechanism::Token(HeaderName::from_static("x-gitlab-token")),
    event_id: Borrowed(&EVENT_ID),
    event_type: Some(Locator::Header(HeaderName::from_static("x-gitlab-event"))),
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("GitLab"),
        document: Borrowed("https://docs.gitlab.com/user/project/integrations/webhooks/"),
        retries: Retries::Unknown,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "Nothing is signed: the token proves who knows it, not what was sent. Whoever reads one request can send any other, so use it over TLS alone.",
            "The token is taken out before the app is sent the request, and is not stored.",
            "Where a webhook has a signing token, use the scheme `standard-webhooks` with it: that one signs.",
            "The type is the name in the header, such as `Push Hook`; `object_kind` in the body says the same.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, head, headers, keyring, seconds};
    use crate::scheme::{Body, Rejection, preset};

    /// The headers of the document's example, with a token added as it says.
    const CASE: Case<'_> = Case {
        secret: "<your_webhook_secret>",
        body: r#"{"object_kind":"push","event_name":"push"}"#,
        headers: &[
            ("x-gitlab-token", "<your_webhook_secret>"),
            ("x-gitlab-event", "Push Hook"),
            ("idempotency-key", "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"),
            ("x-gitlab-webhook-uuid", "1792a3d6-a8b1-4ee8-a2d1-4d8a2a1f6e1d"),
        ],
        ..Case::of("gitlab")
    };

    #[test]
    fn a_request_with_the_token_is_accepted_and_named() {
        let (scheme, lines) = (preset("gitlab").unwrap(), headers(CASE.headers));
        let verify = |body: &str| {
            let keyring = keyring(scheme, &[CASE.secret]);
            scheme.verify(&keyring, &head(&lines), Body::from(body.as_bytes().to_vec()), seconds(CASE.now))
        };

        let verified = verify(CASE.body).unwrap();
        let identity = scheme.identify(&verified, &head(&lines), None, None);

        assert_eq!(identity.id.header_value(), "f5e5f430-f57b-4e6e-9fac-d9128cd7232f");
        assert_eq!((identity.kind.as_deref(), identity.signed), (Some("Push Hook"), false));
        // The body is not covered, and that is said nowhere as loudly as here.
        assert!(verify("anything else").is_ok());
    }

    #[test]
    fn another_token_is_refused() {
        assert_eq!(Case { secret: "another", ..CASE }.verify().err(), Some(Rejection::Mismatch));
        assert_eq!(Case { headers: &CASE.headers[1..], ..CASE }.verify().err(), Some(Rejection::Missing));
    }
}
