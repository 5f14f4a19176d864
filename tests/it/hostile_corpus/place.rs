//! Where the corpus is sent: the address for senders, that for the app, that for operators.

use std::fs;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::witness::{Signed, Witness};
use crate::support::tls::Authority;
use crate::support::{Gateway, GatewayBuilder, SOON, Sender, TOKEN, source};

/// A gateway under attack at one of its addresses.
pub(crate) struct Place {
    pub gateway: Gateway,
    pub witness: Witness,
    pub address: SocketAddr,
    /// Where a good request goes.
    pub path: &'static str,
    who: Who,
    tls: Option<Authority>,
}

/// Who sends the corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// The app, which bears the token.
    App,
    /// A sender that knows the secret.
    Sender,
    /// Somebody at the app's or the operators' address without the token.
    Stranger,
}

/// A connection of whichever kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What the app may be told beside what it must be.
const OTHERS: &[&str] = &[
    "content-length",
    "content-type",
    "countersign-delivery",
    "countersign-event-id",
    "forwarded",
    "host",
    "sec-websocket-version",
    "x-forwarded-host",
    "x-kept",
    "x-lmif-signature",
];

impl Place {
    /// The address for senders.
    pub(crate) async fn inbound() -> Self {
        Self::inbound_with("", None, "http").await
    }

    /// The same behind TLS.
    pub(crate) async fn inbound_tls() -> Self {
        let authority = Authority::new();
        let tls = "  tls: {certificate: \"{folder}/tls.crt\", key: \"{folder}/tls.key\"}\n";
        Self::inbound_with(tls, Some(authority), "https").await
    }

    async fn inbound_with(keys: &str, tls: Option<Authority>, proto: &'static str) -> Self {
        let headers = match proto {
            "https" => {
                &[("x-forwarded-proto", "https"), VERIFIED[0], VERIFIED[1], VERIFIED[2], VERIFIED[3], VERIFIED[4]]
            }
            _ => &[("x-forwarded-proto", "http"), VERIFIED[0], VERIFIED[1], VERIFIED[2], VERIFIED[3], VERIFIED[4]],
        };
        let scheme = Sender::lmif();
        let target = "/hooks/lmif";
        let witness = Witness::of(Signed { scheme, header: "x-lmif-signature", target, headers, others: OTHERS }).await;
        let mut builder = GatewayBuilder::new(config(&witness).replace("  sources:\n", &format!("{keys}  sources:\n")));
        if let Some(authority) = &tls {
            let issued = authority.issue("localhost");
            builder = builder.file("tls.crt", &issued.certificate).file("tls.key", &issued.key);
        }
        let gateway = builder.variable("TOKEN", TOKEN).start().await;
        Self { address: gateway.address, gateway, witness, path: target, who: Who::Sender, tls }
    }

    /// The address for the app.
    pub(crate) async fn outbound() -> Self {
        let place = Self::behind_endpoint().await;
        Self { address: place.gateway.outbound, path: "/endpoints/partner", who: Who::App, ..place }
    }

    /// The address for the app, for somebody who is not.
    pub(crate) async fn outbound_of_a_stranger() -> Self {
        Self { who: Who::Stranger, ..Self::outbound().await }
    }

    /// The address for operators, for somebody who is none.
    pub(crate) async fn admin_of_a_stranger() -> Self {
        let place = Self::behind_endpoint().await;
        Self { address: place.gateway.admin, path: "/api/v1/endpoints/partner/pause", who: Who::Stranger, ..place }
    }

    async fn behind_endpoint() -> Self {
        let witness = Witness::of(Signed {
            scheme: Sender::of("lvconnect"),
            header: "x-lvconnect-signature",
            target: "/receiver",
            headers: &[("x-lvconnect-event", "box.created")],
            others: &[
                "accept",
                "content-length",
                "content-type",
                "host",
                "user-agent",
                "x-lvconnect-delivery",
                "x-lvconnect-signature",
            ],
        })
        .await;
        let gateway = GatewayBuilder::new(config(&witness)).variable("TOKEN", TOKEN).start().await;
        Self { address: gateway.address, gateway, witness, path: "", who: Who::App, tls: None }
    }

