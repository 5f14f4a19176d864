//! Dropbox.

use http::HeaderName;

use super::*;

static SIGNATURE: [HeaderName; 1] = [HeaderName::from_static("x-dropbox-signature")];

/// Dropbox.
///
/// `X-Dropbox-Signature: <hex HMAC-SHA256>` over the body, with the secret of the app. The body names the accounts in
/// which something changed and nothing else, so that two genuine notifications may be the same.
///
/// ref: <https://www.dropbox.com/developers/reference/webhooks>
pub static DROPBOX: Scheme = Scheme {
    name: Borrowed("dropbox"),
    mechanism: Mechanism::Hmac(Recipe {
        algorithm: Algorithm::Sha256,
        carrier: Carrier::Headers(Borrowed(&SIGNATURE)),
        format: BARE,
        encoding: Encoding::HexLower,
        signed: BODY,
        timestamp: None,
        tolerance: None,
        secret: SecretEncoding::Utf8,
    }),
    event_id: Borrowed(&[]),
    event_type: None,
    type_case: TypeCase::Exact,
    conflict: OnConflict::Deliver,
    sender: Sender {
        title: Borrowed("Dropbox"),
        document: Borrowed("https://www.dropbox.com/developers/reference/webhooks"),
        retries: Retries::Unknown,
        content_type: Borrowed("application/json"),
        headers: &[],
        handshake: Some(Handshake::Get { mode: None, token: None, challenge: "challenge" }),
        acknowledge: Acknowledge::OK,
        events: Events::Alike,
        notes: Borrowed(&[
            "A notification has no id, and two genuine ones may have the same body. So nothing of it counts as a duplicate, unless `dedup` of the source says otherwise.",
            "It says who has changes, not which: the app asks for them.",
            "It waits 10 seconds for an answer.",
            "Nothing tells when a notification was signed.",
        ]),
    },
};

#[cfg(test)]
mod tests {
    use crate::scheme::testing::{Case, vector};

    /// Made with Node 20.20.2 as the sample of the document above does it in Python: `hmac.new(secret, body,
    /// sha256).hexdigest()`.
    const CASE: Case<'_> = Case {
        secret: "dropbox-app-secret",
        body: r#"{"list_folder":{"accounts":["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"]},"delta":{"users":[12345678]}}"#,
        headers: &[("x-dropbox-signature", "450ef9f57aef4016f16da031b9d4597c8f4672296e2d3b8d98fd21af6db3fd6a")],
        id: "sha256:7048e7e78692d212e2e09d30aac36233abc301f8dbae2c68db907bd23fea0ef6",
        ..Case::of("dropbox")
    };

    #[test]
    fn what_its_document_signs_is_accepted() {
        vector(&CASE);
    }
}
