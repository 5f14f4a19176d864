//! `check`, and `run` with a configuration that cannot be used.

use crate::support::{Cli, Ended, SECRET};

/// Runs `check` on a text.
fn check(config: &str) -> (Ended, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.yaml");
    std::fs::write(&path, config).unwrap();
    let ended = Cli::new(["check", "--config"])
        .argument(&path)
        .variable("SECRET", SECRET)
        .variable("SHORT", "recognisable")
        .run();
    (ended, path.to_str().unwrap().to_owned())
}

const CONFIG: &str = "inbound:
  listen: 127.0.0.1:0
  sources:
    lmif:
      path: /hooks/lmif
      scheme: lmif
      secrets: [{env: SECRET}]
      upstream: app
upstreams:
  app: {url: \"http://127.0.0.1:3000\"}
store: {memory: {}}
";

#[test]
fn check_shows_the_sources_of_a_configuration_that_is_right() {
    let (ended, _) = check(CONFIG);

    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ended.stdout);
    assert!(lines[0].starts_with("source"), "{}", ended.stdout);
    for word in ["lmif", "/hooks/lmif", "app", "72h"] {
        assert!(lines[1].contains(word), "{word} in\n{}", ended.stdout);
    }
}

#[test]
fn check_shows_the_endpoints_behind_the_sources() {
    let outbound = "outbound:
  listen: 127.0.0.1:0
  endpoints:
    partner:
      url: https://partner.example/hooks?key=recognisable
      scheme: lvconnect
      secrets: [{env: SECRET}]
      events: [\"user:*\"]
      retry: lmif
";
    let (ended, _) =
        check(&CONFIG.replace("store: {memory: {}}\n", &format!("{outbound}store: {{sqlite: {{path: a.db}}}}\n")));

    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!((lines.len(), lines[2]), (5, ""), "{}", ended.stdout);
    assert!(lines[3].starts_with("endpoint"), "{}", ended.stdout);
    for word in ["partner", "https://partner.example/hooks ", "lvconnect", "queue", "7 times in 34h36m", "user:*"] {
        assert!(lines[4].contains(word), "{word} in\n{}", ended.stdout);
    }
    assert!(!ended.all().contains("recognisable"));
}

#[test]
fn check_needs_no_sources_where_the_app_only_sends() {
    let endpoint = "{url: \"https://a.example\", scheme: lmif, secrets: [{env: SECRET}], delivery: sync}";
    let (ended, _) = check(&format!(
        "outbound: {{listen: \"127.0.0.1:0\", endpoints: {{a: {endpoint}}}}}\nstore: {{memory: {{}}}}\n"
    ));

    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(ended.stdout.starts_with("endpoint"), "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().count(), 2, "{}", ended.stdout);
}

#[test]
fn check_warns_and_ends_with_0_all_the_same() {
    let (ended, path) = check(&CONFIG.replace("SECRET", "SHORT").replace("store: {memory: {}}\n", ""));

    assert_eq!(ended.code, 0);
    assert_eq!(ended.stderr.matches("warning: ").count(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("{path}:7:17")), "{}", ended.stderr);
    assert!(!ended.all().contains("recognisable"));
}

#[test]
fn check_tells_every_error_with_its_place_and_ends_with_78_as_run_does() {
    let wrong = CONFIG
        .replace("scheme: lmif", "scheme: lmfi")
        .replace("{env: SECRET}", "{env: NOWHERE}")
        .replace("upstream: app", "upstream: ap")
        .replace("store:", "sotre:");

    let (ended, path) = check(&wrong);

    assert_eq!((ended.code, ended.stdout.as_str()), (78, ""));
    for place in ["6:15", "7:17", "8:17", "11:1"] {
        assert!(ended.stderr.contains(&format!("--> {path}:{place}\n")), "{place} in\n{}", ended.stderr);
    }
    assert_eq!(ended.stderr.matches("error: ").count(), 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("6 |       scheme: lmfi\n  |               ^^^^ "), "{}", ended.stderr);
    assert!(ended.stderr.contains("did you mean `lmif`?"), "{}", ended.stderr);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.yaml");
    std::fs::write(&file, &wrong).unwrap();
    let run = Cli::new(["run", "--config"]).argument(&file).run();
    assert_eq!((run.code, run.stdout.as_str()), (78, ""));
    assert_eq!(run.stderr, ended.stderr.replace(&path, file.to_str().unwrap()));
}

#[test]
fn a_configuration_that_is_not_there_is_an_error_of_the_configuration() {
    for command in ["check", "run"] {
        let ended = Cli::new([command, "--config", "/nowhere/countersign.yaml"]).run();
        assert_eq!((ended.code, ended.stdout.as_str()), (78, ""), "{command}");
        assert!(ended.stderr.contains("/nowhere/countersign.yaml"), "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains("No such file"), "{command}: {}", ended.stderr);
    }
}

#[test]
fn a_secret_that_stands_in_the_file_itself_is_refused_and_not_shown() {
    for (from, to) in [
        ("secrets: [{env: SECRET}]", "secrets: [recognisable]"),
        ("secrets: [{env: SECRET}]", "secrets: [{value: recognisable}]"),
        ("secrets: [{env: SECRET}]", "secret: recognisable"),
        ("http://127.0.0.1", "http://user:recognisable@127.0.0.1"),
        ("store:", "admin: {listen: 127.0.0.1:0, token: recognisable}\nstore:"),
    ] {
        let (ended, path) = check(&CONFIG.replace(from, to));
        assert_eq!(ended.code, 78, "{to}: {ended:?}");
        assert!(ended.stderr.contains(&format!(" --> {path}:")), "{to}: {}", ended.stderr);
        assert!(!ended.all().contains("recognisable"), "{to}: {}", ended.stderr);
    }
}
