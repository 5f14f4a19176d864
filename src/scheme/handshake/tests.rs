use std::borrow::Cow::Borrowed;

use http::HeaderMap;

use super::*;
use crate::scheme::testing::{head, headers, keyring, message, seconds};
use crate::scheme::{Sender, preset};

const NOW: i64 = 1_700_000_000;

const DROPBOX: Handshake = Handshake::Get { mode: None, token: None, challenge: "challenge" };

const META: Handshake = Handshake::Get {
    mode: Some(("hub.mode", "subscribe")),
    token: Some("hub.verify_token"),
    challenge: "hub.challenge",
};

const PROOF: Answer =
    Answer::Proof { at: Pointer(Borrowed("/payload/plainToken")), plain: "plainToken", mac: "encryptedToken" };

/// LMIF, with a handshake of this kind.
fn scheme(at: Locator, answer: Answer) -> Scheme {
    let lmif = preset("lmif").unwrap().clone();
    let handshake = Some(Handshake::Post { at, value: "hello", answer });
    Scheme { sender: Sender { handshake, ..lmif.sender }, ..lmif }
}

fn json(pointer: &'static str) -> Locator {
    Locator::Json(Pointer(Borrowed(pointer)))
}

fn echo() -> Answer {
    Answer::Echo(Pointer(Borrowed("/challenge")))
}

/// What a signed body with these headers is answered.
fn greeted(scheme: &Scheme, body: &str, more: &[(&str, &str)]) -> Option<Result<Greeting, Unfit>> {
    let keys = keyring(scheme, &["another secret, which matches nothing", "Jefe"]);
    let signed = scheme.sign(&keyring(scheme, &["Jefe"]), &message(body.to_owned().into()), seconds(NOW)).unwrap();
    let mut all = headers(more);
    all.extend(signed.headers);
    let head = head(&all);
    let verified = scheme.verify(&keys, &head, signed.body, seconds(NOW)).unwrap();
    scheme.greet(&verified, &head, &keys)
}

fn text(body: &str) -> Greeting {
    Greeting { status: StatusCode::OK, content_type: Some("text/plain"), body: body.to_owned().into() }
}

/// What a request with this query is answered.
fn asked(handshake: &Handshake, method: Method, query: Option<&str>, token: Option<&str>) -> Result<Greeting, Unfit> {
    let none = HeaderMap::new();
    let token = token.map(|token| Secret::new(token.as_bytes().to_vec()));
    handshake.greet(&Head { method: &method, query, ..head(&none) }, token.as_ref())
}

