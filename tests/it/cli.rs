//! The commands, as a shell runs them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign::scheme::{Cover, KeyKind, Mechanism, PRESETS, PublicAlgorithm, Scheme};
use serde_json::Value;

use crate::support::{App, Cli, Ended, Gateway};

/// A secret that every preset can use, and that no message may hold.
const SECRET: &str = "whsec_cmVjb2duaXNhYmxlIGFuZCBsb25nIGVub3VnaA==";

/// An event that has whatever any preset looks for.
const EVENT: &[u8] = br#"{"id":"evt_1","type":"box.created","HookName":"login","HookId":"h1","event_id":"Ev1","event":{"type":"message"},"webhook_request_id":"w1"}"#;

fn sign(scheme: &str, body: &[u8]) -> Ended {
    sign_with(scheme, &[], body)
}

fn sign_with(scheme: &str, more: &[&str], body: &[u8]) -> Ended {
    let arguments = ["sign", "--scheme", scheme, "--secret-env", "KEY"];
    Cli::new(arguments.into_iter().chain(more.iter().copied())).variable("KEY", SECRET).run_on(body)
}

/// Verifies at a moment, with these header lines.
fn verify<'a>(scheme: &'a str, headers: impl IntoIterator<Item = &'a str>, more: &[&'a str], body: &[u8]) -> Ended {
    let headers = headers.into_iter().flat_map(|line| ["-H", line]);
    let arguments = ["verify", "--scheme", scheme, "--secret-env", "KEY"].into_iter().chain(headers);
    Cli::new(arguments.chain(more.iter().copied())).variable("KEY", SECRET).run_on(body)
}

