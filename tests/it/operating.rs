//! The admin address, the start, and a gateway that is short of something.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use http::{Method, Request};
use http_body_util::Full;
use tokio::net::TcpStream;

use crate::support::{Answer, App, Cli, Connection, Gateway, GatewayBuilder, SECRET, Sender, request};

async fn ask(gateway: &Gateway, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Connection::open(gateway.admin).await.send(request.body(Full::default()).unwrap()).await
}

#[tokio::test]
async fn the_admin_address_tells_whether_the_gateway_lives_and_is_ready() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    for path in ["/livez", "/readyz"] {
        let answer = gateway.admin(path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "ok\n"), "{path}");
        assert_eq!(ask(&gateway, Method::HEAD, path, &[]).await.status, 200, "{path}");
        assert_eq!(gateway.admin(&format!("{path}?verbose=1")).await.status, 200, "{path}");
    }
    assert_eq!(ask(&gateway, Method::HEAD, "/metrics", &[]).await.text(), "");
}

#[tokio::test]
async fn the_apps_health_never_counts() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    drop(app);
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 502);

    assert_eq!(gateway.admin("/readyz").await.status, 200);
}

#[tokio::test]
async fn whatever_else_is_asked_of_the_admin_address_is_404_or_405() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;

    for path in ["/", "/livez/", "//livez", "/LIVEZ", "/live", "/metrics/x", "/api", "/api/v1", "/hooks/lmif"] {
        assert_eq!(gateway.admin(path).await.status, 404, "{path}");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        let answer = ask(&gateway, Method::POST, path, &[]).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.headers["allow"], "GET, HEAD", "{path}");
    }
    assert!(app.received().is_empty());
}

#[tokio::test]
async fn beyond_loopback_the_admin_address_demands_its_token_of_all_but_health_and_metrics() {
    let app = App::answering(200).await;
    let token = "admin: {listen: \"0.0.0.0:0\", token: {env: TOKEN}}";
    let config = Gateway::config(&app, "").replace("admin: {listen: 127.0.0.1:0}", token);
    let gateway = GatewayBuilder::new(config).variable("TOKEN", "the token of the tests").start().await;
    let right = ("authorization", "Bearer the token of the tests");

    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(gateway.admin(path).await.status, 200, "{path}");
    }
    for headers in [
        &[][..],
        &[("authorization", "Bearer the token of the test")],
        &[("authorization", "Bearer ")],
        &[("authorization", "the token of the tests")],
        &[("authorization", "Basic the token of the tests")],
        &[("authorization", "Bearer  the token of the tests")],
        &[right, right],
    ] {
        let answer = ask(&gateway, Method::GET, "/api/v1/deliveries", headers).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (401, ""), "{headers:?}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer", "{headers:?}");
    }
    assert_eq!(ask(&gateway, Method::GET, "/api/v1/deliveries", &[right]).await.status, 200);
    assert_eq!(ask(&gateway, Method::GET, "/api/v1/elsewhere", &[right]).await.status, 404);
    assert_eq!(ask(&gateway, Method::GET, "/elsewhere", &[]).await.status, 404);
}

#[tokio::test]
async fn beyond_loopback_without_a_token_the_gateway_does_not_start() {
    let app = App::answering(200).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.yaml");
    for (address, code) in
        [("0.0.0.0:0", 78), ("[::]:0", 78), ("192.0.2.1:9090", 78), ("127.0.0.1:0", 0), ("[::1]:0", 0)]
    {
        let admin = format!("admin: {{listen: \"{address}\"}}");
        let config = Gateway::config(&app, "").replace("admin: {listen: 127.0.0.1:0}", &admin);
        std::fs::write(&path, config).unwrap();

        let ended = Cli::new(["check", "--config"]).argument(&path).variable("SECRET", SECRET).run();

        assert_eq!(ended.code, code, "{address}: {ended:?}");
        assert_eq!(
            ended.stderr.contains("`admin` listens beyond this machine and has no token"),
            code == 78,
            "{ended:?}"
        );
    }
}

#[tokio::test]
async fn without_admin_in_the_configuration_the_gateway_serves_all_the_same() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "").replace("admin: {listen: 127.0.0.1:0}\n", "");
    let gateway = GatewayBuilder::new(config).start().await;

    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
    assert!(!gateway.log().iter().any(|line| line.contains("admin")));
}

#[tokio::test]
async fn those_who_say_nothing_to_the_admin_address_keep_nobody_else_from_it() {
    let app = App::answering(200).await;
    let gateway = Gateway::before(&app).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(gateway.admin).await.unwrap());
    }

    assert_eq!(gateway.admin("/livez").await.status, 200);
    assert_eq!(gateway.post(&Sender::lmif().event("evt_1")).await.status, 200);
}

#[tokio::test]
async fn any_number_of_workers_serves_one_address() {
    let app = App::answering(200).await;

    for (workers, told) in [("1", "workers=1"), ("5", "workers=5"), ("auto", "workers=")] {
        let config = Gateway::config(&app, "").replace("workers: 2", &format!("workers: {workers}"));
        let gateway = GatewayBuilder::new(config).start().await;
        gateway.until_logged(&["listening", told]).await;
        for number in 0..10 {
            let delivery = Sender::lmif().event(&format!("evt_{workers}_{number}"));
            assert_eq!(gateway.post(&delivery).await.status, 200);
            assert!(gateway.post(&delivery).await.is_replayed());
        }
    }
    assert_eq!(app.received().len(), 30);
}

#[tokio::test]
async fn warnings_are_told_on_standard_error_when_the_gateway_starts() {
    let app = App::answering(200).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.yaml");
    std::fs::write(&path, Gateway::config(&app, "").replace("store: {memory: {}}\n", "")).unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["run", "--config"])
        .arg(&path)
        .env("SECRET", SECRET)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
    let first = [lines.next().unwrap(), lines.next().unwrap()];
    process.kill().unwrap();
    process.wait().unwrap();

    assert_eq!(first[0], "warning: without `store`, a restart forgets which deliveries were seen");
    assert_eq!(first[1], format!(" --> {}:1:1", path.display()));
}

#[tokio::test]
async fn connections_that_cannot_be_accepted_wait_until_there_are_descriptors_again() {
    let app = App::answering(200).await;
    let config = Gateway::config(&app, "").replace("read_timeout: 2s", "read_timeout: 20s");
    let gateway = GatewayBuilder::new(config).descriptors(48).start().await;
    let kept = Connection::open(gateway.address).await;
    assert_eq!(kept.post(&Sender::lmif().event("evt_1")).await.status, 200);
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.push(TcpStream::connect(gateway.address).await.unwrap());
    }
    gateway.until_logged(&["ERROR", "cannot accept a connection", "Too many open files"]).await;

    // Who has a connection is answered: by 502 at worst, where the app needs another one.
    let refused = kept.send(request("/hooks/nowhere", &Sender::lmif().event("evt_2"))).await;
    assert_eq!(refused.status, 404);
    let waiting = TcpStream::connect(gateway.address).await.unwrap();
    drop(silent);

    let waited = Connection::http1(waiting, "hooks.example").await;
    assert_eq!(waited.post(&Sender::lmif().event("evt_3")).await.status, 200);
    let tries = gateway.log().iter().filter(|line| line.contains("cannot accept")).count();
    assert!(tries < 200, "{tries}");
}