#[test]
fn a_signed_challenge_is_echoed_as_text() {
    let scheme = scheme(json("/type"), echo());

    let said = greeted(&scheme, r#"{"type":"hello","challenge":"3eZbrw1aBm2r-._~+/="}"#, &[]);

    assert_eq!(said, Some(Ok(text("3eZbrw1aBm2r-._~+/="))));
}

#[test]
fn what_does_not_say_that_it_is_a_handshake_is_an_event() {
    let [by_body, by_header] =
        [json("/type"), Locator::Header(http::HeaderName::from_static("x-kind"))].map(|at| scheme(at, echo()));

    for body in [r#"{"type":"bye","challenge":"a"}"#, r#"{"type":"hello","type":"hello"}"#, "{}", "hello"] {
        assert_eq!(greeted(&by_body, body, &[("x-kind", "hello")]), None, "{body}");
    }
    let body = r#"{"type":"hello","challenge":"a"}"#;
    for more in [&[("x-kind", "bye")][..], &[("x-kind", "hello"), ("x-kind", "hello")], &[]] {
        assert_eq!(greeted(&by_header, body, more), None, "{more:?}");
    }
    assert_eq!(greeted(&by_header, body, &[("x-kind", "hello")]), Some(Ok(text("a"))));
    assert_eq!(greeted(preset("lmif").unwrap(), body, &[]), None);
}

#[test]
fn nothing_is_echoed_that_is_long_or_that_a_browser_would_act_on() {
    let scheme = scheme(json("/type"), echo());
    let long = "a".repeat(257);

    for bad in ["<script>", "a b", "a\\nb", "a\\u0000", "ä", "a:b", "a&b", "a'b", "", &long] {
        let body = format!(r#"{{"type":"hello","challenge":"{bad}"}}"#);
        assert_eq!(greeted(&scheme, &body, &[]), Some(Err(Unfit::Challenge)), "{bad}");
    }
    for body in [r#"{"type":"hello"}"#, r#"{"type":"hello","challenge":["a"]}"#] {
        assert_eq!(greeted(&scheme, body, &[]), Some(Err(Unfit::Challenge)), "{body}");
    }
    let longest = &long[1..];
    let body = format!(r#"{{"type":"hello","challenge":"{longest}"}}"#);
    assert_eq!(greeted(&scheme, &body, &[]), Some(Ok(text(longest))));
}

#[test]
fn a_proof_is_made_with_the_key_that_the_request_was_signed_with() {
    let scheme = scheme(json("/event"), PROOF);

    let said = greeted(&scheme, r#"{"event":"hello","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#, &[]);

    // Made with `openssl dgst -sha256 -hmac Jefe`.
    let mac = "15e1939c8e70c8898d5dcb4fa0606a95ea6390dd2d584263fc91afb50b85aca3";
    let body = format!(r#"{{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"{mac}"}}"#);
    let expected = Greeting { status: StatusCode::OK, content_type: Some("application/json"), body: body.into() };
    assert_eq!(said, Some(Ok(expected)));
}

#[test]
fn nothing_is_proved_that_the_sender_itself_could_sign() {
    // With a colon and braces, the proof of a text could be the signature of an event.
    let said = greeted(&scheme(json("/event"), PROOF), r#"{"event":"hello","payload":{"plainToken":"v0:1:{}"}}"#, &[]);

    assert_eq!(said, Some(Err(Unfit::Challenge)));
}

#[test]
fn a_fixed_answer_is_the_same_for_every_handshake() {
    let pong = Acknowledge { status: StatusCode::OK, body: Some(Borrowed(r#"{"type":1}"#)) };
    for (answer, content_type, body) in
        [(Acknowledge::EMPTY, None, ""), (pong, Some("application/json"), r#"{"type":1}"#), (Acknowledge::OK, None, "")]
    {
        let said = greeted(&scheme(json("/type"), Answer::Fixed(answer)), r#"{"type":"hello"}"#, &[]);

        let expected = Greeting { status: StatusCode::OK, content_type, body: body.into() };
        assert_eq!(said, Some(Ok(expected)));
    }
}

#[test]
fn a_parameter_of_the_query_is_given_back() {
    let get = |query| asked(&DROPBOX, Method::GET, Some(query), None);

    assert_eq!(get("challenge=abc-123_"), Ok(text("abc-123_")));
    assert_eq!(get("a=b&ch%61llenge=abc%2B"), Ok(text("abc+")));
    for query in ["", "challenge", "challenge=", "challenge=a&challenge=a", "challenge=%3Cb%3E", "challenge=%ff"] {
        assert_eq!(get(query), Err(Unfit::Challenge), "{query}");
    }
    assert_eq!(asked(&DROPBOX, Method::GET, None, None), Err(Unfit::Challenge));
}

#[test]
fn a_token_that_was_agreed_on_must_be_there() {
    let get = |query, token| asked(&META, Method::GET, Some(query), token);
    let whole = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=vibe%20coding";

    assert_eq!(get(whole, Some("vibe coding")), Ok(text("1158201444")));
    for token in [None, Some("vibe codin"), Some("vibe codinG"), Some("")] {
        assert_eq!(get(whole, token), Err(Unfit::Token), "{token:?}");
    }
    for query in ["hub.mode=subscribe&hub.challenge=1", "hub.verify_token=a&hub.verify_token=a&hub.challenge=1"] {
        assert_eq!(get(query, Some("a")), Err(Unfit::Token), "{query}");
    }
    for query in ["hub.verify_token=a&hub.challenge=1", "hub.mode=unsubscribe&hub.verify_token=a&hub.challenge=1"] {
        assert_eq!(get(query, Some("a")), Err(Unfit::Challenge), "{query}");
    }
}

#[test]
fn another_method_is_no_handshake() {
    let post = Handshake::Post { at: json("/type"), value: "hello", answer: echo() };

    assert_eq!(asked(&Handshake::Head, Method::HEAD, None, None).unwrap().status, StatusCode::OK);
    for (handshake, method) in [
        (&Handshake::Head, Method::GET),
        (&DROPBOX, Method::HEAD),
        (&DROPBOX, Method::PUT),
        (&post, Method::GET),
        (&post, Method::HEAD),
    ] {
        assert_eq!(asked(handshake, method, Some("challenge=a"), None), Err(Unfit::Method), "{handshake:?}");
    }
    assert_eq!([&META, &Handshake::Head, &post].map(Handshake::methods), ["GET, POST", "HEAD, POST", "POST"]);
}

#[test]
fn a_body_is_json_where_it_is_an_object_or_an_array() {
    let kind = |body: &'static str| Acknowledge { status: StatusCode::OK, body: Some(body.into()) }.content_type();

    assert_eq!(Acknowledge::ACCEPTED.content_type(), Some("application/json"));
    assert_eq!(kind(r#"{"ok":true}"#), Some("application/json"));
    assert_eq!(kind("OK"), Some("text/plain; charset=utf-8"));
    assert_eq!(kind("[accepted]"), Some("text/plain; charset=utf-8"));
    assert_eq!(kind(""), None);
}
