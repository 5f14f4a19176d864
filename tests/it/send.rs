//! `countersign send`: the sender's part, played against gateways, apps and nobody.

use std::collections::HashSet;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::tls::{Authority, in_front_of};
use crate::support::{Action, App, Cli, Ended, Gateway, GatewayBuilder, SECRET, often, source};

/// The four senders: scheme, further keys of their source, and how many types their samples have.
const SENDERS: [(&str, &str, usize); 4] = [
    ("lvconnect", "", 3),
    ("loginradius", "", 3),
    ("lmif", "", 5),
    ("jws", "      event_type: {literal: profile_updated}\n", 1),
];

/// Runs the command with more arguments, these bytes on standard input, and nothing on a terminal.
async fn send_body(scheme: &str, to: &str, more: &[&str], body: &'static [u8]) -> Ended {
    let words = [&["send", "--secret-env", "SECRET", "--scheme", scheme, "--to", to], more].concat();
    let words: Vec<String> = words.into_iter().map(ToOwned::to_owned).collect();
    let run = move || Cli::new(words.iter().map(String::as_str)).variable("SECRET", SECRET).run_on(body);
    let ended = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(!ended.all().contains(SECRET), "{ended:?}");
    ended
}

async fn send(scheme: &str, to: &str, more: &[&str]) -> Ended {
    send_body(scheme, to, more, b"").await
}

/// The report as JSON, and the exit code.
async fn reported(scheme: &str, to: &str, more: &[&str]) -> (i32, Value) {
    let ended = send(scheme, to, &[more, &["--format", "json"]].concat()).await;
    assert_eq!(ended.stderr, "", "nobody watches");
    (ended.code, serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}")))
}

fn url(gateway: &Gateway, scheme: &str) -> String {
    format!("http://{}/hooks/{scheme}", gateway.address)
}

fn counts(sent: u64, success: u64, replayed: u64, refused: u64, other: u64, unanswered: u64) -> Value {
    json!({
        "sent": sent, "success": success, "replayed": replayed, "refused": refused, "other": other,
        "unanswered": unanswered,
    })
}

/// What the app was told of every event: its id and its type.
fn seen(app: &App) -> (HashSet<String>, HashSet<String>) {
    let header = |name: &str| app.received().iter().map(|request| request.header(name).to_owned()).collect();
    (header("countersign-event-id"), header("countersign-event-type"))
}

#[tokio::test]
async fn the_app_behind_a_gateway_sees_each_event_of_each_sender_once() {
    for (scheme, keys, types) in SENDERS {
        let app = App::answering(200).await;
        let gateway = Gateway::with_sources(&app, &[&source(scheme, scheme, keys)]).await;

        let more = ["--count", "30", "--duplicate", "12", "--tamper", "7"];
        let (code, report) = reported(scheme, &url(&gateway, scheme), &more).await;

        assert_eq!((code, &report["as_expected"], &report["unsent"]), (0, &json!(true), &json!(0)), "{report}");
        assert_eq!(report["good"], counts(30, 30, 0, 0, 0, 0), "{scheme}");
        assert_eq!(report["duplicate"], counts(12, 12, 12, 0, 0, 0), "{scheme}");
        assert_eq!(report["tampered"], counts(7, 0, 0, 7, 0, 0), "{scheme}");
        assert_eq!(report["statuses"], json!({"200": 42, "401": 7}), "{scheme}");
        assert_eq!((&report["sent"], &report["errors"]), (&json!(49), &json!({})), "{scheme}");
        let latency = |name: &str| report["latency_ms"][name].as_f64().unwrap();
        assert!(latency("p50") <= latency("p90") && latency("p99") <= latency("max"), "{report}");
        assert_eq!(app.received().len(), 30, "{scheme}");
        let (ids, kinds) = seen(&app);
        assert_eq!((ids.len(), kinds.len()), (30, types), "{scheme}: {kinds:?}");
    }
}

