//! Verifies a webhook in an application of your own.
//!
//! `cargo run --no-default-features --example verify`

use countersign::scheme::{Head, KeySpec, Keyring, Rejection, Secret, preset};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;

fn main() {
    // Once, at the start: how the sender signs, and the secrets that may have signed. While a secret is rotated there
    // are two.
    let scheme = preset("github").expect("GitHub is a preset");
    let keyring =
        Keyring::new(scheme, vec![key("old", "a secret of last year"), key("new", "It's a Secret to Everybody")])
            .expect("no secret is empty");

    // For every request: its head as it came, and its body, byte for byte.
    let body = "Hello, World!";
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-hub-signature-256",
        HeaderValue::from_static("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
    );
    headers.insert("x-github-event", HeaderValue::from_static("ping"));
    headers.insert("x-github-delivery", HeaderValue::from_static("72d3162e-cc78-11e3-81ab-4c9367dc0958"));
    let head = Head { method: &Method::POST, path: "/hooks/github", query: None, headers: &headers, public_url: None };

    match scheme.verify(&keyring, &head, body.as_bytes(), Timestamp::now()) {
        Ok(verified) => {
            let identity = scheme.identify(&verified, &head, None, None);
            println!("accepted, signed with key {}", keyring.key_ids().nth(verified.key()).unwrap_or("?"));
            println!("event type: {}", identity.kind.as_deref().unwrap_or("none"));
            println!("event id: {:?}, covered by the signature: {}", identity.id.header_value(), identity.signed);
        }
        Err(rejection) => println!("refused: {rejection}"),
    }

    // One byte changed.
    let forged = scheme.verify(&keyring, &head, &b"Hello, world!"[..], Timestamp::now());
    assert_eq!(forged.err(), Some(Rejection::Mismatch));
    println!("the same signature over another body is refused");
}

fn key(id: &str, secret: &str) -> KeySpec {
    let secret = Secret::new(secret.as_bytes().to_vec());
    KeySpec { id: id.to_owned(), secret, encoding: None, not_before: None, not_after: None }
}
