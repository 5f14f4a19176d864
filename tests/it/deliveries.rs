//! `countersign deliveries`, `endpoints` and `upstreams`, against a gateway whose app fails.

use serde_json::Value;

use crate::support::{Action, App, Cli, Gateway, Operated, SECRET, Sender};

/// A gateway with one dead delivery of `evt_1`, and its id.
async fn with_one_dead(app: &App) -> (Operated, String) {
    let operated = Operated::before(app).await;
    operated.gateway.post(&Sender::lmif().event("evt_1")).await;
    let id = operated.until("dead", 1).await.remove(0);
    (operated, id)
}

#[tokio::test]
async fn deliveries_are_listed_as_a_table() {
    let app = App::answering(500).await;
    let (operated, id) = with_one_dead(&app).await;

    let ended = operated.run("deliveries list --state dead --source lmif").await;

    assert_eq!(ended.code, 0, "{ended:?}");
    let lines: Vec<Vec<&str>> = ended.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "STATE", "TARGET", "SOURCE", "EVENT", "TYPE", "ATTEMPTS", "ACCEPTED", "NEXT"]);
    assert_eq!(lines[1][..7], [id.as_str(), "dead", "app", "lmif", "evt_1", "box.created", "1"]);
    assert_eq!(lines.len(), 2);
    assert_eq!(operated.run("deliveries list --state due").await.stdout.lines().count(), 1);
}

#[tokio::test]
async fn as_json_the_command_prints_what_the_api_answers() {
    let app = App::answering(500).await;
    let (operated, id) = with_one_dead(&app).await;

    let list: Value = serde_json::from_str(&operated.run("deliveries list --json").await.stdout).unwrap();
    let shown: Value =
        serde_json::from_str(&operated.run(&format!("deliveries show {id} --json")).await.stdout).unwrap();

    assert_eq!(list, operated.get("/deliveries").await);
    assert_eq!(shown, operated.get(&format!("/deliveries/{id}")).await);
}

#[tokio::test]
async fn a_delivery_is_shown_with_its_message_and_what_was_answered() {
    let app = App::doing([], Action::Answer(500, r#"{"why":"broken"}"#)).await;
    let (operated, id) = with_one_dead(&app).await;

    let ended = operated.run(&format!("deliveries show {id}")).await;

    assert_eq!(ended.code, 0, "{ended:?}");
    for part in
        [&*id, "dead", "evt_1", "box.created", "500", r#"{"why":"broken"}"#, r#""id":"evt_1""#, "content-type: "]
    {
        assert!(ended.stdout.contains(part), "{part} is missing in\n{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_delivery_is_replayed_by_its_id_and_by_a_filter() {
    let app = App::doing([Action::Answer(500, "{}"), Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let (operated, id) = with_one_dead(&app).await;

    let by_id = operated.run(&format!("deliveries replay --id {id} --reason again")).await;
    app.until_received(2).await;
    operated.until("dead", 1).await;
    let by_filter = operated.run("deliveries replay --state dead --upstream app --since 2020-01-01T00:00:00Z").await;
    operated.until("delivered", 1).await;

    assert_eq!((by_id.code, by_id.stdout), (0, format!("{id}: will be delivered again\n")));
    assert_eq!((by_filter.code, by_filter.stdout.as_str()), (0, "1 will be delivered again\n"));
    assert_eq!(app.received().len(), 3);
    operated.gateway.until_logged(&["changed by hand", "state=dead&upstream=app"]).await;
}

#[tokio::test]
async fn a_delivery_is_discarded_once() {
    let app = App::answering(500).await;
    let (operated, id) = with_one_dead(&app).await;

    let first = operated.run(&format!("deliveries discard {id} --reason nonsense")).await;
    let second = operated.run(&format!("deliveries discard {id}")).await;

    assert_eq!((first.code, first.stdout), (0, format!("{id}: discarded\n")));
    assert_eq!(second.code, 1);
    assert!(second.stderr.contains("the delivery's state does not allow it (409)"), "{second:?}");
    assert_eq!(operated.get("/changes").await["changes"][0]["reason"], "nonsense");
}

#[tokio::test]
async fn what_goes_wrong_is_said_and_ends_with_one() {
    let app = App::answering(200).await;
    let operated = Operated::before(&app).await;
    let id = "019b5f1c-0000-7000-8000-000000000000";

    for (words, told) in [
        (&*format!("deliveries show {id}"), "there is no such thing (404)"),
        (&format!("deliveries discard {id}"), "there is no such thing (404)"),
        ("deliveries replay", "say which deliveries"),
        (&format!("deliveries replay {id} --state dead"), "not by both"),
        ("deliveries list --since yesterday", "`since` is not a time"),
        ("deliveries list --token-env NOWHERE", "the variable NOWHERE is not set"),
        ("upstreams pause nothing", "there is no such thing (404)"),
    ] {
        let ended = operated.run(words).await;
        assert_eq!(ended.code, 1, "{words}: {ended:?}");
        assert!(ended.stderr.contains(told), "{words}: {ended:?}");
    }
}

#[tokio::test]
async fn without_the_right_token_the_command_says_what_is_missing() {
    let app = App::answering(200).await;
    let operated = Operated::before(&app).await;
    let admin = operated.gateway.admin.to_string();
    let list = || Cli::new(["deliveries", "list", "--admin", &*admin]);

    let none = list().run();
    let wrong = list().variable("COUNTERSIGN_ADMIN_TOKEN", "recognisable").run();

    assert_eq!((none.code, wrong.code), (1, 1));
    assert!(none.stderr.contains("wants a token"), "{none:?}");
    assert!(wrong.stderr.contains("takes another token") && !wrong.all().contains("recognisable"), "{wrong:?}");
}

#[tokio::test]
async fn where_nothing_answers_the_command_says_so() {
    let app = App::answering(200).await;
    let address = app.address.to_string();
    app.stop().await;

    let ended = Cli::new(["deliveries", "list", "--admin", &*address]).run();

    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains(&format!("cannot ask the gateway at {address}")), "{ended:?}");
}

#[tokio::test]
async fn the_address_and_the_token_are_taken_from_the_configuration() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.yaml");
    let admin = format!("admin: {{listen: \"{}\"}}", gateway.admin);
    std::fs::write(&path, Gateway::config(&app, "").replace("admin: {listen: 127.0.0.1:0}", &admin)).unwrap();

    let config = path.clone();
    let list = move || Cli::new(["deliveries", "list", "--config"]).argument(config).variable("SECRET", SECRET).run();
    let ended = tokio::task::spawn_blocking(list).await.unwrap();

    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test]
async fn a_target_is_paused_and_goes_on_by_command() {
    let app = App::answering(200).await;
    let operated = Operated::before(&app).await;

    let paused = operated.run("upstreams pause app --reason deploying").await;
    let list = operated.run("upstreams list").await;
    let resumed = operated.run("upstreams resume app").await;

    assert_eq!((paused.code, paused.stdout.as_str()), (0, "app is paused\n"));
    assert!(list.stdout.contains("paused") && list.stdout.contains("deploying"), "{list:?}");
    assert_eq!((resumed.code, resumed.stdout.as_str()), (0, "app goes on\n"));
    assert_eq!(operated.run("endpoints list").await.code, 0);
}