#[tokio::test]
async fn what_is_queued_arrives_once_though_the_app_fails_first() {
    for (scheme, keys, _) in SENDERS {
        let failing = (0..5).map(|_| Action::Answer(500, "{}"));
        let app = App::doing(failing, Action::Answer(200, "{}")).await;
        let source = source(scheme, scheme, &format!("{keys}      delivery: queue\n"));
        let gateway = GatewayBuilder::new(Gateway::config_on_disk(&app, &source, &often())).start().await;

        let more = ["--count", "20", "--duplicate", "20", "--tamper", "20"];
        let (code, report) = reported(scheme, &url(&gateway, scheme), &more).await;

        assert_eq!((code, &report["statuses"]), (0, &json!({"202": 40, "401": 20})), "{scheme}: {report}");
        assert_eq!(report["duplicate"], counts(20, 20, 20, 0, 0, 0), "{scheme}");
        app.until_received(25).await;
        gateway.until_queue_is_empty().await;
        assert_eq!((app.received().len(), seen(&app).0.len()), (25, 20), "{scheme}");
    }
}

#[tokio::test]
async fn the_report_can_be_read() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    let to = url(&gateway, "lmif");
    let ended = send("lmif", &to, &["--count", "3", "--duplicate", "1", "--tamper", "1"]).await;

    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let lines: Vec<Vec<&str>> = ended.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..5], ["5", "requests", "to", &to, "in"]);
    assert_eq!(lines[2], ["SENT", "2XX", "REPLAYED", "REFUSED", "OTHER", "NO", "ANSWER"]);
    assert_eq!(lines[3], ["good", "3", "3", "0", "0", "0", "0"]);
    assert_eq!(lines[4], ["duplicate", "1", "1", "1", "0", "0", "0"]);
    assert_eq!(lines[5], ["tampered", "1", "0", "0", "1", "0", "0"]);
    assert_eq!(lines[7], ["answers", "200:", "4,", "401:", "1"]);
    assert_eq!(lines[8][..2], ["latency", "p50"]);
    assert!(ended.stdout.ends_with("\nall as it should be\n"), "{}", ended.stdout);
}

#[tokio::test]
async fn what_a_receiver_does_wrong_is_told_and_ends_with_1() {
    let failing = App::doing([Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let to = format!("http://{}/", failing.address);

    // It verifies nothing, so it takes what was tampered with, and it knows no duplicates.
    let more = ["--count", "2", "--duplicate", "1", "--tamper", "1", "--concurrency", "1"];
    let ended = send("lmif", &to, &more).await;

    assert_eq!(ended.code, 1, "{ended:?}");
    let verdict = "\nNOT AS IT SHOULD BE: 1 good without a 2xx, 1 tampered with and not refused\n";
    assert!(ended.stdout.ends_with(verdict), "{}", ended.stdout);
    assert!(ended.stdout.contains("answers  200: 3, 500: 1\n"), "{}", ended.stdout);
    let bodies: Vec<_> = failing.received().iter().map(|request| request.body.clone()).collect();
    assert_eq!(bodies[0], bodies[1], "the repeat follows the first, whatever became of it");
    assert_eq!(bodies.iter().collect::<HashSet<_>>().len(), 3);
}

#[tokio::test]
async fn where_no_answer_comes_the_report_says_why() {
    let down = App::down();
    let hanging = App::doing([], Action::Hang).await;
    let breaking = App::doing([], Action::RawThenClose(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec())).await;
    for (app, scheme, timeout, why) in [
        (&down, "http", "20s", "no connection: Connection refused (os error 111)"),
        (&hanging, "http", "200ms", "no whole answer in time"),
        (&breaking, "http", "20s", "the connection broke: connection closed before message completed"),
        (&breaking, "https", "200ms", "no connection: timed out"),
    ] {
        let to = format!("{scheme}://{}/hooks", app.address);
        let (code, report) = reported("lmif", &to, &["--count", "3", "--timeout", timeout]).await;

        assert_eq!((code, &report["errors"]), (1, &json!({why: 3})), "{report}");
        assert_eq!((&report["good"], &report["latency_ms"]), (&counts(3, 0, 0, 0, 0, 3), &Value::Null));
    }
}

#[tokio::test]
async fn redirects_are_answers_like_others() {
    let elsewhere = App::answering(200).await;
    let answer = format!("HTTP/1.1 307 X\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", elsewhere.address);
    let app = App::doing([], Action::Raw(answer.into_bytes())).await;

    let (code, report) = reported("jws", &format!("http://{}/", app.address), &["--count", "2"]).await;

    assert_eq!((code, &report["good"], &report["statuses"]), (1, &counts(2, 0, 0, 0, 2, 0), &json!({"307": 2})));
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn an_interrupt_ends_it_with_what_there_is_to_report() {
    let answered = (0..6).map(|_| Action::Answer(200, "{}"));
    let app = App::doing(answered, Action::Hang).await;
    let to = format!("http://{}/", app.address);
    let words = ["send", "--scheme", "lmif", "--secret-env", "SECRET", "--to", &to, "--format", "json"];
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(words).args(["--count", "1000", "--concurrency", "2"]).env("SECRET", SECRET);
    let sending = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();

    app.until_received(8).await;
    let process = sending.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &process]).status().unwrap().success());

    let output = sending.wait_with_output().await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert_eq!((&report["interrupted"], &report["unsent"]), (&json!(true), &json!(994)), "{report}");
    assert_eq!(report["good"], counts(6, 6, 0, 0, 0, 0), "{report}");
}

