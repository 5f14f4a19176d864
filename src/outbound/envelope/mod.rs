//! Puts the app's JSON into the form that a sender's receivers know.
//!
//! It is done once, when the event is accepted; what comes out is stored, and signed as
//! stored at each attempt. The app's bytes are kept as they are: nothing is parsed and written
//! again, so no number changes its digits and no member its place.

mod jws;
mod lmif;
mod loginradius;
mod object;

use bytes::Bytes;
use serde::de::IgnoredAny;
use uuid::Uuid;

use super::refusal::Refusal;
use crate::clock::Timestamp;
use crate::config::Envelope;

pub(super) use jws::id_in;

/// An event as the app gave it.
pub(super) struct Plain<'a> {
    pub(super) body: &'a Bytes,
    pub(super) id: &'a str,
    pub(super) kind: Option<&'a str>,
    /// The endpoint's name.
    pub(super) endpoint: &'a str,
    /// When it was accepted.
    pub(super) at: Timestamp,
    /// A UUID that no other delivery has.
    pub(super) unique: Uuid,
}

/// What is sent in the place of the app's body.
///
/// # Errors
///
/// Where the body, or the type, is not what the envelope needs.
pub(super) fn wrap(envelope: Envelope, plain: &Plain<'_>) -> Result<Bytes, Refusal> {
    match envelope {
        Envelope::Jws => jws::wrap(plain),
        Envelope::Lmif => lmif::wrap(plain),
        Envelope::LoginRadius => loginradius::wrap(plain),
        Envelope::None => Ok(plain.body.clone()),
    }
}

/// The app's body as the JSON value that it must be.
fn json(body: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::NotJson)?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| Refusal::NotJson)?;
    Ok(text)
}

/// A JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A moment in RFC 3339, to the second, as the senders' documents show it.
fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::{Body, preset};

    const AT: &str = "2026-11-23T10:00:00.987654Z";

    fn wrapped(envelope: Envelope, id: &str, kind: Option<&str>, body: &str) -> Result<String, Refusal> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let (at, unique) = (AT.parse().unwrap(), "079345b7-7491-4619-91fa-eb881dd78ba4".parse().unwrap());
        let plain = Plain { body: &body, id, kind, endpoint: "partner", at, unique };
        wrap(envelope, &plain).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn lmif_s_envelope_has_the_members_of_its_document_in_their_order() {
        let sent = wrapped(Envelope::Lmif, "evt_abc123", Some("box.created"), r#"{"n":1.0,"s":"é"}"#).unwrap();

        assert_eq!(
            sent,
            r#"{"id":"evt_abc123","type":"box.created","createdAt":"2026-11-23T10:00:00Z","data":{"n":1.0,"s":"é"},"meta":{"apiVersion":"v1","webhookId":"partner"}}"#
        );
    }

    #[test]
    fn loginradius_envelope_has_the_members_of_its_document_in_their_order() {
        let sent = wrapped(Envelope::LoginRadius, "1", Some("Update_Profile"), r#"{"Uid":"7"}"#).unwrap();

        assert_eq!(
            sent,
            r#"{"HookName":"updateprofile","Time":"2026-11-23T10:00:00Z","HookId":"079345b7-7491-4619-91fa-eb881dd78ba4","Data":{"Uid":"7"}}"#
        );
    }

    #[test]
    fn risr_s_object_gets_an_id_only_where_it_has_none() {
        let with = |body| wrapped(Envelope::Jws, "f47b", None, body).unwrap();

        assert_eq!(with("{}"), r#"{"webhook_request_id":"f47b"}"#);
        assert_eq!(with(" { \"a\" : 1.0 } "), r#" {"webhook_request_id":"f47b", "a" : 1.0 } "#);
        let own = r#"{"a":1,"webhook_request_id":"f47b"}"#;
        assert_eq!(with(own), own);
        let spelled = r#"{"webhook_request_\u0069d":"f47b"}"#;
        assert_eq!(with(spelled), spelled);
        let deeper = r#"{"a":{"webhook_request_id":"x"}}"#;
        assert_eq!(with(deeper), r#"{"webhook_request_id":"f47b","a":{"webhook_request_id":"x"}}"#);
    }

    #[test]
    fn an_object_whose_own_id_is_another_or_unfit_is_refused() {
        for body in [
            r#"{"webhook_request_id":"other"}"#,
            r#"{"webhook_request_id":null}"#,
            r#"{"webhook_request_id":7}"#,
            r#"{"webhook_request_id":"f47b","webhook_request_id":"f47b"}"#,
        ] {
            assert!(matches!(wrapped(Envelope::Jws, "f47b", None, body), Err(Refusal::EventId)), "{body}");
        }
    }

    #[test]
    fn the_app_s_bytes_are_kept() {
        let odd = "{\n \"b\": 10000000000000000000000.10, \"a\":\"\\ud800\\u00e9\", \"b\": 1e999}";

        for envelope in [Envelope::Jws, Envelope::Lmif, Envelope::LoginRadius] {
            assert!(wrapped(envelope, "1", Some("t"), odd).unwrap().contains(&odd[1..]), "{envelope:?}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in ["", " ", "{", "{}}", "{'a':1}", "nul", "01", "\u{feff}{}", "\"\t\"", "{\"a\":NaN}"] {
            for envelope in [Envelope::Jws, Envelope::Lmif, Envelope::LoginRadius] {
                assert!(matches!(wrapped(envelope, "1", Some("t"), body), Err(Refusal::NotJson)), "{body}");
            }
        }
        for body in ["[]", "null", "\"a\"", "7"] {
            assert!(matches!(wrapped(Envelope::Jws, "1", None, body), Err(Refusal::NotAnObject)), "{body}");
            assert!(wrapped(Envelope::Lmif, "1", Some("t"), body).is_ok(), "{body}");
        }
    }

    #[test]
    fn a_body_may_be_as_deep_as_it_is_long() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));

        for envelope in [Envelope::Jws, Envelope::Lmif, Envelope::LoginRadius] {
            assert!(wrapped(envelope, "1", Some("t"), &deep).is_ok(), "{envelope:?}");
        }
    }

    #[test]
    fn an_envelope_that_names_the_type_needs_one() {
        for envelope in [Envelope::Lmif, Envelope::LoginRadius] {
            assert!(matches!(wrapped(envelope, "1", None, "{}"), Err(Refusal::EventTypeMissing)));
        }
        assert!(matches!(wrapped(Envelope::LoginRadius, "1", Some("::"), "{}"), Err(Refusal::EventType)));
    }

    #[test]
    fn the_scheme_reads_what_was_given() {
        for (envelope, scheme, kind) in [(Envelope::Lmif, "lmif", Some(r#"a"b\c"#)), (Envelope::Jws, "jws", None)] {
            let sent = wrapped(envelope, r#"x"\y"#, Some(r#"a"b\c"#), r#"{"id":"7"}"#).unwrap();

            let named = preset(scheme).unwrap().named(&Body::from(Bytes::from(sent)));
            assert_eq!((named.0.as_deref(), named.1.as_deref()), (Some(r#"x"\y"#), kind));
        }
    }
}
