//! What is not done.

use super::*;

#[tokio::test]
async fn only_the_paths_there_are_take_events() {
    play(vec![endpoint("partner", "lmif")], async |play| {
        for path in [
            "/",
            "/endpoints",
            "/endpoints/",
            "/endpoints/other",
            "/endpoints/partner/",
            "/endpoints/%70artner",
            "/endpoints/partner/x",
            "/events/",
            "/events/a/b",
            "//events/a",
            "/Events/a",
        ] {
            let answer = play.post(path, &[], "{}").await;
            assert_eq!((answer.status, answer.body.as_str()), (404, r#"{"error":"not_found"}"#), "{path}");
        }
        for bad in ["/events/%zz", "/events/%20", "/events/%"] {
            assert_eq!(play.post(bad, &[], "{}").await.body, r#"{"error":"event_type"}"#);
        }
        let answer = play.request("PUT", "/endpoints/partner", &[], "{}").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
        assert!(play.ledger.accepted().is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_does_not_bear_the_token_learns_nothing() {
    let mut outbound = outbound(vec![endpoint("partner", "lmif")]);
    outbound.token = Some(Secret::new(b"open sesame".to_vec()));
    play_with(outbound, async |play| {
        for path in ["/endpoints/partner", "/endpoints/other", "/"] {
            for headers in [&[][..], &[("Authorization", "Bearer open")], &[("Authorization", "Basic open sesame")]] {
                let answer = play.post(path, headers, "{}").await;
                assert_eq!((answer.status, answer.body.as_str()), (401, ""));
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            }
        }
        let passed = play.post("/endpoints/partner", &[("Authorization", "Bearer open sesame")], "{}").await;
        assert_eq!((passed.status, play.ledger.accepted().len()), (202, 1));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_leaves_a_kept_connection_usable() {
    play(vec![endpoint("partner", "lmif")], async |play| {
        let mut stream = TcpStream::connect(play.address).await.unwrap();
        let request = |path: &str, rest: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\n{rest}\r\n");
        let refused = request("/endpoints/other", "Content-Length: 3\r\n") + "abc";
        let passed = request("/endpoints/partner", "Connection: close\r\nContent-Length: 2\r\n") + "{}";
        stream.write_all((refused + &passed).as_bytes()).await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();

        assert!(answers.starts_with("HTTP/1.1 404"), "{answers}");
        assert!(answers.contains("HTTP/1.1 202"), "{answers}");
    })
    .await;
}

#[tokio::test]
async fn a_body_is_held_to_its_limits() {
    let mut outbound = outbound(vec![endpoint("partner", "lmif")]);
    outbound.limits.memory = 1000;
    play_with(outbound, async |play| {
        let too_large = play.post("/endpoints/partner", &[], &"x".repeat(4097)).await;
        let too_much = play.post("/endpoints/partner", &[], &"x".repeat(1001)).await;

        assert_eq!((too_large.status, too_large.body.as_str()), (413, r#"{"error":"body_too_large"}"#));
        assert_eq!((too_much.status, too_much.header("retry-after")), (503, Some("1")));
        assert_eq!(play.gateway.body_bytes(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_made_into_an_event_is_refused() {
    let lmif = Endpoint { envelope: Envelope::Lmif, ..endpoint("lmif", "lmif") };
    let jws = Endpoint { envelope: Envelope::Jws, ..endpoint("jws", "jws") };
    let mut acme = endpoint("acme", "lmif");
    let mut scheme = (*acme.scheme).clone();
    let crate::scheme::Mechanism::Hmac(recipe) = &mut scheme.mechanism else { unreachable!("lmif is an HMAC") };
    recipe.signed = crate::scheme::Template::parse("{header:x-tenant}.{body}").unwrap();
    acme.scheme = Arc::new(scheme.clone());
    let mut ours = endpoint("ours", "lmif");
    let crate::scheme::Mechanism::Hmac(recipe) = &mut scheme.mechanism else { unreachable!("lmif is an HMAC") };
    recipe.signed = crate::scheme::Template::parse("{header:countersign-source}.{body}").unwrap();
    ours.scheme = Arc::new(scheme);
    play(vec![lmif, jws, endpoint("lvconnect", "lvconnect"), acme, ours], async |play| {
        let kind = ("Countersign-Event-Type", "t");
        for (path, headers, body, word) in [
            ("/endpoints/lmif", &[][..], "{}", "event_type_missing"),
            ("/endpoints/lvconnect", &[], "{}", "event_type_missing"),
            ("/endpoints/lmif", &[kind], "{", "not_json"),
            ("/endpoints/jws", &[], "[]", "not_an_object"),
            ("/endpoints/jws", &[("Countersign-Event-Id", "1")], r#"{"webhook_request_id":"2"}"#, "event_id"),
            ("/endpoints/lmif", &[kind, ("Countersign-Event-Id", "a b")], "{}", "event_id"),
            ("/endpoints/lmif", &[("Countersign-Event-Type", "")], "{}", "event_type"),
            ("/endpoints/lmif", &[kind, ("Idempotency-Key", "")], "{}", "idempotency_key"),
            ("/endpoints/acme", &[], "{}", "not_signable"),
            ("/endpoints/ours", &[("Countersign-Source", "never sent")], "{}", "not_signable"),
        ] {
            let answer = play.post(path, headers, body).await;
            assert_eq!((answer.status, answer.body), (400, format!(r#"{{"error":"{word}"}}"#)), "{path} {body}");
        }
        assert!(play.ledger.accepted().is_empty());
        let passed = play.post("/endpoints/acme", &[("X-Tenant", "7"), ("X-Other", "8")], "{}").await;
        assert_eq!(passed.status, 202);
        assert_eq!(play.ledger.accepted()[0].message.headers.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused() {
    play(vec![endpoint("partner", "lmif")], async |play| {
        let answer = play.post("/endpoints/partner", &[("Host", "b")], "{}").await;

        assert_eq!((answer.status, answer.body.as_str()), (400, r#"{"error":"bad_request"}"#));
    })
    .await;
}