#[tokio::test]
async fn no_more_are_sent_at_a_time_or_in_a_second_than_is_asked_for() {
    let waiting = (0..3).flat_map(|_| [Action::Wait, Action::Answer(200, "{}")]);
    let app = App::doing(waiting, Action::Answer(200, "{}")).await;
    let to = format!("http://{}/", app.address);

    let sending = tokio::spawn(async move { reported("lmif", &to, &["--count", "9", "--concurrency", "3"]).await });
    app.until_received(3).await;
    app.release();
    assert_eq!(sending.await.unwrap().0, 0);
    assert_eq!((app.received().len(), app.most_at_once()), (9, 3));

    let to = format!("http://{}/", app.address);
    let (_, report) = reported("lmif", &to, &["--count", "4", "--duplicate", "2", "--rate", "20"]).await;
    assert!(report["seconds"].as_f64().unwrap() >= 0.25, "the sixth goes a quarter of a second after the first");
}

#[tokio::test]
async fn over_tls_only_a_receiver_that_is_vouched_for_gets_anything() {
    let (app, authority, other) = (App::answering(200).await, Authority::new(), Authority::new());
    let address = in_front_of(&app, &authority.issue("localhost")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ca, others) = (file("ca.pem", authority.pem()), file("other.pem", other.pem()));
    let to = format!("https://localhost:{}/hooks", address.port());

    let trusting: [&[&str]; 2] = [&[], &["--ca", &others]];
    for more in trusting {
        let (code, report) = reported("lmif", &to, more).await;
        assert_eq!((code, &report["errors"]), (1, &json!({"TLS failed: the certificate's issuer is not trusted": 1})));
    }
    let (code, report) = reported("lmif", &to, &["--ca", &ca, "--count", "5"]).await;
    assert_eq!(code, 0, "{report}");

    assert_eq!(app.received().len(), 5);
    assert_eq!(app.received()[0].header("host"), format!("localhost:{}", address.port()));
    let refused = send("lmif", &to, &["--ca", &file("empty.pem", String::new())]).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("holds no certificate"), "{refused:?}");
}

#[tokio::test]
async fn a_scheme_of_ones_own_is_played_too_from_its_file_or_from_a_configuration() {
    const ACME: &str = "hmac: {algorithm: sha512, header: X-Acme, format: 't={timestamp},v1={signature}', signed: '{timestamp}.{body}', timestamp: {from: format, unit: s}, tolerance: 5m}
event_id: {json: /meta/id}
event_type: {json: /meta/kind}";
    let app = App::answering(200).await;
    let schemes = format!("schemes:\n  acme:\n    {}\n", ACME.replace('\n', "\n    "));
    let config = Gateway::config_of(&app, &source("acme", "acme", "")) + &schemes;
    let gateway = GatewayBuilder::new(&config).start().await;
    let (to, alone) = (url(&gateway, "acme"), gateway.folder.path().join("acme.yaml"));
    std::fs::write(&alone, ACME).unwrap();
    let more = ["--count", "10", "--duplicate", "10", "--tamper", "10"];

    let (code, report) = reported(alone.to_str().unwrap(), &to, &more).await;
    assert_eq!((code, &report["duplicate"]), (0, &counts(10, 10, 10, 0, 0, 0)), "{report}");
    let path = gateway.config_path();
    let named = [&more[..], &["--config", path.to_str().unwrap(), "--event-type", "gadget.sold"]].concat();
    let (code, report) = reported("acme", &to, &named).await;
    assert_eq!((code, &report["tampered"]), (0, &counts(10, 0, 0, 10, 0, 0)), "{report}");

    assert_eq!(app.received().len(), 20);
    assert_eq!(app.received()[0].header("content-type"), "application/json");
    let (ids, kinds) = seen(&app);
    assert_eq!((ids.len(), kinds), (20, HashSet::from(["test".to_owned(), "gadget.sold".to_owned()])));
    let unknown = send("acmee", &to, &["--config", path.to_str().unwrap()]).await;
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("`acmee` is neither a preset nor a name under `schemes`"), "{unknown:?}");
}

