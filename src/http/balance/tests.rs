use std::collections::HashMap;
use std::io;

use http::HeaderValue;
use tokio::net::TcpSocket;

use super::*;
use crate::config::UrlScheme;
use crate::http::testing::{self, Act, Received, Receiver, text, url};
use crate::scheme::Body;

const SECOND: Duration = Duration::from_secs(1);

fn refused() -> SendError {
    SendError::Connect(io::ErrorKind::ConnectionRefused.into())
}

fn members(count: u16) -> Vec<Rc<Member>> {
    let upstream = testing::upstream(vec![url(UrlScheme::Http, "127.0.0.1", 1)]);
    (1..=count).map(|port| Member::new(&upstream, &url(UrlScheme::Http, "127.0.0.1", port))).collect()
}

/// Who is asked next, by its place, and whether that is a probe.
fn chosen(members: &[Rc<Member>]) -> (usize, bool) {
    let choice = member::choose(&members.iter().collect::<Vec<_>>(), Instant::now());
    (choice.place, choice.probes)
}

fn fail(member: &Rc<Member>, times: usize) {
    for _ in 0..times {
        member.begin(false).failed(&refused());
    }
}

#[tokio::test(flavor = "local")]
async fn the_address_with_the_fewest_requests_under_way_is_asked() {
    let members = members(3);

    let (_one, two) = (members[0].begin(false), members[1].begin(false));
    assert_eq!(chosen(&members), (2, false));
    let (_three, _four) = (members[2].begin(false), members[2].begin(false));
    drop(two);
    assert_eq!(chosen(&members), (1, false));
}

#[tokio::test(flavor = "local")]
async fn among_equals_chance_decides() {
    let members = members(4);
    let _busy = members[1].begin(false);
    let mut counts = HashMap::<usize, u32>::new();

    for _ in 0..3000 {
        *counts.entry(chosen(&members).0).or_default() += 1;
    }

    assert_eq!(counts.get(&1), None);
    // Chance itself stays away from these bounds by more than six standard deviations.
    assert!([0, 2, 3].iter().all(|place| (800..1200).contains(&counts[place])), "{counts:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_address_that_fails_is_left_out_and_then_probed_before_all_others_by_one_request() {
    let members = members(2);
    let busy: Vec<_> = (0..9).map(|_| members[1].begin(false)).collect();
    fail(&members[0], 2);
    assert_eq!(chosen(&members), (0, false));

    fail(&members[0], 1);
    assert_eq!(chosen(&members), (1, false));
    tokio::time::advance(SECOND).await;
    drop(busy);
    assert_eq!(chosen(&members), (0, true));

    let probe = members[0].begin(true);
    assert_eq!(chosen(&members), (1, false));
    // Nobody waits for it any more, so nobody will know what came of it.
    drop(probe);
    assert_eq!(chosen(&members), (0, true));
    let mut probe = members[0].begin(true);
    probe.answered();
    let _busy = members[1].begin(false);
    drop(probe);
    assert_eq!(chosen(&members), (0, false));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn where_all_are_left_out_the_one_that_failed_the_longest_ago_is_asked() {
    let members = members(3);
    for place in [1, 2, 0] {
        tokio::time::advance(SECOND / 100).await;
        fail(&members[place], 3);
    }

    assert_eq!(chosen(&members), (1, false));
    tokio::time::advance(SECOND / 100).await;
    fail(&members[1], 1);
    assert_eq!(chosen(&members), (2, false));
    members[0].begin(false).answered();
    assert_eq!(chosen(&members), (0, false));
}

fn app_at(ports: impl IntoIterator<Item = u16>) -> Rc<UpstreamClient> {
    let urls = ports.into_iter().map(|port| url(UrlScheme::Http, "127.0.0.1", port)).collect();
    UpstreamClient::new(Arc::new(testing::upstream(urls)))
}

/// A port that nobody listens at, as long as the socket is held.
fn dead() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn request(host: &str) -> Request<Frames> {
    let mut request = Request::post("/").body(Frames::from(Body::from(&b"{}"[..]))).unwrap();
    request.headers_mut().insert(header::HOST, HeaderValue::try_from(host).unwrap());
    request
}

fn bounds() -> Bounds {
    Bounds { time: 10 * SECOND, bytes: 100 }
}

#[tokio::test(flavor = "local")]
async fn who_cannot_be_connected_to_is_passed_over_within_the_request_and_the_host_is_that_of_who_is_asked() {
    let app = Receiver::ok().await;
    let (sockets, ports): (Vec<_>, Vec<_>) = (0..4).map(|_| dead()).unzip();
    let client = app_at([ports[0], ports[1], app.address.port(), ports[2], ports[3]]);

    for _ in 0..30 {
        let answer = client.fetch(request(&format!("127.0.0.1:{}", ports[0])), bounds()).await.unwrap();
        assert_eq!(text(&answer), (200, "ok"));
    }

    drop(sockets);
    assert_eq!(app.requests().len(), 30);
    for request in app.requests() {
        assert_eq!(Received::read(&request).header("host"), app.address.to_string());
    }
}

#[tokio::test(flavor = "local")]
async fn a_host_that_was_to_be_kept_is_left_as_it_is_even_where_it_is_an_address_of_the_app() {
    let app = Receiver::ok().await;
    let (_socket, port) = dead();
    let client = app_at([port, app.address.port()]);

    let own = format!("127.0.0.1:{port}");
    for _ in 0..10 {
        let mut request = request(&own);
        request.extensions_mut().insert(KeptHost);
        client.fetch(request, bounds()).await.unwrap();
    }

    assert!(app.requests().iter().all(|request| Received::read(request).header("host") == own));
}

#[tokio::test(flavor = "local")]
async fn what_was_written_to_one_address_goes_to_no_other() {
    let apps = [Receiver::doing(Act::Gone(Vec::new())).await, Receiver::doing(Act::Gone(Vec::new())).await];
    let client = app_at(apps.iter().map(|app| app.address.port()));

    for sent in 1..=20 {
        let error = client.fetch(request("hooks.example"), bounds()).await.unwrap_err();
        assert!(matches!(error, SendError::Broken(_)), "{error:?}");
        assert_eq!(apps.iter().map(|app| app.requests().len()).sum::<usize>(), sent);
    }
}

#[tokio::test(flavor = "local")]
async fn where_nobody_can_be_connected_to_each_is_tried_once_also_when_all_are_left_out() {
    let (_sockets, ports): (Vec<_>, Vec<_>) = (0..3).map(|_| dead()).unzip();
    let client = app_at(ports);

    for _ in 0..10 {
        let error = client.fetch(request("hooks.example"), bounds()).await.unwrap_err();
        assert!(matches!(error, SendError::Connect(_)), "{error:?}");
    }
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_is_being_read_counts_as_a_request_under_way() {
    let apps = [Receiver::ok().await, Receiver::ok().await];
    let client = app_at(apps.iter().map(|app| app.address.port()));

    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(client.send(request("hooks.example")).await.unwrap());
    }

    assert_eq!(apps.map(|app| app.requests().len()), [5, 5]);
}

#[tokio::test(flavor = "local")]
async fn a_client_serves_for_an_upstream_at_the_same_addresses_only() {
    let client = app_at([1, 2]);
    let upstream = |ports: [u16; 2]| {
        Arc::new(testing::upstream(ports.map(|port| url(UrlScheme::Http, "127.0.0.1", port)).to_vec()))
    };

    assert!(client.serving(&upstream([1, 2])).is_some());
    assert!(client.serving(&upstream([1, 3])).is_none());
    assert!(client.serving(&upstream([2, 1])).is_none());
}
