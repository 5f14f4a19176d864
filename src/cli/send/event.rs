//! The events of a sender, made and signed when their turn comes.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde::de::IgnoredAny;
use uuid::Uuid;

use super::Send;
use super::target::{Target, target_of};
use crate::clock::Timestamp;
use crate::http::body::Frames;
use crate::outbound::sample::{self, Occasion, Sample, Samples};
use crate::scheme::{Body, Keyring, Locator, Mechanism, Message, Scheme};

/// What the events say of the subscription that they come from.
const HOOK: &str = "countersign-send";

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("countersign/", env!("CARGO_PKG_VERSION")));

/// What a sender sends.
pub(super) struct Script {
    scheme: Scheme,
    keyring: Keyring,
    samples: &'static Samples,
    /// What is taken in turn.
    turns: Vec<(&'static Sample, String)>,
    /// Sent in the place of samples.
    body: Option<Bytes>,
    id: Option<String>,
    /// What the person adds.
    headers: Vec<(HeaderName, HeaderValue)>,
    host: HeaderValue,
    path: PathAndQuery,
    /// The URL that the sender was given, without its path; and its path.
    given: (String, PathAndQuery),
}

/// Whether a header carries the signature, or frames the request.
fn made_here(name: &HeaderName, carriers: &[HeaderName]) -> bool {
    carriers.contains(name) || [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(name)
}

/// A signed request, as often as it is sent.
pub(super) struct Event {
    headers: HeaderMap,
    body: Bytes,
    path: PathAndQuery,
}

impl Script {
    pub(super) fn new(
        scheme: Scheme,
        keyring: Keyring,
        target: &Target,
        send: &Send,
        body: Option<Bytes>,
    ) -> anyhow::Result<Self> {
        let url = send.url.as_ref().unwrap_or(&send.to);
        let (authority, protocol) = (url.authority().context("--url is not absolute")?, url.scheme_str());
        let carriers = scheme.carrier().map(|carrier| carrier.headers()).unwrap_or_default();
        if let Some((name, _)) = send.headers.iter().find(|(name, _)| made_here(name, &carriers)) {
            bail!("the header `{name}` is made for each event, and cannot be given");
        }
        let samples = Samples::of(&scheme.name);
        let script = Self {
            turns: turns(&scheme, samples, send.event_type.as_deref(), body.is_some())?,
            samples,
            body,
            id: send.event_id.clone(),
            headers: send.headers.clone(),
            host: target.host.clone(),
            path: target.path.clone(),
            given: (format!("{}://{authority}", protocol.unwrap_or("http")), target_of(url)),
            scheme,
            keyring,
        };
        // What cannot be signed at all is better said before anything is sent.
        script.event(0, crate::clock::now())?;
        Ok(script)
    }

    /// The event whose turn it is, signed at `now`.
    pub(super) fn event(&self, turn: u32, now: Timestamp) -> anyhow::Result<Event> {
        let (sample, kind) = &self.turns[turn as usize % self.turns.len()];
        let unique = Uuid::new_v4();
        let (id, unique) = self.id(unique)?;
        let occasion = Occasion { id: &id, kind, hook: HOOK, at: now, unique };
        let body = match &self.body {
            Some(body) => body.clone(),
            None => sample.event(&self.scheme, &occasion).with_context(|| format!("no event can be a `{kind}`"))?,
        };
        let headers = self.own_headers(&body, unique);
        let message = Message {
            body,
            event_id: Some(&id),
            event_type: Some(kind),
            method: &Method::POST,
            path: self.given.1.path(),
            query: self.given.1.query(),
            public_url: Some(&self.given.0),
            headers: &headers,
        };
        let signed = self.scheme.sign(&self.keyring, &message, now).context("the event cannot be signed")?;
        let mut headers = headers.clone();
        headers.extend(signed.headers.into_iter().map(|(name, value)| (Some(name), value)));
        Ok(Event { headers, body: signed.body, path: self.path.clone() })
    }

    /// Its id, and what no other event has; LoginRadius' ids are that.
    fn id(&self, unique: Uuid) -> anyhow::Result<(String, Uuid)> {
        match &self.id {
            None if self.scheme.name == "loginradius" => Ok((unique.to_string(), unique)),
            None => Ok((sample::new_id(&self.scheme.name), unique)),
            Some(id) if self.scheme.name == "loginradius" => {
                Ok((id.clone(), id.parse().context("LoginRadius' ids are UUIDs, and --event-id is none")?))
            }
            Some(id) => Ok((id.clone(), unique)),
        }
    }

    /// The headers beside those that signing adds: the person's, the sender's, and what every request has.
    fn own_headers(&self, body: &[u8], unique: Uuid) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, self.host.clone());
        for (name, value) in &self.headers {
            if name == header::HOST {
                headers.insert(name, value.clone());
            } else {
                headers.append(name, value.clone());
            }
        }
        let trace = unique.simple().to_string();
        for (name, value) in self.samples.headers {
            let value = value.replace("{trace}", &trace).parse().expect("the table holds values of headers");
            headers.entry(*name).or_insert(value);
        }
        headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        // Where nobody knows what the sender would call it, JSON is called JSON.
        let is_unknown =
            self.scheme.sender.content_type.is_empty() && !matches!(self.scheme.mechanism, Mechanism::Jws(_));
        if is_unknown && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        headers
    }
}