#[tokio::test]
async fn a_body_of_ones_own_comes_from_a_file_or_standard_input() {
    let app = App::answering(200).await;
    let gateway = Gateway::with_sources(&app, &[&source("github", "github", "")]).await;
    let (to, file) = (url(&gateway, "github"), gateway.folder.path().join("push.json"));
    std::fs::write(&file, "{\"ref\": 1.0}\n").unwrap();
    let more = ["--event-type", "push", "--count", "3", "--duplicate", "1"];

    let from_file = send("github", &to, &[&more[..], &["--body", file.to_str().unwrap()]].concat()).await;
    let from_input = send_body("github", &to, &["--body", "-", "--event-id", "72d3162e"], b"payload=%7B%7D").await;

    assert_eq!((from_file.code, from_input.code), (0, 0), "{from_file:?}{from_input:?}");
    let received = app.received();
    assert_eq!(received.len(), 4);
    assert!(received[..3].iter().all(|request| request.body == "{\"ref\": 1.0}\n"));
    assert!(received[..3].iter().all(|request| request.header("x-github-event") == "push"));
    assert_eq!(
        (&received[3].body[..], received[3].header("countersign-event-id")),
        (&b"payload=%7B%7D"[..], "72d3162e")
    );
}

#[tokio::test]
async fn what_cannot_be_sent_as_it_is_asked_for_ends_with_2_and_sends_nothing() {
    let app = App::answering(200).await;
    let to = format!("http://{}/", app.address);
    let refused: [(&str, &[&str], &str); 13] = [
        ("nobody", &[], "neither a preset nor a file"),
        ("lmif", &["--count", "0"], "there is nothing to send"),
        ("lmif", &["--count", "0", "--tamper", "1", "--duplicate", "1"], "there is nothing to repeat"),
        ("lmif", &["--count", "2", "--event-id", "evt_1"], "--event-id names one event"),
        ("lmif", &["--count", "2", "--body", "-"], "has the event's id in it"),
        ("lmif", &["--body", "/nowhere/body.json"], "cannot read /nowhere/body.json"),
        ("lmif", &["--rate", "0"], "0.001 to 1000000"),
        ("lmif", &["--concurrency", "0"], "1..=1000"),
        ("lmif", &["--timeout", "10"], "10s"),
        ("lmif", &["--ca", "/nowhere/ca.pem"], "means nothing for an http URL"),
        ("jws", &["--event-type", "profile_uploaded"], "there are profile_updated, "),
        ("lmif", &["--secret-env", "ABSENT"], "ABSENT is not set"),
        ("lmif", &["--count", "many"], "--count"),
    ];
    for (scheme, more, why) in refused {
        let ended = send(scheme, &to, more).await;

        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{more:?}: {ended:?}");
        assert!(ended.stderr.contains(why), "{more:?}: {}", ended.stderr);
    }
    for url in ["ftp://127.0.0.1/", "/hooks", "http://user:password@127.0.0.1/"] {
        assert_eq!(send("lmif", url, &[]).await.code, 2, "{url}");
    }
    assert!(app.received().is_empty());
}

#[tokio::test]
async fn where_the_body_is_not_signed_tampering_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scheme.yaml");
    let scheme =
        "hmac: {algorithm: sha256, header: X-S, signed: '{header:X-Id}', covers_body: no}\nevent_id: {header: X-Id}";
    std::fs::write(&file, scheme).unwrap();

    let ended = send(file.to_str().unwrap(), "http://127.0.0.1:9/", &["--tamper", "1"]).await;

    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("does not cover the body"), "{ended:?}");
}
