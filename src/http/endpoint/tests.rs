use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{Request, Response};

use super::*;
use crate::config::{Proxy, UpstreamUrl};
use crate::http::body::Frames;
use crate::http::client::{Bounds, Client};
use crate::http::resolve::Resolving;
use crate::http::testing::{Act, Authority, Receiver, endpoint, text, url};
use crate::scheme::{Body, Secret};
use crate::telemetry::words::AttemptOutcome;

const MOST: usize = 100 * 1024;
const CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

type Fetched = Result<Response<Bytes>, SendError>;

fn egress(allow: &[&str]) -> Egress {
    Egress { allow: allow.iter().map(|range| range.parse().unwrap()).collect() }
}

async fn post(client: &Rc<Client<Outside>>, time: Duration) -> Fetched {
    let mut request = Request::post("/hooks").body(Frames::from(Body::from(Bytes::from_static(b"{}")))).unwrap();
    request.headers_mut().insert(HOST, "partner.example".parse().unwrap());
    request.headers_mut().insert(CONTENT_LENGTH, 2.into());
    client.fetch(request, Bounds { time, bytes: MOST }).await
}

async fn fetch(endpoint: Endpoint, allow: &[&str]) -> Fetched {
    let client = Client::new(Outside::new(endpoint.into(), egress(allow)));
    post(&client, Duration::from_secs(10)).await
}

/// What comes of a request to whoever listens on loopback.
async fn fetch_from(receiver: &Receiver) -> Fetched {
    fetch(endpoint("lmif", at(receiver, "127.0.0.1")), &["127.0.0.0/8"]).await
}

fn at(receiver: &Receiver, host: &str) -> UpstreamUrl {
    url(UrlScheme::Http, host, receiver.address.port())
}

fn outcome(fetched: &Fetched) -> AttemptOutcome {
    fetched.as_ref().map_or_else(SendError::outcome, |answer| panic!("{:?}", answer.status()))
}

/// Says what the test says, one list of addresses at a time.
#[derive(Clone)]
struct Script(Rc<RefCell<VecDeque<Vec<SocketAddr>>>>);

impl Script {
    fn saying(answers: impl IntoIterator<Item = Vec<SocketAddr>>) -> Self {
        Self(Rc::new(RefCell::new(answers.into_iter().collect())))
    }

    fn left(&self) -> usize {
        self.0.borrow().len()
    }

    /// A client of what it says, on loopback, that must be connected in this time.
    fn limited(&self, connect_timeout: Duration) -> Rc<Client<Outside>> {
        let url = url(UrlScheme::Http, "partner.example", 80);
        let endpoint = Endpoint { connect_timeout, ..endpoint("lmif", url) };
        Client::new(Outside::resolved_by(self.clone(), endpoint.into(), egress(&["127.0.0.0/8"])))
    }

    fn client(&self, allow: &[&str]) -> Rc<Client<Outside>> {
        let endpoint = endpoint("lmif", url(UrlScheme::Http, "partner.example", 80)).into();
        Client::new(Outside::resolved_by(self.clone(), endpoint, egress(allow)))
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolving<'a> {
        Box::pin(async { Ok(self.0.borrow_mut().pop_front().expect("no more lookups were expected")) })
    }
}

#[tokio::test(flavor = "local")]
async fn loopback_is_refused_however_it_is_written_unless_it_is_allowed() {
    let receiver = Receiver::ok().await;

    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "0x7f.0.0.1",
        "127.1",
        "127.0.1",
        "017700000001",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
    ] {
        let before = receiver.connections();

        let refused = fetch(endpoint("lmif", at(&receiver, host)), &[]).await;

        assert_eq!(outcome(&refused), AttemptOutcome::EgressDenied, "{host}");
        assert_eq!(receiver.connections(), before, "{host}");
        // It is no address that nobody would have reached anyway.
        let allowed = fetch(endpoint("lmif", at(&receiver, host)), &["127.0.0.0/8"]).await;
        assert_eq!(text(&allowed.unwrap()), (200, "ok"), "{host}");
    }
}

#[tokio::test(flavor = "local")]
async fn an_address_that_is_not_public_is_refused_before_anything_is_sent() {
    for host in ["::1", "0.0.0.0", "0", "::", "169.254.169.254", "fd00:ec2::254", "10.0.0.1", "fe80::1", "224.0.0.1"] {
        let refused = fetch(endpoint("lmif", url(UrlScheme::Http, host, 80)), &[]).await;

        assert_eq!(outcome(&refused), AttemptOutcome::EgressDenied, "{host}");
    }
}

