//! Unix sockets: for senders, for the app that sends, for operators, and to the app behind.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::reload::NOT_RELOADED;
use crate::support::{
    Action, App, Cli, Connection, Ended, Gateway, GatewayBuilder, SECRET, SOON, Sender, request, source,
};

const IN: &str = "unix:{folder}/in.sock";

/// The usual configuration, at a socket and before one.
fn config(app: &App, keys: &str) -> String {
    listening(Gateway::config(app, keys)).replace(&format!("http://{}", app.address), "unix:{folder}/app.sock")
}

/// The same configuration, at a socket.
fn listening(config: String) -> String {
    config.replacen("listen: 127.0.0.1:0", &format!("listen: \"{IN}\""), 1)
}

/// Runs another gateway in the same folder, to its end.
async fn second(gateway: &Gateway, config: &str) -> Ended {
    let path = gateway.folder.path().join("second.yaml");
    std::fs::write(&path, config.replace("{folder}", gateway.folder.path().to_str().unwrap())).unwrap();
    let run = move || Cli::new(["run", "--config"]).argument(path).variable("SECRET", SECRET).run();
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn a_delivery_goes_from_socket_to_socket() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(config(&app, "")).start().await;
    let _socket = app.behind_socket(&gateway.socket("app.sock"));
    let sender = gateway.at_socket("in.sock").await;
    let delivery = Sender::lmif().event("evt_1").with("x-forwarded-for", "192.0.2.9").with("x-real-ip", "192.0.2.9");

    let answers = [sender.post(&delivery).await, sender.post(&delivery).await, sender.post(&delivery.tampered()).await];

    assert_eq!(answers.each_ref().map(|answer| answer.status.as_u16()), [200, 200, 401]);
    assert!(answers[1].is_replayed());
    let [seen] = &app.received()[..] else { panic!("{:?}", app.received()) };
    assert_eq!((seen.target.as_str(), seen.header("host")), ("/hooks/lmif", "localhost"));
    assert_eq!(seen.header("forwarded"), "for=unknown;proto=http;host=\"hooks.example\"");
    assert!(!seen.headers.contains_key("x-forwarded-for") && !seen.headers.contains_key("x-real-ip"), "{}", seen.head);
}

#[tokio::test]
async fn a_queued_delivery_goes_from_socket_to_socket_and_its_path_is_put_behind_the_apps() {
    let app = App::doing([Action::Answer(500, "{}")], Action::Answer(200, "{}")).await;
    let config = Gateway::config_on_disk(&app, &source("lmif", "lmif", "      delivery: queue\n"), "[0s, 100ms]");
    let config = listening(config).replace(&format!("http://{}", app.address), "unix:{folder}/app.sock:/base/");
    let gateway = GatewayBuilder::new(config).start().await;
    let _socket = app.behind_socket(&gateway.socket("app.sock"));

    let answer = gateway.at_socket("in.sock").await.post(&Sender::lmif().event("evt_1")).await;

    assert_eq!(answer.status, 202);
    app.until_received(2).await;
    gateway.until_queue_is_empty().await;
    for (seen, attempt) in app.received().iter().zip(["1", "2"]) {
        assert_eq!((seen.target.as_str(), seen.header("host")), ("/base/hooks/lmif", "localhost"));
        assert_eq!(
            (seen.header("countersign-delivery"), seen.header("countersign-attempt")),
            (&*answer.delivery(), attempt)
        );
    }
}

