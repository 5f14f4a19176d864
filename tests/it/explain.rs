//! `countersign explain`, as a shell runs it. Which mistakes it knows is tested beside the code.

use std::fs;

use countersign::scheme::PRESETS;

use crate::support::{Cli, Ended};

const SECRET: &str = "whsec_cmVjb2duaXNhYmxlIGFuZCBsb25nIGVub3VnaA==";

const BODY: &[u8] = br#"{"id":"evt_1","type":"box.created"}"#;

/// The header lines that a sender sends.
fn signed(scheme: &str, secret: &str) -> Vec<String> {
    let made = Cli::new(["sign", "--scheme", scheme, "--secret-env", "KEY", "--event-id", "evt_1"])
        .variable("KEY", secret)
        .run_on(BODY);
    assert_eq!(made.code, 0, "{made:?}");
    made.stdout.lines().map(ToOwned::to_owned).collect()
}

fn explained(scheme: &str, headers: &[String], body: &[u8]) -> Ended {
    let lines = headers.iter().flat_map(|line| ["-H", line.as_str()]);
    let arguments = ["explain", "--scheme", scheme, "--secret-env", "KEY"].into_iter().chain(lines);
    Cli::new(arguments).variable("KEY", SECRET).run_on(body)
}

#[test]
fn a_request_that_is_right_ends_with_0() {
    for preset in PRESETS {
        let made =
            Cli::new(["sign", "--scheme", &preset.name, "--secret-env", "KEY"]).variable("KEY", SECRET).run_on(BODY);
        // Some schemes only verify, and the signature of others is in the body.
        let has_headers = made.code == 0 && made.stdout.lines().all(|line| line.contains(": "));
        let (headers, body) = if has_headers { (made.stdout.as_str(), BODY) } else { ("", made.stdout.as_bytes()) };
        if made.code != 0 {
            continue;
        }
        let headers: Vec<String> = headers.lines().map(ToOwned::to_owned).collect();

        let ended = explained(&preset.name, &headers, body);

        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}: {ended:?}", preset.name);
        assert_eq!(ended.stdout, "verified by secret KEY\nnothing is wrong with this request\n");
    }
}

#[test]
fn a_mistake_is_named_with_what_to_do_about_it_and_ends_with_1() {
    let ended = explained("lmif", &signed("lmif", SECRET), &[BODY, b"\n"].concat());

    assert_eq!(ended.code, 1);
    assert!(
        ended.stdout.starts_with("rejected: signature_mismatch: the signature does not match\n"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("  body-newline-added: the body has a newline at its end"), "{}", ended.stdout);
    assert!(ended.stdout.contains("    Capture the bytes as they came"), "{}", ended.stdout);
}

#[test]
fn several_mistakes_are_named_together() {
    let headers = signed("lmif", &format!("{SECRET}\n"));
    let bare: Vec<String> = headers.iter().map(|line| line.replace("sha256=", "")).collect();

    let ended = explained("lmif", &bare, BODY);

    assert_eq!(ended.code, 1);
    assert!(ended.stdout.contains("  secret-newline: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("  signature-prefix: "), "{}", ended.stdout);
}

#[test]
fn the_scheme_that_was_meant_is_named() {
    let ended = explained("slack", &signed("github", SECRET), BODY);

    assert!(ended.stdout.contains("preset: this is how `github` signs, not `slack`"), "{}", ended.stdout);
}

#[test]
fn where_none_fits_it_is_said_what_is_left() {
    let ended = explained("lmif", &signed("lmif", "another"), BODY);

    assert_eq!(ended.code, 1);
    assert!(ended.stdout.contains("none of the usual mistakes fits"), "{}", ended.stdout);
    assert!(ended.stdout.contains("what is left:\n  The secret is another one"), "{}", ended.stdout);
}

#[test]
fn the_secret_of_a_file_is_explained_as_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, format!("{SECRET} \n")).unwrap();
    let headers = signed("lmif", SECRET);
    let lines = headers.iter().flat_map(|line| ["-H", line.as_str()]);

    let arguments = ["explain", "--scheme", "lmif"].into_iter().chain(lines).chain(["--secret-file"]);
    let ended = Cli::new(arguments).argument(&file).run_on(BODY);

    assert!(ended.stdout.contains("secret-white-space: "), "{ended:?}");
}

#[test]
fn neither_a_secret_nor_the_right_signature_is_ever_said() {
    let right = signed("lmif", SECRET).concat();
    let mac = right.split("sha256=").nth(1).unwrap().trim();
    let wrong = vec![format!("x-lmif-signature: sha256={}", "0".repeat(64))];
    for headers in [vec![], wrong, signed("lmif", "another"), signed("github", SECRET)] {
        let ended = explained("lmif", &headers, BODY);

        assert_ne!(ended.code, 2);
        assert!(!ended.all().contains("cmVjb2duaXNhYmxl"), "{ended:?}");
        assert!(!ended.all().contains(mac), "{ended:?}");
    }
}

#[test]
fn a_body_that_was_changed_is_recognised_where_a_public_key_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let (private, public) = (folder.path().join("private.pem"), folder.path().join("public.pem"));
    fs::write(&private, pair.serialize_pem()).unwrap();
    fs::write(&public, pair.public_key_pem()).unwrap();
    let scheme = folder.path().join("scheme.yaml");
    fs::write(&scheme, "{jws: {algorithm: EdDSA}, event_id: {digest: body}}").unwrap();
    let scheme = scheme.to_str().unwrap();
    let sign = Cli::new(["sign", "--scheme", scheme, "--secret-file"]).argument(&private).run_on(BODY);
    assert_eq!(sign.code, 0, "{sign:?}");
    let explain = |body: &[u8]| Cli::new(["explain", "--scheme", scheme, "--key-file"]).argument(&public).run_on(body);
    let token = sign.stdout.trim_end();

    let right = explain(token.as_bytes());
    let wrong = explain(format!("{token}\n").as_bytes());

    assert_eq!(right.code, 0, "{right:?}");
    assert!(wrong.stdout.contains("  body-newline-added: "), "{wrong:?}");
}