#[tokio::test(flavor = "local")]
async fn a_name_that_flips_to_a_forbidden_address_is_refused_the_second_time() {
    let inside = Receiver::ok().await;
    let outside = Receiver::at(SocketAddr::new([127, 0, 0, 2].into(), 0), Act::Last(CLOSE.to_vec())).await;
    let script = Script::saying([vec![outside.address], vec![inside.address]]);
    let client = script.client(&["127.0.0.2/32"]);

    let first = post(&client, Duration::from_secs(10)).await;
    let left = script.left();
    let second = post(&client, Duration::from_secs(10)).await;

    assert_eq!(text(&first.unwrap()), (200, "ok"));
    assert_eq!(left, 1, "what was checked is what is connected to: there is one lookup for a connection");
    assert_eq!(outcome(&second), AttemptOutcome::EgressDenied);
    assert_eq!((outside.connections(), inside.connections()), (1, 0));
}

#[tokio::test(flavor = "local")]
async fn of_several_addresses_only_the_allowed_are_tried_up_to_one_that_answers() {
    let inside = Receiver::ok().await;
    let outside = Receiver::at(SocketAddr::new([127, 0, 0, 2].into(), 0), Act::Last(CLOSE.to_vec())).await;
    let nobody = SocketAddr::new([127, 0, 0, 3].into(), outside.address.port());
    let client = Script::saying([vec![inside.address, nobody, outside.address]]).client(&["127.0.0.2/31"]);

    let answer = post(&client, Duration::from_secs(10)).await;

    assert_eq!(text(&answer.unwrap()), (200, "ok"));
    assert_eq!((outside.connections(), inside.connections()), (1, 0));
}

#[tokio::test(flavor = "local")]
async fn an_address_that_swallows_packets_leaves_time_for_the_next_one() {
    let receiver = Receiver::ok().await;
    // Nobody accepts, and the system's own queue is full.
    let swallowing = tokio::net::TcpSocket::new_v4().unwrap();
    swallowing.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let swallowing = swallowing.listen(0).unwrap();
    let nowhere = swallowing.local_addr().unwrap();
    let _waiting = TcpStream::connect(nowhere).await.unwrap();
    let client = Script::saying([vec![nowhere, receiver.address]]).limited(Duration::from_secs(2));

    let answer = post(&client, Duration::from_secs(10)).await;

    assert_eq!(text(&answer.unwrap()), (200, "ok"));
}

#[tokio::test(flavor = "local")]
async fn a_connection_is_used_again_without_another_lookup() {
    let receiver = Receiver::ok().await;
    let client = Script::saying([vec![receiver.address]]).client(&["127.0.0.0/8"]);

    for _ in 0..3 {
        assert_eq!(text(&post(&client, Duration::from_secs(10)).await.unwrap()), (200, "ok"));
    }

    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 3));
}

#[tokio::test(flavor = "local")]
async fn an_unused_connection_is_closed_after_seconds_also_if_no_request_follows() {
    let receiver = Receiver::ok().await;
    let client = Script::saying([vec![receiver.address], vec![receiver.address]]).client(&["127.0.0.0/8"]);

    for round in 1..=2 {
        post(&client, Duration::from_secs(10)).await.unwrap();
        assert_eq!(receiver.ended(), round - 1);
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(4)).await;
        tokio::time::resume();
        receiver.until_ended(round).await;
    }

    assert_eq!(receiver.connections(), 2);
}

#[tokio::test(flavor = "local")]
async fn a_name_without_addresses_is_no_connection() {
    let unknown = fetch(endpoint("lmif", url(UrlScheme::Http, "nowhere.invalid", 80)), &[]).await;
    let empty = post(&Script::saying([vec![]]).client(&[]), Duration::from_secs(10)).await;

    assert_eq!(outcome(&unknown), AttemptOutcome::Connect);
    assert_eq!(outcome(&empty), AttemptOutcome::Connect);
}