#[tokio::test]
async fn http_2_is_spoken_over_a_socket_too() {
    let app = App::answering(200).await;
    let gateway = GatewayBuilder::new(listening(Gateway::config(&app, ""))).start().await;

    let stream = UnixStream::connect(gateway.socket("in.sock")).await.unwrap();
    let connection = Connection::http2(stream, "hooks.example").await;

    assert_eq!(connection.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(connection.post(&Sender::lmif().event("evt_2").tampered()).await.status, 401);
}

#[tokio::test]
async fn all_workers_accept_from_one_socket() {
    let app = App::answering(200).await;
    let config = listening(Gateway::config(&app, "")).replace("workers: 2", "workers: 4");
    let gateway = GatewayBuilder::new(config).start().await;

    let posting: Vec<_> = (0..200)
        .map(|number| {
            let socket = gateway.socket("in.sock");
            tokio::spawn(async move {
                let stream = UnixStream::connect(socket).await.unwrap();
                let connection = Connection::http1(stream, "hooks.example").await;
                connection.post(&Sender::lmif().event(&format!("evt_{number}"))).await.status
            })
        })
        .collect();
    for posted in posting {
        assert_eq!(posted.await.unwrap(), 200);
    }

    assert_eq!(app.received().len(), 200);
}

#[tokio::test]
async fn the_limits_hold_at_a_socket_as_at_an_address() {
    let app = App::answering(200).await;
    let limits = "limits: {read_timeout: 1s, body: 1KiB, connections: 2}";
    let config = listening(Gateway::config(&app, "")).replace("limits: {read_timeout: 2s}", limits);
    let gateway = GatewayBuilder::new(config).start().await;
    let raw = async |bytes: &[u8]| {
        let mut stream = UnixStream::connect(gateway.socket("in.sock")).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("the connection was not closed");
        String::from_utf8_lossy(&answer).into_owned()
    };

    let large = Sender::lmif().sign(format!(r#"{{"id":"evt_1","data":"{}"}}"#, "x".repeat(1024)));
    assert!(raw(&large.bytes("/hooks/lmif")).await.starts_with("HTTP/1.1 413 "));
    assert!(
        raw(b"POST /hooks/lmif HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400 ")
    );
    assert!(raw(b"POST /hooks/lmif HTTP/1.1\r\nHost: a\r\n").await.starts_with("HTTP/1.1 408 "));
    assert_eq!(raw(b"").await, "");
    gateway.until_metric("countersign_inbound_connections", 0.0).await;
    let (first, second) = (gateway.at_socket("in.sock").await, gateway.at_socket("in.sock").await);
    assert_eq!(first.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(second.post(&Sender::lmif().event("evt_2")).await.status, 200);
    assert!(raw(b"").await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn a_socket_is_for_its_owner_and_group_and_goes_when_the_drain_begins() {
    let app = App::doing([Action::Wait], Action::Answer(200, "{}")).await;
    let mut gateway = GatewayBuilder::new(listening(Gateway::config(&app, ""))).start().await;
    let mode = std::fs::metadata(gateway.socket("in.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let sender = gateway.at_socket("in.sock").await;

    let delivery = Sender::lmif().event("evt_1");
    let (answer, ()) = tokio::join!(sender.post(&delivery), async {
        app.until_received(1).await;
        gateway.signal("TERM");
        gateway.until_logged(&["draining"]).await;
        assert!(!gateway.socket("in.sock").exists());
        app.release();
    });

    assert_eq!(answer.status, 200);
    assert_eq!(gateway.until_ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_gateway_that_was_killed_is_followed_by_one_at_the_same_socket() {
    let app = App::answering(200).await;
    let config = listening(Gateway::config(&app, ""));
    let gateway = GatewayBuilder::new(&config).start().await;
    let before = gateway.socket("in.sock");

    let folder = gateway.killed();
    assert!(before.exists());
    let gateway = GatewayBuilder::new(&config).folder(folder).start().await;

    assert_eq!(gateway.at_socket("in.sock").await.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_second_gateway_at_the_same_socket_is_told_so_and_the_first_goes_on() {
    let app = App::answering(200).await;
    let config = listening(Gateway::config(&app, ""));
    let gateway = GatewayBuilder::new(&config).start().await;

    for workers in ["workers: 1", "workers: 2"] {
        let ended = second(&gateway, &config.replace("workers: 2", workers)).await;
        let message =
            format!("cannot listen on unix:{}: another process listens there", gateway.socket("in.sock").display());
        assert!(ended.code == 1 && ended.stderr.contains(&message), "{ended:?}");
    }
    let ended = second(&gateway, &config.replace("in.sock", "second.yaml")).await;
    assert!(ended.code == 1 && ended.stderr.contains("there is a file, and it is not a socket"), "{ended:?}");
    let ended = second(&gateway, &config.replace("in.sock", "no/folder.sock")).await;
    assert!(ended.code == 1 && ended.stderr.contains("its folder is not there"), "{ended:?}");

    assert_eq!(gateway.at_socket("in.sock").await.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn a_reload_cannot_move_a_socket_and_can_move_the_apps() {
    let app = App::answering(200).await;
    let config = config(&app, "");
    let gateway = GatewayBuilder::new(&config).start().await;
    let _socket = app.behind_socket(&gateway.socket("other.sock"));
    let sender = gateway.at_socket("in.sock").await;
    let answer = sender.post(&Sender::lmif().event("evt_1")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (502, r#"{"error":"upstream_unreachable"}"#));

    gateway.rewrite(&config.replace("in.sock", "elsewhere.sock"));
    gateway.until_logged(&["ERROR", NOT_RELOADED, "inbound.listen"]).await;
    gateway.rewrite(&config.replace("app.sock", "other.sock"));
    gateway.until_logged(&["INFO", "the configuration was reloaded"]).await;

    assert_eq!(sender.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn an_app_at_a_socket_that_hangs_or_goes_away_is_what_one_at_an_address_is() {
    let app = App::doing([Action::Hang], Action::Answer(200, "{}")).await;
    let gateway = GatewayBuilder::new(config(&app, "").replace("timeout: 3s", "timeout: 300ms")).start().await;
    let sender = gateway.at_socket("in.sock").await;
    let socket = app.behind_socket(&gateway.socket("app.sock"));
    assert_eq!(sender.post(&Sender::lmif().event("evt_1")).await.status, 504);
    assert_eq!(sender.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert_eq!(sender.post(&Sender::lmif().event("evt_2")).await.status, 200);
    // The third request went over the connection of the second.
    assert_eq!(app.connections().opened, 2);

    drop(socket);
    std::fs::remove_file(gateway.socket("app.sock")).unwrap();
    let _again = app.behind_socket(&gateway.socket("app.sock"));
    let start = Instant::now();
    while sender.post(&Sender::lmif().event("evt_3")).await.status != 200 {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn apps_and_operators_have_sockets_too() {
    let receiver = App::answering(200).await;
    let outbound = format!(
        "outbound:
  listen: \"unix:{{folder}}/out.sock\"
  egress: {{allow: [127.0.0.0/8]}}
  endpoints:
    partner: {{url: \"http://{}/\", scheme: lmif, secrets: [{{env: SECRET}}]}}
",
        receiver.address
    );
    let config = Gateway::config_on_disk(&receiver, &source("lmif", "lmif", ""), "[0s]") + &outbound;
    let config = config.replace("admin: {listen: 127.0.0.1:0}", "admin: {listen: \"unix:{folder}/admin.sock\"}");
    let mut gateway = GatewayBuilder::new(config).start().await;

    let event = Request::post("/endpoints/partner").body(Full::from(r#"{"id":"evt_1"}"#)).unwrap();
    assert_eq!(gateway.at_socket("out.sock").await.send(event).await.status, 202);
    receiver.until_received(1).await;

    let admin = format!("unix:{}", gateway.socket("admin.sock").display());
    let path = gateway.config_path();
    let asked = move || {
        let health = Cli::new(["health", "--admin"]).argument(&admin).run();
        let list = Cli::new(["deliveries", "list", "--admin"]).argument(&admin).run();
        let of_config = Cli::new(["deliveries", "list", "--config"]).argument(path).variable("SECRET", SECRET).run();
        (health, list, of_config)
    };
    let (health, list, of_config) = tokio::task::spawn_blocking(asked).await.unwrap();
    assert_eq!(health.code, 0, "{health:?}");
    assert!(list.code == 0 && list.stdout.contains("partner"), "{list:?}");
    assert!(of_config.code == 0 && of_config.stdout.contains("partner"), "{of_config:?}");

    gateway.signal("TERM");
    assert_eq!(gateway.until_ended().await.code(), Some(0));
    assert!(!gateway.socket("out.sock").exists() && !gateway.socket("admin.sock").exists());
}

#[tokio::test]
async fn a_page_in_a_browser_gains_nothing_by_an_admin_socket_behind_a_proxy() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "");
    let config = config.replace("admin: {listen: 127.0.0.1:0}", "admin: {listen: \"unix:{folder}/admin.sock\"}");
    let gateway = GatewayBuilder::new(config).start().await;
    let stream = UnixStream::connect(gateway.socket("admin.sock")).await.unwrap();
    let connection = Connection::http1(stream, "evil.example").await;

    let answer = connection.send(request("/api/v1/sources", &Sender::lmif().event("evt_1"))).await;

    assert_eq!(answer.status, 403);
}