/// The samples that are taken in turn, and the type of each.
fn turns(
    scheme: &Scheme,
    samples: &'static Samples,
    kind: Option<&str>,
    has_body: bool,
) -> anyhow::Result<Vec<(&'static Sample, String)>> {
    let own = |sample: &'static Sample| (sample, sample.kind.to_owned());
    let says_type = matches!(scheme.event_type, Some(Locator::Header(_) | Locator::Json(_)));
    let Some(kind) = kind else {
        // Where no message says its type, each type has a URL of its own, and this can be the one of one of them only.
        let count = if says_type && !has_body { samples.events.len() } else { 1 };
        return Ok(samples.events.iter().take(count).map(own).collect());
    };
    if let Some(sample) = samples.events.iter().find(|sample| sample.kind == kind && samples.are_its_senders()) {
        return Ok(vec![own(sample)]);
    }
    if !says_type {
        let known: Vec<&str> = samples.events.iter().map(|sample| sample.kind).collect();
        match samples.are_its_senders() {
            true => bail!("there is no sample event of the type `{kind}`; there are {}", known.join(", ")),
            false => bail!("--event-type: no message of {} says its type", scheme.name),
        }
    }
    Ok(vec![(samples.usual(), kind.to_owned())])
}

impl Event {
    /// The same with a body that was altered after it was signed.
    pub(super) fn tampered(mut self) -> Self {
        self.body = altered(&self.body);
        self
    }

