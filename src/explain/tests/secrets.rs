use super::*;

/// Signed with one key, while another text is configured.
fn configured(expected: &[&'static str], text: &str, signed_with: &[u8]) -> Case {
    Case { secrets: vec![key(text)], ..Case::lmif(expected, signed_with, BODY.as_bytes()) }
}

pub(super) fn cases() -> Vec<Case> {
    let plain = SECRET.as_bytes();
    let bytes = b"hunter2 \xff\xfe in bytes";
    let standard = |text: &str, expected: &[&'static str], signed_with: &[u8]| {
        let signed = [b"msg_1.1700000000.", BODY.as_bytes()].concat();
        let value = format!("v1,{}", STANDARD.encode(sha256(signed_with, &signed)));
        let headers =
            vec![("webhook-id", "msg_1".into()), ("webhook-timestamp", NOW.to_string()), ("webhook-signature", value)];
        Case { headers, secrets: vec![key(text)], ..Case::of(expected, "standard-webhooks") }
    };
    let expired = KeySpec { not_after: Some(Timestamp::from_second(NOW - 1).unwrap()), ..key(SECRET) };
    vec![
        configured(&["secret-newline"], SECRET, format!("{SECRET}\n").as_bytes()),
        configured(&["secret-newline"], SECRET, format!("{SECRET}\r\n").as_bytes()),
        configured(&["secret-white-space"], &format!("{SECRET}\n"), plain),
        configured(&["secret-white-space"], &format!(" {SECRET} "), plain),
        configured(&["secret-quotes"], &format!("\"{SECRET}\""), plain),
        configured(&["secret-quotes"], &format!("'{SECRET}'"), plain),
        configured(&["secret-quotes"], SECRET, format!("\"{SECRET}\"").as_bytes()),
        configured(&["secret-quotes"], SECRET, format!("'{SECRET}'").as_bytes()),
        configured(&["secret-case"], &SECRET.to_uppercase(), plain),
        configured(&["secret-case"], SECRET, SECRET.to_uppercase().as_bytes()),
        configured(&["secret-name"], SECRET, b"LMIF_SECRET"),
        configured(&["secret-name"], SECRET, b"${LMIF_SECRET}"),
        configured(&["secret-unset"], SECRET, b""),
        configured(&["secret-unset"], SECRET, b"undefined"),
        configured(&["secret-encoding"], &hex(bytes), bytes),
        configured(&["secret-encoding"], &STANDARD.encode(bytes), bytes),
        configured(&["secret-encoding"], &URL_SAFE_NO_PAD.encode(bytes), bytes),
        configured(&["secret-prefix"], &format!("whsec_{SECRET}"), plain),
        configured(&["secret-prefix", "secret-encoding"], &format!("whsec_{}", STANDARD.encode(bytes)), bytes),
        configured(&["secret-white-space", "secret-encoding"], &format!("{}\n", hex(bytes)), bytes),
        // The whole text, prefix and all, where what is behind it should be decoded.
        standard("whsec_aHVudGVyMg==", &["secret-encoding"], b"whsec_aHVudGVyMg=="),
        standard("whsec_aHVudGVyMg==", &["secret-not-decoded"], b"aHVudGVyMg=="),
        standard("whsec_hunter2!", &["secret-encoding"], b"whsec_hunter2!"),
        standard("\"whsec_aHVudGVyMg==\"", &["secret-quotes"], b"hunter2"),
        Case {
            secrets: vec![key("the present secret"), KeySpec { id: "old".into(), ..expired.clone() }],
            ..configured(&["secret-not-valid"], "", plain)
        },
        Case {
            secrets: vec![key("the present secret"), expired],
            body: format!("{BODY}\n").into(),
            ..configured(&["body-newline-added", "secret-not-valid"], "", plain)
        },
        Case {
            secrets: vec![KeySpec { encoding: Some(SecretEncoding::Hex), ..key(&hex(b"hunter2hunter2")) }],
            ..configured(&["secret-encoding"], "", hex(b"hunter2hunter2").as_bytes())
        },
    ]
}

#[test]
fn a_secret_that_is_not_the_sender_s_is_recognised() {
    cases().iter().for_each(Case::check);
}

#[test]
fn the_second_of_two_secrets_is_right() {
    let case = Case { secrets: vec![key("another"), key(SECRET)], ..configured(&[], "", SECRET.as_bytes()) };

    assert!(matches!(case.explain(), Explanation::Verified(1)));
}

#[test]
fn a_secret_that_cannot_be_used_is_said_to_be() {
    let case = Case { secrets: vec![key("whsec_not base64")], ..Case::of(&[], "standard-webhooks") };

    let Explanation::Found { refused: Refused::Secret(_), mistakes } = case.explain() else { panic!("it is refused") };
    assert_eq!(mistakes[0].name, "signature-missing");
}