#[tokio::test(flavor = "local")]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inside = Receiver::ok().await;
    for status in [301, 302, 303, 307, 308] {
        let head = format!("HTTP/1.1 {status} X\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", inside.address);
        let receiver = Receiver::doing(Act::Answer(head.into())).await;

        let answer = fetch_from(&receiver).await.unwrap();

        assert_eq!(text(&answer), (status, ""));
        assert_eq!(receiver.requests().len(), 1);
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test(flavor = "local")]
async fn of_an_endless_answer_the_first_100_kb_are_read_and_the_connection_is_closed() {
    let part = vec![b'x'; 64 * 1024];
    let chunk = [b"10000\r\n", &part[..], b"\r\n"].concat();
    for (head, part) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n", &part),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &chunk),
        ("HTTP/1.1 200 OK\r\n\r\n", &part),
    ] {
        let receiver = Receiver::doing(Act::Repeat(head.into(), part.clone(), Duration::ZERO)).await;

        let answer = fetch_from(&receiver).await.unwrap();

        assert_eq!((answer.status().as_u16(), answer.body().len()), (200, MOST), "{head}");
        receiver.until_ended(1).await;
    }
}

#[tokio::test(flavor = "local")]
async fn an_answer_of_just_100_kb_is_read_whole_and_the_connection_is_kept() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {MOST}\r\n\r\n");
    let receiver = Receiver::doing(Act::Answer([head.as_bytes(), &vec![b'x'; MOST]].concat())).await;
    let client = Script::saying([vec![receiver.address]]).client(&["127.0.0.0/8"]);

    for _ in 0..2 {
        assert_eq!(post(&client, Duration::from_secs(10)).await.unwrap().body().len(), MOST);
    }

    assert_eq!(receiver.connections(), 1);
}