    /// Whether what is sent here is refused, however well it is written.
    pub(crate) fn is_closed(&self) -> bool {
        self.who == Who::Stranger
    }

    pub(crate) async fn connect(&self) -> Box<dyn Stream> {
        match &self.tls {
            Some(authority) => Box::new(authority.connect(self.address, &["http/1.1"]).await.unwrap()),
            None => {
                let stream = TcpStream::connect(self.address).await.unwrap();
                // Else what is written in pieces would leave in one.
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
        }
    }

    /// The header fields, beside the framing, that make this body a good request's.
    pub(crate) fn credentials(&self, body: &[u8]) -> Vec<(String, String)> {
        let token = match self.who {
            Who::Sender => {
                let headers = Sender::lmif().sign(body.to_vec()).headers;
                return headers
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
                    .collect();
            }
            Who::App => TOKEN,
            Who::Stranger => STRANGER,
        };
        let fields =
            [("authorization", format!("Bearer {token}")), ("countersign-event-type", "box.created".to_owned())];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// A good request for this event.
    pub(crate) fn request(&self, id: &str) -> Vec<u8> {
        let body = event(id);
        let mut request = format!("POST {} HTTP/1.1\r\nHost: hooks.example\r\n", self.path);
        for (name, value) in self.credentials(body.as_bytes()) {
            request += &format!("{name}: {value}\r\n");
        }
        format!("{request}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// The same from somebody who has every right, for a place where it must not be read.
    pub(crate) fn smuggled(&self, id: &str) -> Vec<u8> {
        let request = String::from_utf8(self.request(id)).unwrap();
        request.replace(STRANGER, TOKEN).into_bytes()
    }

    /// Waits until the gateway has as many descriptors open as it needs without any
    /// sender; which that are, is what was open when it had heard nothing yet.
    pub(crate) async fn until_at_rest(&self, descriptors: usize) {
        let start = Instant::now();
        loop {
            let open = self.descriptors();
            if open == descriptors {
                return;
            }
            assert!(start.elapsed() < SOON, "{open} descriptors are open, and {descriptors} were");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// The gateway's open descriptors, but for its connections to the witness.
    pub(crate) fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.gateway.process_id());
        fs::read_dir(folder).unwrap().count().saturating_sub(self.witness.connections())
    }
}

/// The token of somebody else.
const STRANGER: &str = "a token that nobody gave out";

/// What the app relies on.
const VERIFIED: [(&str, &str); 5] = [
    ("countersign-attempt", "1"),
    ("countersign-event-type", "box.created"),
    ("countersign-source", "lmif"),
    ("countersign-verified", "true"),
    ("x-forwarded-for", "127.0.0.1"),
];

/// The body of an event.
pub(crate) fn event(id: &str) -> String {
    format!(r#"{{"id":"{id}","type":"box.created","data":{{"a":1}}}}"#)
}

fn config(witness: &Witness) -> String {
    format!(
        "workers: 2
inbound:
  listen: 127.0.0.1:0
  limits: {{read_timeout: 15s}}
  sources:
{}
upstreams:
  app: {{url: \"http://{address}\", timeout: 15s}}
outbound:
  listen: 127.0.0.1:0
  token: {{env: TOKEN}}
  limits: {{read_timeout: 15s}}
  egress: {{allow: [127.0.0.0/8]}}
  endpoints:
    partner:
      url: http://{address}/receiver
      scheme: lvconnect
      secrets: [{{env: SECRET}}]
      delivery: sync
      retry: {{schedule: [0s], timeout: 15s}}
store: {{memory: {{}}}}
admin: {{listen: 127.0.0.1:0, token: {{env: TOKEN}}}}
",
        source("lmif", "lmif", ""),
        address = witness.address,
    )
}