#[test]
fn a_time_that_is_off_is_recognised_where_a_public_key_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let (private, public) = (folder.path().join("private.pem"), folder.path().join("public.pem"));
    fs::write(&private, pair.serialize_pem()).unwrap();
    let hex: String = pair.public_key_raw().iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(&public, hex).unwrap();
    let sign = ["sign", "--scheme", "discord", "--now", "1700000000", "--secret-file"];
    let sign = Cli::new(sign).argument(&private).run_on(BODY);
    assert_eq!(sign.code, 0, "{sign:?}");
    let explain = |now: &str, body: &[u8]| {
        let lines = sign.stdout.lines().flat_map(|line| ["-H", line]);
        let arguments = ["explain", "--scheme", "discord", "--now", now].into_iter().chain(lines);
        Cli::new(arguments.chain(["--key-file"])).argument(&public).run_on(body)
    };

    let right = explain("1700000000", BODY);
    let (old, new) = (explain("1700003600", BODY), explain("1699996400", BODY));
    let both = explain("1700003600", &[BODY, b"\n"].concat());
    let neither = explain("1700003600", b"another body");
    let other = explain("1700000000", b"another body");

    assert!(right.stdout.starts_with("verified by key "), "{right:?}");
    assert!(old.stdout.contains("what is wrong:\n  timestamp-old: "), "{old:?}");
    assert!(new.stdout.contains("what is wrong:\n  timestamp-new: "), "{new:?}");
    assert!(both.stdout.contains("  body-newline-added: ") && both.stdout.contains("  timestamp-old: "), "{both:?}");
    assert!(neither.stdout.contains("because the signed timestamp is too old"), "{neither:?}");
    assert!(!neither.stdout.contains("another one"), "{neither:?}");
    assert!(other.stdout.contains("The key is another one than the sender's"), "{other:?}");
    assert!([right, old, new, both, neither, other].iter().all(|ended| !ended.stdout.contains("secret ")));
}

#[test]
fn a_token_of_another_algorithm_does_not_blame_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let (public, scheme) = (folder.path().join("public.pem"), folder.path().join("scheme.yaml"));
    fs::write(&public, pair.public_key_pem()).unwrap();
    fs::write(&scheme, "{jws: {algorithm: EdDSA}, event_id: {digest: body}}").unwrap();
    let scheme = scheme.to_str().unwrap();

    // `{"alg":"RS256"}`
    let explain = Cli::new(["explain", "--scheme", scheme, "--key-file"]).argument(&public);
    let ended = explain.run_on(b"eyJhbGciOiJSUzI1NiJ9.e30.AAAA");

    assert!(ended.stdout.starts_with("rejected: algorithm: "), "{ended:?}");
    assert!(ended.stdout.contains("because the JWS names another algorithm"), "{ended:?}");
    assert!(!ended.stdout.contains("another one"), "{ended:?}");
}

#[test]
fn the_url_is_named_where_it_is_signed_and_was_not_given() {
    let ended = explained("trello", &signed("trello", "another"), BODY);

    assert!(ended.stdout.contains("may be the reason:\n  url-not-given: "), "{ended:?}");
    assert!(ended.stdout.contains("  Or the URL is not the one"), "{ended:?}");
}

#[test]
fn a_wrong_token_says_nothing_of_the_body() {
    let ended = explained("gitlab", &signed("gitlab", "another"), BODY);

    assert_eq!(ended.code, 1);
    assert!(ended.stdout.contains("The secret is another one"), "{ended:?}");
    assert!(!ended.stdout.contains("the body"), "{ended:?}");
}