#[test]
fn help_and_version_are_there_for_every_command() {
    let help = Cli::new(["--help"]).run();
    assert_eq!(help.code, 0);

    for command in ["run", "check", "sign", "verify", "explain", "send", "schemes", "schema", "demo", "health"] {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{command} in\n{}", help.stdout);
        let help = Cli::new([command, "--help"]).run();
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{command}");
        assert!(help.stdout.contains("Usage: countersign "), "{command}");
    }
    let version = Cli::new(["--version"]).run();
    assert_eq!((version.code, version.stdout), (0, format!("countersign {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_command_line_that_means_nothing_ends_with_2() {
    for arguments in [&[][..], &["frobnicate"], &["run"], &["check", "--config"], &["sign", "--scheme", "lmif"]] {
        let ended = Cli::new(arguments.iter().copied()).run();
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ended.stderr.contains("--help"), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn what_sign_makes_verify_accepts_for_every_preset_and_refuses_once_it_is_changed() {
    // Linear's has its time in it.
    let now = jiff::Timestamp::now().as_millisecond();
    let event = format!(r#"{{"webhookTimestamp":{now},{}"#, &std::str::from_utf8(EVENT).unwrap()[1..]);
    for preset in PRESETS {
        let more = ["--event-id", "evt_1", "--event-type", "box.created", "--format", "json"];
        let [private, public] = key_files(preset);
        let (signing, verifying) = match preset.key_kind() {
            KeyKind::Public => (["--secret-file", &private], ["--key-file", &public]),
            KeyKind::Secret => (["--secret-env", "KEY"], ["--secret-env", "KEY"]),
        };
        let by = if preset.key_kind() == KeyKind::Public { format!("key {public}") } else { "secret KEY".to_owned() };
        let verify = |scheme: &str, headers: &[&str], body: &[u8]| {
            let headers = headers.iter().flat_map(|line| ["-H", *line]);
            let arguments = ["verify", "--scheme", scheme].into_iter().chain(verifying).chain(headers);
            Cli::new(arguments).variable("KEY", SECRET).run_on(body)
        };
        let arguments = ["sign", "--scheme", &preset.name].into_iter().chain(signing).chain(more);
        let signed = Cli::new(arguments).variable("KEY", SECRET).run_on(event.as_bytes());
        assert_eq!((signed.code, signed.stderr.as_str()), (0, ""), "{}", preset.name);
        let signed: Value = serde_json::from_str(&signed.stdout).unwrap();
        let body = STANDARD.decode(signed["body_base64"].as_str().unwrap()).unwrap();
        let headers = signed["headers"].as_array().unwrap().iter();
        let lines: Vec<String> =
            headers.map(|pair| format!("{}: {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();

        let verified = verify(&preset.name, &lines, &body);
        assert_eq!((verified.code, verified.stderr.as_str()), (0, ""), "{}: {verified:?}", preset.name);
        assert!(verified.stdout.starts_with(&format!("verified by {by}\nevent id: ")), "{}: {verified:?}", preset.name);

        let mut tampered = body.clone();
        *tampered.last_mut().unwrap() ^= 4;
        let refused = verify(&preset.name, &lines, &tampered);
        if preset.covers().body == Cover::Signed {
            assert_eq!(refused.code, 1, "{}: {refused:?}", preset.name);
            assert!(refused.stdout.starts_with("rejected: signature_m"), "{}: {refused:?}", preset.name);
        } else {
            assert!(refused.stdout.contains("the body is not covered"), "{}: {refused:?}", preset.name);
        }
        let unsigned = verify(&preset.name, &[], EVENT);
        assert_eq!(unsigned.code, 1, "{}: {unsigned:?}", preset.name);
        assert!(!format!("{verified:?}{refused:?}{unsigned:?}").contains(SECRET));
    }
}

/// A private key of the tests and its public half, of the type that the preset's have.
fn key_files(preset: &Scheme) -> [String; 2] {
    let name = match &preset.mechanism {
        Mechanism::PublicKey(recipe) if recipe.algorithm != PublicAlgorithm::Ed25519 => "p256",
        _ => "ed25519",
    };
    [format!("tests/keys/{name}.pem"), format!("tests/keys/{name}.pub.pem")]
}

#[test]
fn a_key_that_is_given_as_something_else_is_not_used() {
    let run = |arguments: &[&str]| {
        let ended = Cli::new(arguments.iter().copied()).variable("KEY", SECRET).run_on(EVENT);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}");
        ended.stderr
    };
    let (private, public) = ("tests/keys/ed25519.pem", "tests/keys/ed25519.pub.pem");

    let told = run(&["verify", "--scheme", "discord", "--secret-file", public]);
    assert!(told.contains("ed25519.pub.pem is a public key: use --key-env or --key-file"), "{told}");
    let told = run(&["sign", "--scheme", "discord", "--key-file", private]);
    assert!(told.contains("ed25519.pem is a private key: use --secret-env or --secret-file"), "{told}");
    let told = run(&["sign", "--scheme", "discord", "--key-file", public]);
    assert!(told.contains("a public key cannot sign"), "{told}");
    let told = run(&["verify", "--scheme", "lmif", "--key-file", public]);
    assert!(told.contains("the scheme verifies by a secret"), "{told}");
    let told = run(&["verify", "--scheme", "lmif", "--secret-file", public]);
    assert!(told.contains("no secret of an HMAC"), "{told}");
    let told = run(&["verify", "--scheme", "sendgrid", "--key-file", public]);
    assert!(told.contains("of another type"), "{told}");
    let told = run(&["verify", "--scheme", "sendgrid", "--key-env", "KEY"]);
    assert!(told.contains("cannot be read as a key") && !told.contains(SECRET), "{told}");
}

#[test]
fn a_jws_by_a_private_key_is_verified_by_its_public_half() {
    let folder = tempfile::tempdir().unwrap();
    let scheme = |text: &str| {
        let path = folder.path().join("scheme.yaml");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    for (text, name) in [
        ("jws: {algorithm: RS256}", "rsa2048"),
        ("jws: {algorithm: PS256}", "rsa2048"),
        ("jws: {algorithm: ES256}", "p256"),
        ("jws: {algorithm: ES384}", "p384"),
        ("jws: {algorithm: EdDSA}", "ed25519"),
        ("jws: {algorithm: ES256, header: X-Jws}", "p256"),
        ("jws: {algorithm: RS256, header: X-Jws, payload: unencoded}", "rsa2048"),
        ("public_key: {algorithm: rsa-pss-sha256, header: X-Sig}", "rsa2048"),
        ("public_key: {algorithm: ecdsa-p384-sha384, ecdsa: p1363, header: X-Sig, encoding: hex}", "p384"),
    ] {
        let (scheme, private, public) =
            (scheme(text), format!("tests/keys/{name}.pem"), format!("tests/keys/{name}.pub.pem"));
        let signed = Cli::new(["sign", "--scheme", &scheme, "--secret-file", &private]).run_on(EVENT).stdout;
        let detached = text.contains("header");
        let (headers, body): (Vec<&str>, &[u8]) =
            if detached { (signed.lines().collect(), EVENT) } else { (Vec::new(), signed.as_bytes()) };
        let headers = headers.iter().flat_map(|line| ["-H", *line]);
        let arguments = ["verify", "--scheme", &scheme, "--key-file", &public].into_iter().chain(headers);

        let verified = Cli::new(arguments).run_on(body);

        assert!(verified.stdout.starts_with("verified by key tests/keys/"), "{text}: {verified:?}");
    }
}

#[test]
fn verify_tells_the_event_by_its_id_and_type() {
    let headers = sign("lmif", EVENT).stdout;

    let verified = verify("lmif", headers.lines(), &[], EVENT);

    assert_eq!(verified.stdout, "verified by secret KEY\nevent id: evt_1\nevent type: box.created\n");
}

#[test]
fn for_jws_sign_prints_the_body() {
    let signed = sign("jws", EVENT);

    assert_eq!(signed.stdout.split('.').count(), 3);
    let payload = signed.stdout.split('.').nth(1).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(payload).unwrap(), EVENT);
    assert_eq!(verify("jws", [], &[], signed.stdout.as_bytes()).code, 0);
}

#[test]
fn the_curl_command_is_one_that_a_shell_reads_as_it_was_meant() {
    let body = "{\"id\":\"evt_1\",\"text\":\"it's $HOME `x` \\\\ \u{e9}\n\"}";
    let url = "http://localhost:8080/hooks/lmif?a='b'&c=d";
    let command = sign_with("lmif", &["--format", "curl", "--url", url], body.as_bytes()).stdout;

    let shell = format!("curl() {{ for word; do printf '<%s>\\n' \"$word\"; done; }}\n{command}");
    let words = std::process::Command::new("sh").args(["-c", &shell]).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();

    let headers = sign("lmif", body.as_bytes()).stdout;
    let headers: String = headers.lines().map(|line| format!("<--header>\n<{line}>\n")).collect();
    assert_eq!(words, format!("<--request>\n<POST>\n{headers}<--data-raw>\n<{body}>\n<{url}>\n"));
}

#[test]
fn a_body_that_no_shell_word_can_hold_goes_through_the_curl_command_too() {
    let body = b"\x00\xff\xfe'";
    let command = sign_with("github", &["--format", "curl"], body).stdout;

    let shell = format!("curl() {{ cat; }}\n{command}");
    let passed = std::process::Command::new("sh").args(["-c", &shell]).output().unwrap();

    assert_eq!(passed.stdout, body);
}

#[test]
fn vectors_that_the_senders_published_are_verified() {
    let verified = |arguments: &[&str], key: &[u8], body: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), key).unwrap();
        let ended = Cli::new(["verify", "--scheme"].into_iter().chain(arguments.iter().copied()))
            .argument("--secret-file")
            .argument(folder.path().join("key"))
            .run_on(body);
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
    };

    // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
    let signature = "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    verified(&["github", "-H", signature], b"It's a Secret to Everybody", b"Hello, World!");

    // https://docs.slack.dev/authentication/verifying-requests-from-slack
    let signature = "X-Slack-Signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let arguments = ["slack", "-H", signature, "-H", "X-Slack-Request-Timestamp: 1531420618", "--now", "1531420618"];
    let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
        channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
        response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
        trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    verified(&arguments, b"8f742231b10e8888abcd99yyyzzz85a5\n", body);

    // RFC 7515 appendix A.1: the key is binary.
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let body =
        b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
        cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    verified(&["jws"], &URL_SAFE_NO_PAD.decode(key).unwrap(), body);
}

#[test]
fn every_reason_to_reject_is_told_by_its_word() {
    let now = ["--now", "1700000000"];
    let signed = sign_with("stripe", &now, EVENT).stdout;
    let stripe = signed.lines().find(|line| line.starts_with("stripe-signature: ")).unwrap();
    let lmif = "x-lmif-signature: sha256=";
    let right = sign("lmif", EVENT).stdout;
    let right = right.lines().find(|line| line.starts_with(lmif)).unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);

    for (scheme, headers, now, body, reason) in [
        ("lmif", vec![], "0", EVENT, "signature_missing"),
        ("lmif", vec!["x-lmif-signature: sha1=00"], "0", EVENT, "signature_malformed"),
        ("lmif", vec!["x-lmif-signature: sha256=zz"], "0", EVENT, "signature_malformed"),
        ("lmif", vec![right, right], "0", EVENT, "signature_repeated"),
        ("lmif", vec![right], "0", b"{}", "signature_mismatch"),
        ("stripe", vec![stripe], "1700000301", EVENT, "stale"),
        ("stripe", vec![stripe], "1699999699", EVENT, "too_new"),
        ("stripe", vec![stripe], "2023-11-14T22:13:20Z", b"{}", "signature_mismatch"),
        ("jws", vec![], "0", format!("{none}.e30.").as_bytes(), "algorithm"),
        ("jws", vec![], "0", EVENT, "signature_malformed"),
    ] {
        let ended = verify(scheme, headers, &["--now", now], body);
        assert_eq!((ended.code, ended.stderr.as_str()), (1, ""), "{scheme} {reason}: {ended:?}");
        assert!(ended.stdout.starts_with(&format!("rejected: {reason}: ")), "{scheme} {reason}: {ended:?}");
    }
    for now in ["1700000300", "1699999700", "2023-11-14T22:13:20Z"] {
        assert_eq!(verify("stripe", [stripe], &["--now", now], EVENT).code, 0, "{now}");
    }
}

#[test]
fn any_of_several_secrets_verifies_and_is_named() {
    let headers = sign("lmif", EVENT).stdout;
    let arguments = ["verify", "--scheme", "lmif", "--secret-env", "OTHER", "--secret-env", "KEY"];
    let headers = headers.lines().flat_map(|line| ["-H", line]);

    let ended = Cli::new(arguments.into_iter().chain(headers))
        .variable("OTHER", "another secret of the tests")
        .variable("KEY", SECRET)
        .run_on(EVENT);

    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.starts_with("verified by secret KEY\n"), "{ended:?}");
}

#[test]
fn what_cannot_be_carried_out_ends_with_2_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let empty = folder.path().join("empty").to_str().unwrap().to_owned();
    let lmif = ["sign", "--scheme", "lmif", "--secret-env", "KEY"];

    for (arguments, problem) in [
        (vec!["sign", "--scheme", "lmfi", "--secret-env", "KEY"], "`lmfi` is neither a preset nor a file"),
        (vec!["sign", "--scheme", "lmif", "--secret-env", "NOWHERE"], "variable NOWHERE is not set"),
        (vec!["sign", "--scheme", "lmif", "--secret-env", "EMPTY"], "empty"),
        (vec!["sign", "--scheme", "lmif", "--secret-file", &empty], "empty"),
        (vec!["sign", "--scheme", "lmif", "--secret-file", "/nowhere"], "cannot read /nowhere"),
        (vec!["sign", "--scheme", "standard-webhooks", "--secret-env", "JUNK"], "base64"),
        ([&lmif[..], &["-H", "no colon"]].concat(), "expected `Name: value`"),
        ([&lmif[..], &["-H", "a b: c"]].concat(), "not a header name"),
        ([&lmif[..], &["--now", "yesterday"]].concat(), "expected RFC 3339 or seconds since 1970"),
        ([&lmif[..], &["--url", "/relative"]].concat(), "--url is not absolute"),
        ([&lmif[..], &["--format", "xml"]].concat(), "xml"),
    ] {
        for command in ["sign", "verify"] {
            if command == "verify" && arguments.contains(&"--format") {
                continue;
            }
            let arguments = std::iter::once(command).chain(arguments[1..].iter().copied());
            let ended = Cli::new(arguments)
                .variable("KEY", SECRET)
                .variable("EMPTY", "")
                .variable("JUNK", "recognisable junk!")
                .run_on(EVENT);
            assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{command} {problem}: {ended:?}");
            assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(problem), "{problem}: {ended:?}");
            assert!(!ended.stderr.contains("recognisable") && !ended.stderr.contains(SECRET), "{ended:?}");
        }
    }
}

