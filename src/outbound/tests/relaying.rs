//! What is sent while the app waits.

use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2::handshake;
use hyper_util::rt::TokioIo;
use tokio::task::yield_now;

use super::*;

const TYPE: (&str, &str) = ("Countersign-Event-Type", "user:created");
const ID: (&str, &str) = ("Countersign-Event-Id", "1");
const KEY: (&str, &str) = ("Idempotency-Key", "k");

#[tokio::test]
async fn the_app_gets_the_receiver_s_own_answer() {
    play(vec![sync("partner")], async |play| {
        for status in [200, 302, 422, 500] {
            play.receiver.answer(status, "text/x", "hello");

            let answer = play.post("/endpoints/partner", &[TYPE], "{}").await;

            assert_eq!((answer.status, answer.body.as_str()), (status, "hello"));
            assert_eq!((answer.header("content-type"), answer.header("set-cookie")), (Some("text/x"), None));
        }
        let seen = play.receiver.seen.borrow();
        assert_eq!((seen[0].event_type.as_deref(), &seen[0].message.body[..]), (Some("user:created"), &b"{}"[..]));
        assert!(play.ledger.accepted().is_empty());
    })
    .await;
}

#[tokio::test]
async fn success_is_not_sent_twice() {
    for header in [ID, KEY] {
        play(vec![sync("partner")], async |play| {
            play.receiver.answer(201, "text/x", "hello");

            play.post("/endpoints/partner", &[TYPE, header], "{}").await;
            let again = play.post("/endpoints/partner", &[TYPE, header], "{}").await;

            assert_eq!((again.status, again.body.as_str(), again.is_replayed()), (201, "hello", true));
            assert_eq!(play.receiver.attempts(), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn what_was_not_success_is_sent_again() {
    for header in [ID, KEY] {
        play(vec![sync("partner")], async |play| {
            play.receiver.answer(500, "text/x", "no");
            play.receiver.fail(AttemptOutcome::Connect);
            play.receiver.answer(200, "text/x", "yes");

            let mut statuses = Vec::new();
            for _ in 0..3 {
                statuses.push(play.post("/endpoints/partner", &[TYPE, header], "{}").await.status);
            }

            assert_eq!(statuses, [500, 502, 200]);
        })
        .await;
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_has_a_word() {
    play(vec![sync("partner")], async |play| {
        for (outcome, status, word) in [
            (AttemptOutcome::Connect, 502, "endpoint_unreachable"),
            (AttemptOutcome::Tls, 502, "endpoint_tls"),
            (AttemptOutcome::EgressDenied, 502, "egress_denied"),
            (AttemptOutcome::Timeout, 504, "endpoint_late"),
        ] {
            play.receiver.fail(outcome);
            let answer = play.post("/endpoints/partner", &[TYPE], "{}").await;
            assert_eq!((answer.status, answer.body), (status, format!(r#"{{"error":"{word}"}}"#)));
        }
        play.receiver.answer(101, "text/x", "");
        assert_eq!(play.post("/endpoints/partner", &[TYPE], "{}").await.status, 502);
    })
    .await;
}

#[tokio::test]
async fn two_at_once_make_one_attempt() {
    for header in [ID, KEY] {
        let mut waiting = sync("partner");
        waiting.retry.timeout = Some(Duration::from_secs(20));
        play(vec![waiting], async |play| {
            let closed = play.receiver.open.acquire_many(1000).await.unwrap();
            play.receiver.answer(200, "text/x", "yes");
            let headers = [TYPE, header];
            let opening = async {
                until(|| play.receiver.attempts() == 1).await;
                drop(closed);
            };

            let (first, second, ()) = tokio::join!(
                play.post("/endpoints/partner", &headers, "{}"),
                play.post("/endpoints/partner", &headers, "{}"),
                opening
            );

            assert_eq!((first.body.as_str(), second.body.as_str()), ("yes", "yes"));
            assert_eq!([first.is_replayed(), second.is_replayed()].iter().filter(|replayed| **replayed).count(), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn what_has_begun_is_finished_when_the_app_hangs_up() {
    play(vec![sync("partner")], async |play| {
        let closed = play.receiver.open.acquire_many(1000).await.unwrap();
        play.receiver.answer(200, "text/x", "yes");
        // HTTP/2, as in HTTP/1 a server cannot tell who hung up from who has only said all.
        let stream = TokioIo::new(TcpStream::connect(play.address).await.unwrap());
        let (mut app, connection) = handshake(Local, stream).await.unwrap();
        let connection = spawn_local(connection);
        let request = Request::post(format!("http://{}/endpoints/partner", play.address));
        let request = request.header(TYPE.0, TYPE.1).header(ID.0, ID.1).body(Full::<Bytes>::from("{}")).unwrap();
        let sent = spawn_local(async move { app.send_request(request).await.is_ok() });
        until(|| play.receiver.attempts() == 1).await;

        sent.abort();
        connection.abort();
        until(|| play.gateway.connections() == 0).await;
        drop(closed);
        let again = play.post("/endpoints/partner", &[TYPE, ID], "{}").await;

        assert_eq!((again.status, again.body.as_str(), again.is_replayed()), (200, "yes", true));
        assert_eq!(play.receiver.attempts(), 1);
    })
    .await;
}

/// Lets others run until something is so.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        yield_now().await;
    }
}

/// Runs what a connection needs on this thread.
#[derive(Clone)]
struct Local;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
