use super::*;

fn stripe(expected: &[&'static str], time: &str, signed: &str) -> Case {
    let value = format!("t={time},v1={}", hex(&sha256(SECRET.as_bytes(), signed.as_bytes())));
    Case { headers: vec![("stripe-signature", value)], ..Case::of(expected, "stripe") }
}

fn slack(expected: &[&'static str], time: &str, signed: &str) -> Case {
    let value = format!("v0={}", hex(&sha256(SECRET.as_bytes(), signed.as_bytes())));
    let headers = vec![("x-slack-signature", value), ("x-slack-request-timestamp", time.to_owned())];
    Case { headers, ..Case::of(expected, "slack") }
}

/// A scheme that signs the URL.
fn url(expected: &[&'static str], signed: &str) -> Case {
    let scheme = bare("{url}{body}");
    let value = hex(&sha256(SECRET.as_bytes(), format!("{signed}{BODY}").as_bytes()));
    let headers = vec![("x-signature", value), ("host", "internal:8080".to_owned())];
    Case { scheme, headers, path: "/hooks/x", query: Some("a=1"), ..Case::of(expected, "lmif") }
}

pub(super) fn cases() -> Vec<Case> {
    let secret = SECRET.as_bytes();
    let lmif = |expected: &[&'static str], mac: Vec<u8>| Case {
        headers: vec![("x-lmif-signature", format!("sha256={}", hex(&mac)))],
        ..Case::of(expected, "lmif")
    };
    let timed = format!("{NOW}.{BODY}");
    let with_header =
        |case: Case, name, value: String| Case { headers: [case.headers, vec![(name, value)]].concat(), ..case };
    vec![
        lmif(&["algorithm"], sha1(secret, BODY.as_bytes())),
        lmif(&["algorithm"], sha384(secret, BODY.as_bytes())),
        lmif(&["algorithm"], sha512(secret, BODY.as_bytes())),
        stripe(&["signed-without-timestamp"], "1700000000", BODY),
        stripe(&["signed-separator"], "1700000000", &format!("{NOW}{BODY}")),
        stripe(&["signed-separator"], "1700000000", &format!("{NOW}:{BODY}")),
        stripe(&["signed-content"], "1700000000", &format!("{BODY}{NOW}")),
        slack(&["signed-separator"], "1700000000", &format!("v1:{NOW}:{BODY}")),
        with_header(lmif(&["signed-content"], sha256(secret, timed.as_bytes())), "x-time", NOW.to_string()),
        with_header(
            stripe(&["timestamp-other"], "1700000000", &format!("1700000007.{BODY}")),
            "x-time",
            "1700000007".into(),
        ),
        stripe(&["timestamp-form", "timestamp-unit"], "1700000000000", &timed),
        stripe(&["timestamp-form"], "1700000000", &format!("1700000000000.{BODY}")),
        stripe(&["timestamp-altered"], "1700000017", &timed),
        slack(&["timestamp-altered"], "1699999990", &format!("v0:{NOW}:{BODY}")),
        stripe(&["timestamp-unit"], "1700000000000", &format!("1700000000000.{BODY}")),
        slack(&["timestamp-unreadable"], "yesterday", &format!("v0:yesterday:{BODY}")),
        Case { now: NOW + 86_400, ..stripe(&["timestamp-old"], "1700000000", &timed) },
        Case { now: NOW - 3600, ..stripe(&["timestamp-new"], "1700000000", &timed) },
        Case {
            now: NOW + 3600,
            ..stripe(&["signed-separator", "timestamp-old"], "1700000000", &format!("{NOW}:{BODY}"))
        },
        Case {
            headers: vec![slack(&[], "", &format!("v0:{NOW}:{BODY}")).headers.remove(0)],
            ..slack(&["timestamp-missing"], "", "")
        },
        url(&["verified"], "https://hooks.example.com/hooks/x?a=1"),
        url(&["signed-url"], "http://hooks.example.com/hooks/x?a=1"),
        url(&["signed-url"], "https://hooks.example.com/hooks/x/?a=1"),
        url(&["signed-url"], "https://hooks.example.com:443/hooks/x?a=1"),
        url(&["signed-url"], "https://hooks.example.com/hooks/x"),
        url(&["signed-url"], "http://internal:8080/hooks/x?a=1"),
        url(&["signed-url"], "/hooks/x?a=1"),
        Case { public_url: "http://localhost", ..url(&["url-not-given"], "https://x.example/y") },
        Case { public_url: "https://localhost", ..url(&[], "https://x.example/y") },
        Case { public_url: "http://localhost", ..url(&["signed-url"], "http://internal:8080/hooks/x?a=1") },
        // Two at once.
        Case {
            secrets: vec![key(&format!("{SECRET}\n"))],
            ..lmif(&["secret-white-space", "algorithm"], sha1(secret, BODY.as_bytes()))
        },
        Case {
            body: format!("{BODY}\n").into(),
            ..lmif(&["algorithm", "body-newline-added"], sha512(secret, BODY.as_bytes()))
        },
    ]
}

#[test]
fn other_content_another_algorithm_and_another_time_are_recognised() {
    cases().iter().for_each(Case::check);
}