#[test]
fn a_secret_of_any_bytes_is_used_and_never_shown() {
    use std::os::unix::ffi::OsStrExt;
    let secret = std::ffi::OsStr::from_bytes(b"recognisable\xff secret of the tests");

    let signed = Cli::new(["sign", "--scheme", "lmif", "--secret-env", "KEY"]).variable("KEY", secret).run_on(EVENT);
    let headers = signed.stdout.lines().flat_map(|line| ["-H", line]);
    let arguments = ["verify", "--scheme", "lmif", "--secret-env", "KEY"].into_iter().chain(headers);
    let verified = Cli::new(arguments).variable("KEY", secret).run_on(EVENT);

    assert_eq!((signed.code, verified.code), (0, 0), "{signed:?} {verified:?}");
    assert!(!format!("{}{}", signed.all(), verified.all()).contains("recognisable"));
}

/// A sender that no preset knows.
const ACME: &str = "hmac:
  algorithm: sha512
  header: X-Acme-Signature
  format: \"t={timestamp},v1={signature}\"
  encoding: base64url
  signed: \"{timestamp}.{method}.{url}.{body}\"
  timestamp: {from: format, unit: ms}
  tolerance: 1m
event_id: [{json: /id}, {query: part}]
event_type: {header: X-Acme-Event}
";

