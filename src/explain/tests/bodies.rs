use super::*;

/// Some bytes were signed, and others came.
fn changed(expected: &[&'static str], signed: impl AsRef<[u8]>, came: impl Into<Vec<u8>>) -> Case {
    Case { body: came.into(), ..Case::lmif(expected, SECRET.as_bytes(), signed.as_ref()) }
}

pub(super) fn cases() -> Vec<Case> {
    let lines = BODY.replace(',', ",\n");
    let written = |strings: &str| format!(r#"{{"b":"{strings}","a":[1.0,{{}}]}}"#);
    let plain = written("é/<x>");
    let spaced = plain.replace(':', ": ").replace(',', ", ");
    let head = "POST /hooks/x HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let chunks = format!("3;x=y\r\n{}\r\n{:X}\r\n{}\r\n0\r\n\r\n", &BODY[..3], BODY.len() - 3, &BODY[3..]);
    let longer = Case { body: format!("{BODY}and more").into(), ..changed(&["body-longer"], BODY, "") };
    let length = ("content-length", BODY.len().to_string());
    vec![
        changed(&["body-newline-added"], BODY, format!("{BODY}\n")),
        changed(&["body-newline-added"], BODY, format!("{BODY}\r\n")),
        changed(&["body-newline-removed"], format!("{BODY}\n"), BODY),
        changed(&["body-newline-removed"], format!("{BODY}\r\n"), BODY),
        changed(&["body-white-space"], BODY, format!("\n\n {BODY} \n")),
        changed(&["body-line-ends"], &lines, lines.replace('\n', "\r\n")),
        changed(&["body-line-ends"], lines.replace('\n', "\r\n"), lines.clone()),
        changed(&["body-line-ends"], BODY, lines),
        changed(&["body-byte-order-mark"], BODY, format!("\u{feff}{BODY}")),
        changed(&["body-byte-order-mark"], format!("\u{feff}{BODY}"), BODY),
        changed(&["body-chunked"], BODY, chunks),
        changed(&["body-with-head"], BODY, format!("{head}{BODY}")),
        changed(&["body-base64"], BODY, STANDARD.encode(BODY)),
        changed(&["body-quoted"], BODY, format!("'{BODY}'")),
        changed(&["body-json-twice"], BODY, serde_json::to_string(BODY).unwrap()),
        changed(&["body-form-decoded"], "payload=%7B%22a%22%3A%22x+y%22%7D", r#"{"a":"x y"}"#),
        changed(&["body-form-encoded"], r#"{"a":"x y"}"#, "payload=%7B%22a%22%3A%22x+y%22%7D"),
        changed(&["body-percent-encoding"], "a=b c&d=e/f", "a=b+c&d=e%2Ff"),
        changed(&["body-percent-encoding"], "a=b+c&d=e/f", "a=b+c&d=e%2Ff"),
        changed(&["body-percent-encoding"], "a=b+c&d=e%2Ff", "a=b%20c&d=e%2Ff"),
        changed(&["body-percent-encoding"], "a=b%20c&d=e%2Ff", "a=b+c&d=e%2Ff"),
        changed(&["body-percent-encoding"], "a=b+c&d=e%2Ff", "a=b c&d=e%2Ff"),
        changed(&["body-charset"], "{\"a\":\"é\"}", b"{\"a\":\"\xe9\"}"),
        changed(&["body-charset"], b"{\"a\":\"\xe9\"}", "{\"a\":\"é\"}"),
        changed(&["body-charset"], "{\"a\":\"é\"}", "{\"a\":\"Ã©\"}"),
        changed(&["body-empty-signed"], "", BODY),
        changed(&["body-empty-signed"], "{}", BODY),
        changed(&["body-empty-signed"], "undefined", BODY),
        changed(&["body-empty-signed"], "null", BODY),
        changed(&["body-not-written"], "[object Object]", BODY),
        Case { headers: [longer.headers.clone(), vec![length]].concat(), ..longer },
        // Written anew on the way: what came is what a program makes of what was signed.
        changed(&["json-compact"], &plain, spaced.clone()),
        changed(&["json-spaced"], &spaced, plain.clone()),
        changed(&["json-indented"], "{\n  \"b\": [\n    1,\n    {}\n  ]\n}", r#"{"b":[1,{}]}"#),
        changed(&["json-indented"], "{\n    \"b\": 1\n}", r#"{"b":1}"#),
        changed(&["json-indented"], "{\n\t\"b\": 1\n}", r#"{"b":1}"#),
        changed(&["json-escapes"], &plain, written(r"\u00e9/<x>")),
        changed(&["json-escapes"], written(r"\u00e9/<x>"), plain.clone()),
        changed(&["json-slashes"], written(r"\u00e9\/<x>"), plain.clone()),
        changed(&["json-slashes"], written(r"é\/<x>"), plain.clone()),
        changed(&["json-html"], written(r"é/\u003cx\u003e"), plain.clone()),
        changed(&["json-html"], written(r"\u00E9/\u003Cx\u003E"), plain.clone()),
        changed(&["json-sorted"], r#"{"a":[1.0,{}],"b":"é/<x>"}"#, plain.clone()),
        changed(&["json-numbers"], plain.replace("1.0", "1"), plain.clone()),
        // Two at once: as Python's json.dumps and as jq write what JavaScript wrote.
        changed(&["json-spaced", "json-escapes"], spaced.replace('é', r"\u00e9"), plain.clone()),
        changed(&["json-indented", "body-newline-removed"], "{\n  \"b\": 1\n}\n", r#"{"b":1}"#),
        changed(&["json-spaced", "json-sorted"], r#"{"a": 1, "b": 2}"#, r#"{"b":2,"a":1}"#),
    ]
}

#[test]
fn a_body_that_was_changed_on_its_way_is_recognised() {
    cases().iter().for_each(Case::check);
}

#[test]
fn a_change_of_the_body_is_found_beside_one_of_the_secret_or_the_signature() {
    let signed = sha256(format!("{SECRET}\n").as_bytes(), BODY.as_bytes());
    let both = Case {
        body: format!("{BODY}\n").into(),
        headers: vec![("x-lmif-signature", format!("sha256={}", hex(&signed)))],
        ..Case::of(&["secret-newline", "body-newline-added"], "lmif")
    };
    let upper = Case {
        body: format!("{BODY}\n").into(),
        headers: vec![("x-lmif-signature", STANDARD.encode(sha256(SECRET.as_bytes(), BODY.as_bytes())))],
        ..Case::of(&["signature-prefix", "signature-encoding", "body-newline-added"], "lmif")
    };

    both.check();
    upper.check();
}
