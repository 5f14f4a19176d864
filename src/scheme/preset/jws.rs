//! Compact JWS as a body: risr/advance.

use super::*;
use crate::scheme::JwsAlgorithm;

static EVENT_ID: [Locator; 1] = [json("/webhook_request_id")];

/// risr/advance (Kaizen, by Fry-IT), and whoever else sends a compact JWS as the body.
///
/// The body is `header.payload.signature` with HS256 and nothing around it; everything that it says is signed. What the
/// delivery is about is said nowhere in it: there is one URL for each topic, so the type comes from the configuration.
/// `webhook_request_id` is shown for one topic only; without it the payload's digest is the id.
///
/// The sender uses the text of the secret as it is. The library of its own example receiver reads a secret that looks
/// like JSON in another way; it is the sender that must be matched.
///
/// ref: <https://api.kaizenep.com/v2/docs/hooks.html>
pub static JWS: Scheme = Scheme {
    name: Borrowed("jws"),
    mechanism: Mechanism::Jws(JwsAlgorithm::Hs256),
    event_id: Borrowed(&EVENT_ID),
    event_type: None,
    type_case: TypeCase::Exact,
    conflict: OnConflict::Duplicate,
    sender: Sender {
        title: Borrowed("risr/advance"),
        document: Borrowed("https://api.kaizenep.com/v2/docs/hooks.html"),
        retries: Retries::Unknown,
        content_type: Borrowed(""),
        headers: &[],
        handshake: None,
        acknowledge: Acknowledge::ACCEPTED,
        events: Events::Distinct,
        notes: Borrowed(&[
            "The topic is not in the message: `event_type` of the source names it.",
            "For `user_logged_in` and `user_registered` a user waits for the answer.",
            "The secret of its own example has 16 bytes; RFC 7518 §3.2 wants 32.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    #[test]
    fn the_sender_s_library_is_understood() {
        // Made with python-jose 3.5.0, the library that the sender's document names: `jws.sign(payload, secret)`.
        vector(&Case {
            secret: "signature_secret",
            body: concat!(
                "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWRpdExvZyI6W10sImlkIjoicHJvZmlsZV9vcmdfaWQiLCJ3ZWJob29rX3JlcXVl",
                "c3RfaWQiOiJmNDdiZjIyMy1mNWRkLTRmNTgtYWEwNS0yOGFhYTIzNGFhNzUiLCJlbWFpbCI6ImpvaG5AZG9lLmNvbSIsInJldiI6IjEt",
                "MTMyNCIsImZpcnN0TmFtZSI6IkpcdTAwZjZobiIsImxhc3ROYW1lIjoiRG9lIiwidXNlckZpZWxkcyI6W119.is4eA-tT86MmKQA3MPkR",
                "tlz_u1aBeS6gTG4iGMO6UfY",
            ),
            id: "f47bf223-f5dd-4f58-aa05-28aaa234aa75",
            payload: Some(concat!(
                r#"{"auditLog":[],"id":"profile_org_id","webhook_request_id":"f47bf223-f5dd-4f58-aa05-28aaa234aa75","#,
                r#""email":"john@doe.com","rev":"1-1324","firstName":"J\u00f6hn","lastName":"Doe","userFields":[]}"#,
            )),
            ..Case::of("jws")
        });
    }

    #[test]
    fn a_payload_without_id_is_named_by_its_digest() {
        // From the documentation of python-jose.
        vector(&Case {
            secret: "secret",
            body: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoiYiJ9.jiMyrsmD8AoHWeQgmxZ5yq8z0lXS67_QGs52AzC8Ru8",
            id: "sha256:db4a7ecb114bc66c623a06c4ff6fe8daa2f49cc270ebbf7a1f81e22ab061c837",
            payload: Some(r#"{"a":"b"}"#),
            ..Case::of("jws")
        });
    }
}