#[test]
fn a_scheme_in_yaml_signs_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    std::fs::write(&file, ACME).unwrap();
    let file = file.to_str().unwrap();
    let url = ["--url", "https://hooks.example.com/acme?part=2&x=%20", "--method", "PUT"];

    let signed = sign_with(file, &[&url[..], &["--event-type", "thing.made"]].concat(), EVENT);
    assert_eq!((signed.code, signed.stderr.as_str()), (0, ""));
    let verified = verify(file, signed.stdout.lines(), &url, EVENT);
    let elsewhere = verify(file, signed.stdout.lines(), &["--url", "https://hooks.example.com/acme?part=3"], EVENT);

    assert_eq!(verified.stdout, "verified by secret KEY\nevent id: evt_1:2\nevent type: thing.made\n", "{verified:?}");
    assert_eq!(elsewhere.code, 1);
    assert!(elsewhere.stdout.starts_with("rejected: signature_mismatch"), "{elsewhere:?}");
}

#[test]
fn a_scheme_file_with_mistakes_is_refused_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    std::fs::write(&file, ACME.replace("sha512", "sha3").replace("unit: ms", "unit: days")).unwrap();

    let ended = sign(file.to_str().unwrap(), EVENT);

    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    for place in ["2:14", "7:35"] {
        assert!(ended.stderr.contains(&format!("--> {}:{place}\n", file.display())), "{}", ended.stderr);
    }
}

