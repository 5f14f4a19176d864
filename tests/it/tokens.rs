//! Senders that send a secret along instead of signing.

use std::fs;
use std::path::Path;

use crate::support::{App, Delivery, Gateway, GatewayBuilder, SECRET, Sender, often, source};

fn push(id: &str) -> Delivery {
    Sender::of("gitlab").sign_event(r#"{"object_kind":"push"}"#, id, "Push Hook")
}

/// Whether a file of this folder holds the text.
fn holds(folder: &Path, text: &str) -> bool {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.into_iter().any(|path| match path.is_dir() {
        true => holds(&path, text),
        false => fs::read(path).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes()),
    })
}

#[tokio::test]
async fn the_app_gets_the_request_without_the_token() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(Gateway::config_of(&app, &source("gitlab", "gitlab", ""))).start().await;

    let answer = gateway.post_to("/hooks/gitlab", &push("one")).await;

    let received = &app.received()[0];
    assert_eq!(answer.status, 200);
    assert_eq!(received.headers.get("x-gitlab-token"), None);
    assert_eq!(received.header("x-gitlab-event"), "Push Hook");
    assert_eq!(received.header("countersign-event-id"), "one");
    assert_eq!(received.header("countersign-event-type"), "Push%20Hook");
}

#[tokio::test]
async fn another_token_or_none_or_two_are_refused_alike() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(Gateway::config_of(&app, &source("gitlab", "gitlab", ""))).start().await;
    let without = push("one").without("x-gitlab-token");

    for delivery in [
        without.clone(),
        without.clone().with("x-gitlab-token", ""),
        without.clone().with("x-gitlab-token", "another"),
        without.clone().with("x-gitlab-token", &SECRET[1..]),
        without.clone().with("x-gitlab-token", &format!("{SECRET}, {SECRET}")),
        push("one").with("x-gitlab-token", SECRET),
    ] {
        let answer = gateway.post_to("/hooks/gitlab", &delivery).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (401, ""));
    }
    assert!(app.received().is_empty());
}

/// The id is not signed: under a known id, another body is another event.
#[tokio::test]
async fn an_id_counts_only_together_with_its_body() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(Gateway::config_of(&app, &source("gitlab", "gitlab", ""))).start().await;
    let other = Sender::of("gitlab").sign_event(r#"{"object_kind":"tag_push"}"#, "one", "Push Hook");

    for delivery in [push("one"), push("one"), other] {
        assert_eq!(gateway.post_to("/hooks/gitlab", &delivery).await.status, 200);
    }

    assert_eq!(app.received().len(), 2);
}

#[tokio::test]
async fn the_token_is_not_on_disk_with_what_is_queued() {
    let app = App::answering(500).await;
    let sources = source("gitlab", "gitlab", "      delivery: queue\n");
    let gateway = GatewayBuilder::new(Gateway::config_on_disk(&app, &sources, &often())).start().await;

    let answer = gateway.post_to("/hooks/gitlab", &push("recognisable-id")).await;
    app.until_received(2).await;

    assert_eq!(answer.status, 202);
    assert!(app.received().iter().all(|request| request.headers.get("x-gitlab-token").is_none()));
    let data = gateway.folder.path().join("data");
    assert!(holds(&data, "recognisable-id"));
    assert!(!holds(&data, SECRET));
}