#[tokio::test(flavor = "local")]
async fn whoever_trickles_is_cut_off_when_the_attempt_s_time_is_over() {
    let (time, pause) = (Duration::from_millis(300), Duration::from_millis(20));
    for (head, part) in [
        ("", ""),
        ("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", "x"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
    ] {
        let receiver = Receiver::doing(Act::Repeat(head.into(), part.into(), pause)).await;
        let client = Script::saying([vec![receiver.address]]).client(&["127.0.0.0/8"]);
        let start = Instant::now();

        let late = post(&client, time).await;

        assert_eq!(outcome(&late), AttemptOutcome::Timeout, "{head}{part}");
        assert!(start.elapsed() >= time && start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "local")]
async fn what_is_no_answer_breaks_the_attempt_and_its_bytes_are_not_told() {
    let (many, long) = ("pwned: 1\r\n".repeat(20_000), "pwned".repeat(40_000));
    for bytes in [
        "",
        "pwned\r\n\r\n",
        "HTTP/0.9 200 pwned\r\n\r\n",
        "HTTP/1.1 2x0 pwned\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: pwned\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npwned",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\npwned\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\npwned",
        "HTTP/1.1 200 OK\r\npwned",
        &format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
        &format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: {long}\r\n\r\n"),
    ] {
        let receiver = Receiver::doing(Act::Last(bytes.into())).await;

        let broken = fetch_from(&receiver).await;

        let start: String = bytes.chars().take(60).collect();
        let error = broken.err().unwrap_or_else(|| panic!("{start}"));
        assert_eq!(error.outcome(), AttemptOutcome::Connect, "{start}");
        assert!(!error.explain().contains("pwned"), "{}", error.explain());
    }
}

#[tokio::test(flavor = "local")]
async fn informational_answers_are_skipped_and_switching_protocols_is_a_status() {
    let early =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    let switch = "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n";
    for (answer, status) in [(early, 204), (switch, 101)] {
        let receiver = Receiver::doing(Act::Answer(answer.into())).await;

        assert_eq!(text(&fetch_from(&receiver).await.unwrap()), (status, ""));
    }
}

#[tokio::test(flavor = "local")]
async fn an_answer_s_headers_are_kept_and_its_coding_is_not_undone() {
    let head = "HTTP/1.1 503 X\r\nretry-after: 120\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc";
    let receiver = Receiver::doing(Act::Answer(head.into())).await;

    let answer = fetch_from(&receiver).await.unwrap();

    assert_eq!(answer.headers()["retry-after"], "120");
    assert_eq!(text(&answer), (503, "abc"));
}

/// An endpoint called `partner.example` that speaks TLS, as this client believes it.
fn secure(tls: Arc<rustls::ClientConfig>) -> Endpoint {
    Endpoint { tls: Some(tls), ..endpoint("lmif", url(UrlScheme::Https, "partner.example", 443)) }
}

async fn fetch_secure(address: SocketAddr, tls: Arc<rustls::ClientConfig>) -> Fetched {
    let script = Script::saying([vec![address]]);
    let outside = Outside::resolved_by(script, secure(tls).into(), egress(&["127.0.0.0/8"]));
    post(&Client::new(outside), Duration::from_secs(10)).await
}

#[tokio::test(flavor = "local")]
async fn a_receiver_that_is_not_who_it_should_be_gets_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (issued, why) in [
        (authority.issue("pwned.example"), "TLS failed: the certificate is for another name"),
        (authority.issue_expired("partner.example"), "TLS failed: the certificate has expired"),
        (stranger.issue("partner.example"), "TLS failed: the certificate's issuer is not trusted"),
    ] {
        let receiver = Receiver::secure(Act::Last(CLOSE.to_vec()), Authority::server(issued)).await;

        let error = fetch_secure(receiver.address, authority.client(None)).await.unwrap_err();

        assert_eq!((error.outcome(), error.explain().as_str()), (AttemptOutcome::Tls, why));
        assert!(receiver.requests().is_empty());
    }
}

#[tokio::test(flavor = "local")]
async fn a_receiver_that_does_not_speak_tls_is_told_from_one_that_is_not_there() {
    let tls = Authority::new().client(None);
    let clear = Receiver::greeting(b"HTTP/1.1 400 pwned\r\n\r\n").await;
    let gone = Receiver::ok().await;
    let address = gone.address;
    drop(gone);

    let deaf = fetch_secure(clear.address, tls.clone()).await.unwrap_err();
    let absent = fetch_secure(address, tls).await.unwrap_err();

    assert_eq!(
        (deaf.outcome(), deaf.explain().as_str()),
        (AttemptOutcome::Tls, "TLS failed: the target does not speak TLS")
    );
    assert_eq!(absent.outcome(), AttemptOutcome::Connect);
    assert!(absent.explain().starts_with("no connection: Connection refused"), "{}", absent.explain());
}

#[tokio::test(flavor = "local")]
async fn a_receiver_that_demands_a_certificate_is_shown_the_endpoint_s() {
    let authority = Authority::new();
    let tls = authority.demanding_server(authority.issue("partner.example"));
    let receiver = Receiver::secure(Act::Answer(CLOSE.to_vec()), tls).await;

    let without = fetch_secure(receiver.address, authority.client(None)).await;
    let shown = fetch_secure(receiver.address, authority.client(Some(authority.issue("countersign")))).await;
    let strange = Authority::new().issue("countersign");
    let stranger = fetch_secure(receiver.address, authority.client(Some(strange))).await;

    assert_eq!(without.unwrap_err().explain(), "TLS failed: the target wants a client certificate");
    assert_eq!(text(&shown.unwrap()), (200, "ok"));
    assert_eq!(outcome(&stranger), AttemptOutcome::Tls);
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_ends_with_its_connection_is_whole_even_if_tls_is_not_closed() {
    let authority = Authority::new();
    for (answer, is_whole) in [
        ("HTTP/1.1 200 OK\r\n\r\nok", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", false),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", false),
    ] {
        let tls = Authority::server(authority.issue("partner.example"));
        let receiver = Receiver::secure(Act::Gone(answer.into()), tls).await;

        let fetched = fetch_secure(receiver.address, authority.client(None)).await;

        match fetched {
            Ok(answer) => assert!(is_whole && text(&answer) == (200, "ok")),
            Err(error) => assert!(!is_whole && error.outcome() == AttemptOutcome::Connect, "{error}"),
        }
    }
}

fn through(proxy: &Receiver, tls: Option<Arc<rustls::ClientConfig>>) -> Option<Proxy> {
    let scheme = if tls.is_some() { UrlScheme::Https } else { UrlScheme::Http };
    let authorization = Some(Secret::new(b"Basic dXNlcjpwYXNz".to_vec()));
    Some(Proxy { url: url(scheme, "localhost", proxy.address.port()), tls, authorization })
}

async fn fetch_through(proxy: Option<Proxy>, endpoint: Endpoint, address: SocketAddr, allow: &[&str]) -> Fetched {
    let outside =
        Outside::resolved_by(Script::saying([vec![address]]), Endpoint { proxy, ..endpoint }.into(), egress(allow));
    post(&Client::new(outside), Duration::from_secs(10)).await
}

#[tokio::test(flavor = "local")]
async fn a_proxy_is_given_the_address_that_was_checked_and_not_the_name() {
    let (proxy, receiver) = (Receiver::doing(Act::Tunnel).await, Receiver::ok().await);
    let plain = endpoint("lmif", url(UrlScheme::Http, "partner.example", 80));

    let answer = fetch_through(through(&proxy, None), plain, receiver.address, &["127.0.0.0/8"]).await;

    assert_eq!(text(&answer.unwrap()), (200, "ok"));
    let asked = proxy.requests().remove(0);
    let (address, asked) = (receiver.address, asked.to_lowercase());
    assert!(asked.starts_with(&format!("connect {address} http/1.1\r\n")), "{asked}");
    assert!(asked.contains(&format!("\r\nhost: {address}\r\n")), "{asked}");
    assert!(asked.contains("\r\nproxy-authorization: basic dxnlcjpwyxnz\r\n"), "{asked}");
    assert!(!asked.contains("partner"), "{asked}");
    assert!(!receiver.requests()[0].to_lowercase().contains("proxy-"), "{:?}", receiver.requests());
}

#[tokio::test(flavor = "local")]
async fn behind_a_proxy_and_its_own_tls_the_receiver_is_known_by_its_name() {
    let authority = Authority::new();
    let proxy = Receiver::secure(Act::Tunnel, Authority::server(authority.issue("localhost"))).await;
    let tls = Authority::server(authority.issue("partner.example"));
    let receiver = Receiver::secure(Act::Answer(CLOSE.to_vec()), tls).await;
    let other = Authority::server(authority.issue("other.example"));
    let other = Receiver::secure(Act::Answer(CLOSE.to_vec()), other).await;

    let trusted = || through(&proxy, Some(authority.client(None)));
    let endpoint = || secure(authority.client(None));
    let answer = fetch_through(trusted(), endpoint(), receiver.address, &["127.0.0.0/8"]).await;
    let wrong = fetch_through(trusted(), endpoint(), other.address, &["127.0.0.0/8"]).await;
    let strange = through(&proxy, Some(Authority::new().client(None)));
    let stranger = fetch_through(strange, endpoint(), receiver.address, &["127.0.0.0/8"]).await;

    assert_eq!(text(&answer.unwrap()), (200, "ok"));
    assert_eq!(outcome(&wrong), AttemptOutcome::Tls);
    assert_eq!(outcome(&stranger), AttemptOutcome::Tls);
    assert!(other.requests().is_empty());
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test(flavor = "local")]
async fn a_proxy_is_not_asked_for_an_address_that_is_refused() {
    let (proxy, receiver) = (Receiver::doing(Act::Tunnel).await, Receiver::ok().await);
    let plain = endpoint("lmif", url(UrlScheme::Http, "partner.example", 80));

    let refused = fetch_through(through(&proxy, None), plain, receiver.address, &[]).await;

    assert_eq!(outcome(&refused), AttemptOutcome::EgressDenied);
    assert_eq!((proxy.connections(), receiver.connections()), (0, 0));
}

#[tokio::test(flavor = "local")]
async fn a_proxy_that_refuses_ends_the_attempt_and_its_answer_is_not_taken_for_the_receiver_s() {
    for (answer, why) in [
        ("HTTP/1.1 407 pwned\r\ncontent-length: 2\r\n\r\nok", "the proxy answered 407 Proxy Authentication Required"),
        ("HTTP/1.1 302 pwned\r\nlocation: /\r\ncontent-length: 9\r\n\r\n", "the proxy answered 302 Found"),
        ("pwned", "the connection broke: invalid HTTP version parsed"),
    ] {
        let proxy = Receiver::doing(Act::Answer(answer.into())).await;
        let plain = endpoint("lmif", url(UrlScheme::Http, "partner.example", 80));
        let address = SocketAddr::new([127, 0, 0, 1].into(), 80);

        let error = fetch_through(through(&proxy, None), plain, address, &["127.0.0.0/8"]).await.unwrap_err();

        assert_eq!((error.outcome(), error.explain().as_str()), (AttemptOutcome::Connect, why));
        assert_eq!(proxy.requests().len(), 1);
    }
}

#[tokio::test(flavor = "local")]
async fn connecting_has_an_end_even_if_a_handshake_or_a_proxy_does_not() {
    let hanging = Receiver::doing(Act::Repeat(Vec::new(), Vec::new(), Duration::from_secs(1))).await;
    let limit = Duration::from_millis(200);
    let proxied = endpoint("lmif", url(UrlScheme::Http, "partner.example", 80));
    for endpoint in [Endpoint { proxy: through(&hanging, None), ..proxied }, secure(Authority::new().client(None))] {
        let endpoint = Endpoint { connect_timeout: limit, ..endpoint };
        let outside =
            Outside::resolved_by(Script::saying([vec![hanging.address]]), endpoint.into(), egress(&["127.0.0.0/8"]));
        let start = Instant::now();

        let late = post(&Client::new(outside), Duration::from_secs(10)).await;

        assert_eq!(outcome(&late), AttemptOutcome::Connect);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}