#[test]
fn schemes_lists_every_preset() {
    let (table, markdown) = (Cli::new(["schemes"]).run(), Cli::new(["schemes", "--format", "markdown"]).run());

    assert_eq!((table.code, markdown.code), (0, 0));
    assert_eq!(table.stdout.lines().count(), PRESETS.len() + 1);
    for preset in PRESETS {
        assert!(table.stdout.lines().any(|line| line.split(' ').next() == Some(&preset.name)), "{}", preset.name);
        assert!(markdown.stdout.contains(&format!("\n## `{}`\n", preset.name)), "{}", preset.name);
        assert!(markdown.stdout.contains(&*preset.sender.document), "{}", preset.name);
    }
}

#[test]
fn output_that_nobody_reads_to_its_end_is_no_failure() {
    for arguments in [&["schemes"][..], &["schemes", "--format", "markdown"], &["demo"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(arguments)
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn health_asks_a_running_gateway() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let admin = gateway.admin.to_string();
    let ask = || Cli::new(["health", "--admin", &admin]).run();

    let healthy = ask();
    drop(gateway);
    let gone = ask();

    assert_eq!((healthy.code, healthy.stdout.as_str(), healthy.stderr.as_str()), (0, "ok\n", ""));
    assert_eq!((gone.code, gone.stdout.as_str()), (1, ""));
    assert!(gone.stderr.starts_with(&format!("error: cannot ask {admin}: ")), "{gone:?}");
}