    /// The request, to be sent once.
    pub(super) fn request(&self) -> Request<Frames> {
        let mut request = Request::new(Frames::from(Body::from(self.body.clone())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone().into();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(header::CONTENT_LENGTH, self.body.len().into());
        request
    }
}

/// The bytes with one letter or digit changed into another, which mostly leaves JSON JSON, and base64 base64.
fn altered(body: &[u8]) -> Bytes {
    let mut altered = body.to_vec();
    let middle = altered.len() / 2;
    let places = (middle..altered.len()).chain(0..middle);
    let place = places.clone().find(|place| altered[*place].is_ascii_alphanumeric());
    match place {
        Some(place) => altered[place] = another(altered[place]),
        None => altered.push(b'0'),
    }
    altered.into()
}

fn another(byte: u8) -> u8 {
    match byte {
        b'9' => b'0',
        b'Z' => b'A',
        b'z' => b'a',
        byte => byte + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::scheme::{Cover, Head, Identity, PRESETS, Rejection, preset, testing};

    /// A script with these arguments beside scheme, secret and URL.
    fn script(scheme: &Scheme, more: &[&str], body: Option<&'static str>) -> anyhow::Result<Script> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            send: Send,
        }
        let line = ["send", "--scheme", "x", "--secret-env", "X", "--to", "http://127.0.0.1:8080/hooks?a=1"];
        let Line { send } = clap::Parser::parse_from(line.iter().chain(more));
        let target = Target::new(&send.to, None, send.timeout).unwrap();
        Script::new(
            scheme.clone(),
            keyring(scheme),
            &target,
            &send,
            body.map(|body| Bytes::from_static(body.as_bytes())),
        )
    }

    fn keyring(scheme: &Scheme) -> Keyring {
        testing::keyring(scheme, &testing::secrets(scheme)[..1])
    }

    /// What a receiver makes of an event.
    fn verified(scheme: &Scheme, event: &Event) -> Result<Identity, Rejection> {
        let head = Head {
            method: &Method::POST,
            path: "/hooks",
            query: Some("a=1"),
            headers: &event.headers,
            public_url: Some("http://127.0.0.1:8080"),
        };
        let verified = scheme.verify(&keyring(scheme), &head, Body::from(event.body.clone()), clock::now())?;
        Ok(scheme.identify(&verified, &head, None, None))
    }

    fn made(script: &Script, turn: u32) -> Event {
        script.event(turn, clock::now()).unwrap()
    }

    #[test]
    fn a_receiver_of_any_preset_takes_its_events_each_with_an_id_of_its_own() {
        for scheme in PRESETS {
            let script = script(scheme, &[], None).unwrap();
            let ids: Vec<_> = (0..3).map(|turn| verified(scheme, &made(&script, turn)).unwrap().id).collect();

            let ids: std::collections::HashSet<_> = ids.iter().map(|id| id.header_value()).collect();
            assert_eq!(ids.len(), 3, "{}", scheme.name);
        }
    }

    #[test]
    fn no_receiver_takes_an_event_that_was_tampered_with_where_its_body_is_covered() {
        for scheme in PRESETS.iter().filter(|scheme| scheme.covers().body == Cover::Signed) {
            let script = script(scheme, &[], None).unwrap();

            for turn in 0..20 {
                assert!(verified(scheme, &made(&script, turn).tampered()).is_err(), "{}", scheme.name);
            }
        }
    }

    #[test]
    fn the_four_senders_send_all_their_types_in_turn_as_far_as_one_url_has_them() {
        for (scheme, expected) in [
            ("lvconnect", vec!["user:created", "user:modified", "user:deleted", "user:created"]),
            ("loginradius", vec!["login", "register", "updateprofile", "login"]),
            ("lmif", vec!["box.created", "violation.detected", "grace_period.started", "license.approved"]),
        ] {
            let scheme = preset(scheme).unwrap();
            let script = script(scheme, &[], None).unwrap();
            let kinds = (0..4).map(|turn| verified(scheme, &made(&script, turn)).unwrap().kind.unwrap());

            assert_eq!(kinds.collect::<Vec<_>>(), expected);
        }
        let jws = preset("jws").unwrap();
        for (more, member) in [(&[][..], "auditLog"), (&["--event-type", "booking_state_changed"], "transition")] {
            let script = script(jws, more, None).unwrap();
            for turn in 0..3 {
                let body = made(&script, turn).body;
                let payload = body.split(|byte| *byte == b'.').nth(1).unwrap();
                let payload =
                    base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
                let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
                assert!(payload.get(member).is_some(), "{payload}");
            }
        }
    }

    #[test]
    fn requests_have_the_headers_that_their_sender_sends() {
        let headers =
            |scheme: &str, more: &[&str]| made(&script(preset(scheme).unwrap(), more, None).unwrap(), 0).headers;

        let lvconnect = headers("lvconnect", &[]);
        for (name, value) in [
            ("content-type", "application/json"),
            ("connection", "close"),
            ("user-agent", "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)"),
            ("x-lvconnect-event", "user:created"),
        ] {
            assert_eq!(lvconnect[name], value);
        }
        let loginradius = headers("loginradius", &[]);
        assert_eq!(loginradius["content-type"], "application/json; charset=utf-8");
        assert_eq!(loginradius["host"], "127.0.0.1:8080");
        for name in ["accept", "accept-encoding", "request-context", "request-id", "signature", "user-agent"] {
            assert!(loginradius.contains_key(name), "{name}");
        }
        assert_ne!(headers("loginradius", &[])["request-id"], loginradius["request-id"]);
        assert!(!headers("jws", &[]).contains_key("content-type"));
        let own = headers("lvconnect", &["-H", "User-Agent: mine", "-H", "Host: hooks.example", "-H", "X-More: 1"]);
        assert_eq!(
            (&own["user-agent"], &own["host"], &own["x-more"]),
            (
                &HeaderValue::from_static("mine"),
                &HeaderValue::from_static("hooks.example"),
                &HeaderValue::from_static("1"),
            )
        );
    }

    #[test]
    fn a_body_of_the_person_s_own_is_sent_as_it_is() {
        let github = preset("github").unwrap();
        let more = ["--event-type", "push", "--event-id", "72d3162e"];
        let script = script(github, &more, Some("payload=%7B%7D")).unwrap();

        let event = made(&script, 0);

        assert_eq!(event.body, "payload=%7B%7D");
        assert_eq!(
            (&event.headers["x-github-event"], &event.headers["x-github-delivery"]),
            (&HeaderValue::from_static("push"), &HeaderValue::from_static("72d3162e"),)
        );
        assert!(verified(github, &event).is_ok());
    }

    #[test]
    fn ids_and_types_that_no_message_can_carry_are_refused() {
        let refused = |scheme: &str, more: &[&str]| {
            script(preset(scheme).unwrap(), more, None).map(|_| ()).unwrap_err().to_string()
        };

        assert!(refused("jws", &["--event-type", "profile_uploaded"]).contains("profile_updated, user_logged_in"));
        assert!(refused("loginradius", &["--event-id", "7"]).contains("UUID"));
        assert!(refused("loginradius", &["--event-type", "::"]).contains("::"));
        assert!(refused("lvconnect", &["--event-type", " x "]).contains("cannot be signed"));
        assert!(script(preset("lmif").unwrap(), &["--event-type", "box.deleted", "--event-id", "evt_1"], None).is_ok());
    }

    #[test]
    fn what_is_altered_is_altered_in_one_byte_and_stays_of_its_kind() {
        for (body, expected) in [
            ("{\"a\":9}", "{\"a\":0}"),
            ("z", "a"),
            ("aZ", "aA"),
            ("..Z..", "..A.."),
            ("7\"}\n", "8\"}\n"),
            ("{}", "{}0"),
            ("", "0"),
        ] {
            assert_eq!(altered(body.as_bytes()), expected);
        }
    }
}
